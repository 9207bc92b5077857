"""Marks of images: what keys mean, and the bar that shows and sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.html import SENT
from orchestrator_app.studio.job import Task, TaskState
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.marks_keys import UNDO, marked, marks_html, marks_sign
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import StoreError
from orchestrator_core.pipeline import new_run
from orchestrator_core.request import GeneratedImage, ImageNotes
from orchestrator_core.run import Run, Score
from orchestrator_core.stages import dispatch
from orchestrator_core.weights.marking import Marks
from tests.app.studio.studio_fakes import FakeHost, environment, target


def test_a_number_gives_stars_and_the_same_one_takes_them_away():
    assert marked(Marks(), "4") == Marks(stars=4)
    assert marked(Marks(stars=4), "2") == Marks(stars=2)
    assert marked(Marks(stars=4), "4") == Marks()


def test_a_favourite_is_not_rejected_and_a_reject_no_favourite():
    assert marked(Marks(reject=True, stars=2), "f") == Marks(favourite=True, stars=2)
    assert marked(Marks(favourite=True), "x") == Marks(reject=True)
    assert marked(Marks(reject=True), "x") == Marks()


def test_a_key_that_means_nothing_is_an_error_not_a_mark():
    for key in ("", "6", "0", "q", UNDO):
        with pytest.raises(KeyError):
            marked(Marks(), key)


def test_the_bar_says_what_is_marked_and_sends_what_is_clicked():
    bar = marks_html(Marks(stars=3, favourite=True), "box")
    assert bar.count('aria-pressed="true"') == 4
    assert 'data-to="box"' in bar
    assert [f'data-key="{key}"' in bar for key in "12345fx"] == [True] * 7
    assert f'data-send="{UNDO}"' not in bar
    undo = marks_html(Marks(), "box", can_undo=True)
    assert f'data-send="{UNDO}"' in undo
    assert f'data-key="{UNDO}"' not in undo  # no key: it would be pressed for another reason


def test_marks_fit_into_a_caption():
    assert marks_sign(Marks(favourite=True, stars=2)) == "♥ ★★"
    assert marks_sign(Marks(reject=True)) == "✕"
    assert marks_sign(Marks()) == ""


class KeptMarks:
    """Marks in memory."""

    def __init__(self) -> None:
        self.kept: dict[Path, Marks] = {}
        self.broken = ""

    def of(self, images: Sequence[GeneratedImage]) -> dict[Path, Marks]:
        return {image.path: self.kept[image.path] for image in images if image.path in self.kept}

    def set(self, run: Run, image: GeneratedImage, marks: Marks) -> None:
        if self.broken:
            raise StoreError(self.broken)
        self.kept[image.path] = marks


class Shown:
    """A panel with two images, the first of which is chosen."""

    def __init__(self, folder: Path, keeper: KeptMarks | None) -> None:
        gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")
        from orchestrator_app.studio.pages.results import ResultsPanel

        live = LiveEnvironment(replace(environment(folder), marks=keeper))
        self.session, self.states = Session(), [_state(folder, number) for number in (1, 2)]
        with gr.Blocks(analytics_enabled=False):
            self.panel = ResultsPanel(live, None, lambda session: session.generate, "x")
        self.panel.added(self.session, self.states)
        self.images = [state.images[0].path for state in self.states]
        self.choose(0)

    def choose(self, place: int) -> tuple[str, str]:
        return self.panel.marks.shown(self.session, self.session.generate.results[place])

    def press(self, key: str) -> str:
        bar, _ = self.panel.marks._on_key(f"{key}{SENT}1", self.session)
        return bar


def _state(folder: Path, number: int) -> TaskState:
    task = Task(number, target("Forge", FakeHost(folder)), new_run(), dispatch.Options())
    images = FakeHost(folder).generator().generate(task.request, ImageNotes(task.run.id), lambda _: None)
    return TaskState(task, task.run.replacing(images=images), "done")


def test_a_key_marks_the_image_that_is_chosen_and_no_other(tmp_path: Path):
    keeper = KeptMarks()
    shown = Shown(tmp_path, keeper)
    assert 'aria-pressed="true"' in shown.press("4")
    shown.choose(1)
    shown.press("x")
    assert keeper.kept == {shown.images[0]: Marks(stars=4), shown.images[1]: Marks(reject=True)}


def test_the_last_mark_is_taken_back_whichever_image_it_was_of(tmp_path: Path):
    keeper = KeptMarks()
    shown = Shown(tmp_path, keeper)
    shown.press("4")
    shown.press("f")
    shown.choose(1)
    shown.press(UNDO)
    assert keeper.kept[shown.images[0]] == Marks(stars=4)
    assert f'data-send="{UNDO}"' not in shown.press(UNDO)  # nothing more to take back
    assert not keeper.kept[shown.images[0]]


def test_a_mark_that_cannot_be_kept_is_told_and_not_shown(tmp_path: Path):
    keeper = KeptMarks()
    shown = Shown(tmp_path, keeper)
    keeper.broken = "The database is locked."
    bar = shown.press("5")
    assert "The database is locked." in bar
    assert 'aria-pressed="true"' not in bar
    assert shown.session.generate.marked == ()


def test_without_a_place_for_marks_there_is_no_bar(tmp_path: Path):
    assert Shown(tmp_path, None).choose(0)[0] == ""


def test_scores_that_come_later_are_shown_and_the_gallery_is_left_alone(tmp_path: Path):
    shown = Shown(tmp_path, KeptMarks())
    first = shown.states[0]
    score = Score(first.run.id, shown.images[0].name, 0, "fulfilment", 0.9, text="a fox")
    scored = replace(first, run=first.run.replacing(scores=(score,)))
    gallery, _, scores = shown.panel.added(shown.session, [scored, shown.states[1]])
    assert "value" not in gallery
    assert "a fox" in scores
    assert "90 %" in shown.choose(0)[1]
    assert shown.choose(1)[1] == ""
