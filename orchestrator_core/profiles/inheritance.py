"""Several profiles as one, and what a profile inherits.

The rules, for ``extends`` as for a list of names: lists are joined without doubles, weights of one value are
multiplied, and of everything else the later one wins where it says anything at all. A phrase with ``-`` before it takes
an inherited one away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.profiles.model import Kind, Profile, ProfileLora
from orchestrator_core.profiles.phrases import phrase_key
from orchestrator_core.profiles.schema import MAX_WEIGHT

MAX_LEVELS = 50
_LISTS = ("style", "appearance_tags", "required", "forbidden", "negative")
_TEXTS = ("description", "personality", "scenario", "setting", "backstory", "template", "subject", "family")
_MAPPINGS = ("state", "extensions")


def combined(profiles: Sequence[Profile]) -> Profile:
    """One profile of several, whose ``parts`` are these. One alone is itself, nothing is an empty one."""
    if not profiles:
        return Profile("")
    if len(profiles) == 1:
        return profiles[0]
    names = ", ".join(profile.name for profile in profiles)
    keys = ", ".join(profile.key for profile in profiles)
    parts = tuple(member for profile in profiles for member in profile.members)
    return _joined(profiles).replacing(name=names, key=keys, kind=_kind(profiles), parts=parts)


def _joined(profiles: Sequence[Profile]) -> Profile:
    lists = {name: _phrases(getattr(profile, name) for profile in profiles) for name in _LISTS}
    texts = {name: _last(getattr(profile, name) for profile in profiles) for name in _TEXTS}
    mappings = {name: _merged(getattr(profile, name) for profile in profiles) for name in _MAPPINGS}
    return profiles[-1].replacing(
        **lists,
        **texts,
        **mappings,
        wildcard_weights=_weights(profiles),
        loras=_loras(profiles),
        lore=_lore(profiles),
        card_raw=_last(profile.card_raw for profile in profiles),
    )


def _kind(profiles: Sequence[Profile]) -> Kind:
    kinds = {profile.kind for profile in profiles}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _last(values: Iterable[Any]) -> Any:
    given = list(values)
    return next((value for value in reversed(given) if value), given[-1])


def _phrases(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for phrases in lists:
        for phrase in phrases:
            if phrase.startswith("-"):
                found.pop(phrase_key(phrase[1:]), None)
            else:
                found.setdefault(phrase_key(phrase), phrase)
    return tuple(found.values())


def _merged(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for mapping in mappings for key, value in mapping.items()}


def _weights(profiles: Iterable[Profile]) -> dict[str, float]:
    return multiplied(profile.wildcard_weights for profile in profiles)


def multiplied(weights: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Multipliers of all, as one."""
    found: dict[str, float] = {}
    for some in weights:
        for key, weight in some.items():
            found[key] = min(found.get(key, 1.0) * weight, MAX_WEIGHT)
    return found


def _loras(profiles: Iterable[Profile]) -> tuple[ProfileLora, ...]:
    found = {lora.name.casefold(): lora for profile in profiles for lora in profile.loras}
    return tuple(found.values())


def _lore(profiles: Iterable[Profile]) -> tuple[str | Mapping[str, Any], ...]:
    found: list[str | Mapping[str, Any]] = []
    for profile in profiles:
        found += [lore for lore in profile.lore if lore not in found]
    return tuple(found)


Find = Callable[[str], "tuple[Profile | None, str]"]


@dataclass(slots=True)
class Heirs:
    """Gives profiles what they inherit. ``find``: a profile as its file has it, or why there is none."""

    find: Find
    problems: dict[str, list[str]] = field(default_factory=dict)  # by key
    _done: dict[str, Profile] = field(default_factory=dict)

    def of(self, profile: Profile) -> Profile:
        """The profile with all that it inherits; what cannot be inherited is told in ``problems``."""
        return self._resolved(profile, ())

    def _resolved(self, profile: Profile, path: tuple[str, ...]) -> Profile:
        if profile.key in self._done:
            return self._done[profile.key]
        path = (*path, profile.key)
        parents = [parent for name in profile.extends if (parent := self._parent(name, profile, path)) is not None]
        found = self._heir(profile, parents)
        self._done[profile.key] = found
        return found

    def _parent(self, name: str, profile: Profile, path: tuple[str, ...]) -> Profile | None:
        parent, problem = self.find(name)
        if parent is not None and parent.key in path:
            circle = " extends ".join((*path[path.index(parent.key) :], parent.key))
            parent, problem = None, f"{circle}: a profile cannot inherit from itself."
        if len(path) > MAX_LEVELS:
            parent, problem = None, f"It inherits over more than {MAX_LEVELS} levels; {name!r} is left out."
        if parent is None:
            self._tell(profile.key, problem)
            return None
        return self._resolved(parent, path)

    def _tell(self, key: str, problem: str) -> None:
        told = self.problems.setdefault(key, [])
        if problem not in told:
            told.append(problem)

    @staticmethod
    def _heir(profile: Profile, parents: Sequence[Profile]) -> Profile:
        own = _joined([*parents, profile]) if parents else profile
        # what "-phrase" was to take away is gone, or was never there
        lists = {name: _phrases([getattr(own, name)]) for name in _LISTS}
        return own.replacing(name=profile.name, key=profile.key, kind=profile.kind, parts=(), **lists)
