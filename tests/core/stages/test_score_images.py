"""scoreImages: every image is scored that can be, no run is lost, and what was scored is learned from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import orchestrator_app
from orchestrator_app.tiny_world.scenes import COLORS, draw, held_out
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError, ScorerError, StoreError
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import COMPARED, Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.stages import score_images
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.extras import ExtraModels
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.weights.crediting import observations_of

TAGGER = Path(orchestrator_app.__file__).parent / "tiny_world" / "models" / "tagger"
RED = Choice("inline:1#red", ("red", "blue"), options=2)
DRAFT = PromptDraft((Component("red", Origin.wildcard, (RED,)), Component(" star")))


class SameForAll:
    """A Scorer that gives every part the same probability."""

    identity = "fake:1"

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    def score(self, images: Sequence[Any], wanted: Sequence[Wanted], is_cancelled: Any = None) -> list[Any]:
        if self.problem:
            raise ScorerError(self.problem)
        return [[self._one(each) for each in wanted] for _ in images]

    def _one(self, wanted: Wanted) -> Fulfilment:
        metric = "style" if wanted.measure == "style" else "fulfilment"
        return Fulfilment(wanted, 0.75, 0.5, 0.9, 0.3, bool(wanted.key), metric)


class Learning:
    def __init__(self, problem: str = "") -> None:
        self.runs: list[Run] = []
        self.problem = problem

    def learn(self, run: Run) -> int:
        if self.problem:
            raise StoreError(self.problem)
        self.runs.append(run)
        return len(run.scores)


def scored(folder: Path, scorer: Any, learner: Any = None, names: Sequence[str] = ("a.png",), **options: Any) -> Run:
    for name in names:
        if name != "broken.png":
            Image.new("RGB", (8, 8), "red").save(folder / name)
    images = tuple(GeneratedImage(folder / name, GenerationRequest("red star"), "r1") for name in names)
    context = StageContext(Wildcards([]), scorer=scorer, learner=learner)
    pipeline = PipelineSpec(stages=(StageSpec(id="score", type="scoreImages", options=options),))
    return run_pipeline(pipeline, context, Run("r1", DRAFT, images)).run


def test_each_part_has_a_score_that_says_what_it_is_credited_to_and_the_image_its_mean(tmp_path: Path):
    learner = Learning()
    run = scored(tmp_path, SameForAll(), learner)
    red = next(score for score in run.scores if score.key)
    assert (red.key, red.value, red.raw, red.scorer, red.calibrated) == (RED.key, 0.75, 0.3, "fake:1", True)
    mean = run.scores[-1]
    assert (mean.component, mean.value, mean.calibrated) == (None, 0.75, False)
    assert learner.runs == [run]


def test_an_image_that_cannot_be_read_costs_no_other(tmp_path: Path):
    run = scored(tmp_path, SameForAll(), names=("a.png", "broken.png", "b.png"))
    assert {score.image for score in run.scores} == {"a.png", "b.png"}
    assert ["broken.png" in said.message for said in run.draft.diagnostics] == [True]


def test_a_scorer_that_fails_loses_no_run(tmp_path: Path):
    run = scored(tmp_path, SameForAll("The weights are corrupt."))
    assert (len(run.images), run.scores) == (1, ())
    assert run.draft.diagnostics[-1].message == "The weights are corrupt."


def test_scores_that_cannot_be_learned_from_are_kept(tmp_path: Path):
    run = scored(tmp_path, SameForAll(), Learning("The database is locked."))
    assert run.scores
    assert run.draft.diagnostics[-1].kind == "not-learned"


def test_what_is_asked_beside_fulfilment_is_kept_and_neither_counts_nor_is_learned_from(tmp_path: Path):
    learner = Learning()
    run = scored(tmp_path, SameForAll(), learner, style="anime", whole=True)
    style = next(score for score in run.scores if score.metric == "style")
    assert (style.text, style.key, run.scores[-1].metric) == ("anime", "", "fulfilment")
    assert ["choose a CLIP" in said.message for said in run.draft.diagnostics] == [True]
    assert len(observations_of(run)) == 1
    assert learner.runs == [run]


def test_learning_may_be_left_out(tmp_path: Path):
    learner = Learning()
    assert scored(tmp_path, SameForAll(), learner, learn=False).scores
    assert learner.runs == []


def test_an_earlier_trys_problems_are_not_told_again(tmp_path: Path):
    run = scored(tmp_path, SameForAll("The weights are corrupt."))
    context = StageContext(Wildcards([]), scorer=SameForAll())
    assert score_images.scored(run, context, score_images.Options()).draft.diagnostics == ()


def drawn(folder: Path, count: int) -> list[tuple[Any, str, Run]]:
    """Scenes of the tiny world, a colour that each has not, and a run whose prompt asks for that one."""
    rng, found = random.Random(5), []
    for scene in rng.sample(sorted(held_out(), key=lambda scene: scene.values), count):
        other = next(color for color in COLORS if color != scene.color)
        asked = (scene.count, scene.style, f"{other} {scene.shape}", f"a {scene.background} background")
        draft = PromptDraft(tuple(Component(f"{part}, ") for part in asked))
        path = folder / f"{len(found)}.png"
        Image.fromarray(draw(scene, rng)).save(path)
        image = GeneratedImage(path, GenerationRequest(draft.positive), "r1")
        found.append((scene, other, Run("r1", draft, (image,))))
    return found


@pytest.mark.skipif(not (TAGGER / "model.onnx").is_file(), reason="the tiny world's tagger is not there")
def test_a_real_tagger_tells_what_of_the_prompt_is_there_missing_and_unasked(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    context = StageContext(Wildcards([]), scorer=SameForAll(), extras=ExtraModels())
    options, right = score_images.Options(compare=str(TAGGER)), 0
    for scene, other, run in drawn(tmp_path, 20):
        found = score_images.scored(run, context, options)
        compared = [score for score in found.scores if score.metric.startswith(COMPARED)]
        assert not any(score.key or score.calibrated for score in compared)
        groups = {
            name: [score.text for score in compared if score.metric == COMPARED + name]
            for name in ("fulfilled", "missing", "unasked")
        }
        wanted = [scene.count, scene.style, f"a {scene.background} background"]
        right += groups == {
            "fulfilled": [text.removeprefix("a ") for text in wanted],
            "missing": [f"{other} {scene.shape}"],
            "unasked": [scene.color],
        }
    assert right >= 17


def test_without_a_scorer_the_stage_says_what_to_do(tmp_path: Path):
    with pytest.raises(PipelineError, match="name a scorer"):
        scored(tmp_path, None)
