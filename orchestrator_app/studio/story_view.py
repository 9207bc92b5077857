"""What one open page sees of the stories. Frozen: several events of a page may run at once, and replace it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class StoryView:
    """``form``: how the state was filled in. ``told``: of the list of stories, when the page looked last."""

    name: str = ""  # of the story that is shown
    page: int = 0
    form: Mapping[str, str] = field(default_factory=dict)
    told: tuple[object, ...] = ()
    is_open: bool = False
    filled: int = 0  # how often; what a page sends of an earlier filling is none of this story's

    def replacing(self, **changes: Any) -> StoryView:
        return replace(self, **changes)
