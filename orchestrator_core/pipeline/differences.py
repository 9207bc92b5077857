"""What another try changed, for a person: the prompt, its LoRAs, its images and how well they did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator_core.pipeline.facts import best_score
from orchestrator_core.pipeline.running import PipelineResult, given_to
from orchestrator_core.prompt import LoraUse
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Change:
    """``what``: "prompt", "negative", "enhanced", "LoRA", "seed", "images" or "score"; "" is for what was not there."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.what}: now {self.after}"
        return f"{self.what}: {self.before} → {self.after}" if self.after else f"{self.what}: no longer {self.before}"


def changes_between(before: Run, after: Run) -> tuple[Change, ...]:
    """Nothing of what is equal in both."""
    return tuple(change for change in _compared(before, after) if change.before != change.after)


def changes_by_stage(pipeline: PipelineSpec, result: PipelineResult) -> dict[str, tuple[Change, ...]]:
    """What each stage changed, by its id and in their order; of those that have left something."""
    return {
        stage.id: changes_between(given_to(stage.id, pipeline, result), result.snapshots[stage.id])
        for stage in pipeline.ordered
        if stage.id in result.snapshots
    }


def _compared(before: Run, after: Run) -> Iterator[Change]:
    one, other = before.draft, after.draft
    yield Change("prompt", one.positive, other.positive)
    yield Change("negative", one.negative_prompt, other.negative_prompt)
    yield Change(
        "enhanced", one.enhanced.status if one.enhanced else "", other.enhanced.status if other.enhanced else ""
    )
    yield Change("seed", str(one.seed), str(other.seed))
    uses, others = _by_name(one.loras), _by_name(other.loras)
    for name in {**uses, **others}:
        yield Change("LoRA", uses.get(name, ""), others.get(name, ""))
    yield Change("images", _names(before), _names(after))
    yield Change("score", _score(before), _score(after))


def _by_name(loras: Iterable[LoraUse]) -> Mapping[str, str]:
    return {lora.name: f"{lora.name} at {lora.strength_model:g}" for lora in loras}


def _names(run: Run) -> str:
    return ", ".join(image.path.name for image in run.images)


def _score(run: Run) -> str:
    score = best_score(run)
    return "" if score is None else f"{score:.0%}"
