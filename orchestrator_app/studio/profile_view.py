"""What one open page sees of the profiles. Frozen: several events of a page may run at once, and replace it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.studio.profile_desk import Open


@dataclass(frozen=True, slots=True)
class ProfileView:
    """``drafts``: texts that were typed and not saved, by the key of their profile. ``filled``: how often the form was
    filled; what a page sends of an earlier filling, which it has not taken in yet, is none of the open profile's.
    """

    query: str = ""
    kind: str = ""
    open: Open = field(default_factory=Open)
    mode: str = ""  # the view that it is shown in
    filled: int = 0
    drafts: Mapping[str, tuple[Open, str]] = field(default_factory=dict)
    version: str = ""  # of the library, when the page looked last; "" before it was opened

    def replacing(self, **changes: Any) -> ProfileView:
        return replace(self, **changes)
