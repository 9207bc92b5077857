"""Regular expressions as JavaScript writes them (ECMAScript 2018), read into a tree.

Groups are read and not kept: a key is found or is not. What cannot be found in linear time (a reference back to a
group) is refused, and so is what has no meaning without a Unicode database (``\\p{…}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.pattern_tree import (
    DIGITS,
    LAST,
    LINE_ENDS,
    SPACES,
    WORD,
    Chars,
    Either,
    Look,
    Node,
    Place,
    Range,
    Repeat,
    Sequence,
)

MAX_LENGTH = 2000  # characters of one expression
_DEPTH = 50  # groups inside groups
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_GROUP_NAME = re.compile(r"\?<[A-Za-z_$][A-Za-z0-9_$]*>")
_SETS = {"d": DIGITS, "w": WORD, "s": SPACES}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "v": 11, "f": 12, "0": 0}
_LOOKS = {"?=": (True, False), "?!": (True, True), "?<=": (False, False), "?<!": (False, True)}
_CODES = ((re.compile(r"x([0-9A-Fa-f]{2})"), 16), (re.compile(r"u([0-9A-Fa-f]{4})"), 16))
_WIDE = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}")


def read_pattern(text: str, flags: str = "") -> Node:
    """The tree of an expression. Raises FormatError, which says why it cannot be used."""
    if len(text) > MAX_LENGTH:
        raise FormatError(f"The expression is {len(text):,} characters long; more than {MAX_LENGTH:,} are not read.")
    reader = _Reader(text, flags)
    node = reader.either(0)
    if reader.place < len(text):
        raise FormatError(f'The expression has a ")" too much at character {reader.place + 1}.')
    return Sequence((Place("start"), node)) if "y" in flags else node


class _Reader:
    def __init__(self, text: str, flags: str) -> None:
        self.text, self.flags, self.place = text, flags, 0

    def _takes(self, what: str) -> bool:
        if self.text.startswith(what, self.place):
            self.place += len(what)
            return True
        return False

    def either(self, depth: int) -> Node:
        if depth > _DEPTH:
            raise FormatError(f"The expression has more than {_DEPTH} groups inside one another.")
        items = [self._sequence(depth)]
        while self._takes("|"):
            items.append(self._sequence(depth))
        return items[0] if len(items) == 1 else Either(tuple(items))

    def _sequence(self, depth: int) -> Node:
        items: list[Node] = []
        while self.place < len(self.text) and self.text[self.place] not in "|)":
            items.append(self._repeated(self._atom(depth)))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self, node: Node) -> Node:
        counts = self._counts()
        if counts is None:
            return node
        if isinstance(node, Place) or (isinstance(node, Look) and not node.ahead):
            raise FormatError(f"The expression repeats a place, which has no length, at character {self.place}.")
        least, most = counts
        if most is not None and most < least:
            raise FormatError(f"The expression repeats from {least} down to {most} times.")
        self._takes("?")  # how much is found does not matter
        if self._counts() is not None:
            raise FormatError(f"The expression repeats a repetition, which is nothing, at character {self.place}.")
        return Repeat(node, least, most)

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._takes(sign):
                return counts
        found = _COUNT.match(self.text, self.place)
        if found is None:
            return None
        self.place = found.end()
        least = int(found[1])
        return least, int(found[3]) if found[3] else None if found[2] else least

    def _atom(self, depth: int) -> Node:
        char = self.text[self.place]
        self.place += 1
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._class()
        if char == ".":
            return Chars((), negated=True) if "s" in self.flags else Chars(LINE_ENDS, negated=True)
        if char in "^$":
            name = "start" if char == "^" else "end"
            return Place(f"line_{name}" if "m" in self.flags else name)
        if char in "*+?":
            raise FormatError(f'The expression repeats nothing, by the "{char}" at character {self.place}.')
        return self._escape() if char == "\\" else _one(ord(char))

    def _group(self, depth: int) -> Node:
        look = next((sign for sign in _LOOKS if self.text.startswith(sign, self.place)), "")
        name = _GROUP_NAME.match(self.text, self.place)
        if look:
            self.place += len(look)
        elif name is not None:
            self.place = name.end()
        elif not self._takes("?:") and self.text.startswith("?", self.place):
            raise FormatError(f"The expression has a group of an unknown kind at character {self.place}.")
        node = self.either(depth + 1)
        if not self._takes(")"):
            raise FormatError('The expression has a "(" that is never closed.')
        return Look(node, *_LOOKS[look]) if look else node

    def _escape(self) -> Node:
        if self.place >= len(self.text):
            raise FormatError("The expression ends with a backslash.")
        char = self.text[self.place]
        if char in "bB":
            self.place += 1
            return Place("word" if char == "b" else "inside")
        if char in "123456789" or char == "k":
            raise FormatError("The expression refers back to a group, which is not searched for here.")
        return self._escaped_chars()

    def _escaped_chars(self) -> Chars:
        char = self.text[self.place]
        if char.lower() in _SETS:
            self.place += 1
            return Chars(_SETS[char.lower()], negated=char.isupper())
        if char in "pP" and "u" in self.flags:
            raise FormatError("The expression names a class of Unicode, which is not searched for here.")
        return _one(self._code())

    def _code(self) -> int:
        """The character behind a backslash."""
        for pattern, base in (*_CODES, *(((_WIDE, 16),) if "u" in self.flags else ())):
            found = pattern.match(self.text, self.place)
            if found is not None and int(found[1], base) <= LAST:
                self.place = found.end()
                return int(found[1], base)
        char = self.text[self.place]
        self.place += 1
        if char == "c" and self.text[self.place : self.place + 1].isalpha():
            self.place += 1
            return ord(self.text[self.place - 1]) % 32
        return _CONTROLS.get(char, ord(char))

    def _class(self) -> Node:
        negated = self._takes("^")
        parts: list[Chars] = []
        while not self._takes("]"):
            low = self._class_part()
            if self.text.startswith("-", self.place) and self.text[self.place + 1 : self.place + 2] not in ("]", ""):
                self.place += 1
                parts += _range(low, self._class_part())
            else:
                parts.append(low)
        return Chars(tuple(_ranges(parts)), negated)

    def _class_part(self) -> Chars:
        if self.place >= len(self.text):
            raise FormatError('The expression has a "[" that is never closed.')
        char = self.text[self.place]
        self.place += 1
        if char != "\\":
            return _one(ord(char))
        if self.place >= len(self.text):
            raise FormatError("The expression ends with a backslash.")
        if self._takes("b"):
            return _one(8)
        return self._escaped_chars()


def _one(code: int) -> Chars:
    return Chars(((code, code),))


def _single(chars: Chars) -> int | None:
    if len(chars.ranges) == 1 and not chars.negated and chars.ranges[0][0] == chars.ranges[0][1]:
        return chars.ranges[0][0]
    return None


def _range(low: Chars, high: Chars) -> list[Chars]:
    first, last = _single(low), _single(high)
    if first is None or last is None:  # "[\w-x]" is three things, and no range
        return [low, _one(ord("-")), high]
    if last < first:
        raise FormatError(f'The expression has a range from "{chr(first)}" back to "{chr(last)}".')
    return [Chars(((first, last),))]


def _ranges(parts: list[Chars]) -> Iterator[Range]:
    for part in parts:
        if not part.negated:
            yield from part.ranges
            continue
        after = 0
        for low, high in sorted(part.ranges):  # what is between them
            if low > after:
                yield after, low - 1
            after = high + 1
        yield after, LAST
