"""What the extension leaves on the host's processing objects: how its parts know of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forge_extension.drawing import Drawn

_FINAL, _DRAWN = "orchestrator_is_final", "orchestrator_drawn"


def mark_as_final(job: Any) -> None:
    """Its prompts are as they are to be: the script leaves them alone, whatever its own elements hold."""
    setattr(job, _FINAL, True)


def is_final(job: Any) -> bool:
    return bool(getattr(job, _FINAL, False))


def keep(job: Any, drawn: Drawn) -> None:
    setattr(job, _DRAWN, drawn)


def kept(job: Any) -> Drawn | None:
    found: Drawn | None = getattr(job, _DRAWN, None)
    return found


def forget(job: Any) -> None:
    setattr(job, _DRAWN, None)
