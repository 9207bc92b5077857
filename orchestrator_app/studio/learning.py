"""The ledger of learning as the studio uses it: odds for draws, marks of images, and the desk of the page Learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.studio.learn_desk import Change, Learned, Planned
from orchestrator_app.studio.learn_html import Happening
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.request import GeneratedImage
    from orchestrator_core.run import Run
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards
    from orchestrator_core.weights.ledger import Ledger
    from orchestrator_core.weights.marking import Marks
    from orchestrator_core.weights.odds import Odds as LedgerOdds

_SETTINGS = {"pin": "pin", "unpin": "unpin", "switch": "switch", "mode": "mode", "direction": "direction"}


def family_by_name(checkpoint: str) -> str:
    """Of the model, as far as its name says it."""
    from orchestrator_core.base_models import base_model_in

    return base_model_in(checkpoint).family


class StudioLearning:
    """A ``LearnedOdds``, a ``MarkKeeper`` and a ``LearnDesk`` over one ledger.

    ``family``: of a checkpoint's name, as the draws ask for it: what is learned by another name is learned in vain.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        wildcards: Callable[[], Wildcards],
        family: Callable[[str], str] = family_by_name,
    ) -> None:
        self._open_store, self._wildcards, self._family = open_store, wildcards, family

    @cached_property
    def ledger(self) -> Ledger:
        from orchestrator_core.weights.ledger import Ledger

        return Ledger(self._open_store)

    # odds

    def number(self) -> int:
        try:
            return self.ledger.number if self.ledger.settings.on else 0
        except OrchestratorError:
            return 0

    def odds(self, profiles: str, genre: str, model: BaseModel) -> Odds:
        from orchestrator_core.weights.overlay import overlay

        found = overlay(self.ledger, profiles, genre, model.family)
        return Odds(found.weights, found.number) if found.number else NO_ODDS

    def learn(self, runs: Sequence[Run]) -> None:
        """Takes scores in, where learning is on. Raises StoreError."""
        for run in runs:
            self.ledger.learn(run, self._family_of(run))

    def _family_of(self, run: Run) -> str:
        return self._family(next((image.request.checkpoint for image in run.images), ""))

    # marks

    def of(self, images: Sequence[GeneratedImage]) -> Mapping[Path, Marks]:
        from orchestrator_core.store.marks import ImageMarks
        from orchestrator_core.weights.marking import Marks

        if not images:
            return {}
        with self._open_store() as store:
            kept = {run_id: ImageMarks(store).of_run(run_id) for run_id in {image.run_id for image in images}}
        found = {image.path: kept[image.run_id].get(image.path.name) for image in images}
        return {path: Marks(one.favourite, one.stars, one.reject) for path, one in found.items() if one is not None}

    def set(self, run: Run, image: GeneratedImage, marks: Marks) -> None:
        self.ledger.mark(run, image.path.name, marks, self._family_of(run))

    # the desk

    def look(self, context: str = "", slot: str = "") -> Learned:
        from orchestrator_app.studio.learned import learned_of

        return learned_of(self.ledger.state(), context, slot, self._known_wildcards())

    def _known_wildcards(self) -> Wildcards | None:
        try:
            return self._wildcards()
        except OrchestratorError:
            return None

    def planned(self, change: Change, context: str = "") -> Planned:
        from orchestrator_app.studio.learned import moves, title_of

        context = context or self.look().context
        if change.what == "import":
            before, after = self._with_import(change.value, context)
        else:
            before, after = self.ledger.preview(context, self._told(change, context))
        return Planned(change, title_of(change), moves(before, after))

    def _with_import(self, text: str, context: str) -> tuple[LedgerOdds, LedgerOdds]:
        """The odds as they are, and as they would be. Raises FormatError."""
        from orchestrator_core.weights.exchange import imported
        from orchestrator_core.weights.learner import Event
        from orchestrator_core.weights.odds import odds

        observations, state = imported(text), self.ledger.state()
        before = odds(state, context)
        state.add(Event(state.number + 1, "import", observations))
        return before, odds(state, context)

    def apply(self, change: Change) -> None:
        if change.what == "reset":
            self.ledger.reset(change.slot)
        elif change.what == "undo":
            self.ledger.undo(change.value)
        elif change.what == "import":
            from orchestrator_core.weights.exchange import imported

            self.ledger.observe(imported(change.value), "import", "taken in from a file")
        else:
            told = self._told(change, "")
            self.ledger.change(told["what"], slot=change.slot, key=change.key, value=told["value"])

    def _told(self, change: Change, context: str) -> dict[str, Any]:
        """A change as the ledger has it. Raises LearningError."""
        if change.what in ("reset", "undo"):
            return {"what": change.what, "slot": change.slot, "to": change.value}
        if change.what in ("off", "on"):
            return {"what": "value", "key": change.key, "value": change.what == "on"}
        value = change.value
        if change.what == "pin" and value is None:  # as it is now
            value = self.ledger.odds(context or self.look().context).multipliers.get(change.key, 1.0)
        return {"what": _SETTINGS[change.what], "slot": change.slot, "key": change.key, "value": value}

    def happenings(self, most: int) -> Sequence[Happening]:
        return [Happening(one.number, one.at_ms, one.words, one.undone) for one in self.ledger.history(most)]

    def plot(self, context: str, slot: str) -> str:
        from orchestrator_core.weights.plots import trend_svg
        from orchestrator_core.weights.trends import trends_of

        return trend_svg(trends_of(self.ledger.state().observations, context, slot))

    def exported(self) -> str:
        from orchestrator_core.weights.exchange import exported

        return exported(self.ledger.state())

    def table(self) -> str:
        from orchestrator_core.weights.tables import as_csv

        return as_csv(self.ledger.state().observations)
