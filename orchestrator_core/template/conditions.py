"""Conditions of options and of ``<ppp:if …>``: ``season eq 'winter' and not (_is_sd1 or count gt 3)``.

Grammar, loosest first: ``or``, ``and``, ``not``, then a parenthesised condition, a comparison, or a single operand,
which is true unless it is missing, empty, 0 or false. Comparisons: eq ne gt lt ge le in contains, each may be preceded
by ``not``. Operands: a variable, 'text', a number, true, false, or a list of them in parentheses. Text is compared
without regard to case; values of different types are not equal. (The language of Prompt PostProcessor.)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

Value = Union[str, float, bool, None, tuple["Value", ...]]  # noqa: UP007 - it refers to itself, which | cannot
Variables = Callable[[str], str | None]

_TOKEN = re.compile(r"\s*(?:('[^']*'|\"[^\"]*\")|(-?\d+(?:\.\d+)?)(?![\w.])|([A-Za-z_][\w-]*)|([(),]))")
_MAX_LENGTH = 1000
_MAX_PARTS = 100
_MAX_DEPTH = 20


class NotACondition(ValueError):
    """The text is not a condition; the message says where."""


@dataclass(frozen=True, slots=True)
class Operand:
    """``name`` is a variable's; with it None, ``value`` is a constant or a list of operands."""

    name: str | None
    value: Value | tuple[Operand, ...] = None

    def resolve(self, variables: Variables) -> Value:
        if self.name is not None:
            return _typed(variables(self.name))
        if isinstance(self.value, tuple):
            return tuple(item.resolve(variables) if isinstance(item, Operand) else item for item in self.value)
        return self.value


@dataclass(frozen=True, slots=True)
class Condition:
    """``operation`` is and, or, not, is (truth of one operand) or the name of a comparison."""

    operation: str
    parts: tuple[Condition | Operand, ...]

    def holds(self, variables: Variables) -> bool:
        if self.operation in ("and", "or", "not"):
            found = [part.holds(variables) for part in self.parts if isinstance(part, Condition)]
            return all(found) if self.operation == "and" else any(found) if self.operation == "or" else not found[0]
        values = [part.resolve(variables) for part in self.parts if isinstance(part, Operand)]
        return bool(values[0]) if self.operation == "is" else COMPARISONS[self.operation](values[0], values[1])


def _typed(text: str | None) -> Value:
    """A variable's text as what it looks like: a truth value, a number, or text."""
    if text is None:
        return None
    plain = text.strip().lower()
    if plain in ("true", "false"):
        return plain == "true"
    return float(plain) if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", plain) else text


def _folded(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(_folded(item) for item in value)
    return value.lower() if isinstance(value, str) else value


def _equal(left: Value, right: Value) -> bool:
    return type(left) is type(right) and _folded(left) == _folded(right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def compared(left: Value, right: Value) -> bool:
        if isinstance(left, tuple) and isinstance(right, tuple):
            return len(left) == len(right) and all(compared(a, b) for a, b in zip(left, right, strict=True))
        same = type(left) is type(right) and left is not None and not isinstance(left, bool)
        return same and compare(_folded(left), _folded(right))

    return compared


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value).lower()


def _within(left: Value, right: Value) -> bool:
    """left in right: every element of a list, or a part of a text."""
    if isinstance(left, tuple):
        return all(_within(item, right) for item in left)
    if isinstance(right, tuple):
        return any(_text(left) == _text(item) for item in right)
    return _text(left) in _text(right)


COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "gt": _ordered(operator.gt),
    "lt": _ordered(operator.lt),
    "ge": _ordered(operator.ge),
    "le": _ordered(operator.le),
    "in": _within,
    "contains": lambda left, right: _within(right, left),
}


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise NotACondition(f"a condition of more than {_MAX_LENGTH} characters")
        self.tokens = self._split(text)
        self.at = 0
        self.parts = 0
        self.depth = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, position = [], 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise NotACondition(f"{text[position:].strip()[:20]!r} is not part of a condition")
            tokens.append(match.group().strip())
            position = match.end()
        return tokens

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise NotACondition(f"{expected or 'a value'} is missing after {' '.join(self.tokens[: self.at])!r}")
        self.at += 1
        return token

    def either(self) -> Condition:
        return self._chain("or", lambda: self._chain("and", self.negation))

    def _chain(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.peek() == word:
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Condition(word, tuple(parts))

    def count_part(self) -> None:
        self.parts += 1
        if self.parts > _MAX_PARTS:
            raise NotACondition(f"a condition of more than {_MAX_PARTS} parts")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise NotACondition(f"a condition nested more than {_MAX_DEPTH} deep")

    def negation(self) -> Condition:
        self.count_part()
        depth = self.depth
        self.deeper()
        try:
            if self.peek() != "not":
                return self.bracketed()
            self.take()
            return Condition("not", (self.negation(),))
        finally:
            self.depth = depth

    def bracketed(self) -> Condition:
        start = self.at
        if self.peek() == "(":
            try:
                return self._grouped()
            except NotACondition:
                self.at = start  # then it may be a list: ('a', b) in c
        return self.comparison()

    def _grouped(self) -> Condition:
        self.take("(")
        inner = self.either()
        self.take(")")
        if self.peek() in COMPARISONS or self.peek() == "not":
            raise NotACondition("a condition cannot be compared")
        return inner

    def comparison(self) -> Condition:
        left = self.operand()
        negated = self.peek() == "not"
        if negated:
            self.take()
        if self.peek() not in COMPARISONS:
            if negated:
                raise NotACondition("after 'not' a comparison is missing")
            return Condition("is", (left,))
        found = Condition(self.take(), (left, self.operand()))
        return Condition("not", (found,)) if negated else found

    def operand(self) -> Operand:
        self.count_part()
        token = self.take()
        if token == "(":
            return self._list()
        if token[0] in "'\"":
            return Operand(None, token[1:-1])
        if token.lower() in ("true", "false"):
            return Operand(None, token.lower() == "true")
        if token[0].isdigit() or token[0] == "-":
            return Operand(None, float(token))
        if token in ("and", "or", "not", ")", ",") or token in COMPARISONS:
            raise NotACondition(f"a value is missing before {token!r}")
        return Operand(token)

    def _list(self) -> Operand:
        items: list[Operand] = []
        depth = self.depth
        self.deeper()
        while self.peek() != ")":
            items.append(self.operand())
            if self.peek() == ",":
                self.take()
        self.take(")")
        self.depth = depth
        return Operand(None, tuple(items))


def parse_condition(text: str) -> Condition:
    """Raises NotACondition, whose message says what is wrong."""
    reader = _Reader(text)
    found = reader.either()
    if reader.peek():
        raise NotACondition(f"{reader.peek()!r} is not expected after {' '.join(reader.tokens[: reader.at])!r}")
    return found
