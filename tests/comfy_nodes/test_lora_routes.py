"""The routes of the LoRA library: pages, one LoRA, previews, what a person says; and whom they refuse."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy_nodes.contents import Content
from comfy_nodes.lora_answers import LoraAnswers
from comfy_nodes.lora_cards import id_of
from comfy_nodes.lora_routes import lora_routes
from comfy_nodes.lora_shelf import EVENT, LoraShelf
from comfy_nodes.routes import Reply
from tests.comfy_nodes.lora_shelves import CALM, Told, shelf_of
from tests.comfy_nodes.test_routes import HOST, Asked, Body
from tests.core.loras.library_files import write_lora
from tests.fakes import awaited


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "loras"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def shelf(folder: Path, told: Told) -> Iterator[LoraShelf]:
    found = shelf_of(folder, told, ink="inkword", styles__fox="foxword", plain="")
    found.start()
    yield found
    found.stop()


class Page:
    """The browser's side."""

    def __init__(self, shelf: LoraShelf) -> None:
        answers = LoraAnswers(shelf)
        self.routes = {(each.method, each.path): each for each in lora_routes(lambda: answers)}

    def reply(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Reply:
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        data = Body(b"" if body is None else json.dumps(body).encode())
        asked = Asked(method, data, pairs, {"Host": HOST, **headers})
        return awaited(self.routes[method, f"/orchestrator/loras{path}"].handler(asked))  # type: ignore[arg-type]

    def get(self, path: str = "") -> Any:
        found = self.reply(path)
        assert found.status == 200, found.data
        return json.loads(json.dumps(found.data))

    def post(self, path: str, **body: Any) -> Any:
        found = self.reply(path, "POST", body)
        assert found.status == 200, found.data
        return found.data

    def names(self, query: str = "") -> list[str]:
        return [lora["name"] for lora in self.get(f"?sort=name&{query}")["loras"]]


@pytest.fixture
def page(shelf: LoraShelf) -> Page:
    return Page(shelf)


def until(is_true: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not is_true() and time.monotonic() < end:
        time.sleep(0.01)


def id_in(folder: Path, name: str) -> str:
    return id_of(str(folder / f"{name}.safetensors"))


def test_a_page_of_cards_and_how_many_have_which_flag(page: Page) -> None:
    found = page.get("?sort=name&limit=2")
    assert (found["total"], [lora["name"] for lora in found["loras"]]) == (3, ["ink", "plain"])
    assert found["loras"][0]["trigger_words"] == ["inkword"]
    assert found["facets"]["missing"]["trigger_words"] == 1
    rest = page.get("?sort=name&limit=2&offset=2")
    assert ([lora["name"] for lora in rest["loras"]], rest["facets"]) == (["styles/fox"], None)


def test_the_file_is_what_comfyui_lists(page: Page) -> None:
    assert page.get("?query=fox")["loras"][0]["file"] == str(Path("styles") / "fox.safetensors")


def test_a_query_that_cannot_be_read_is_answered_with_a_sentence(page: Page) -> None:
    found = page.reply("?query=colour:red")
    assert found.status == 400
    assert "there is no key 'colour:'" in found.data["error"]


def test_the_loras_of_a_message_alone(page: Page, folder: Path) -> None:
    assert page.names(f"ids={id_in(folder, 'ink')},{id_in(folder, 'plain')}") == ["ink", "plain"]


def test_copies_are_one_card_that_says_where_the_others_are(page: Page, shelf: LoraShelf, folder: Path) -> None:
    (folder / "more").mkdir()
    for place in ("more/ink", "zz"):
        shutil.copy(folder / "ink.safetensors", folder / f"{place}.safetensors")
    (folder / "more" / "ink.json").write_text('{"activation text": "inkword", "sd version": "SDXL"}')
    shelf.refresh()
    found = page.get("?sort=name")
    assert found["total"] == 3
    (ink,) = [lora for lora in found["loras"] if "ink" in lora["name"]]
    assert (ink["name"], ink["also"]) == ("more/ink", ["ink", "zz"]), "of which most is known"
    assert page.get(f"/one?id={ink['id']}")["also"] == ["ink", "zz"]
    assert page.get("/status")["counts"]["duplicate"] == 1
    assert page.names("query=zz") == ["zz"]
    assert page.reply("/export").data.body.count(b"duplicate") == 3


def test_copies_in_two_libraries_under_one_name_are_told_with_their_folders(tmp_path: Path) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        write_lora(root / "ink.safetensors", "inkword")
    shelf = LoraShelf(lambda: map(str, roots), tell=Told(), timing=CALM)
    shelf.start()
    (card,) = Page(shelf).get()["loras"]
    shelf.stop()
    assert card["also"] == [str(roots[1] / "ink.safetensors")]


def test_other_metadata_in_front_of_the_same_weights_is_another_lora(page: Page, shelf: LoraShelf) -> None:
    until(lambda: not shelf.source.library.without_digests())
    assert page.get()["total"] == 3


def test_a_card_has_long_trigger_words_shortened_and_the_details_in_whole(page: Page, folder: Path) -> None:
    long = ", ".join(f"word{number}" for number in range(100))
    page.post("/user", id=id_in(folder, "ink"), trigger_words=[long, "inkword"])
    (card,) = page.get("?query=name:ink")["loras"]
    first, second = card["trigger_words"]
    assert (len(first) <= 200, first[-1], second) == (True, "…", "inkword")
    assert page.get(f"/one?id={card['id']}")["trigger_words"] == [long, "inkword"]


def test_what_is_gone_is_shown_only_when_asked_for(page: Page, shelf: LoraShelf, folder: Path) -> None:
    (folder / "ink.safetensors").unlink()
    shelf.refresh()
    assert "ink" not in page.names()
    assert "ink" in page.names("gone=true")


def test_one_lora_with_all_its_values_and_where_they_were_read(page: Page, folder: Path) -> None:
    found = page.get(f"/one?id={id_in(folder, 'ink')}")
    facts = [fact for fact in found["facts"] if fact["field"] == "trigger_words"]
    assert [(fact["value"], fact["source"]) for fact in facts] == [("inkword", "modelspec")]
    assert [flag["kind"] for flag in found["flags"]] == found["missing"]


def test_what_a_person_says_is_kept_and_taken_back(page: Page, folder: Path) -> None:
    one = id_in(folder, "plain")
    said = page.post(
        "/user", id=one, trigger_words=["red  hat", "blue"], tags=["a", "b"], base_model="Pony", favourite=True,
        preferred_strength=0.65, notes=" good ",
    )  # fmt: skip
    assert (said["trigger_words"], said["tags"], said["sub"]) == (["red hat", "blue"], ["a", "b"], "Pony")
    assert (said["strength"], said["notes"], said["favourite"]) == (0.65, "good", True)
    assert page.names("query=favourite:yes") == ["plain"]
    back = page.post("/user", id=one, trigger_words=None)
    assert back["trigger_words"] == []
    assert back["favourite"] is True


def test_saying_that_there_are_no_trigger_words_is_an_answer(page: Page, folder: Path) -> None:
    said = page.post("/user", id=id_in(folder, "plain"), trigger_words=[])
    assert "trigger_words" not in said["missing"]


@pytest.mark.parametrize("path", ["../ink", "0" * 16, "", "/etc/passwd"])
def test_only_ids_of_loras_that_are_known_are_answered(page: Page, path: str) -> None:
    for route in ("/one", "/preview"):
        found = page.reply(f"{route}?id={path}")
        assert found.status in (400, 404)
        assert list(found.data) == ["error"]


def picture(path: Path, size: tuple[int, int] = (600, 800)) -> None:
    Image.new("RGB", size, "red").save(path)


def test_a_preview_is_drawn_anew_small_and_not_sent_twice(page: Page, shelf: LoraShelf, folder: Path) -> None:
    picture(folder / "ink.preview.png")
    shelf.refresh()
    one = f"/preview?id={id_in(folder, 'ink')}"
    found = page.reply(one).data
    assert isinstance(found, Content)
    with Image.open(io.BytesIO(found.body)) as small:
        assert (small.format, small.size) == ("WEBP", (240, 320))
    again = page.reply(one, **{"If-None-Match": found.headers["ETag"]}).data
    assert (again.status, again.body) == (304, b"")
    picture(folder / "ink.preview.png", (300, 300))
    assert page.reply(one, **{"If-None-Match": found.headers["ETag"]}).data.status == 200


@pytest.mark.parametrize("content", [b"", b"<script>alert(1)</script>", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture_is_not_sent(page: Page, shelf: LoraShelf, folder: Path, content: bytes) -> None:
    (folder / "ink.png").write_bytes(content)
    shelf.refresh()
    assert page.reply(f"/preview?id={id_in(folder, 'ink')}").status == 404


def test_a_preview_that_was_deleted_since_is_told(page: Page, shelf: LoraShelf, folder: Path) -> None:
    picture(folder / "ink.png")
    shelf.refresh()
    (folder / "ink.png").unlink()
    assert page.reply(f"/preview?id={id_in(folder, 'ink')}").status == 404


def test_the_list_of_what_is_missing_as_files(page: Page) -> None:
    rows = list(csv.DictReader(io.StringIO(page.reply("/export").data.body.decode())))
    assert {row["name"]: "trigger_words" in row["missing"] for row in rows}["plain"]
    found = json.loads(page.reply("/export?format=json&query=missing:trigger_words").data.body)
    assert [row["name"] for row in found] == ["plain"]
    assert "attachment" in page.reply("/export").data.headers["Content-Disposition"]


def test_a_spreadsheet_takes_no_name_for_a_formula(page: Page, shelf: LoraShelf, folder: Path) -> None:
    write_lora(folder / "=1+2.safetensors")
    shelf.refresh()
    assert "'=1+2" in page.reply("/export").data.body.decode()


def test_a_refresh_finds_what_is_new_and_tells_every_window(page: Page, folder: Path, told: Told) -> None:
    write_lora(folder.with_name("owl.safetensors"), "owlword").rename(folder / "owl.safetensors")  # whole at once
    assert page.post("/refresh")["total"] == 4
    until(lambda: told)  # the watcher's first look, in its thread, may have been the quicker one
    ((event, data),) = told
    assert (event, data["message"], data["ids"]) == (
        EVENT,
        "1 new LoRA, 1 without a base model",
        [id_in(folder, "owl")],
    )
    assert page.names(f"ids={data['ids'][0]}") == ["owl"]


def test_the_status_says_how_far_it_is(page: Page, folder: Path) -> None:
    found = page.get("/status")
    assert (found["ready"], found["total"], found["folders"]) == (True, 3, [str(folder)])
    assert found["counts"]["trigger_words"] == 1
    assert "Pony" in found["base_models"]
    assert (found["mode"], found["lacks_watchdog"]) == ("live", False)


def test_without_watchdog_the_status_says_how_often_it_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchdog.observers", None)
    shelf = shelf_of(folder)
    shelf.start()
    until(lambda: shelf.status()["mode"] == "polling")
    found = shelf.status()
    shelf.stop()
    assert (found["every_s"], found["lacks_watchdog"]) == (3600, True)


def test_a_folder_that_is_not_there_makes_the_others_no_less_live(folder: Path) -> None:
    """ComfyUI names output/loras, which hardly anybody has."""
    folder.mkdir()
    shelf = LoraShelf(lambda: [str(folder), str(folder.with_name("none"))], timing=CALM)
    shelf.start()
    until(lambda: "none" in str(shelf._watcher and shelf._watcher.mode.polled))
    found = shelf.status()
    shelf.stop()
    assert (found["mode"], found["every_s"], found["why_polling"]) == ("live", 0, [])


def test_a_folder_that_never_had_a_lora_is_not_called_offline(tmp_path: Path) -> None:
    shelf = LoraShelf(lambda: [str(tmp_path / "none")])
    assert shelf.status()["offline"] == []


@pytest.mark.parametrize("path", ["", "/one", "/preview", "/status", "/export"])
def test_other_pages_are_refused(page: Page, path: str) -> None:
    assert page.reply(path, Origin="https://elsewhere.example").status == 403


def test_nothing_is_touched_before_it_is_started(tmp_path: Path) -> None:
    asked: list[str] = []
    LoraShelf(lambda: asked.append("folders") or [])  # type: ignore[func-returns-value]
    assert asked == []
    assert list(tmp_path.iterdir()) == []
