"""From a LoRA's files to its record: the trainer's tags, what is believed of several sources, and a person's word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.believing import split_groups, split_range, split_tags
from orchestrator_core.loras.header_facts import MOST, TOP_TAGS, _tag_tables, top_tags
from orchestrator_core.loras.library_entries import decode, encode
from orchestrator_core.loras.metadata import LoraFiles, read_lora, with_user_facts
from orchestrator_core.loras.record import Fact
from tests.core.loras.lora_files import fact, files_of, read, write_lora

KOHYA = {
    "ss_network_module": "networks.lora",
    "ss_output_name": "foo-000010",
    "ss_base_model_version": "sd_v1",
    "ss_network_dim": "32",
    "ss_sd_model_name": "animefull-final-pruned.ckpt",
    "ss_training_comment": "None",
    "ss_tag_frequency": json.dumps({"10_foo style": {"foo style": 40, "1girl": 38}, "5_reg": {"1girl": 10, "tree": 1}}),
    "ss_dataset_dirs": json.dumps({"10_foo style": {"n_repeats": 10, "img_count": 40}}),
    "sshs_model_hash": "AB" * 32,
}


def test_a_trainers_metadata_is_read(tmp_path: Path):
    record = read(tmp_path, metadata=KOHYA)
    assert (record.title, record.rank, record.notes) == ("foo-000010", 32, "")
    assert record.trained_on == "animefull-final-pruned.ckpt"
    assert record.training_tags == (("1girl", 48), ("foo style", 40), ("tree", 1))
    assert record.autov3 == "abababababab"


def test_the_class_token_is_a_guess_of_the_trigger_word(tmp_path: Path):
    record = read(tmp_path, metadata=KOHYA)
    assert record.trigger_words == ("foo style",)
    assert next(item.confidence for item in record.facts if item.field == "trigger_words") < 0.5
    datasets = [{"subsets": [{"class_tokens": "zwx man"}]}]
    record = read(tmp_path, metadata={**KOHYA, "ss_datasets": json.dumps(datasets)})
    assert record.trigger_words == ("zwx man",)


def test_modelspec_is_read(tmp_path: Path):
    record = read(
        tmp_path,
        metadata={
            "modelspec.title": "Foo",
            "modelspec.trigger_phrase": "foo, red hat",
            "modelspec.tags": "style, ink",
            "modelspec.description": "<p>about</p>",
            "modelspec.usage_hint": "weight 0.8",
            "modelspec.hash_sha256": "0x" + "CD" * 32,
            "modelspec.thumbnail": "data:image/jpeg;base64," + "A" * 100,
        },
    )
    assert (record.title, record.trigger_words, record.tags) == ("Foo", ("foo, red hat",), ("style", "ink"))
    assert (record.description, record.preferred_strength, record.preview) == ("about", 0.8, "embedded")
    assert record.autov3 == "cdcdcdcdcdcd"


@pytest.mark.parametrize(
    ("hint", "strength", "limits"),
    [
        ("Use at strength: 0.6-0.9", 0.75, (0.6, 0.9)),
        ("recommended weight is 1", 1.0, None),
        ("just add water", None, None),
        ("weight 8", None, None),
    ],
)
def test_a_hint_for_people_is_searched_for_a_strength(tmp_path: Path, hint: str, strength: object, limits: object):
    record = read(tmp_path, metadata={"modelspec.usage_hint": hint})
    assert (record.preferred_strength, record.strength_range, record.notes) == (strength, limits, hint)


def test_additional_networks_metadata_is_read(tmp_path: Path):
    record = read(
        tmp_path,
        metadata={
            "ssmd_display_name": "Foo",
            "ssmd_keywords": "foo, bar",
            "ssmd_description": "about",
            "ssmd_tags": "style",
            "ssmd_cover_images": json.dumps(["A" * 100]),
        },
    )
    assert (record.title, record.trigger_words, record.tags) == ("Foo", ("foo", "bar"), ("style",))
    assert (record.description, record.preview) == ("about", "embedded")


def test_no_embedded_images_are_no_preview(tmp_path: Path):
    assert read(tmp_path, metadata={"ssmd_cover_images": "[]"}).preview == ""


@pytest.mark.parametrize("digest", ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "none", ""])
def test_the_hash_of_nothing_is_no_hash(tmp_path: Path, digest: str):
    assert read(tmp_path, metadata={"sshs_model_hash": digest}).autov3 == ""


def test_captions_that_are_sentences_are_split_into_words():
    table = {"a red fox jumps over the fence": 3, "the fox sleeps in a den": 2}
    assert top_tags({"1_fox": table})[:3] == (("fox", 5), ("the", 5), ("red", 3))


def test_only_the_most_frequent_tags_are_kept():
    table = {f"t{number}": number for number in range(1, 5000)}
    kept = top_tags({"1_a": table, "1_b": {"t1": 10_000}})
    assert len(kept) == TOP_TAGS
    assert kept[:3] == (("t1", 10_001), ("t4999", 4999), ("t4998", 4998))


@pytest.mark.parametrize("caption", ["fox", "a red fox jumps over the fence"])
def test_counts_of_thousands_of_digits_can_be_written_again(tmp_path: Path, caption: str):
    table = f'{{"{caption}": 9{"0" * 4298}}}'
    found = read(tmp_path, metadata={"ss_tag_frequency": f'{{"1_a": {table}, "1_b": {table}}}'})
    assert ("fox", MOST) in found.training_tags
    assert decode(encode(found)) == found


def test_of_a_long_table_the_beginning_of_each_folder_counts():
    tables = {name: {f"{name} tag {number}": 9 for number in range(5000)} for name in ("one", "two")}
    found = _tag_tables(json.dumps(tables))
    assert list(found) == ["one", "two"]
    assert all(500 < len(table) < 5000 and table[f"{name} tag 0"] == 9 for name, table in found.items())


@given(
    tables=st.dictionaries(
        st.text(), st.dictionaries(st.text(max_size=30), st.integers(1, 10**6), max_size=20), max_size=4
    ),
    long=st.booleans(),
)
def test_any_table_of_tags_is_read(tables: dict[str, dict[str, int]], long: bool):
    if long:
        tables["{"] = {f'"}}, {{"{number}': 1 for number in range(4000)}
    found = _tag_tables(json.dumps(tables))
    assert set(found) == set(tables) or long
    assert all(isinstance(tag, str) and count > 0 for tag, count in top_tags(found))


@pytest.mark.parametrize("table", ["", "{", "[]", "3", '{"a": 1}', '{"a": {"b": "c", "d": null, "": 2, "e": true}}'])
def test_a_table_that_is_none_has_no_tags(tmp_path: Path, table: str):
    assert read(tmp_path, metadata={"ss_tag_frequency": table}).training_tags == ()


def test_strengths_are_believed_from_a_person_down_to_a_hint(tmp_path: Path):
    metadata = {"modelspec.usage_hint": "weight 0.1"}
    images = [{"meta": {"prompt": f"<lora:foo:{weight}> {cat}"}} for weight, cat in ((0.2, "a"), (0.2, "b"), (0.9, ""))]
    sidecars: dict[str, object] = {}
    believed = [read(tmp_path, sidecars, metadata).preferred_strength]
    for suffix, content in (
        (".civitai.info", {"modelId": 1, "images": images}),
        (".metadata.json", {"usage_tips": '{"strength": 0.3}'}),
        (".json", {"preferred weight": 0.4}),
    ):
        sidecars[suffix] = content
        believed.append(read(tmp_path, sidecars, metadata).preferred_strength)
    record = with_user_facts(read(tmp_path, sidecars, metadata), [Fact("preferred_strength", "0.5", "user", 1.0)])
    assert [*believed, record.preferred_strength] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_persons_word_wins_and_comes_off_again(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": {"modelId": 1, "baseModel": "Pony", "trainedWords": ["foo"]}})
    changed = with_user_facts(
        record,
        [
            Fact("base_model", "SDXL", "user", 1.0),
            Fact("sub_family", "NoobAI", "user", 1.0),
            Fact("trigger_words", "bar\nbaz, red hat", "user", 1.0),
            Fact("tags", "mine", "user", 1.0),
            Fact("favourite", "yes", "user", 1.0),
            Fact("category", "pose", "user", 1.0),
        ],
    )
    assert (changed.base_model, changed.sub_family) == ("SDXL", "NoobAI")
    assert changed.trigger_words == ("bar", "baz, red hat")
    assert (changed.tags, changed.favourite, changed.category) == (("mine",), True, "pose")
    assert fact(changed, "trigger_words", ".civitai.info") == "foo"
    assert with_user_facts(changed, []) == record


def test_what_was_fetched_wins_over_files_but_not_over_a_person(tmp_path: Path):
    record = read(
        tmp_path, {".json": {"activation text": "old"}, ".civitai.info": {"modelId": 1, "trainedWords": ["a"]}}
    )
    fetched = Fact("trigger_words", "new", "civitai", 0.95)
    assert with_user_facts(record, [fetched]).trigger_words == ("new",)
    own = Fact("trigger_words", "own", "user", 1.0)
    assert with_user_facts(record, [fetched, own]).trigger_words == ("own",)


@pytest.mark.parametrize("source", ["civitai", "user"])
def test_tags_of_the_store_tell_a_category_as_those_of_files_do(tmp_path: Path, source: str):
    record = read(tmp_path, {})
    tagged = with_user_facts(record, [Fact("tags", "anime, Outfit", source, 0.95)])
    assert (tagged.category, fact(tagged, "category", f"{source} tags")) == ("clothing", "clothing")
    assert with_user_facts(tagged, [*tagged.facts[:1], Fact("category", "pose", "user", 1.0)]).category == "pose"
    assert with_user_facts(tagged, []) == record


def test_a_person_can_say_that_there_are_no_trigger_words(tmp_path: Path):
    record = read(tmp_path, {".json": {"activation text": "foo"}})
    changed = with_user_facts(record, [Fact("trigger_words", "", "user", 1.0)])
    assert changed.trigger_words == ()
    assert "trigger_words" not in changed.missing


def test_what_is_not_told_by_facts_stays_as_it_was(tmp_path: Path):
    record = read(tmp_path, {".png": b"x"}, KOHYA).replacing(sha256="ab" * 32)
    changed = with_user_facts(record, [])
    assert changed == record


def test_other_formats_are_listed_and_not_looked_into(tmp_path: Path):
    path = tmp_path / "foo.pt"
    path.write_bytes(b"\x80\x02pickle")
    (tmp_path / "foo.json").write_text('{"activation text": "foo"}')
    record = read_lora(files_of(path))
    assert (record.state, record.trigger_words) == ("complete", ("foo",))


def test_a_file_that_vanished_is_a_record_that_says_so(tmp_path: Path):
    path = write_lora(tmp_path / "foo.safetensors")
    files = files_of(path)
    path.unlink()
    record = read_lora(files)
    assert record.state == "unreadable"
    assert "unreadable" in record.missing


def test_name_size_and_place_are_those_of_the_listing(tmp_path: Path):
    path = write_lora(tmp_path / "a" / "foo.safetensors")
    record = read_lora(LoraFiles(str(path), str(tmp_path), "a/foo", 5, 6))
    assert (record.name, record.path, record.root) == ("a/foo", str(path), str(tmp_path))
    assert (record.size, record.mtime_ns) == (5, 6)


def test_of_two_hundred_thousand_tags_few_are_kept(tmp_path: Path):
    tags = json.dumps({"1_a": {f"tag number {number}": 1 for number in range(200_000)}})
    record = read(tmp_path, metadata={"ss_tag_frequency": tags})
    assert len(record.training_tags) == TOP_TAGS


words = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=",\n"), min_size=1)


@given(st.lists(words, unique=True))
def test_lists_survive_being_written_as_a_fact(items: list[str]):
    assert split_groups("\n".join(items)) == tuple(items)
    assert split_tags(", ".join(items)) == items


@pytest.mark.parametrize(("text", "limits"), [("0.3-0.8", (0.3, 0.8)), ("-1-2", (-1, 2)), ("", None), ("x-y", None)])
def test_a_range_is_read_back(text: str, limits: object):
    assert split_range(text) == limits
