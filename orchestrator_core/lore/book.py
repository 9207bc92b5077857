"""A lorebook: one model that holds what SillyTavern, character cards V2 and V3, NovelAI, Agnai and Risu can say.

``raw`` of a book and of an entry is the JSON that it was read from. Who writes a book back starts from it, so what
this model does not know is not lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# SillyTavern's numbers for where an entry goes are the places in this tuple.
POSITIONS = ("before", "after", "note_top", "note_bottom", "at_depth", "examples_top", "examples_bottom")


class Logic(Enum):
    """What the secondary keys must do, once a primary key is found; the values are SillyTavern's."""

    and_any = 0
    not_all = 1
    not_any = 2
    and_all = 3


class KeyKind(Enum):
    """How keys are read: as they are, as patterns where they are written ``/like this/i``, or as patterns all."""

    text = "text"
    slashes = "slashes"
    patterns = "patterns"


class Rules(Enum):
    """Whose rules a book was written for.

    ``sillytavern``: entries come one after the other, and the first that does not fit into the budget ends it.
    ``card``: the specifications V2 and V3; what has the lowest priority leaves until the rest fits.
    """

    sillytavern = "sillytavern"
    card = "card"


@dataclass(frozen=True, slots=True)
class CharacterFilter:
    """The characters that an entry is for, or (``excludes``) is not for; nobody named means everybody."""

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    excludes: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of lore. None means that the book, or else the scan, decides.

    ``order``: the higher, the nearer to the end it is told, where a model listens most. ``priority``: the lowest leaves
    first where the budget ends; None is ``order``. ``probability`` is in percent. ``delay_until_recursion``: 0, or the
    level of recursion from which on it may be found. ``sticky``, ``cooldown`` and ``delay`` count turns.
    ``tags``, ``required``, ``families`` and ``loras`` are ours (``extensions.orchestrator``): words for the image's
    prompt itself, whether these must stay, the model families that the entry is for, and LoRAs that it brings.
    """

    uid: str
    keys: tuple[str, ...] = ()
    content: str = ""
    secondary_keys: tuple[str, ...] = ()
    selective: bool = True
    logic: Logic = Logic.and_any
    key_kind: KeyKind = KeyKind.slashes
    name: str = ""
    comment: str = ""
    enabled: bool = True
    constant: bool = False
    order: float = 100
    priority: float | None = None
    position: str = "before"
    depth: int = 4
    role: int = 0
    probability: float = 100
    use_probability: bool = True
    group: str = ""
    group_override: bool = False
    group_weight: float = 100
    use_group_scoring: bool | None = None
    scan_depth: int | None = None
    case_sensitive: bool | None = None
    whole_words: bool | None = None
    exclude_recursion: bool = False
    prevent_recursion: bool = False
    delay_until_recursion: int = 0
    sticky: int = 0
    cooldown: int = 0
    delay: int = 0
    characters: CharacterFilter = CharacterFilter()
    tags: tuple[str, ...] = ()
    required: bool = False
    families: tuple[str, ...] = ()
    loras: tuple[Mapping[str, Any], ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(name for name in (part.strip() for part in self.group.split(",")) if name)

    @property
    def title(self) -> str:
        """What a person knows it by."""
        return self.name or self.comment or ", ".join(self.keys[:3]) or f"entry {self.uid}"


@dataclass(frozen=True, slots=True)
class Book:
    """Lore that belongs together. ``format`` says what it was read from, and how it is written back.

    ``scan_depth``: how many of the newest texts are looked through. ``token_budget``: the most that this book's
    entries may say together.
    """

    name: str
    entries: tuple[Entry, ...] = ()
    rules: Rules = Rules.sillytavern
    format: str = "world_info"
    description: str = ""
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool | None = None
    whole_words: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
