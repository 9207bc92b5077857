from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards import (
    charx_of,
    import_card,
    parse_card_file,
    png_with_card,
    read_book_file,
    read_card,
    read_card_file,
    to_profile,
    with_held,
    write_card,
)
from orchestrator_core.formats.cards.reading import MAX_JSON
from orchestrator_core.formats.png_text import SIGNATURE, read_chunks, with_png_texts
from orchestrator_core.lore.book import Book, Entry
from tests.strategies import json_values

DATA = Path(__file__).resolve().parents[3] / "data" / "cards"
CARDS = ("v1", "v2", "v3_sillytavern")


def data_of(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def _chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def picture(**texts: Any) -> bytes:
    """A PNG of one pixel; the texts as cards are written into one."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    data = SIGNATURE + head + _chunk(b"IDAT", zlib.compress(b"\0\1\2\3")) + _chunk(b"IEND")
    return with_png_texts(data, {name: encoded(value) for name, value in texts.items()}, "the picture")


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def charx(card: Any, **files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("card.json", json.dumps(card))
    return target.getvalue()


@pytest.mark.parametrize("name", CARDS)
def test_a_card_of_each_version_is_read_and_written_back_as_it_was(name: str):
    data = data_of(name)
    card = read_card(data, name)
    assert card.spec == name[:2]
    assert write_card(card) == data


@pytest.mark.parametrize("name", CARDS)
def test_a_change_leaves_all_else_alone(name: str):
    data = data_of(name)
    card = replace(read_card(data, name), description="New words.")
    again = write_card(card)
    place = again if name == "v1" else again["data"]
    assert place.pop("description") == "New words."
    (data if name == "v1" else data["data"]).pop("description")
    assert again == data


def test_the_lore_of_a_card_can_be_changed_and_taken_out():
    card = read_card(data_of("v2"), "card")
    assert card.book is not None
    first = replace(card.book.entries[0], content="New.")
    again = write_card(replace(card, book=replace(card.book, entries=(first, *card.book.entries[1:]))))
    wanted = data_of("v2")
    wanted["data"]["character_book"]["entries"][0]["content"] = "New."
    assert again == wanted
    assert "character_book" not in write_card(replace(card, book=None))["data"]


def test_a_book_of_another_format_becomes_the_cards():
    card = replace(read_card(data_of("v2"), "card"), book=Book("w", (Entry("0", ("fox",), "A fox."),)))
    (entry,) = write_card(card)["data"]["character_book"]["entries"]
    assert (entry["keys"], entry["content"]) == (["fox"], "A fox.")


def test_a_new_card_has_what_the_specification_demands():
    data = write_card(replace(read_card(data_of("v1"), "card"), spec="v3", raw={}))
    assert (data["spec"], data["spec_version"], data["data"]["name"]) == ("chara_card_v3", "3.0", "Tam")
    assert data["data"]["group_only_greetings"] == []


@pytest.mark.parametrize(
    ("spec", "version", "says"),
    [("chara_card_v9", "9.0", "read as V3"), ("chara_card_v3", "3.4", "newer than 3.0"), ("chara_card_v3", "x", "")],
)
def test_a_newer_version_is_read_with_a_word_to_the_person(spec: str, version: str, says: str):
    data = {**data_of("v2"), "spec": spec, "spec_version": version}
    card = read_card(data, "card")
    assert card.name == "Mira"
    assert any(says in problem for problem in card.problems) == bool(says)
    assert write_card(card) == data


def test_a_book_that_is_none_is_kept_and_told():
    data = data_of("v2")
    data["data"]["character_book"] = {"entries": "all"}
    card = read_card(data, "card")
    assert card.book is None
    assert "no lorebook" in card.problems[0]
    assert write_card(replace(card, name="New"))["data"]["character_book"] == {"entries": "all"}


@pytest.mark.parametrize("data", [None, 3, [], {}, {"name": "x"}, {"name": 3, "description": "x"}])
def test_what_is_no_card_is_refused(data: Any):
    with pytest.raises(FormatError, match="my file"):
        read_card(data, "my file")


def test_a_card_without_data_is_refused():
    with pytest.raises(FormatError, match="has no data"):
        read_card({"spec": "chara_card_v2"}, "my file")


def test_of_two_cards_in_a_picture_v3_counts_and_a_change_goes_into_both():
    data = picture(chara=data_of("v2"), ccv3=data_of("v3_sillytavern"))
    found = parse_card_file(data, "card.png")
    assert found.card is not None
    assert found.card.spec == "v3"
    assert with_held(data, found.card, "card.png") == data
    changed = parse_card_file(with_held(data, replace(found.card, personality="calm"), "card.png"), "card.png")
    older = json.loads(base64.b64decode(changed.texts["chara"]))
    assert changed.card is not None
    assert (changed.card.personality, older["data"]["personality"], older["spec"]) == ("calm", "calm", "chara_card_v2")


def test_a_damaged_newer_card_gives_way_to_the_older():
    data = with_png_texts(picture(chara=data_of("v2")), {"ccv3": "{}"}, "card.png")
    found = parse_card_file(data, "card.png")
    assert found.card is not None
    assert found.card.spec == "v2"


def test_a_card_can_be_put_into_any_picture_and_its_pixels_stay():
    card = read_card(data_of("v3_sillytavern"), "card")
    data = png_with_card(picture(), card)
    assert write_card(parse_card_file(data, "p").card) == data_of("v3_sillytavern")  # type: ignore[arg-type]
    pixels = [data[chunk.data] for chunk in read_chunks(data, "p") if chunk.type == b"IDAT"]
    assert pixels == [zlib.compress(b"\0\1\2\3")]
    with pytest.raises(FormatError, match="is no PNG"):
        png_with_card(b"\xff\xd8\xff", card)


def test_an_archive_is_read_and_written_with_its_other_files():
    data = charx(data_of("v3_sillytavern"), **{"assets/icon.png": b"pixels"})
    found = parse_card_file(data, "card.charx")
    assert found.card is not None
    assert (found.container, found.assets) == ("charx", ("assets/icon.png",))
    assert with_held(data, found.card, "card.charx") == data
    again = with_held(data, replace(found.card, name="New"), "card.charx")
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        assert archive.read("assets/icon.png") == b"pixels"
        assert json.loads(archive.read("card.json"))["data"]["name"] == "New"
    assert parse_card_file(charx_of(found.card), "c").card == found.card


def test_novelais_lorebook_is_read_from_a_picture():
    data = picture(naidata=data_of("novelai"))
    book = parse_card_file(data, "book.png", "Sea").book
    assert book is not None
    assert (book.name, book.entries[0].content) == ("Sea", "The kraken sleeps.")
    again = with_held(data, replace(book, entries=()), "book.png")
    assert parse_card_file(again, "book.png").book.entries == ()  # type: ignore[union-attr]


def test_a_zip_bomb_is_refused_by_what_it_unfolds_to():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("card.json", "w") as member:
        for _ in range(MAX_JSON // 2**20 + 1):
            member.write(b" " * 2**20)
    assert len(target.getvalue()) < 2**16
    with pytest.raises(FormatError, match="unfolds to more than"):
        parse_card_file(target.getvalue(), "card.charx")


def test_a_card_in_a_picture_of_fifty_megabytes_is_read_and_its_pixels_are_not():
    data = picture(chara=data_of("v2"))
    large = data[:33] + _chunk(b"IDAT", bytes(50 * 2**20)) + data[33:]
    found = parse_card_file(large, "card.png")
    assert found.card is not None
    assert found.card.name == "Mira"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"<html>", "not valid JSON"),
        (b"[1]", "neither a character card"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "inside one another"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"' + b"x" * MAX_JSON + b'"', "more than"),
        (picture(), "without a character card"),
        (b"\xff\xd8\xff\xe0", "is a picture, but no PNG"),
        (picture(chara=3), "neither a character card"),
        (with_png_texts(picture(), {"chara": "%%%"}, "p"), "not valid JSON"),
        (with_png_texts(picture(), {"chara": "a"}, "p"), "not base64"),
        (picture(chara={})[:60], "not complete"),
        (b"PK\3\4 and nothing", "damaged charx"),
        (charx({})[:-30], "damaged charx"),
        (charx([]), "no character card"),
    ],
    ids=range(16),
)
def test_what_cannot_be_read_is_refused_in_words(data: bytes, says: str):
    with pytest.raises(FormatError, match="my file.*" + says):
        parse_card_file(data, "my file")


def test_an_archive_without_a_card_is_refused():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("other.json", "{}")
    with pytest.raises(FormatError, match=r"without card\.json"):
        parse_card_file(target.getvalue(), "my file")


def test_a_card_is_not_put_where_a_book_was(tmp_path: Path):
    card = read_card(data_of("v1"), "card")
    with pytest.raises(FormatError, match="holds a lorebook, and a character card"):
        with_held((DATA / "world_info.json").read_bytes(), card, "world.json")


def test_files_are_read_by_their_path():
    assert read_card_file(DATA / "v1.json").card == read_card(data_of("v1"), "v1")
    assert read_book_file(DATA / "world_info.json").name == "world_info"
    assert read_book_file(DATA / "v2.json").name == "The Harbour"
    with pytest.raises(FormatError, match="without a lorebook"):
        read_book_file(DATA / "v1.json")
    with pytest.raises(FormatError, match="cannot be read"):
        read_book_file(DATA / "none.json")


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.sampled_from((b"", SIGNATURE, b"PK\3\4", b'{"spec":"chara_card_v2","data":')))
def test_no_bytes_do_worse_than_to_be_refused(data: bytes, head: bytes):
    with suppress(FormatError):
        parse_card_file(head + data, "my file")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(("chara_card_v2", "chara_card_v3", None)),
    st.dictionaries(
        st.sampled_from(("name", "description", "first_mes", "tags", "character_book", "extensions", "assets", "more")),
        json_values,
    ),
    json_values,
)
def test_whatever_is_in_a_card_comes_back(spec: str | None, inside: dict[str, Any], more: Any):
    data = {"name": "x", "description": "y", **inside} if spec is None else {"spec": spec, "data": inside, "more": more}
    try:
        card = read_card(data, "card")
    except FormatError:
        return
    before = json.dumps(data)
    assert json.dumps(write_card(card)) == before
    assert read_card(write_card(replace(card, scenario="new")), "card").scenario == "new"
    assert json.dumps(data) == before


def test_a_profile_of_a_card_has_its_words_and_its_looks():
    profile = to_profile(read_card(data_of("v2"), "card"))
    assert profile["name"] == "Mira"
    assert profile["description"] == "Mira has long silver hair and green eyes."
    assert profile["appearance_tags"] == "1girl, silver hair, green eyes"  # as SillyTavern's image extension has it
    assert profile["negative"] == "short hair"
    assert [entry["content"] for entry in profile["lore"]][1] == "Mira keeps the light."
    assert profile["card_raw"] == data_of("v2")
    told = json.dumps({name: value for name, value in profile.items() if name != "card_raw"})
    for secret in ("Not for prompts", "somebody", "female", "Hello."):
        assert secret not in told


def test_looks_are_read_from_the_text_where_nothing_else_says_them():
    profile = to_profile(read_card(data_of("v1"), "card"))
    assert profile["appearance_tags"] == ["grey eyes", "short beard"]


def test_a_profiles_own_fields_in_a_card_count_most():
    data = data_of("v2")
    data["data"]["extensions"]["orchestrator"] = {"appearance_tags": ["elf"], "forbidden": ["hat"]}
    profile = to_profile(read_card(data, "card"))
    assert (profile["appearance_tags"], profile["forbidden"]) == (["elf"], ["hat"])


@pytest.mark.parametrize("name", [*CARDS, "world_info"])
def test_every_card_can_be_imported(name: str):
    found = import_card(DATA / f"{name}.json")
    assert (found.profile is None) == (name == "world_info")
    assert (found.book is None) == (name == "v1")
