"""Stages that options of the command line ask for: their options, and their place in a pipeline."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_core.spec import PipelineSpec


def given_options(arguments: Namespace, prefix: str) -> dict[str, Any]:
    """What was given of the arguments whose names begin with this, by the options' own names; lists as lines."""
    given = given_values(arguments, prefix)
    return {name: "\n".join(value) if isinstance(value, list) else value for name, value in given.items()}


def given_values(arguments: Namespace, prefix: str) -> dict[str, Any]:
    """The same with lists as they are."""
    named = ((name.removeprefix(prefix), value) for name, value in vars(arguments).items() if name.startswith(prefix))
    return {name: value for name, value in named if value not in (None, [])}


def with_stage(
    pipeline: PipelineSpec,
    kind: str,
    name: str,
    options: Mapping[str, Any],
    *,
    behind: Collection[str] = (),
    before: str = "",
) -> PipelineSpec:
    """The pipeline with a stage of this kind; one that it has takes the options, and is switched on.

    A new one is called ``name`` and comes before the first of the kind ``before``, else behind the last of ``behind``.
    """
    from orchestrator_core.spec import StageSpec

    stages = list(pipeline.stages)
    own = [number for number, stage in enumerate(stages) if stage.type == kind]
    for number in own:
        update = {"options": {**stages[number].options, **options}, "enabled": True}
        stages[number] = stages[number].model_copy(update=update)
    if not own:
        taken = {stage.id for stage in stages}
        free = next(one for one in (name, *(f"{name}{number}" for number in range(2, 1000))) if one not in taken)
        last = max((number + 1 for number, stage in enumerate(stages) if stage.type in behind), default=0)
        first = next((number for number, stage in enumerate(stages) if stage.type == before), len(stages))
        stages.insert(first if before else last, StageSpec(id=free, type=kind, options=dict(options)))
    return pipeline.model_copy(update={"stages": tuple(stages)})
