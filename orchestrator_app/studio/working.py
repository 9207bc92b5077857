"""A worker of the queue in the studio: a lane for each of its targets, with what its pages have.

In Forge one of the targets is the process itself. Nothing is opened or imported before the worker is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.place import QueuePlace

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_core.context import StageContext
    from orchestrator_core.jobs.lane import Lane
    from orchestrator_core.jobs.model import Job

# What looks at images here beside a page's own scorer, as one of this process that takes turns with the host; of some
# settings. Raises OrchestratorError.
Looking = Callable[["Settings", "StageContext"], "StageContext"]


@dataclass(frozen=True, slots=True)
class Here:
    """What this place is: its name, the address of a target that is this very process, what looks at its images."""

    name: str
    address_of: Callable[[Target], str]
    looking: Looking | None = None


def queue_place(
    here: Here, environment: Callable[[], StudioEnvironment], tell: Callable[[str], None] = lambda _: None
) -> QueuePlace:
    """Nothing is opened yet."""

    def is_wanted() -> bool:
        try:
            return environment().settings.load().work_on_queue
        except OrchestratorError:
            return True

    return QueuePlace(here.name, lambda: studio_lanes(here, environment()), is_wanted=is_wanted, tell=tell)


@contextmanager
def studio_lanes(here: Here, environment: StudioEnvironment) -> Iterator[Sequence[Lane]]:
    """A lane for each target of the settings as they are now."""
    from orchestrator_app.studio.live import LiveEnvironment

    live = LiveEnvironment(environment)
    yield [_lane(here, live, target) for target in live.targets.values()]


def _lane(here: Here, live: LiveEnvironment, target: Target) -> Lane:
    from orchestrator_core.jobs.lane import Lane

    kind, address = target.name.lower(), here.address_of(target).rstrip("/")
    host: Any = _by_hash(live, target).generator()

    @contextmanager
    def opened(job: Job) -> Iterator[StageContext]:
        # The target as the settings are by now: the folder of its images may be another.
        yield _context(here, live, _by_hash(live, live.target(target.name)), job)

    name = f"{target.name} ({target.where})"
    return Lane(name, opened, ("", kind, address), address, host.refresh, host)


def _by_hash(live: LiveEnvironment, target: Target) -> Target:
    """The same target, to which LoRAs that it has under other names are sent by those."""
    from orchestrator_core.generators.by_hash import ByHash

    def name_of(sha256: str) -> str:
        try:
            records = [
                one for one in live.loras.source.records().values() if one.sha256 == sha256 and one.state == "complete"
            ]
        except OrchestratorError:
            return ""  # no library, as where no folder is set
        if target.lora_names is not None:
            return next(iter(target.lora_names(records).values()), "") if records else ""
        return records[0].name if records else ""

    return replace(target, generator=lambda: ByHash(target.generator(), name_of))


def _context(here: Here, live: LiveEnvironment, target: Target, job: Job) -> StageContext:
    """Raises OrchestratorError."""
    from orchestrator_app.studio.pipeline_place import place_for

    assert job.pipeline is not None
    context = place_for(live, job.pipeline, target)(job.pipeline)
    scores = any(stage.enabled and stage.type == "scoreImages" for stage in job.pipeline.stages)
    if scores and here.looking is not None:
        return here.looking(live.settings, context)
    return context
