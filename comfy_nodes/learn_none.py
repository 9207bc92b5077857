"""Where nothing can be learned: scores are kept, odds stay as they are written, and a person who asks is told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.run import Run

from .learn_part import Learned
from .learn_view import Direction, LearningView, Mode

WHY = "Nothing is learned by this version: scores are kept, and odds stay as they are written."


class NoLearning:
    """A ``Learning``, ``Ledger`` and ``Marking``."""

    def learn(self, run: Run, prompt: Any) -> Learned:
        return Learned()

    def mode(self) -> Mode:
        return "off"

    def view(self) -> LearningView:
        return LearningView(problems=(WHY,))

    def set_mode(self, mode: Mode) -> None:
        if mode != "off":
            raise ConfigError(WHY)

    def set_slot(self, slot: str, *, direction: Direction | None, on: bool | None) -> None:
        raise ConfigError(WHY)

    def pin(self, key: str, multiplier: float | None) -> None:
        raise ConfigError(WHY)

    def set_off(self, key: str, *, off: bool) -> None:
        raise ConfigError(WHY)

    def undo(self, to: int) -> None:
        raise ConfigError(WHY)

    def reset(self, slot: str | None) -> None:
        raise ConfigError(WHY)

    def mark(self, path: Path, *, favourite: bool, reject: bool, stars: int) -> str:
        raise ConfigError(WHY)
