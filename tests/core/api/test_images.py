"""Images and jobs by the API, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from orchestrator_core.prompt import Component, PromptDraft, PromptSource
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store
from tests.core.api.api_place import DRAW, Asker, asking


@pytest.fixture
def ask(store: Store, tmp_path: Path) -> Iterator[Asker]:
    @contextmanager
    def opened() -> Iterator[Store]:
        yield store

    with asking(tmp_path, open_store=_Kept(opened)) as asker:
        yield asker


class _Kept:
    """An ``open_store`` that leaves closing to the fixture."""

    def __init__(self, opened: object) -> None:
        self._opened = opened

    def __call__(self) -> object:
        return self._opened()  # type: ignore[operator]

    def close(self) -> None:
        pass


def image(path: Path | str, run_id: str, prompt: str = "a fox") -> GeneratedImage:
    return GeneratedImage(Path(path), GenerationRequest(prompt, seed=7), run_id)


def run(run_id: str, *images: GeneratedImage, prompt: str = "a fox", scores: tuple[Score, ...] = ()) -> Run:
    return Run(run_id, PromptDraft((Component(prompt),), source=PromptSource(prompt)), images, scores)


def names(ask: Asker, query: str = "") -> list[str]:
    return [found["name"] for found in ask.told("GET", f"/images{query}")["images"]]


def test_images_of_all_runs_come_newest_first_a_page_at_a_time(ask: Asker, store: Store):
    for run_id in ("r1", "r2", "r3"):
        store.save_run(run(run_id, *(image(f"/out/{run_id}-{number}.png", run_id) for number in (1, 2))))
    found, after = list[str](), ""
    while after is not None:
        page = ask.told("GET", f"/images?limit=4&after={after}" if after else "/images?limit=4")
        found += [one["name"] for one in page["images"]]
        after = page["next"]
    assert found == ["r3-2.png", "r3-1.png", "r2-2.png", "r2-1.png", "r1-2.png", "r1-1.png"]


def test_an_image_that_a_later_run_began_with_is_listed_once(ask: Asker, store: Store):
    store.save_run(run("r1", image("/out/a.png", "r1")))
    store.save_run(run("r2", image("/out/a.png", "r1"), image("/out/b.png", "r2")))
    assert names(ask) == ["b.png", "a.png"]
    assert names(ask, "?run=r2") == ["b.png"]


def test_images_are_found_by_words_of_their_prompts(ask: Asker, store: Store):
    store.save_run(run("r1", image("/out/a.png", "r1"), prompt="a Fox at 100%"))
    store.save_run(run("r2", image("/out/b.png", "r2"), prompt="an owl"))
    assert names(ask, "?text=FOX") == ["a.png"]
    assert names(ask, "?text=0%") == ["a.png"]
    assert names(ask, "?text=_") == []


def test_scores_come_with_the_image_that_they_are_of(ask: Asker, store: Store):
    scores = (Score("r1", "a.png", None, "clip", 0.3), Score("r1", "b.png", 0, "clip", float("nan"), key="x#y"))
    store.save_run(run("r1", image("/out/a.png", "r1"), image("/out/b.png", "r1"), scores=scores))
    found = ask.told("GET", "/images/r1.1")
    assert [(score["value"], score["key"]) for score in found["scores"]] == [(None, "x#y")]
    assert ask.told("GET", "/images/r1.0")["scores"][0]["value"] == 0.3


def test_a_file_name_that_no_text_can_hold_is_shown(ask: Asker, store: Store):
    store.save_run(run("r 1/..", image("/out/a\udcff\0.png", "r 1/..")))
    found = ask.told("GET", "/images")["images"][0]
    assert not found["is_there"]
    where = unquote(found["file"].removeprefix("/orchestrator/v1"))
    assert ask.code("GET", where)[0] == 404


def test_where_an_image_s_file_is_said_to_be_it_is(ask: Asker, store: Store, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    store.save_run(run("r1", image(path, "r1")))
    found = ask.told("GET", "/images")["images"][0]
    assert ask("GET", found["file"].removeprefix("/orchestrator/v1")).file == path


def test_what_is_no_image_is_not_there(ask: Asker, store: Store):
    store.save_run(run("r1", image("/out/a.png", "r1")))
    for name in ("r1.9", "r1.-1", "r1.x", "r1.", ".0", "r1", "r1.99999999999", "r1.０", "..0"):
        assert ask.code("GET", f"/images/{name}") == (404, "no_such_image")


def test_a_job_has_the_images_of_its_run_the_first_one_first(ask: Asker, store: Store):
    job = ask.told("POST", "/jobs", {"pipeline": [DRAW], "title": "a\0b"}, idempotency_key="k")["jobs"][0]
    store.save_run(run(job["run_id"], *(image(f"/out/{name}.png", job["run_id"]) for name in "ab")))
    shown = ask.told("GET", f"/jobs/{job['number']}")
    assert [one["name"] for one in shown["images"]] == ["a.png", "b.png"]
    assert shown["title"] == "a\0b"
    assert ask("POST", "/jobs", {"pipeline": [DRAW]}, idempotency_key="k").status == 200
