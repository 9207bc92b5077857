"""The ledger of learning as the studio uses it: odds for draws, marks of images, and the desk of the page Learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.studio.learn_desk import Change, Learned, Planned
from orchestrator_app.studio.learn_html import Happening
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_app.studio.trends_html import OverTime
from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.request import GeneratedImage
    from orchestrator_core.run import Run
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards
    from orchestrator_core.weights.exchange import Fitting
    from orchestrator_core.weights.learner import State
    from orchestrator_core.weights.ledger import Ledger
    from orchestrator_core.weights.marking import Marks
    from orchestrator_core.weights.observation import Observation
    from orchestrator_core.weights.odds import Odds as LedgerOdds

_SETTINGS = {"pin": "pin", "unpin": "unpin", "switch": "switch", "mode": "mode"}


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
        self._over_time: tuple[int, str, OverTime] | None = None

    @cached_property
    def ledger(self) -> Ledger:
        from orchestrator_core.weights.ledger import Ledger

        return Ledger(self._open_store)

    # odds

    def number(self) -> int:
        try:
            return self.ledger.odds_number
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

    def moment(self) -> int:
        return self.ledger.number

    def look(self, context: str = "", slot: str = "") -> Learned:
        from orchestrator_app.studio.learned import learned_of

        return learned_of(self.ledger.state(), context, slot, self._known_wildcards())

    def _known_wildcards(self) -> Wildcards | None:
        try:
            return self._wildcards()
        except OrchestratorError:
            return None

    def planned(self, change: Change, context: str = "") -> Planned:
        from orchestrator_app.studio.learned import moves, title_of, titles_of

        state, context = self.ledger.state(), context or self.look().context
        titles = titles_of(state)
        title = title_of(change, titles)
        if change.what == "import":
            found = self._fitting(change.value)
            before, after = _with_import(state, found.observations, context)
            return Planned(change, title, moves(before, after, titles), found.remarks)
        before, after = self.ledger.preview(context, *self._told(change, context))
        remarks = self._taken_back(change.value, titles) if change.what == "undo" else ()
        return Planned(change, title, moves(before, after, titles), remarks)

    def _taken_back(self, to: int, titles: Mapping[str, str]) -> tuple[str, ...]:
        """What an undo takes back, in words."""
        later = [one for one in self.ledger.history(0) if one.number > to and not one.undone and one.kind != "undo"]
        if len(later) == 1:
            return (f"Takes back: {_named(later[0].words, titles)}.",)
        images = sum(one.kind == "observe" for one in later)
        counts = ((images, "scored run"), (len(later) - images, "mark or setting"))
        told = [f"{count:,} {what}{'s' * (count != 1)}" for count, what in counts if count]
        return (f"Takes back {' and '.join(told)}.",) if told else ()

    def _fitting(self, text: str) -> Fitting:
        """Raises FormatError."""
        from orchestrator_core.weights.exchange import Fitting, fitting, imported, keys_in

        observations, wildcards = imported(text), self._known_wildcards()
        return Fitting(observations) if wildcards is None else fitting(observations, keys_in(wildcards))

    def apply(self, change: Change) -> None:
        if change.what == "reset":
            self.ledger.reset(change.slot)
        elif change.what == "undo":
            self.ledger.undo(change.value)
        elif change.what == "import":
            self.ledger.observe(self._fitting(change.value).observations, "import", "taken in from a file")
        else:
            self.ledger.change_all(self._told(change, ""))

    def _told(self, change: Change, context: str) -> Sequence[Mapping[str, Any]]:
        """A change as the ledger has it. Raises LearningError."""
        if change.what in ("reset", "undo"):
            return [{"what": change.what, "slot": change.slot, "to": change.value}]
        if change.what in ("off", "on"):
            return [{"what": "value", "slot": "", "key": change.key, "value": change.what == "on"}]
        if change.what == "direction":
            return self._turned(change.slot, change.value)
        value = change.value
        if change.what == "pin" and value is None:  # as it is now
            value = self.ledger.odds(context or self.look().context).multipliers.get(change.key, 1.0)
        return [{"what": _SETTINGS[change.what], "slot": change.slot, "key": change.key, "value": value}]

    def _turned(self, slot: str, to: str) -> Sequence[Mapping[str, Any]]:
        """A slot that is off keeps its direction; one that is given a direction is on again."""
        off = {"what": "slot", "slot": slot, "key": "", "value": False}
        if to == "off":
            return [off]
        is_off = slot in self.ledger.settings.off_slots
        turned = {"what": "direction", "slot": slot, "key": "", "value": to}
        return [{**off, "value": True}, turned] if is_off else [turned]

    def happenings(self, most: int) -> Sequence[Happening]:
        from orchestrator_app.studio.learned import titles_of

        titles = titles_of(self.ledger.state())
        return [
            Happening(one.number, one.at_ms, _named(one.words, titles), one.undone, one.kind)
            for one in self.ledger.history(most)
        ]

    def plot(self, context: str, slot: str) -> str:
        from orchestrator_core.weights.plots import trend_svg
        from orchestrator_core.weights.trends import trends_of

        return trend_svg(trends_of(self.ledger.state().observations, context, slot))

    def over_time(self, context: str) -> OverTime:
        from orchestrator_app.studio.learned import over_time_of

        state = self.ledger.state()
        kept = self._over_time
        if kept is None or kept[:2] != (state.number, context):  # a page asks with every click
            kept = self._over_time = state.number, context, over_time_of(state, context)
        return kept[2]

    def exported(self) -> str:
        from orchestrator_core.weights.exchange import exported

        return exported(self.ledger.state())

    def table(self, name: str) -> str:
        from orchestrator_core.weights.tables import TABLES

        return TABLES[name](self.ledger.state())


def _with_import(state: State, observations: Sequence[Observation], context: str) -> tuple[LedgerOdds, LedgerOdds]:
    """The odds as they are, and as they would be."""
    from orchestrator_core.weights.learner import Event
    from orchestrator_core.weights.odds import odds

    before = odds(state, context)
    state.add(Event(state.number + 1, "import", tuple(observations)))
    return before, odds(state, context)


def _named(words: str, titles: Mapping[str, str]) -> str:
    """A variant's slot is a number, which tells nobody anything."""
    from orchestrator_core.weights.observation import INLINE

    slot = next((slot for slot in titles if slot.startswith(INLINE) and slot in words), "")
    return words.replace(slot, titles[slot]) if slot else words
