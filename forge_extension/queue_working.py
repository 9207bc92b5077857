"""The queue in Forge: jobs run in this process, by turns with the person's own; those for ComfyUI are sent to it.

A model that looks at images has its weights in the host's memory manager, which one thread at a time may use: it takes
the host's queue for as long as it works, as a language model of this process does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_app.studio.scorers import StudioScorers
from orchestrator_app.studio.working import Here, queue_place
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.residence import Residence

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
    from orchestrator_core.context import StageContext
    from orchestrator_core.jobs.place import QueuePlace
    from orchestrator_core.store import Store

_log = logging.getLogger("orchestrator")


class Host(Protocol):
    """What is needed of the host; ``host.forge`` has it."""

    def residence(self) -> Residence: ...

    def queue(self, is_cancelled: IsCancelled, /) -> AbstractContextManager[None]: ...

    def own_url(self) -> str: ...


class InTurn:
    """A ``Residence`` for who is in no job of the host's: while the weights work, the host renders nothing."""

    def __init__(self, host: Host) -> None:
        self._host, self._residence = host, host.residence()

    def dtype(self) -> str:
        return self._residence.dtype()

    @contextmanager
    def resident(self, module: Any, spare: int) -> Iterator[Any]:
        with self._host.queue(never), self._residence.resident(module, spare) as device:
            yield device

    def release(self, module: Any) -> None:
        with self._host.queue(never):
            self._residence.release(module)


class ForgeQueue:
    """``place`` is the queue here; ``close`` before the host loads its extensions anew."""

    def __init__(
        self, host: Host, environment: Callable[[], StudioEnvironment], open_store: Callable[[], Store]
    ) -> None:
        self._scorers = StudioScorers(open_store, lambda: InTurn(host))
        here = Here("Forge", lambda target: _address_of(host, target), self._looking)
        self.place: QueuePlace = queue_place(here, environment, _log.info)

    def close(self) -> None:
        """Jobs that run go back to the queue. What holds weights lets go of them when nothing runs any more."""
        if self.place.close():
            threading.Thread(target=self._scorers.close, daemon=True, name="orchestrator lets go").start()

    def _looking(self, settings: Settings, context: StageContext) -> StageContext:
        """With this worker's own scorer: a page's is used by who has the host's queue already."""
        try:
            scorer = self._scorers.get(settings)
        except OrchestratorError:
            return context  # the stage says that there is none
        return replace(context, scorer=scorer, extras=self._scorers.extras(settings))


def _address_of(host: Host, target: Target) -> str:
    return host.own_url() if target.name == "Forge" else target.where
