"""What an entry that was told does to later turns: it stays (sticky), or stays away (cooldown).

The state goes in with a scan and comes out with its result; who keeps a story keeps it with the scene. A scan of the
same turn again therefore starts from the same state, and gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.book import Entry


@dataclass(frozen=True, slots=True)
class Effect:
    """In force from turn ``start`` up to, and without, ``end``.

    One that is not ``protected`` falls away if the turn is not after its start: the story went back.
    """

    start: int
    end: int
    protected: bool = False


@dataclass(frozen=True, slots=True)
class TimedEffects:
    """Effects by the key of their entry (``entry_key``). ``matched``: the first turn in which an entry was told."""

    sticky: Mapping[str, Effect] = field(default_factory=dict)
    cooldown: Mapping[str, Effect] = field(default_factory=dict)
    matched: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data that ``from_json`` reads."""
        return {
            "sticky": {key: [one.start, one.end, one.protected] for key, one in self.sticky.items()},
            "cooldown": {key: [one.start, one.end, one.protected] for key, one in self.cooldown.items()},
            "matched": dict(self.matched),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TimedEffects:
        """Raises FormatError for what ``to_json`` did not write."""
        try:
            sticky, cooldown = (
                {str(key): Effect(int(start), int(end), bool(kept)) for key, (start, end, kept) in data[name].items()}
                for name in ("sticky", "cooldown")
            )
            return cls(sticky, cooldown, {str(key): int(turn) for key, turn in data["matched"].items()})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise FormatError(f"These are no timed effects of lore entries: {error!r}.") from None


def entry_key(book: str, entry: Entry) -> str:
    """What an entry's effects are kept under."""
    return f"{book}.{entry.uid}"


def at_turn(timed: TimedEffects, turn: int, entries: Mapping[str, Entry]) -> TimedEffects:
    """The effects that are in force in this turn, and those of entries of other books.

    A sticky time that is over starts the entry's cooldown.
    """
    sticky = _standing(timed.sticky, turn, {key: entry.sticky for key, entry in entries.items()})
    cooldown = dict(timed.cooldown)
    for key, effect in timed.sticky.items():
        entry = entries.get(key)
        if entry is not None and entry.sticky and entry.cooldown and effect.end <= turn and _advanced(effect, turn):
            cooldown[key] = Effect(turn, turn + entry.cooldown, protected=True)
    cooldown = _standing(cooldown, turn, {key: entry.cooldown for key, entry in entries.items()})
    return TimedEffects(sticky, cooldown, {key: first for key, first in timed.matched.items() if first < turn})


def _advanced(effect: Effect, turn: int) -> bool:
    return effect.protected or turn > effect.start


def _standing(effects: Mapping[str, Effect], turn: int, lengths: Mapping[str, int]) -> dict[str, Effect]:
    # An entry that is not here may be of a book that is used again later; one without a length was edited.
    return {
        key: effect
        for key, effect in effects.items()
        if _advanced(effect, turn) and turn < effect.end and lengths.get(key, 1)
    }


def after_turn(timed: TimedEffects, turn: int, told: Iterable[tuple[str, Entry]]) -> TimedEffects:
    """The effects with those of the entries that this turn tells. An effect in force is not made longer."""
    sticky, cooldown, matched = dict(timed.sticky), dict(timed.cooldown), dict(timed.matched)
    for key, entry in told:
        if entry.sticky:
            sticky.setdefault(key, Effect(turn, turn + entry.sticky))
        if entry.cooldown:
            cooldown.setdefault(key, Effect(turn, turn + entry.cooldown))
        matched.setdefault(key, turn)
    return replace(timed, sticky=sticky, cooldown=cooldown, matched=matched)
