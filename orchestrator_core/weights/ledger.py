"""Ledger: what was observed and what a person set, kept in the store, and what holds because of it at any moment.

A glance at the last number tells whether another host wrote since; then only what is new is read and added. The odds of
a moment are a function of the entries up to its number, so that an earlier moment can be asked for as well.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from orchestrator_core.base_models import base_model_in
from orchestrator_core.errors import LearningError
from orchestrator_core.run import Run
from orchestrator_core.weights.crediting import marked, observations_of
from orchestrator_core.weights.happenings import Happening, words_for
from orchestrator_core.weights.learner import Event, EventKind, State, changed, check_names, effective, folded
from orchestrator_core.weights.lora_learning import lora_observations
from orchestrator_core.weights.marking import Marks, words_of
from orchestrator_core.weights.observation import Observation, context_of
from orchestrator_core.weights.odds import Odds, odds
from orchestrator_core.weights.settings import Settings

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.learning import Entry, LearningLog, NewEntry

What = Literal["switch", "mode", "direction", "slot", "pin", "unpin", "value"]
_EARLIER = 32  # moments whose odds are kept


class Ledger:
    """Threads may share one. The store is open during a call alone. Every method raises StoreError."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._lock = threading.Lock()
        self._state = State()
        self._tip = ""  # the identity of the last entry that is in it
        self._earlier: dict[tuple[int, str], Odds] = {}

    # what holds

    def state(self) -> State:
        """What holds now: a copy, which stays as it is."""
        with self._reading() as state:
            return deepcopy(state)

    @property
    def settings(self) -> Settings:
        with self._reading() as state:
            return state.settings

    @property
    def number(self) -> int:
        """Of the last entry."""
        with self._reading() as state:
            return state.number

    @property
    def odds_number(self) -> int:
        """Of the moment by whose odds prompts are drawn now; 0 while learning is off."""
        with self._reading() as state:
            return state.number if state.settings.on else 0

    @contextmanager
    def _reading(self) -> Iterator[State]:
        """What holds now; it is this ledger's own, and moves on after the block."""
        with self._lock:
            with self._open_store() as store:
                log = _log(store)
                if log.last() != self._state.number:
                    self._catch_up(log)
            yield self._state

    def _catch_up(self, log: LearningLog) -> None:
        """Takes in what came since; all of it anew after an undo, or where this is another database, as a backup is."""
        known = self._state.number
        entries = log.entries(max(known - 1, 0))
        is_other = bool(known) and self._tip not in [entry.identity for entry in entries[:1]]
        new = [event_of(entry) for entry in entries if entry.number > known]
        if is_other:
            self._earlier = {}
        if is_other or any(event.kind == "undo" for event in new):
            entries = log.entries()
            self._state = folded([event_of(entry) for entry in entries])
        else:
            self._state.add(*new)
        self._tip = entries[-1].identity if entries else ""

    def at(self, number: int) -> State:
        """What held after the entry ``number``. Raises LearningError where there is none."""
        with self._reading() as state:
            if state.number == number:
                return deepcopy(state)
        return folded(self._events(number))

    def odds(self, context: str, number: int | None = None) -> Odds:
        """For prompts of a context, of this moment or of that with a number. Raises LearningError."""
        if number is None:
            with self._reading() as state:
                return odds(state, context)
        found = self._earlier.get((number, context))
        if found is None:
            found = odds(self.at(number), context)
            if len(self._earlier) >= _EARLIER:
                self._earlier.clear()
            self._earlier[number, context] = found
        return found

    def preview(self, context: str, *changes: Mapping[str, Any]) -> tuple[Odds, Odds]:
        """The odds as they are, and as they would be; nothing is kept. Raises LearningError.

        ``changes``: of ``set`` as ``{what, slot, key, value}``, or ``{what: "reset", slot}``, ``{what: "undo", to}``.
        """
        events = self._events()
        last = events[-1].number if events else 0
        more = [Event(number, _kind_of(change), (), change) for number, change in enumerate(changes, last + 1)]
        return odds(folded(events), context), odds(folded([*events, *more]), context)

    def without_mark(self, run_id: str, image: str) -> tuple[State, State]:
        """What would hold if nobody had marked that image, and what holds; nothing is changed."""
        now = self.state()
        return now.without_mark(run_id, image), now

    def history(self, most: int = 50) -> list[Happening]:
        """The newest first."""
        with self._open_store() as store:
            entries = _log(store).entries()
        counted = {event.number for event in effective([event_of(entry) for entry in entries])}
        return [
            Happening(entry.number, entry.at_ms, _kind(entry), words_for(entry), _is_undone(entry, counted))
            for entry in reversed(entries[-most:] if most else entries)
        ]

    def _events(self, to: int | None = None) -> list[Event]:
        with self._open_store() as store:
            events = [event_of(entry) for entry in _log(store).entries(to=to)]
        if to and (not events or events[-1].number != to):
            raise LearningError(f"There is no moment {to}: the last one is {events[-1].number if events else 0}.")
        return events

    # what is added; each gives the number of the moment after it

    def change(self, what: What, *, slot: str = "", key: str = "", value: Any = None) -> int:
        """Raises LearningError for what cannot be set."""
        return self.change_all([{"what": what, "slot": slot, "key": key, "value": value}])

    def change_all(self, changes: Sequence[Mapping[str, Any]]) -> int:
        """One after the other, each as ``change`` has it: all of them or, where one cannot be set, none."""
        from orchestrator_core.store.learning import NewEntry

        settings = self.settings
        for change in changes:
            check_names(change)
            settings = changed(settings, change)
        return self.add([NewEntry("set", secrets.token_hex(8), change) for change in changes])

    def reset(self, slot: str = "") -> int:
        """Forgets what was seen of a slot, or of all; what a person set stays."""
        return self._add("reset", secrets.token_hex(8), {"slot": slot})

    def undo(self, to: int | None = None) -> int:
        """Back to what held after the entry ``to``; None: before the last. Raises LearningError."""
        last = self.number
        to = last - 1 if to is None else to
        if not 0 <= to < max(last, 1):
            raise LearningError(f"There is no moment {to} to go back to: choose one from 0 to {max(last - 1, 0)}.")
        return self._add("undo", secrets.token_hex(8), {"to": to})

    def observe(self, observations: Iterable[Observation], kind: EventKind = "observe", words: str = "") -> int:
        """What is told twice counts once, whichever host tells it."""
        told = [asdict(one) for one in observations]
        if not told:
            return self.number
        data = {"observations": told, **({"words": words} if words else {})}
        digest = sha256(json.dumps([kind, told], sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
        return self._add(kind, digest, data)

    def context_for(self, profiles: str, genre: str, family: str) -> str:
        """Where nobody knows yet what will render, and images of one family alone were learned from, it is that one."""
        context = context_of(profiles, genre, family)
        if family:
            return context
        with self._reading() as state:
            known = [one for one in state.contexts() if one.startswith(context)]
        return known[0] if len(known) == 1 else context

    def learn(self, run: Run, family: str | None = None) -> int:
        """A ``RunLearner``: takes a run's scores in while learning is on; how many observations they are.

        ``family``: of the checkpoint; None: as the name says that the images have.
        """
        if not self.settings.on:
            return 0
        seen = observations_of(run, family_of(run) if family is None else family)
        observations = (*seen, *lora_observations(run.draft, seen))
        images = len({one.image for one in observations})
        self.observe(observations, words=f"{images} image{'s' * (images != 1)} of run {run.id}")
        return len(observations)

    def mark(self, run: Run, image: str, marks: Marks, family: str | None = None) -> int:
        """Keeps what a person says of an image; how many observations that makes.

        They are in the ledger whether learning is on or not: while it is off no odds move, and once it is switched on
        all that was ever said counts.
        """
        from orchestrator_core.store.marks import ImageMarks, StoredMarks

        observations = marked(run, image, marks, family_of(run) if family is None else family)
        path = next((one.path for one in run.images if one.path.name == image), None)
        stored = StoredMarks(marks.favourite, marks.reject, marks.stars)
        with self._open_store() as store:
            ImageMarks(store).put(run.id, image, stored, path, mark_entries(image, marks, observations))
        return len(observations)

    def _add(self, kind: EventKind, identity: str, data: Mapping[str, Any]) -> int:
        from orchestrator_core.store.learning import NewEntry

        return self.add([NewEntry(kind, identity, data)])

    def add(self, entries: Sequence[NewEntry]) -> int:
        with self._open_store() as store:
            return _log(store).append(entries)


def mark_entries(image: str, marks: Marks, observations: Sequence[Observation]) -> list[NewEntry]:
    """What the ledger is told of a mark: nothing where it says nothing of any value."""
    from orchestrator_core.store.learning import NewEntry

    said = f"{image}: {words_of(marks) or 'no mark'}"
    data = {"observations": [asdict(one) for one in observations], "words": said}
    # Not by content alone: a favourite that was taken back and is given again is a third event.
    return [NewEntry("mark", secrets.token_hex(8), data)] if observations else []


def family_of(run: Run) -> str:
    """Of the model that rendered a run's images, by its file's name."""
    return base_model_in(next((image.request.checkpoint for image in run.images), "")).family


def _log(store: Store) -> LearningLog:
    from orchestrator_core.store.learning import LearningLog

    return LearningLog(store)


def event_of(entry: Entry) -> Event:
    """Raises LearningError for an entry of another version, before anything of it counts."""
    data = dict(entry.data)
    try:
        observations = tuple(Observation(**one) for one in data.get("observations", ()))
        if entry.kind == "set":
            changed(Settings(), data)
    except (TypeError, LearningError) as error:
        told = f"Entry {entry.number} of the ledger is of a newer version of this pack: update it here too."
        raise LearningError(told) from error
    return Event(entry.number, _kind(entry), observations, data, entry.at_ms)


def _kind(entry: Entry) -> EventKind:
    return entry.kind  # type: ignore[return-value]  # State takes what it does not know as observations


def _kind_of(change: Mapping[str, Any]) -> EventKind:
    what = change.get("what")
    return what if what in ("reset", "undo") else "set"


def _is_undone(entry: Entry, counted: set[int]) -> bool:
    return entry.kind != "undo" and entry.number not in counted
