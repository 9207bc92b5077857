"""What one open page sees of the LoRAs. Frozen: several events of a page may run at once, and replace it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.studio.lora_editing import LoraForm
from orchestrator_app.studio.lora_listing import Wish


@dataclass(frozen=True, slots=True)
class LoraView:
    """``news``: notices that were seen; -1 before the page has looked. ``shown``: what the page was sent last."""

    wish: Wish = field(default_factory=Wish)
    picked: str = ""  # the path of the LoRA whose details are shown
    form: LoraForm = field(default_factory=LoraForm)  # as it was filled
    opened: bool = False
    news: int = -1
    away: frozenset[int] = frozenset()  # notices that were put away
    state: tuple[object, ...] = ()  # of library and thumbnails, when the page looked last
    shown: tuple[str, ...] = ()

    def replacing(self, **changes: Any) -> LoraView:
        """A new view with these fields changed."""
        return replace(self, **changes)

    def wishing(self, **changes: Any) -> LoraView:
        """With another wish; unless it says which, its first page."""
        return replace(self, wish=replace(self.wish, **{"page": 0, **changes}))
