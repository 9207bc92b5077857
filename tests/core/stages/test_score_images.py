"""scoreImages: every image is scored that can be, no run is lost, and what was scored is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError, ScorerError, StoreError
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.port import Fulfilment, Wanted

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
        return [[Fulfilment(each, 0.75, 0.5, 0.9, 0.3, bool(each.key)) for each in wanted] for _ in images]


class Learning:
    def __init__(self, problem: str = "") -> None:
        self.runs: list[Run] = []
        self.problem = problem

    def learn(self, run: Run) -> int:
        if self.problem:
            raise StoreError(self.problem)
        self.runs.append(run)
        return len(run.scores)


def scored(folder: Path, scorer: Any, learner: Any = None, names: Sequence[str] = ("a.png",)) -> Run:
    for name in names:
        if name != "broken.png":
            Image.new("RGB", (8, 8), "red").save(folder / name)
    images = tuple(GeneratedImage(folder / name, GenerationRequest("red star"), "r1") for name in names)
    context = StageContext(Wildcards([]), scorer=scorer, learner=learner)
    pipeline = PipelineSpec(stages=(StageSpec(id="score", type="scoreImages", options={}),))
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


def test_without_a_scorer_the_stage_says_what_to_do(tmp_path: Path):
    with pytest.raises(PipelineError, match="name a scorer"):
        scored(tmp_path, None)
