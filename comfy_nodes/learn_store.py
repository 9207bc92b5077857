"""Learning in the store, which ComfyUI and Forge share: scores and marks go in, odds and a person's view come out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, NoDatabase, OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.stages.generate_prompt import Options
from orchestrator_core.weights.crediting import context_for, credited_paths
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.lora_learning import with_lora_factors
from orchestrator_core.weights.marking import Marks, words_of
from orchestrator_core.weights.observation import context_of, value_of

from .checkpoint_family import family_in
from .drawing_odds import NONE, Snapshot
from .learn_part import Learned
from .learn_telling import time_of, view_of
from .learn_view import Direction, LearningView, Mode, TimeView

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards

_WAIT_S = 5.0  # for another program's lock on the store
_MOST_LINES = 8
_FAILURES = (OrchestratorError, OSError, ImportError)  # ImportError: requirements.txt was not installed
_log = logging.getLogger("orchestrator")

RunOf = Callable[[Path], "tuple[Run, str]"]  # the run of an image, and the model's family; raises OrchestratorError


def open_store(*, create: bool = True) -> Store:
    from orchestrator_core.store import Store

    return Store.open(create=create, wait_s=_WAIT_S)


class StoreLearning:
    """A ``Learning``, ``Ledger``, ``Marking`` and ``Odds``, one for the process; threads may share it."""

    def __init__(self, run_of: RunOf, wildcards: Wildcards) -> None:
        self._run_of, self._wildcards = run_of, wildcards
        self._ledger = Ledger(open_store)
        self._there = Ledger(partial(open_store, create=False))  # a look makes no database

    # for draws

    def number(self) -> int:
        try:
            return self._there.odds_number
        except _FAILURES as error:
            self._pass_over(error)
            return 0

    def now(self, options: Options, family: str) -> Snapshot:
        return self.at(self.number(), options, family)

    def at(self, number: int, options: Options, family: str) -> Snapshot:
        if number <= 0:
            return NONE
        try:
            found = self._there.odds(context_of(options.profiles, options.genre, family), number)
        except _FAILURES as error:
            self._pass_over(error)
            return NONE
        return Snapshot(found.number, with_lora_factors(found.multipliers)) if found.multipliers else NONE

    def _pass_over(self, error: Exception) -> None:
        if not isinstance(error, NoDatabase):
            _log.warning("Orchestrator: drawn without learned odds: %s", error)

    # for Feedback Recorder

    def learn(self, run: Run, prompt: Any) -> Learned:
        family = family_in(prompt)
        try:
            count = self._ledger.learn(run, family)
            mode = self.mode()
            lines = tuple(self._moved(run.draft, family))[:_MOST_LINES] if count else ()
        except _FAILURES as error:
            _log.warning("Orchestrator: nothing is learned: %s", error)
            return Learned(lines=(f"Not learned: {error}",))
        return Learned(mode, count, lines)

    def _moved(self, draft: PromptDraft, family: str) -> Iterator[str]:
        """The odds of this prompt's values, where they are other than written."""
        weights = self._ledger.odds(context_for(draft, family)).multipliers
        keys = dict.fromkeys(choice.key for path in credited_paths(draft) for choice in path)
        return (f"{value_of(key)} {weights[key]:.1f}×" for key in keys if weights.get(key, 1.0) != 1)

    # what a person sees and says

    def mode(self) -> Mode:
        try:
            settings = self._there.settings
        except NoDatabase:
            return "off"
        return settings.mode if settings.on else "off"

    def view(self) -> LearningView:
        try:
            state, history = self._there.state(), self._there.history()
        except NoDatabase:
            return LearningView()
        return view_of(state, history)

    def over_time(self) -> TimeView:
        return time_of(self._state())

    def exported(self) -> str:
        from orchestrator_core.weights.exchange import exported

        return exported(self._state())

    def table(self, name: str) -> str:
        from orchestrator_core.weights.tables import TABLES

        return TABLES[name](self._state())

    def _state(self) -> State:
        """Of a store that is not there, an empty one."""
        try:
            return self._there.state()
        except NoDatabase:
            return State()

    def take_in(self, text: str) -> Sequence[str]:
        from orchestrator_core.weights.exchange import fitting, imported, keys_in

        found = fitting(imported(text), keys_in(self._wildcards))
        before = self._ledger.number
        number = self._ledger.observe(found.observations, "import", "taken in from a file")
        count = f"Taken in: {len(found.observations):,} observations." if number > before else "Nothing in it is new."
        return (count, *found.remarks)

    def set_mode(self, mode: Mode) -> None:
        if mode != "off":
            self._ledger.change("mode", value=mode)
        if (mode != "off") != (self.mode() != "off"):
            self._ledger.change("switch", value=mode != "off")

    def set_slot(self, slot: str, *, direction: Direction | None, on: bool | None) -> None:
        if direction is not None:
            self._ledger.change("direction", slot=slot, value=direction)
        if on is not None:
            self._ledger.change("slot", slot=slot, value=on)

    def pin(self, key: str, multiplier: float | None) -> None:
        if multiplier is None:
            self._ledger.change("unpin", key=key)
        else:
            self._ledger.change("pin", key=key, value=multiplier)

    def set_off(self, key: str, *, off: bool) -> None:
        self._ledger.change("value", key=key, value=not off)

    def undo(self, to: int) -> None:
        self._ledger.undo(to)

    def reset(self, slot: str | None) -> None:
        self._ledger.reset(slot or "")

    def mark(self, path: Path, *, favourite: bool, reject: bool, stars: int) -> str:
        marks = Marks(favourite, stars, reject)
        try:
            run, family = self._run_of(path)
            self._ledger.mark(run, path.name, marks, family)
        except (OSError, ImportError) as error:
            raise ConfigError(f"The mark cannot be kept: {error}") from error
        return words_of(marks)
