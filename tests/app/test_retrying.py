"""orchestrator run --until: rendered again until enough is shown, the best kept, and all images with their origin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.contact_sheet import Sheet
from orchestrator_app.drawing import Drawing
from orchestrator_app.exporting import OwnGraph
from orchestrator_app.image_runs import run_of
from orchestrator_app.output_folder import OutputFolder
from orchestrator_app.planning import plan
from orchestrator_app.progress import Lines
from orchestrator_app.rendering import Renderer, Result
from orchestrator_app.results import write_results
from orchestrator_app.sources import Source, Wish
from orchestrator_app.studio.retrying import Retry
from orchestrator_core.context import StageContext
from orchestrator_core.enhancing.rewording import Rewording
from orchestrator_core.errors import GeneratorError
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import StoryUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options as DrawOptions
from orchestrator_core.stages.generate_prompt import generate
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.crediting import observations_of
from orchestrator_core.weights.retrying import Options, retried_with
from tests.app.conftest import Cli
from tests.core.generators.stand_in_forge import png
from tests.fakes import FakeGenerator


class Generator(FakeGenerator):
    """Writes the files whose paths it gives."""

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        images = super().generate(request, notes, on_progress)
        for image in images:
            image.path.write_text(f"{request.positive} {request.seed}", encoding="utf-8")
        return images

    def cancel(self) -> None:
        pass


class Rated:
    """Gives the images of each run the next value, for all of their parts."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def __call__(self, run: Run) -> Run:
        value = self.values.pop(0)
        scores = [
            Score(run.id, image.path.name, number, "fulfilment", value, key=part.choices[0].key, text=part.text)
            for image in run.images
            for number, part in enumerate(run.draft.components)
            if part.choices
        ]
        return run.replacing(scores=tuple(scores))


def rendered(
    folder: Path, values: Sequence[float], answers: Sequence[Any] = (), story: bool = False
) -> tuple[Result, list[Run], Generator]:
    context, generator, saved = StageContext(Wildcards([folder])), Generator(folder), list[Run]()
    generator.enqueue(*answers)
    (prompt,) = plan(Source("", (Wish("a {fox|owl}"),)), Drawing(count=1, seed=7), {}, context, 1)
    if story:
        run = prompt.drawn.run.replacing(draft=prompt.drawn.run.draft.replacing(story=StoryUse("The letter", 1)))
        prompt = replaced(prompt, run)
    retry = Retry(Options(tries=3), Rated(*values), Rewording())
    renderer = Renderer(context, generator, OutputFolder(folder), saved.append, retry)
    (result,) = renderer.render([prompt], Lines(1))
    return result, saved, generator


def replaced(prompt: Any, run: Run) -> Any:
    from dataclasses import replace

    drawn = replace(prompt.drawn, run=run, snapshots=dict.fromkeys(prompt.drawn.snapshots, run))
    return replace(prompt, drawn=drawn)


def test_the_best_try_is_the_result_and_the_others_stay_with_their_own_words_and_seed(tmp_path: Path):
    result, saved, generator = rendered(tmp_path, [0.1, 0.6, 0.3])
    first, second, third = (request for request, _ in generator.history)
    assert [first.seed, second.seed, third.seed] == [7, 8, 9]
    word = first.positive.removeprefix("a ")
    assert (second.positive, third.positive) == (f"a ({word}:1.1)", f"a ({word}:1.1)")
    assert [image.path.name for image in result.images] == ["0001-2.png"]
    assert result.images[0].path.read_text("utf-8") == f"a ({word}:1.1) 8"
    assert retried_with(result.run.draft) == f"Try 2: ({word}:1.1), of which 10% was shown."
    assert [image.path.name for run in saved for image in run.images] == ["0001.png", "0001-3.png", "0001-2.png"]
    assert len({run.id for run in saved}) == 3
    assert result.tries.splitlines()[0] == "80% not reached; the best is try 2"
    write_results(OutputFolder(tmp_path), [result], OwnGraph(), None, Sheet("", datetime.now(timezone.utc), "", None))
    assert f"try 2: 60% (({word}:1.1), of which 10% was shown; the next seed)" in (tmp_path / "tries.txt").read_text()


def test_enough_at_once_is_one_try(tmp_path: Path):
    result, saved, generator = rendered(tmp_path, [0.9])
    assert (len(saved), len(generator.history), result.tries.splitlines()[0]) == (
        1,
        1,
        "80% reached; the best is try 1",
    )


def test_a_server_that_fails_in_a_later_try_costs_no_earlier_image(tmp_path: Path):
    result, saved, _ = rendered(tmp_path, [0.1], [1, GeneratorError("No memory is left.")])
    assert (len(result.images), result.error, len(saved)) == (1, "", 1)
    assert "try 2 failed: No memory is left." in result.tries


def test_of_a_story_the_best_try_alone_is_a_scene(tmp_path: Path):
    result, saved, _ = rendered(tmp_path, [0.1, 0.9], story=True)
    assert [run.draft.story is not None for run in saved] == [False, True]
    assert result.run.id == saved[-1].id


def test_an_image_of_a_try_that_is_scored_later_teaches_nothing_either(tmp_path: Path):
    def image(notes: ImageNotes, text: str) -> Run:
        path = tmp_path / "one.png"
        path.write_bytes(png(format_infotext(GenerationRequest(text, seed=7), notes)))
        run = run_of(path, Wildcards([]))
        (key,) = {choice.key for part in run.draft.components for choice in part.choices}
        return run.replacing(scores=(Score(run.id, "one.png", 1, "fulfilment", 0.9, key=key, scorer="x"),))

    template = "a {fox|owl}"
    word = generate(DrawOptions(template=template, seed=7), Wildcards([])).positive.removeprefix("a ")
    told = f"Try 2: ({word}:1.1), of which 10% was shown."
    assert observations_of(image(ImageNotes("r1", template), f"a {word}"))
    assert observations_of(image(ImageNotes("r2", template, retried=told), f"a ({word}:1.1)")) == ()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tries", "3"], "--tries is for trying again: add --until 0.8."),
        (["--scorer", "x"], "--scorer is for trying again"),
        (["--until", "0.8"], "name its folder with --scorer FOLDER"),
        (["--until", "2", "--scorer", "x"], "until"),
        (["--until", "0.8", "--scorer", "x", "--scorer-backend", "y"], "There is no backend 'y'"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_drawn(cli: Cli, arguments: list[str], told: str):
    done = cli("run", "a {fox|owl}", "--no-render", *arguments)
    assert done.status == 2
    assert told in done.err
    assert not Path("outputs").exists()
