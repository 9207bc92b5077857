"""LearnPart: what the nodes and routes of learning share, imported and made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_core.run import Run

from .recording import Recording

if TYPE_CHECKING:
    from orchestrator_core.stages.generate_prompt import Options

    from .drawing_odds import Odds, Snapshot
    from .learn_answers import LearnAnswers, PathOf, Tell
    from .learn_store import StoreLearning
    from .learn_view import Direction, LearningView, Mode, TimeView
    from .services import Services


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

    def over_time(self) -> TimeView: ...
    def exported(self) -> str:
        """All that counts, as JSON."""

    def table(self, name: str) -> str:
        """As CSV; one of weights/tables.py."""

    def take_in(self, text: str) -> Sequence[str]:
        """What was exported elsewhere; what a person is told of that. Raises FormatError, and then takes nothing."""


class Marking(Protocol):
    """A person's marks of images."""

    def mark(self, path: Path, *, favourite: bool, reject: bool, stars: int) -> str:
        """What then is said of it, in words. Raises OrchestratorError."""


@dataclass(frozen=True, slots=True)
class LearnServices:
    recording: Recording
    learning: Learning
    tell: Callable[[str, Mapping[str, Any]], None] = lambda event, data: None


class LearnPart:
    """One for the process; threads may share it. ``path_of`` finds images, ``tell`` sends to all windows."""

    def __init__(self, recording: Recording, path_of: PathOf, tell: Tell) -> None:
        self._recording, self._path_of, self._tell = recording, path_of, tell
        self._lock = threading.Lock()
        self._learning: StoreLearning | None = None
        self._services: Services | None = None

    def of(self, services: Services) -> LearnPart:
        """``services`` draw what an image tells of its prompt."""
        self._services = services
        return self

    def start(self) -> None:
        """What is slow at first, before somebody queues a prompt."""
        self.learning().number()

    def learning(self) -> StoreLearning:
        """Nothing is read or opened yet."""
        from .learn_images import run_of
        from .learn_store import StoreLearning

        with self._lock:
            if self._learning is None:
                assert self._services is not None
                self._learning = StoreLearning(partial(run_of, services=self._services), self._services.wildcards)
            return self._learning

    def services(self) -> LearnServices:
        return LearnServices(self._recording, self.learning(), self._tell)

    def answers(self) -> LearnAnswers:
        from .learn_answers import LearnAnswers

        learning = self.learning()
        return LearnAnswers(learning, learning, self._path_of, self._tell)


class LaterOdds:
    """Odds that are asked for when the first prompt is drawn."""

    def __init__(self, learning: Callable[[], Odds]) -> None:
        self._learning = learning

    def number(self) -> int:
        return self._learning().number()

    def now(self, options: Options, family: str) -> Snapshot:
        return self._learning().now(options, family)

    def at(self, number: int, options: Options, family: str) -> Snapshot:
        return self._learning().at(number, options, family)
