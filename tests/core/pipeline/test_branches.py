"""Stages that ask (``when``) and stages that branch (``needs``)."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.pipeline.facts import facts_of
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.spec import pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 5}}


def render(stage_id: str, **more: Any) -> dict[str, Any]:
    options = {"seed": len(stage_id)}
    return {"id": stage_id, "type": "dispatch", "options": options, **more}


def context() -> StageContext:
    return StageContext(Wildcards([]), FakeGenerator())


@pytest.mark.parametrize(
    ("when", "state"),
    [("images == 1", "done"), ("images > 1", "skipped"), ("stage.first == 'done' and not has_llm", "done")],
)
def test_a_stage_is_done_only_when_it_is_so(when: str, state: str):
    result = run_pipeline(pipeline_from([DRAW, render("first"), render("second", when=when)]), context())
    assert result.states["second"] == state
    assert len(result.run.images) == (2 if state == "done" else 1)


def test_branches_come_together_with_the_images_of_all():
    stages = [DRAW, render("a", needs=["draw"]), render("bb", needs=["draw"]), render("ccc", needs=["a", "bb"])]
    result = run_pipeline(pipeline_from(stages), context())
    assert len(result.snapshots["a"].images) == len(result.snapshots["bb"].images) == 1
    assert [image.request.seed for image in result.run.images] == [1, 2, 3]


def test_a_pipeline_with_several_ends_leaves_the_images_of_all():
    stages = [DRAW, render("a", needs=["draw"]), render("bb", needs=["draw"])]
    result = run_pipeline(pipeline_from(stages), context())
    assert [image.request.seed for image in result.run.images] == [1, 2]


def test_of_several_ends_the_last_one_says_what_the_prompt_is():
    owl = {"id": "owl", "type": "generatePrompt", "needs": [], "options": {"template": "an owl"}}
    assert run_pipeline(pipeline_from([DRAW, render("a"), owl]), context()).run.draft.positive == "an owl"


def test_a_stage_that_is_done_again_knows_what_became_of_those_before_it():
    skipped = render("a", when="images > 5")
    pipeline = pipeline_from([DRAW, skipped, render("bb", when="stage.a == 'skipped'")])
    first = run_pipeline(pipeline, context())
    assert run_pipeline(pipeline, context(), start="bb", before=first).states["bb"] == "done"


def test_what_is_switched_off_is_gone_round():
    stages = [DRAW, render("a", needs=["draw"], enabled=False), render("bb", needs=["a"])]
    result = run_pipeline(pipeline_from(stages), context())
    assert result.run.draft.positive == "a fox"
    assert "a" not in result.snapshots


def test_again_from_a_branch_leaves_the_other_branch():
    stages = [DRAW, render("a", needs=["draw"]), render("bb", needs=["draw"]), render("ccc", needs=["a", "bb"])]
    pipeline = pipeline_from(stages)
    first = run_pipeline(pipeline, context())
    again = context()
    second = run_pipeline(pipeline, again, start="a", before=first)
    assert [request.seed for request, _ in again.generator.history] == [1, 3]
    assert second.snapshots["bb"] == first.snapshots["bb"]


def test_a_condition_can_ask_for_all_that_a_run_holds():
    draft = PromptDraft((), seed=3, variables=(("style", "ink"),), diagnostics=(Diagnostic("cycle", "…"),))
    scores = (Score("r", "a.png", None, "fulfilment", 0.5), Score("r", "b.png", None, "fulfilment", 0.7))
    facts = facts_of(Run("r", draft, scores=scores), context(), {"draw": "cached"})
    assert facts["score"] == 0.7  # of the best image
    assert facts["variables.style"] == "ink"
    assert facts["stage.draw"] == "cached"
    assert facts["problems"] == ("cycle",)
    assert facts["has_generator"] is True
    assert facts_of(Run("r", draft), context(), {})["score"] is None
