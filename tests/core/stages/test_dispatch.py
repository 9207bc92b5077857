import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError, RenderFailed
from orchestrator_core.request import notes_for
from orchestrator_core.run import Run
from orchestrator_core.stages.dispatch import Options, request_for, request_of, stage
from orchestrator_core.template import Template, Wildcards
from tests.fakes import FakeGenerator

DRAFT = Template("a {fox|owl}", "blurry").draw(Wildcards([]), 3)


def test_the_request_holds_all_that_was_set_and_drawn() -> None:
    request = request_for(DRAFT, Options(checkpoint="model.safetensors", steps=8, width=64, height=128, clip_skip=2))
    assert (request.positive, request.negative, request.seed) == (DRAFT.positive, "blurry", 3)
    assert (request.checkpoint, request.steps, request.width, request.height) == ("model.safetensors", 8, 64, 128)
    assert request.clip_skip == 2


def test_the_ends_of_a_prompt_are_trimmed() -> None:
    draft = Template("${a=!x} ${a} ", " y ").draw(Wildcards([]), 0)
    request = request_for(draft, Options())
    assert (draft.positive, request.positive, request.negative) == (" x ", "x", "y")


def test_the_images_seed_can_be_its_own() -> None:
    assert request_for(DRAFT, Options(seed=99)).seed == 99
    assert notes_for("r", DRAFT).prompt_seed == 3


def test_images_come_after_those_that_a_run_has() -> None:
    generator = FakeGenerator()
    context = StageContext(Wildcards([]), generator)
    run = stage(stage(Run("r1", DRAFT), context, Options(batch_size=2)), context, Options())
    assert len(run.images) == 3
    assert [notes.run_id for _, notes in generator.history] == ["r1", "r1"]
    assert generator.history[0][1].template == "a {fox|owl}"


def test_a_past_run_rendered_what_its_images_say() -> None:
    run = Run("r1", DRAFT)
    assert request_of(run) == request_for(DRAFT, Options())
    done = stage(run, StageContext(Wildcards([]), FakeGenerator()), Options(steps=9))
    assert request_of(done).steps == 9


def test_without_a_generator_the_error_says_what_to_do() -> None:
    with pytest.raises(PipelineError, match="name a server"):
        stage(Run("r", DRAFT), StageContext(Wildcards([])), Options())


def test_a_generators_error_goes_through_with_its_images() -> None:
    generator = FakeGenerator()
    generator.enqueue(RenderFailed("out of memory"))
    with pytest.raises(RenderFailed, match="out of memory"):
        stage(Run("r", DRAFT), StageContext(Wildcards([]), generator), Options())
