"""ScorePart: what the nodes that score share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_core.template import Wildcards

from . import host_language


@dataclass(frozen=True, slots=True)
class ScoreServices:
    """``wildcards``: what else could have been drawn. ``is_interrupted``: whether somebody wants the graph to end."""

    wildcards: Wildcards
    is_interrupted: Callable[[], bool]


class ScorePart:
    """One for the process. Threads may share it."""

    def __init__(self, wildcards: Wildcards) -> None:
        self._services = ScoreServices(wildcards, host_language.is_interrupted)

    def services(self) -> ScoreServices:
        """Nothing is read, opened or loaded yet."""
        return self._services
