"""What an addition must not do: bring in another subject, other colours, another hour, or what a person forbade."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from orchestrator_core.enhancing.facts import against, beside, facts_of
from orchestrator_core.enhancing.figures import count_in, stranger
from orchestrator_core.loras.words import STOP_WORDS, contains_phrase, key_of, stem, stems_of, words_of

# What excludes one another when it is said of the same thing: "long hair" and "short hair".
_SAID_OF_THINGS = (
    "red crimson scarlet orange yellow golden gold green emerald teal turquoise blue navy cyan purple violet pink "
    "magenta brown black white grey gray silver blonde blond brunette ginger auburn platinum beige maroon amber hazel",
    "long short shoulder-length medium bald cropped",
    "straight curly wavy braided",
    "open closed",
    "young old elderly aged ancient",
    "tiny small large huge giant",
)
_SAME = {"gray": "grey", "gold": "golden", "blond": "blonde", "crimson": "red", "scarlet": "red", "navy": "blue"}
_BETWEEN = 2  # words after a colour that it may belong to
# Light and air have a colour of their own in every picture: "red cape" and "red glow" say different things.
_NO_THING = frozenset(
    map(
        stem,
        (
            "light",
            "lighting",
            "glow",
            "tone",
            "hue",
            "palette",
            "sky",
            "shadow",
            "background",
            "hour",
            "color",
            "theme",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A text that was left out, and why, for a person."""

    text: str
    reason: str

    def __str__(self) -> str:
        return f"'{self.text}' ({self.reason})"


@dataclass(frozen=True, slots=True)
class Told:
    """What additions are held against: the prompt, what else is known of the scene, and what must not come in."""

    prompt: str
    background: str = ""
    negative: str = ""
    forbidden: tuple[str, ...] = ()

    @property
    def scene(self) -> str:
        return f"{self.prompt}\n{self.background}"


def drift(told: Told, text: str) -> str:
    """Why an addition does not fit; "" if it does."""
    return _forbidden(told, text) or _other_subject(told, text) or _other_facts(told, text) or _other_things(told, text)


def fitting(told: Told, phrases: Iterable[str]) -> tuple[tuple[str, ...], tuple[Dropped, ...]]:
    """Those that fit the prompt and one another in their order, and those that do not."""
    kept: list[str] = []
    dropped: list[Dropped] = []
    for phrase in phrases:
        so_far = Told(f"{told.prompt}, {', '.join(kept)}", told.background, told.negative, told.forbidden)
        reason = drift(told, phrase) or _other_facts(so_far, phrase) or _other_things(so_far, phrase)
        if reason:
            dropped.append(Dropped(phrase, reason))
        else:
            kept.append(phrase)
    return tuple(kept), tuple(dropped)


def lost(before: str, after: str) -> str:
    """Why a rewritten text no longer says what it said; "" if it still does."""
    figures = stranger(after, before)
    if figures:
        return f"it no longer speaks of '{figures}'"
    said, now = facts_of(before), facts_of(after)
    for dimension, values in said.items():
        if not values <= now.get(dimension, frozenset()):
            return f"it no longer says the {dimension}"
    things = things_in(after)
    for thing, words in things_in(before).items():
        if not words <= things.get(thing, frozenset()):
            return f"it no longer says '{next(iter(sorted(words)))} {thing}'"
    return drift(Told(before), after)


def _forbidden(told: Told, text: str) -> str:
    stems = stems_of(text)
    for word in told.forbidden:
        if contains_phrase(stems, word):
            return f"'{word}' is forbidden"
    content = set(key_of(text))
    for word in re.split(r"[,\n]", told.negative):
        key = key_of(word)
        if key and set(key) <= content and contains_phrase(stems, " ".join(key)):
            return f"the negative prompt has '{word.strip()}'"
    return ""


def _other_subject(told: Told, text: str) -> str:
    counted, there = count_in(text), count_in(told.prompt)
    if counted and counted != there and (there or counted > 1):
        return f"it counts {counted} people" + (f", the prompt {there}" if there else "")
    figure = stranger(told.scene, text)
    return f"it brings in '{figure}'" if figure else ""


def _other_facts(told: Told, text: str) -> str:
    said = facts_of(text)
    # Of the background only what the prompt leaves open: its own words win.
    found = against(beside(facts_of(told.prompt), facts_of(told.background)), said)
    if found is None:
        return ""
    dimension, there, instead = found
    return f"it says {instead}, where the {dimension} is {there}"


def _other_things(told: Told, text: str) -> str:
    there = things_in(told.prompt)
    for thing, words in things_in(text).items():
        for group in _groups():
            old, new = there.get(thing, frozenset()) & group, words & group
            if old and new and not old & new:
                return f"it says {min(new)} {thing}, the prompt {min(old)} {thing}"
    return ""


@lru_cache(maxsize=1)
def _groups() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(_SAME.get(word, word) for word in text.split()) for text in _SAID_OF_THINGS)


@lru_cache(maxsize=1)
def _adjectives() -> frozenset[str]:
    return frozenset(word for group in _groups() for word in group)


@lru_cache(maxsize=4096)
def things_in(text: str) -> Mapping[str, frozenset[str]]:
    """The colours, lengths, … that a text says of things, by the thing's stem: ``{"hair": {"silver", "long"}}``."""
    found: dict[str, set[str]] = {}
    adjectives = _adjectives()
    for part in re.split(r"[,.;:\n()]|\band\b|\bwith\b", text):
        waiting: set[str] = set()
        apart = 0
        for word in words_of(part):
            plain = _SAME.get(word, word)
            if plain in adjectives:
                waiting.add(plain)
                apart = 0
                continue
            apart += 1
            if word in STOP_WORDS or apart > _BETWEEN:
                waiting = set()
            if waiting and (thing := stem(word)) not in _NO_THING:
                found.setdefault(thing, set()).update(waiting)
    return {thing: frozenset(words) for thing, words in found.items()}
