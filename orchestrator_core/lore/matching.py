"""Whether an entry's keys are in the texts.

A plain key is a piece of text, in SillyTavern's way: case does not matter and a key may be inside a word, unless entry,
book or scan say otherwise; with whole words on, a key of several words is still a piece of text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.book import Entry, KeyKind, Logic
from orchestrator_core.lore.macros import Macros
from orchestrator_core.lore.pattern import Effort, Pattern

MARK = "\x01"  # before each text, as in SillyTavern: patterns of its users look for it
_MANY, _START = 100, 5  # pieces that are asked for, characters
_FLAGS = frozenset("gimsuy")


class _Parts:
    """A text in which many pieces are looked for, of which few are there.

    After some, it has all its pieces of a few characters in a set, and most others need not be looked for.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._asked = 0
        self._starts: frozenset[str] = frozenset()

    def has(self, piece: str) -> bool:
        self._asked += 1
        if self._asked == _MANY:
            self._starts = frozenset(self._text[at : at + _START] for at in range(len(self._text)))
        if self._starts and len(piece) >= _START and piece[:_START] not in self._starts:
            return False
        return piece in self._text


class ScannedText:
    """Texts that keys are looked for in, the newest first."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = "\n".join(MARK + text.strip() for text in texts)
        self.lower = self.text.lower()
        self._exact, self._folded = _Parts(self.text), _Parts(self.lower)

    def has(self, key: str, case_sensitive: bool) -> bool:
        """Whether the key is there, within words too."""
        return self._exact.has(key) if case_sensitive else self._folded.has(key.lower())

    def has_words(self, key: str, case_sensitive: bool) -> bool:
        """Whether the key is there with no letter, digit or underscore of ASCII beside it."""
        text, key = (self.text, key) if case_sensitive else (self.lower, key.lower())
        place = text.find(key)
        while place >= 0:
            if not (_is_word(text[place - 1 : place]) or _is_word(text[place + len(key) : place + len(key) + 1])):
                return True
            place = text.find(key, place + 1)
        return False


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


class Keys:
    """Looks for keys, and remembers expressions that it has read and ``problems`` of those that cannot be used."""

    def __init__(self, macros: Macros, case_sensitive: bool, whole_words: bool) -> None:
        self._macros = macros
        self._case_sensitive, self._whole_words = case_sensitive, whole_words
        self._patterns: dict[tuple[str, str], Pattern | None] = {}
        self._effort = Effort()
        self.problems: dict[str, None] = {}

    def matched(self, entry: Entry, text: ScannedText, whole_words: bool | None) -> str:
        """The primary key that is there, if the secondary ones agree; "" if the entry is not called for."""
        found = self.first(entry.keys, entry, text, whole_words)
        if not found:
            return ""
        # A key that is always a pattern makes secondary keys mean nothing (V3).
        if not (entry.selective and entry.secondary_keys) or entry.key_kind is KeyKind.patterns:
            return found
        secondary = self._read_all(entry.secondary_keys)
        if not secondary:
            return found
        hits = (self._has(key, entry, text, whole_words) for key in secondary)
        return found if _agrees(entry.logic, hits) else ""

    def first(self, keys: Sequence[str], entry: Entry, text: ScannedText, whole_words: bool | None) -> str:
        """The first of the keys that is there, "" if there is none."""
        case_sensitive, whole_words = self._manner(entry, whole_words)
        # Most keys of most books are plain, and there are many: they are looked for right here.
        is_plain = not whole_words and entry.key_kind is not KeyKind.patterns
        for key in map(self._read, keys):
            if is_plain and key[:1] not in ("", "/"):
                if text.has(key, case_sensitive):
                    return key
            elif key and self._has(key, entry, text, whole_words):
                return key
        return ""

    def _manner(self, entry: Entry, whole_words: bool | None) -> tuple[bool, bool]:
        """(whether case matters, whether only whole words count), for the keys of an entry."""
        case_sensitive = self._case_sensitive if entry.case_sensitive is None else entry.case_sensitive
        if entry.whole_words is not None:
            whole_words = entry.whole_words
        return case_sensitive, self._whole_words if whole_words is None else whole_words

    def score(self, entry: Entry, text: ScannedText, whole_words: bool | None) -> int:
        """How many of its keys are there, as SillyTavern counts them to choose in a group."""
        primary = sum(self._has(key, entry, text, whole_words) for key in self._read_all(entry.keys))
        keys = self._read_all(entry.secondary_keys)
        secondary = sum(self._has(key, entry, text, whole_words) for key in keys)
        if not entry.keys:
            return 0
        counts = entry.logic is Logic.and_any or (entry.logic is Logic.and_all and secondary == len(keys))
        return primary + secondary * counts

    def _read(self, key: str) -> str:
        return (self._macros.replaced(key) if "{{" in key or "<" in key else key).strip()

    def _read_all(self, keys: Sequence[str]) -> list[str]:
        return [key for key in map(self._read, keys) if key]

    def _has(self, key: str, entry: Entry, text: ScannedText, whole_words: bool | None) -> bool:
        case_sensitive, whole_words = self._manner(entry, whole_words)
        if entry.key_kind is not KeyKind.text and (key[0] == "/" or entry.key_kind is KeyKind.patterns):
            written = slashed(key)
            if written is not None:
                return self._finds(written[0], written[1], text)
            if entry.key_kind is KeyKind.patterns:
                return self._finds(key, "" if case_sensitive else "i", text)
        if whole_words and not _has_space(key):
            return text.has_words(key, case_sensitive)
        return text.has(key, case_sensitive)

    def _finds(self, pattern: str, flags: str, text: ScannedText) -> bool:
        if (pattern, flags) not in self._patterns:
            self._patterns[pattern, flags] = self._pattern(pattern, flags)
        ready = self._patterns[pattern, flags]
        if ready is None:
            return False
        try:
            return ready.found(text.text, self._effort)
        except FormatError as error:
            self.problems[f"The key /{_short(pattern)}/ was not looked for. {error}"] = None
            return False

    def _pattern(self, pattern: str, flags: str) -> Pattern | None:
        try:
            return Pattern(pattern, flags)
        except FormatError as error:
            self.problems[f"The key /{_short(pattern)}/ finds nothing. {error}"] = None
            return None


def slashed(key: str) -> tuple[str, str] | None:
    """(pattern, flags) of a key that is written ``/like this/i``; None for any other."""
    start, _, flags = key.rpartition("/")
    inside = start[1:]
    if not start.startswith("/") or not inside or not _FLAGS.issuperset(flags) or _has_open_slash(inside):
        return None
    return inside.replace("\\/", "/"), flags


def _has_open_slash(pattern: str) -> bool:
    """Whether a slash is there that no backslash is before, which would have ended it."""
    return any(char == "/" and (not place or pattern[place - 1] != "\\") for place, char in enumerate(pattern))


def _agrees(logic: Logic, hits: Iterable[bool]) -> bool:
    if logic is Logic.and_any:
        return any(hits)
    if logic is Logic.and_all:
        return all(hits)
    return not all(hits) if logic is Logic.not_all else not any(hits)


def _has_space(key: str) -> bool:
    return len(key.split()) > 1


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
