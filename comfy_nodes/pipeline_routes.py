"""``/orchestrator/pipelines…`` and ``/orchestrator/queue…``: which routes there are. Who may ask is routes.py's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .routes import Route, route

if TYPE_CHECKING:
    from orchestrator_core.jobs.place import QueuePlace

    from .pipeline_answers import NodeInfo, PipelineAnswers
    from .pipeline_queue import QueueAnswers, ViewOf

MOST_WORKFLOW = 4 << 20  # bytes


class PipelinePart:
    """What the routes are made of, imported when the first of them is asked. Holds nothing open itself."""

    def __init__(self, queue: QueuePlace, folder: Callable[[], Path], node_info: NodeInfo, view_of: ViewOf) -> None:
        self._queue, self._folder, self._node_info, self._view_of = queue, folder, node_info, view_of

    def pipelines(self) -> PipelineAnswers:
        from .pipeline_answers import PipelineAnswers

        return PipelineAnswers(self._folder, self._node_info, self._queue)

    def queue(self) -> QueueAnswers:
        from .pipeline_queue import QueueAnswers

        return QueueAnswers(self._queue, self._view_of)


def pipeline_routes(part: PipelinePart) -> tuple[Route, ...]:
    threads = ThreadPoolExecutor(2, "orchestrator-pipelines")  # none of which runs before the first request
    path = "/orchestrator/pipelines"

    return (
        route(threads, "GET", path, lambda asked: part.pipelines().all(asked)),
        route(threads, "POST", f"{path}/export", lambda asked: part.pipelines().export(asked), MOST_WORKFLOW),
        route(threads, "POST", f"{path}/import", lambda asked: part.pipelines().take_in(asked), MOST_WORKFLOW),
        route(threads, "POST", f"{path}/save", lambda asked: part.pipelines().save(asked), MOST_WORKFLOW),
        route(threads, "POST", f"{path}/queue", lambda asked: part.pipelines().add(asked), MOST_WORKFLOW),
        *_queue_routes(part),
    )


def _queue_routes(part: PipelinePart) -> tuple[Route, ...]:
    threads = ThreadPoolExecutor(2, "orchestrator-queue-page")
    path = "/orchestrator/queue"

    return (
        route(threads, "GET", path, lambda asked: part.queue().listed(asked)),
        route(threads, "GET", f"{path}/state", lambda asked: part.queue().state(asked)),
        route(threads, "GET", f"{path}/job", lambda asked: part.queue().job(asked)),
        route(threads, "POST", f"{path}/act", lambda asked: part.queue().act(asked)),
        route(threads, "POST", f"{path}/rerun", lambda asked: part.queue().rerun(asked)),
        route(threads, "POST", f"{path}/pause", lambda asked: part.queue().pause(asked)),
    )
