"""ScorePart: all that the nodes that score share, imported and made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.template import Wildcards

from . import host_language, host_vision

if TYPE_CHECKING:
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.vision.extras import Pictures

    from .score_models import Scorers


@dataclass(frozen=True, slots=True)
class ScoreServices:
    """``wildcards``: what else could have been drawn. ``pictures``: of a LoRA or profile, by name.

    ``is_interrupted``: whether somebody wants the graph to end.
    """

    wildcards: Wildcards
    scorers: Scorers
    is_interrupted: Callable[[], bool]
    pictures: Pictures


class ScorePart:
    """One for the process. Threads may share it."""

    def __init__(self, wildcards: Wildcards, loras: Callable[[], LoraSource], profiles: ProfileSource) -> None:
        self._wildcards, self._loras, self._profiles = wildcards, loras, profiles
        self._lock = threading.Lock()
        self._services: ScoreServices | None = None

    def services(self) -> ScoreServices:
        """Nothing is read, opened or loaded yet."""
        with self._lock:
            if self._services is None:
                self._services = self._made()
            return self._services

    def _made(self) -> ScoreServices:
        from .llm_own import Own, own_in
        from .score_models import Scorers

        def own() -> Own:
            return own_in(host_language.settings())

        scorers = Scorers(host_vision.score_folders, host_language.residence, host_vision, own)
        return ScoreServices(self._wildcards, scorers, host_language.is_interrupted, self._pictures)

    def _pictures(self, name: str) -> Sequence[Any]:
        """Raises ConfigError. A graph may name no folder."""
        from orchestrator_core.loras.pictures import NamedPictures

        return NamedPictures(self._loras(), self._profiles)(name)
