"""ScorePart: all that the nodes that score share, imported and made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.template import Wildcards

from . import host_language, host_vision

if TYPE_CHECKING:
    from .score_models import Scorers


@dataclass(frozen=True, slots=True)
class ScoreServices:
    """``wildcards``: what else could have been drawn. ``is_interrupted``: whether somebody wants the graph to end."""

    wildcards: Wildcards
    scorers: Scorers
    is_interrupted: Callable[[], bool]


class ScorePart:
    """One for the process. Threads may share it."""

    def __init__(self, wildcards: Wildcards) -> None:
        self._wildcards = wildcards
        self._lock = threading.Lock()
        self._services: ScoreServices | None = None

    def services(self) -> ScoreServices:
        """Nothing is read, opened or loaded yet."""
        with self._lock:
            if self._services is None:
                self._services = self._made()
            return self._services

    def _made(self) -> ScoreServices:
        from .score_models import Scorers

        scorers = Scorers(host_vision.score_folders, host_language.residence, host_vision)
        return ScoreServices(self._wildcards, scorers, host_language.is_interrupted)
