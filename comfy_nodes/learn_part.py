"""LearnPart: what the nodes and routes of learning share, imported and made when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator_core.run import Run

from .recording import Recording


@dataclass(frozen=True, slots=True)
class Learned:
    """``count``: scores that something was learned from. ``mode``: off, careful or fast."""

    mode: str = "off"
    count: int = 0
    lines: Sequence[str] = ()


class Learning(Protocol):
    def learn(self, run: Run, prompt: Any) -> Learned:
        """Takes a run's scores in. ``prompt``: the graph. Never raises: what cannot be learned is told."""


@dataclass(frozen=True, slots=True)
class LearnServices:
    recording: Recording
    learning: Learning


class NoLearning:
    """Scores are kept, and nothing is learned."""

    def learn(self, run: Run, prompt: Any) -> Learned:
        return Learned()


class LearnPart:
    """One for the process."""

    def __init__(self, recording: Recording) -> None:
        self._services = LearnServices(recording, NoLearning())

    def services(self) -> LearnServices:
        """Nothing is read or opened yet."""
        return self._services
