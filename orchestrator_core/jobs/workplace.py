"""Where jobs run: what their stages may touch, and a lane for each server. Both hosts, the studio and the command
line make theirs with this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.base_models import BaseModel, base_model_in
from orchestrator_core.context import StageContext
from orchestrator_core.jobs.lane import Lane

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job
    from orchestrator_core.weights.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Workplace:
    """``base`` is asked for each job, as a person may have set something since: its context, but for what depends on
    the job. ``family`` tells what a checkpoint is, "" being the host's own.
    """

    base: Callable[[], StageContext]
    ledger: Ledger
    family: Callable[[str], BaseModel] = base_model_in

    @contextmanager
    def opened(self, job: Job, generator: Any) -> Iterator[StageContext]:
        """The context of one job: its checkpoint's family, and the odds that were learned for it."""
        from orchestrator_core.weights.overlay import overlay

        model = self.family(job.checkpoint)
        profiles, genre = _chosen(job)
        learned = overlay(self.ledger, profiles, genre, model.family)
        context = self.base()
        yield replace(context, generator=generator, checkpoint=model, weights=learned.weights, odds=learned.number)


def _chosen(job: Job) -> tuple[str, str]:
    """The profiles and the genre that its drawing is with."""
    for stage in job.pipeline.stages if job.pipeline else ():
        if stage.type == "generatePrompt":
            return str(stage.options.get("profiles") or ""), str(stage.options.get("genre") or "")
    return "", ""


def nowhere(place: Workplace) -> Lane:
    """For jobs that render nothing, where no other lane takes them."""
    return Lane("no generator", lambda job: place.opened(job, None))


def server_lane(kind: str, address: str, output: Path, place: Workplace) -> Lane:
    """``kind``: "comfyui" or "forge". Asks the server nothing yet."""
    address = address.strip().rstrip("/")
    generator = _generator(kind, address, output)
    return Lane(
        f"{kind} {address}",
        lambda job: place.opened(job, generator),
        ("", kind, address),
        address,
        generator.refresh,
        generator,
    )


def _generator(kind: str, address: str, output: Path) -> Any:
    if kind == "comfyui":
        from orchestrator_core.generators.comfy_http import ComfyGenerator

        return ComfyGenerator(output, address)
    from orchestrator_core.generators.forge_http import ForgeGenerator

    return ForgeGenerator(output, address)
