from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.context import StageContext
from orchestrator_core.errors import Cancelled, GeneratorError, Interrupted
from orchestrator_core.llm.port import Ask
from orchestrator_core.pipeline import StageEvent, run_pipeline
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress, Progress
from orchestrator_core.run import Run
from orchestrator_core.spec import pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator, FakeLanguageModel

PIPELINE = pipeline_from(
    [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}},
        {"id": "render", "type": "dispatch", "on_error": "skip"},
    ]
)


class WaitingGenerator:
    """A host whose rendering ends only when it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.stopped = threading.Event(), threading.Event()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        self.begun.set()
        assert self.stopped.wait(30)
        raise Interrupted("The host was stopped.")

    def cancel(self) -> None:
        self.stopped.set()


def test_cancelling_reaches_the_host_that_renders():
    generator = WaitingGenerator()
    context = StageContext(Wildcards([]), generator)

    def cancel() -> None:
        assert generator.begun.wait(30)
        context.cancellation.cancel()

    other = threading.Thread(target=cancel)
    other.start()
    with pytest.raises(Interrupted, match="The host was stopped"):
        run_pipeline(PIPELINE, context)
    other.join()


def test_a_host_that_has_finished_is_not_stopped_any_more():
    generator = WaitingGenerator()
    generator.stopped.set()
    context = StageContext(Wildcards([]), generator)
    with pytest.raises(Interrupted):
        run_pipeline(PIPELINE, context)
    generator.stopped.clear()
    context.cancellation.cancel()
    assert not generator.stopped.is_set()


def test_a_host_that_reports_progress_is_stopped_by_it():
    context = StageContext(Wildcards([]), FakeGenerator())

    def cancel(event: StageEvent) -> None:
        if event.stage.id == "render":
            context.cancellation.cancel()

    with pytest.raises(Interrupted, match="before the rendering"):
        run_pipeline(PIPELINE, context, watch=cancel)


def test_no_stage_begins_once_it_was_cancelled():
    generator = FakeGenerator()
    context = StageContext(Wildcards([]), generator)
    context.cancellation.cancel()
    with pytest.raises(Interrupted, match="before stage 'draw'"):
        run_pipeline(PIPELINE, context)
    assert generator.history == []


def test_nobody_waits_for_another_try_of_what_was_cancelled():
    generator = FakeGenerator()
    generator.enqueue(GeneratorError("busy"))
    context = StageContext(Wildcards([]), generator)
    slow = {"id": "render", "type": "dispatch", "on_error": "retry", "wait_s": 3600}

    def cancel(event: StageEvent) -> None:
        if event.state == "retrying":
            context.cancellation.cancel()

    with pytest.raises(Interrupted, match="another try of stage 'render'"):
        run_pipeline(pipeline_from([slow]), context, watch=cancel)
    assert len(generator.history) == 1


class StoppedModel(FakeLanguageModel):
    def generate(self, ask: Ask, on_text=None, is_cancelled=None) -> str:
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        return super().generate(ask, on_text, is_cancelled)


def test_a_language_model_sees_that_it_was_cancelled():
    enhance = pipeline_from(
        [{"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}}, {"id": "e", "type": "llmEnhance"}]
    )
    cancellation = Cancellation()
    context = StageContext(Wildcards([]), llm=StoppedModel(), cancellation=cancellation)

    def cancel(event: StageEvent) -> None:
        if event.stage.id == "e":
            cancellation.cancel()

    with pytest.raises(Cancelled):
        run_pipeline(enhance, context, watch=cancel)


class StoppedScorer:
    identity = "stopped"

    def score(self, images, wanted, is_cancelled):
        assert is_cancelled()
        raise Cancelled


def test_a_scorer_sees_that_it_was_cancelled(tmp_path: Path):
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    run = Run("r", PromptDraft((Component("a fox"),)), (GeneratedImage(picture, GenerationRequest("a fox"), "r"),))
    context = StageContext(Wildcards([]), scorer=StoppedScorer())

    def cancel(event: StageEvent) -> None:
        context.cancellation.cancel()

    with pytest.raises(Cancelled):
        run_pipeline(pipeline_from([{"id": "score", "type": "scoreImages"}]), context, run, watch=cancel)


def test_progress_comes_with_its_stage_and_as_before():
    seen: list[Progress] = []
    events: list[StageEvent] = []
    context = StageContext(Wildcards([]), FakeGenerator(), progress=seen.append)
    run_pipeline(PIPELINE, replace(context), watch=events.append)
    assert seen == [Progress("rendering", 1, 1)]
    working = [event for event in events if event.state == "working"]
    assert [(event.stage.id, event.number, event.stages, event.progress) for event in working] == [
        ("render", 2, 2, seen[0])
    ]
