"""What one open page sees of the queue. Frozen: several events of a page may run at once, and replace it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_app.studio.queue_listing import Pulse


@dataclass(frozen=True, slots=True)
class QueueWish:
    """``state``: one of a job's states, "" for all; ``text``: in titles, tags, targets and checkpoints."""

    state: str = ""
    text: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class QueueView:
    """``picked``: the number of the job whose details are shown, 0 for none. ``seen``: what the queue looked like when
    the page was last told of it, and ``shown`` the texts that it was told."""

    wish: QueueWish = field(default_factory=QueueWish)
    picked: int = 0
    seen: tuple[Pulse, object] | None = None
    shown: tuple[Any, ...] = ()

    def wishing(self, **changes: Any) -> QueueView:
        """Another part of the list; the first page of it, where no other is named."""
        return replace(self, wish=replace(self.wish, **{"page": 0, **changes}))

    def replacing(self, **changes: Any) -> QueueView:
        return replace(self, **changes)
