"""What the Queue page asks of the place that the studio runs in: the queue, who works on it, small pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.queue_listing import images_of
from orchestrator_app.studio.scene_pictures import ScenePictures
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.jobs.life import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator_core.jobs.model import Job, WorkerInfo
    from orchestrator_core.jobs.place import PlaceState, QueuePlace
    from orchestrator_core.jobs.queue import Queue

_IN_ROWS, _IN_DETAILS = (120, 120), (320, 320)  # pixels
_HAVE_IMAGES = ("done", "failed", "held", "cancelled")


class QueueDesk:
    """One for a studio; pages share it. ``place`` None: this studio has no queue, and says so."""

    def __init__(self, place: QueuePlace | None) -> None:
        self.place = place
        self.small, self.large = ScenePictures(_IN_ROWS).get, ScenePictures(_IN_DETAILS).get
        self._watch, self._lock = Watch(), threading.Lock()

    def open(self) -> Queue:
        """Raises ConfigError where there is none, StoreError."""
        if self.place is None:
            raise ConfigError("This studio has no queue.")
        return self.place.open()

    def workers(self, queue: Queue) -> list[WorkerInfo]:
        """Those that live: one whose program was killed is none, though its row is still there. Raises StoreError."""
        found = queue.workers()
        with self._lock:
            dead = {one.id for one in self._watch.dead(found)}
        return [one for one in found if one.id not in dead]

    def state(self) -> PlaceState | None:
        return None if self.place is None else self.place.state()

    def wake(self) -> None:
        """There is something to do: who works here looks at once, and who is to work here begins."""
        if self.place is not None:
            self.place.ensure_worker()

    def images(self, queue: Queue, jobs: Sequence[Job]) -> Mapping[str, Sequence[Path]]:
        """Of those that may have some, by the ids of their runs; none where they cannot be read."""
        try:
            return images_of(queue, [job.run_id for job in jobs if job.state in _HAVE_IMAGES])
        except OrchestratorError:
            return {}

    def pictures(self, queue: Queue, job: Job) -> list[bytes]:
        """For the details of a job."""
        return _there(self.large, self.images(queue, [job]).get(job.run_id, ()))


def _there(thumbnail: Callable[[Path], bytes], paths: Sequence[Path]) -> list[bytes]:
    return [data for path in paths if (data := thumbnail(path))]
