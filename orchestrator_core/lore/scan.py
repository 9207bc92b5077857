"""What a scan of lore is given and gives: plain values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator_core.lore.book import Entry
from orchestrator_core.lore.timed import TimedEffects

_TOKENS = re.compile(r"\w+|[^\w\s]")


def estimated_tokens(text: str) -> int:
    """Words and marks: near to what encoders count, without one."""
    return sum(1 + len(found) // 8 for found in _TOKENS.findall(text))


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds where neither an entry nor its book says it; the values are SillyTavern's.

    ``depth``: how many of the newest texts are looked through. ``recursive``: whether what is told may call for more.
    ``max_steps``: the most passes, 0 for no end. ``min_activations``: look deeper, ``max_depth`` texts at the most (0:
    all), until so many entries are found. ``group_scoring``: in a group the entry with most keys wins.
    """

    depth: int = 2
    recursive: bool = False
    case_sensitive: bool = False
    whole_words: bool = False
    max_steps: int = 0
    min_activations: int = 0
    max_depth: int = 0
    group_scoring: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known when lore is looked for.

    ``turn``: how many texts the story has, from 0; ``timed``: what the turn before left. ``budget``: the tokens that
    all lore may take, None for no limit; ``count_tokens`` must not give less for a whole than for its parts together.
    ``family``: the model family that the image is for. ``names``: the characters who are there, the first being
    ``{{char}}``; ``character_tags``: what they are tagged with. ``injected``: texts that are looked through always.
    """

    seed: int = 0
    turn: int = 0
    budget: int | None = None
    count_tokens: Callable[[str], int] = estimated_tokens
    timed: TimedEffects = field(default_factory=TimedEffects)
    family: str = ""
    names: tuple[str, ...] = ()
    character_tags: tuple[str, ...] = ()
    user: str = ""
    injected: tuple[str, ...] = ()
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that is told. ``text``: its content without decorators and macros.

    ``reason``: "constant", "decorator", "sticky", "key" or "kept" (was told before, and stays); ``detail`` is the key
    or decorator. ``position``: where it goes, by ``POSITIONS`` or "personality" or "scenario".
    """

    book: str
    entry: Entry
    text: str
    reason: str
    detail: str = ""
    tokens: int = 0
    position: str = "before"
    depth: int = 4


@dataclass(frozen=True, slots=True)
class Dropped:
    """An entry that was called for and is not told.

    ``reason``: "probability", "group" (``detail`` is its name), "budget", or "priority" (others are more important).
    """

    book: str
    entry: Entry
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Activation:
    """``entries`` in the order in which they are told; ``timed`` for the next turn; ``problems`` are keys of no use."""

    entries: tuple[Told, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    timed: TimedEffects = field(default_factory=TimedEffects)
    problems: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(told.tokens for told in self.entries)
