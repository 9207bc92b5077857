from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorError, Interrupted, RequestRefused
from orchestrator_core.pipeline import PipelineResult, StageEvent, run_pipeline
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.spec import pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 5}}
AGAIN = {"on_error": "retry", "wait_s": 0}


def run(generator: FakeGenerator, events: list[StageEvent] | None = None, **render: Any) -> PipelineResult:
    stages = [DRAW, {"id": "render", "type": "dispatch", **render}, {"id": "again", "type": "dispatch"}]
    context = StageContext(Wildcards([]), generator)
    return run_pipeline(pipeline_from(stages), context, watch=None if events is None else events.append)


def failing(*answers: Exception | int) -> FakeGenerator:
    generator = FakeGenerator()
    generator.enqueue(*answers)
    return generator


def test_a_stage_that_fails_stops_the_pipeline_and_what_was_done_before_is_told():
    events: list[StageEvent] = []
    with pytest.raises(GeneratorError, match="out of paper"):
        run(failing(GeneratorError("out of paper")), events)
    assert [(event.stage.id, event.state) for event in events] == [
        ("draw", "begun"),
        ("draw", "done"),
        ("render", "begun"),
        ("render", "working"),
    ]
    assert events[1].run.draft.positive == "a fox"


def test_a_stage_that_may_be_skipped_leaves_a_note_and_its_finished_images():
    finished = GeneratedImage(FakeGenerator().folder / "half.png", GenerationRequest("a fox"), "r")
    result = run(failing(GeneratorError("out of paper", (finished,))), on_error="skip")
    assert result.states == {"draw": "done", "render": "failed", "again": "done"}
    assert result.run.images[0] == finished
    assert len(result.run.images) == 2
    assert [(note.kind, "out of paper" in note.message) for note in result.run.draft.diagnostics] == [
        ("stage-failed", True)
    ]


def test_a_stage_is_tried_again_as_often_as_it_says():
    generator, events = failing(GeneratorError("busy"), GeneratorError("busy"), 1), list[StageEvent]()
    result = run(generator, events, **AGAIN)
    assert result.states["render"] == "done"
    assert len(generator.history) == 4
    assert [event.detail for event in events if event.state == "retrying"] == ["try 2 of 3: busy", "try 3 of 3: busy"]


class Unhurried(Cancellation):
    """Waits for nothing, and keeps how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float, what: str) -> None:
        self.waits.append(seconds)


def test_it_waits_twice_as_long_before_each_try_and_an_hour_at_most():
    generator, clock = failing(*[GeneratorError("busy")] * 5, 1), Unhurried()
    stages = [{"id": "render", "type": "dispatch", "on_error": "retry", "tries": 6, "wait_s": 500}]
    run_pipeline(pipeline_from(stages), StageContext(Wildcards([]), generator, cancellation=clock))
    assert clock.waits == [500, 1000, 2000, 3600, 3600]


def test_after_the_last_try_it_does_as_it_says():
    again = {**AGAIN, "tries": 2}
    with pytest.raises(GeneratorError, match="still busy"):
        run(failing(GeneratorError("busy"), GeneratorError("still busy")), **again)
    assert (
        run(failing(GeneratorError("busy"), GeneratorError("busy")), **again, then="skip").states["render"] == "failed"
    )


def test_what_would_fail_for_ever_is_not_tried_again():
    generator = failing(RequestRefused("no such checkpoint"))
    with pytest.raises(RequestRefused):
        run(generator, **AGAIN)
    assert len(generator.history) == 1


def test_a_stage_falls_back_to_other_options():
    generator, events = failing(RequestRefused("no such checkpoint")), list[StageEvent]()
    options = {"checkpoint": "gone.safetensors", "steps": 7}
    result = run(generator, events, options=options, on_error="fallback", fallback={"checkpoint": ""})
    assert [(request.checkpoint, request.steps) for request, _ in generator.history[:2]] == [
        ("gone.safetensors", 7),
        ("", 7),
    ]
    assert len(result.run.images) == 2
    assert "fell back" in [event.state for event in events]


@pytest.mark.parametrize("on_error", [{"on_error": "skip"}, {**AGAIN, "then": "skip"}])
def test_whoever_stops_it_stops_it_whatever_a_stage_says(on_error: dict):
    generator = failing(Interrupted("stopped"))
    with pytest.raises(Interrupted):
        run(generator, **on_error)
    assert len(generator.history) == 1
