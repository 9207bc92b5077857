"""State: all that was learned up to one moment of the ledger, and the odds that come of it.

The ledger is a list of events, and what holds after the n-th is a function of the first n alone: two hosts, an earlier
moment, or a ledger that was copied elsewhere give the same odds to the last bit. An undo is an event too: what holds
after it is what held at the moment that it names.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestrator_core.errors import LearningError
from orchestrator_core.weights.observation import Observation
from orchestrator_core.weights.record import SlotRecord
from orchestrator_core.weights.regression import Regression
from orchestrator_core.weights.settings import RULES, Settings

MOST_PIN = 1_000_000
EventKind = Literal["observe", "mark", "set", "reset", "undo", "import"]


@dataclass(frozen=True, slots=True)
class Event:
    """``number``: from 1, without gaps that matter. ``observations``: of observe, mark and import. ``change``: of set,
    ``{what, slot, key, value}``; of reset, ``{slot}``; of undo, ``{to}``."""

    number: int
    kind: EventKind
    observations: tuple[Observation, ...] = ()
    change: Mapping[str, Any] = field(default_factory=dict)
    at_ms: int = 0


@dataclass(slots=True)
class State:
    """Make one with ``folded``. ``add`` takes the next events, none of which may be an undo."""

    number: int = 0
    settings: Settings = field(default_factory=Settings)
    images: set[tuple[str, str]] = field(default_factory=set)
    _seen: dict[str, Observation] = field(default_factory=dict)  # by identity, in the order of the ledger
    _records: dict[tuple[str, str, str], SlotRecord] = field(default_factory=dict)  # by context, slot, scorer
    _latest: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # the scorer that a context's slot was last seen by
    _whole: dict[str, Regression] = field(default_factory=dict)  # by context
    _left_out: dict[str, set[tuple[str, str]]] = field(default_factory=dict)  # images of too many values, by context
    _slots: dict[str, dict[str, None]] = field(default_factory=dict)  # in the order in which they came, by context

    def add(self, *events: Event) -> None:
        """What the last of them that takes something back leaves is summed up once, however many do."""
        counts = max((number for number, event in enumerate(events, 1) if self._note(event)), default=0)
        if counts:
            later = sum(len(event.observations) for event in events[counts:])
            self._rebuild(list(self._seen.values())[: len(self._seen) - later])
        for event in events[counts:]:
            self._take(event.observations)

    def _note(self, event: Event) -> bool:
        """Whether something that was said before is taken back: sums and surprises are made anew from what counts."""
        self.number, before = event.number, len(self._seen)
        if event.kind == "set":
            self.settings = changed(self.settings, event.change)
            return False
        if event.kind == "reset":
            slot = event.change.get("slot") or ""
            self._seen = {name: one for name, one in self._seen.items() if slot and one.slot != slot}
            return True
        self._seen.update((one.identity, one) for one in event.observations)
        return len(self._seen) < before + len(event.observations)

    def _take(self, observations: Iterable[Observation]) -> None:
        whole: dict[tuple[str, str, str, str], list[Observation]] = {}
        for one in observations:
            if not (math.isfinite(one.value) and one.weight > 0):  # a mark that was taken back weighs nothing
                continue
            self.images.add((one.run_id, one.image))
            self._slots.setdefault(one.context, {})[one.slot] = None
            if one.kind == "score":
                record = self._records.setdefault((one.context, one.slot, one.scorer), SlotRecord())
                record.add(one.key, one.value, one.weight, one.options)
                self._latest[one.context, one.slot] = one.scorer
            else:
                whole.setdefault((one.context, one.run_id, one.image, one.kind + one.scorer), []).append(one)
        for (context, *_), parts in whole.items():
            first, regression = parts[0], self._whole.setdefault(context, Regression())
            if first.kind == "mark":
                taken = regression.add_marked({part.key: part.options for part in parts}, first.value, first.weight)
            else:
                taken = regression.add([part.key for part in parts], first.value, first.weight)
            if not taken:
                self._left_out.setdefault(context, set()).add((first.run_id, first.image))

    def _rebuild(self, observations: Iterable[Observation]) -> None:
        self._records, self._latest, self._whole, self._slots, self.images = {}, {}, {}, {}, set()
        self._left_out = {}
        self._take(observations)

    def without_mark(self, run_id: str, image: str) -> State:
        """What would hold if nobody had marked that image; this one stays as it is."""
        other = deepcopy(self)
        gone = {
            name: one.context
            for name, one in self._seen.items()
            if one.kind == "mark" and one.run_id == run_id and one.image == image
        }
        other._seen = {name: one for name, one in self._seen.items() if name not in gone}
        # What models said of values is summed up apart, and does not change.
        concerned = set(gone.values())
        for context in concerned:
            other._whole.pop(context, None)
            other._left_out.pop(context, None)
        other._take(one for one in other._seen.values() if one.kind != "score" and one.context in concerned)
        return other

    # what was learned

    @property
    def observations(self) -> Iterable[Observation]:
        return self._seen.values()

    def contexts(self) -> list[str]:
        return list(self._slots)

    def slots(self, context: str) -> list[str]:
        return list(self._slots.get(context, ()))

    def scorer(self, context: str, slot: str) -> str:
        """By which this slot was seen last: what another scorer said is not mixed with it."""
        return self._latest.get((context, slot), "")

    def record(self, context: str, slot: str) -> SlotRecord | None:
        return self._records.get((context, slot, self.scorer(context, slot)))

    def whole(self, context: str) -> Regression | None:
        return self._whole.get(context)

    def left_out(self, context: str) -> Collection[tuple[str, str]]:
        """Run and name of images whose marks are not learned from: with theirs there were too many values."""
        return self._left_out.get(context, frozenset())


def folded(events: Sequence[Event]) -> State:
    """What holds after the last of these events, which are all of the ledger up to there."""
    state = State()
    state.add(*effective(events))
    if events:
        state.number = events[-1].number
    return state


def effective(events: Sequence[Event]) -> list[Event]:
    """Those that count after the last one, in their order; an undo goes back to any moment before it, undone or not.

    Raises LearningError for an undo to a moment that is not there.
    """
    moments: dict[int, _Kept | None] = {0: None}
    last: _Kept | None = None
    for event in events:
        if event.kind == "undo":
            to = event.change.get("to")
            if to not in moments:
                raise LearningError(f"There is no moment {to} to go back to.")
            last = moments[to]
        else:
            last = _Kept(event, last)
        moments[event.number] = last
    kept = []
    while last is not None:
        kept.append(last.event)
        last = last.before
    return kept[::-1]


@dataclass(frozen=True, slots=True)
class _Kept:
    event: Event
    before: _Kept | None


def changed(settings: Settings, change: Mapping[str, Any]) -> Settings:
    """With one thing set. Raises LearningError for what cannot be."""
    what, slot, key, value = (change.get(name) for name in ("what", "slot", "key", "value"))
    if what == "switch":
        return replace(settings, on=bool(value))
    if what == "mode" and value in RULES:
        return replace(settings, mode="fast" if value == "fast" else "careful")
    if what == "direction" and value in ("report", "prefer") and slot:
        return replace(settings, directions={**settings.directions, slot: value})
    if what == "slot" and slot:
        return replace(settings, off_slots=_toggled(settings.off_slots, slot, not value))
    if what == "pin" and key:
        return replace(settings, pins={**settings.pins, key: _multiplier(key, value)})
    if what == "unpin" and key:
        return replace(settings, pins={name: pin for name, pin in settings.pins.items() if name != key})
    if what == "value" and key:
        return replace(settings, off_values=_toggled(settings.off_values, key, not value))
    raise LearningError(f"{dict(change)!r} is nothing that can be set about learning.")


def _multiplier(key: str, value: object) -> float:
    if isinstance(value, (int, float)) and 0 <= value <= MOST_PIN:
        return float(value)
    raise LearningError(f"{key}: it cannot be pinned at {value}×: give a number from 0 to {MOST_PIN:,}.")


def check_names(change: Mapping[str, Any]) -> None:
    """Raises LearningError where a slot is named for a value or the other way round, which would move nothing."""
    slot, key = change.get("slot") or "", change.get("key") or ""
    if key and "#" not in key:
        raise LearningError(f"{key!r} names no value: write its slot before it, as colors/warm#crimson.")
    if "#" in slot:
        raise LearningError(f"{slot!r} is a value, and this is set for a whole slot: {slot.partition('#')[0]!r}.")


def _toggled(names: frozenset[str], name: str, there: bool) -> frozenset[str]:
    return names | {name} if there else names - {name}
