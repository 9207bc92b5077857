"""A dry run: what a pipeline would do, with the prompts, seeds, LoRAs and requests, and without a model or a host.

Prompts are drawn and LoRAs chosen just as when it is run. A language model is not asked, so a prompt is shown as it
goes to one; nothing is rendered, scored, learned or kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.conditions import STAGE, parse_condition
from orchestrator_core.context import StageContext
from orchestrator_core.pipeline.batches import Item
from orchestrator_core.pipeline.registry import checked, options_of
from orchestrator_core.pipeline.running import merged, new_run, run_stage, why_not
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.stages import dispatch

ASKS, RENDERS, SCORES = "asks", "renders", "scores"
_LATER = {  # what is known of a run only once these were done
    ASKS: frozenset({"enhanced", "positive", "problems"}),
    RENDERS: frozenset({"images", "problems"}),
    SCORES: frozenset({"score", "problems"}),
}


@dataclass(frozen=True, slots=True)
class StagePlan:
    """``state``: what became of a stage that needs no model ("done", "off", …), or "asks", "renders" or "scores".

    ``detail``: why, and what is not known before it runs. ``draft``: after the stage, as far as it is known.
    """

    id: str
    type: str
    state: str
    detail: str
    draft: PromptDraft
    request: GenerationRequest | None = None


@dataclass(frozen=True, slots=True)
class ItemPlan:
    number: int
    values: Mapping[str, Any]
    stages: tuple[StagePlan, ...]

    @property
    def draft(self) -> PromptDraft:
        return self.stages[-1].draft if self.stages else PromptDraft(())

    @property
    def requests(self) -> tuple[GenerationRequest, ...]:
        return tuple(stage.request for stage in self.stages if stage.request is not None)


def plan_of(item: Item, context: StageContext) -> ItemPlan:
    """Raises what a stage raises that can be done: PipelineError, TemplateError, …"""
    return ItemPlan(item.number, item.values, plan_stages(item.pipeline, context))


def plan_stages(pipeline: PipelineSpec, context: StageContext) -> tuple[StagePlan, ...]:
    """One for each stage, in the order in which they would run."""
    checked(pipeline)
    dry = replace(context, generator=None, learner=None, meanings=None, answers=None)
    needs, runs, first = pipeline.needs, dict[str, Run](), new_run()
    plans: list[StagePlan] = []
    unknown: set[str] = set()
    for spec in pipeline.ordered:
        given = merged([runs[need] for need in needs[spec.id]]) or first
        plan, runs[spec.id] = _planned(spec, given, context, dry, (plans, unknown))
        plans.append(plan)
        if plan.state in _LATER:
            unknown |= {STAGE + spec.id, *_LATER[plan.state]}
    return tuple(plans)


def _planned(
    spec: StageSpec,
    run: Run,
    context: StageContext,
    dry: StageContext,
    so_far: tuple[list[StagePlan], set[str]],
) -> tuple[StagePlan, Run]:
    plans, unknown = so_far
    states = {plan.id: plan.state for plan in plans}
    asked = parse_condition(spec.when).names & unknown if spec.when else frozenset[str]()
    if not asked or not spec.enabled:
        if (why := why_not(spec, run, context, states)) is not None:
            return StagePlan(spec.id, spec.type, *why, run.draft), run
        spec = spec.model_copy(update={"when": ""})
    maybe = f"only when {spec.when}, which is known later" if asked else ""
    if spec.type == "llmEnhance" and context.llm is not None:
        return _to_come(spec, run, ASKS, maybe or f"asks {context.llm.identity.rstrip(':')}"), run
    if spec.type == "dispatch":
        return _to_come(spec, run, RENDERS, maybe), run
    if spec.type == "scoreImages":
        return _to_come(spec, run, SCORES, maybe), run
    left = run_stage(_once(spec), run, dry, states=states)
    detail = maybe or left.detail or _by_words_alone(spec, context)
    return StagePlan(spec.id, spec.type, left.state, detail, left.run.draft), left.run


def _once(spec: StageSpec) -> StageSpec:
    """Without another try, for which a plan does not wait."""
    on_error = spec.then if spec.on_error == "retry" else spec.on_error
    return spec.model_copy(update={"when": "", "on_error": on_error})


def _by_words_alone(spec: StageSpec, context: StageContext) -> str:
    """A text encoder is a model too."""
    asked = spec.type == "selectLoras" and spec.options.get("semantic") and context.meanings is not None
    return "by words alone; by what they mean it may be others" if asked else ""


def _to_come(spec: StageSpec, run: Run, state: str, detail: str) -> StagePlan:
    options = options_of(spec)
    request = dispatch.request_for(run.draft, options) if isinstance(options, dispatch.Options) else None
    return StagePlan(spec.id, spec.type, state, detail, run.draft, request)
