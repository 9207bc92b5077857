"""What the page is told of learning, and what it may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from comfy_nodes.learn_answers import EVENT, LearnAnswers
from comfy_nodes.learn_routes import learn_routes
from comfy_nodes.learn_view import EffectView, LearningView, SlotView, StepView, TimeView, ValueView
from orchestrator_core.errors import ConfigError, FormatError

SLOT = SlotView(
    "colors/warm", "colors/warm", values=(ValueView("colors/warm#crimson", "crimson", 1.8, 16, "14 of 16"),)
)


class Kept:
    """A Ledger and Marking that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def mode(self) -> str:
        return "careful"

    def view(self) -> LearningView:
        return LearningView("careful", 16, 2, (SLOT,), (StepView(18, 0, "a mark"),))

    def set_mode(self, mode: str) -> None:
        self.said.append(("mode", mode))

    def set_slot(self, slot: str, *, direction: str | None, on: bool | None) -> None:
        self.said.append((slot, direction, on))

    def pin(self, key: str, multiplier: float | None) -> None:
        self.said.append(("pin", key, multiplier))

    def set_off(self, key: str, *, off: bool) -> None:
        self.said.append(("off", key, off))

    def undo(self, to: int) -> None:
        self.said.append(("undo", to))

    def reset(self, slot: str | None) -> None:
        self.said.append(("reset", slot))

    def over_time(self) -> TimeView:
        return TimeView((EffectView("no profile", "clip", 0.6, 4, 0.8, 5),), (), 14)

    def exported(self) -> str:
        return '{"schema_version": 1}'

    def table(self, name: str) -> str:
        return f"{name},n"

    def take_in(self, text: str) -> list[str]:
        if not text:
            raise FormatError("This is no JSON.")
        self.said.append(("taken in", text))
        return ["Taken in: 3 observations."]

    def mark(self, path: Path, *, favourite: bool, reject: bool, stars: int) -> str:
        self.said.append((path.name, favourite, reject, stars))
        return f"{stars} stars"


@pytest.fixture
def kept() -> Kept:
    return Kept()


def answers(kept: Any, events: list[Any] | None = None) -> LearnAnswers:
    def find(filename: str, subfolder: str, kind: str) -> Path | None:
        return Path(filename) if filename == "a.png" else None

    said = [] if events is None else events
    return LearnAnswers(kept, kept, find, lambda event, data: said.append(event))


def test_all_that_is_learned_is_told_as_the_page_shows_it(kept: Kept):
    found = answers(kept).all({})
    assert (found["mode"], found["counts"]) == ("careful", {"scores": 16, "marks": 2})
    assert found["slots"][0]["values"][0] == {
        "key": "colors/warm#crimson", "text": "crimson", "multiplier": 1.8, "n": 16, "why": "14 of 16", "off": False,
        "pinned": None,
    }  # fmt: skip
    assert found["history"] == [{"number": 18, "at_ms": 0, "words": "a mark"}]
    assert answers(kept).mode({}) == {"mode": "careful"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"mode": "fast"}, ("mode", "fast")),
        ({"slot": "colors/warm", "direction": "prefer"}, ("colors/warm", "prefer", None)),
        ({"slot": "colors/warm", "on": False}, ("colors/warm", None, False)),
        ({"key": "colors/warm#crimson", "pin": 2.5}, ("pin", "colors/warm#crimson", 2.5)),
        ({"key": "colors/warm#crimson", "pin": None}, ("pin", "colors/warm#crimson", None)),
        ({"key": "colors/warm#crimson", "off": True}, ("off", "colors/warm#crimson", True)),
    ],
)
def test_one_thing_is_set_at_a_time_and_all_windows_hear_of_it(kept: Kept, asked: dict[str, Any], said: Any):
    events: list[Any] = []
    found = answers(kept, events).set(asked)
    assert kept.said == [said]
    assert events == [EVENT]
    assert found["slots"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"mode": "wild"},
        {"mode": "fast", "slot": "x"},
        {"slot": "x"},
        {"slot": "", "on": True},
        {"key": "x", "pin": -1},
        {"key": "x", "pin": float("nan")},
        {"key": "x", "pin": float("inf")},
        {"key": "x", "pin": 1e9},
        {"key": "x", "on": True},
        {"key": "x", "off": True, "pin": 1.0},
        {"mode": "fast", "more": 1},
    ],
)
def test_what_is_none_of_these_is_refused_and_nothing_is_changed(kept: Kept, asked: dict[str, Any]):
    with pytest.raises(ValidationError):
        answers(kept).set(asked)
    assert kept.said == []


def test_steps_are_undone_and_slots_forgotten(kept: Kept):
    answers(kept).undo({"to": 17})
    answers(kept).reset({"slot": "colors/warm"})
    answers(kept).reset({})
    assert kept.said == [("undo", 17), ("reset", "colors/warm"), ("reset", None)]


def test_an_image_is_marked_where_it_lies(kept: Kept):
    assert answers(kept).mark({"filename": "a.png", "stars": 4}) == {"words": "4 stars"}
    assert kept.said == [("a.png", False, False, 4)]
    with pytest.raises(ConfigError, match=r"no image b\.png any more"):
        answers(kept).mark({"filename": "b.png", "favourite": True})
    for odd in ({"filename": "a.png", "stars": 6}, {"filename": ""}, {"filename": "a.png", "type": "root"}):
        with pytest.raises(ValidationError):
            answers(kept).mark(odd)


def test_what_it_has_brought_is_told_and_files_come_as_name_and_text(kept: Kept):
    told = answers(kept).time({})
    assert (told["effects"][0]["after"], told["looked"]) == (0.8, 14)
    assert answers(kept).export({}) == {"name": "learned.json", "text": '{"schema_version": 1}'}
    assert answers(kept).table({"name": "pairs"}) == {"name": "pairs.csv", "text": "pairs,n"}
    for odd in ({}, {"name": "../../etc"}, {"name": "pairs", "more": 1}):
        with pytest.raises(ValidationError):
            answers(kept).table(odd)


def test_a_file_is_taken_in_and_all_windows_hear_of_it_or_nothing_is(kept: Kept):
    events: list[Any] = []
    found = answers(kept, events).take_in({"text": "{}"})
    assert (found["remarks"], bool(found["slots"]), events) == (["Taken in: 3 observations."], True, [EVENT])
    for odd, error in (({"text": ""}, FormatError), ({"text": {}}, ValidationError), ({}, ValidationError)):
        with pytest.raises(error):
            answers(kept, events).take_in(odd)
    assert (kept.said, events) == ([("taken in", "{}")], [EVENT])


def test_all_routes_are_ours():
    assert all(route.path.startswith("/orchestrator/") for route in learn_routes(lambda: answers(Kept())))
