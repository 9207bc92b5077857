"""LearnPart: what the nodes and routes of learning share, imported and made when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_core.run import Run

from .recording import Recording

if TYPE_CHECKING:
    from .learn_answers import LearnAnswers, PathOf, Tell
    from .learn_view import Direction, LearningView, Mode


@dataclass(frozen=True, slots=True)
class Learned:
    """``count``: scores that something was learned from. ``mode``: off, careful or fast."""

    mode: str = "off"
    count: int = 0
    lines: Sequence[str] = ()


class Learning(Protocol):
    """What a Feedback Recorder needs."""

    def learn(self, run: Run, prompt: Any) -> Learned:
        """Takes a run's scores in. ``prompt``: the graph. Never raises: what cannot be learned is told."""


class Ledger(Protocol):
    """What a person sees and says. All raise OrchestratorError."""

    def mode(self) -> Mode: ...
    def view(self) -> LearningView: ...
    def set_mode(self, mode: Mode) -> None: ...
    def set_slot(self, slot: str, *, direction: Direction | None, on: bool | None) -> None:
        """What is None stays."""

    def pin(self, key: str, multiplier: float | None) -> None:
        """None lets the odds of a value move again."""

    def set_off(self, key: str, *, off: bool) -> None: ...
    def undo(self, to: int) -> None:
        """Back to the state of step ``to``; the undoing is a step too."""

    def reset(self, slot: str | None) -> None:
        """Forgets what was learned of a slot; None: of all."""


class Marking(Protocol):
    """A person's marks of images."""

    def mark(self, path: Path, *, favourite: bool, reject: bool, stars: int) -> str:
        """What then is said of it, in words. Raises OrchestratorError."""


@dataclass(frozen=True, slots=True)
class LearnServices:
    recording: Recording
    learning: Learning


class LearnPart:
    """One for the process; threads may share it. ``path_of`` finds images, ``tell`` sends to all windows."""

    def __init__(self, recording: Recording, path_of: PathOf, tell: Tell) -> None:
        self._recording, self._path_of, self._tell = recording, path_of, tell

    def services(self) -> LearnServices:
        """Nothing is read or opened yet."""
        from .learn_none import NoLearning

        return LearnServices(self._recording, NoLearning())

    def answers(self) -> LearnAnswers:
        from .learn_answers import LearnAnswers
        from .learn_none import NoLearning

        nothing = NoLearning()
        return LearnAnswers(nothing, nothing, self._path_of, self._tell)
