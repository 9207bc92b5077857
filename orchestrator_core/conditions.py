"""The language of a stage's ``when``: ``images and score < 0.8``, read by a parser of its own and never by Python.

::

    condition  = and ("or" and)*
    and        = not ("and" not)*
    not        = "not" not | comparison
    comparison = value (("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") value)?
    value      = name | number | text | "true" | "false" | list | "(" condition ")"
    list       = "[" [value ("," value)*] "]"

Names are those of ``NAMES``, ``variables.X`` and ``stage.ID``. What fits together is checked when a condition is read,
so one that can be read can be asked about any run. Texts are compared whatever their case; a number that is not known,
as the score of a run without one, is neither less nor more than another, nor equal to it.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from orchestrator_core.errors import PipelineError

Kind = Literal["flag", "number", "text", "texts"]
Value: TypeAlias = bool | float | str | tuple[str, ...] | None
Facts: TypeAlias = Mapping[str, Value]

NAMES: Mapping[str, Kind] = {
    "positive": "text",
    "negative": "text",
    "seed": "number",
    "images": "number",
    "loras": "texts",
    "score": "number",
    "enhanced": "text",
    "story": "text",
    "scene": "number",
    "problems": "texts",
    "checkpoint": "text",
    "has_llm": "flag",
    "has_generator": "flag",
    "has_loras": "flag",
    "has_scorer": "flag",
}
VARIABLE, STAGE = "variables.", "stage."  # beginnings of names; both are texts, "" where there is none
MAX_LENGTH, _DEEPEST = 1000, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<word>[^\W\d]\w*(?:\.[\w-]+)?)"
    r"|(?P<mark>==|!=|<=|>=|[<>()\[\],])|(?P<end>\Z))",
    re.S,
)
_ORDER: Mapping[str, Callable[[float | str, float | str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KINDS = {"flag": "true or false", "number": "a number", "text": "a text", "texts": "a list of texts"}
_UNKNOWN: Mapping[Kind, Value] = {"flag": False, "number": None, "text": "", "texts": ()}
_WORDS = ("and", "or", "not", "in", "true", "false")


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition. ``names``: all that it asks about."""

    kind: Kind
    ask: Callable[[Facts], Value]
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Condition:
    """``text`` as it was written; ``names`` that it asks about."""

    text: str
    root: Node

    @property
    def names(self) -> frozenset[str]:
        return self.root.names

    def holds(self, facts: Facts) -> bool:
        """Whether it is so. A name that ``facts`` lacks is unknown: no number, an empty text. Never raises."""
        return bool(self.root.ask(facts))


def parse_condition(text: str) -> Condition:
    """Raises PipelineError, which says what is wrong and at which character."""
    if len(text) > MAX_LENGTH:
        raise PipelineError(f"A condition has {MAX_LENGTH:,} characters at most; this one has {len(text):,}.")
    return Condition(text, _Parser(text).parsed())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a group of _TOKEN
    text: str
    place: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, place)
        if match is None:
            raise _wrong(text, len(text) - len(text[place:].lstrip()), "this begins nothing that a condition has")
        kind = match.lastgroup or "end"
        found.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return found


class _Parser:
    """One method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.depth = text, _tokens(text), 0, 0

    def parsed(self) -> Node:
        node = self._condition()
        if self._here.kind != "end":
            raise self._wrong("after a whole condition comes 'and', 'or' or nothing")
        return node

    @property
    def _here(self) -> _Token:
        return self.tokens[self.at]

    def _took(self, *texts: str) -> str:
        """The next token's text, if it is one of these."""
        token = self._here
        if token.kind in ("word", "mark") and token.text in texts:
            self.at += 1
            return token.text
        return ""

    def _wrong(self, what: str) -> PipelineError:
        return _wrong(self.text, self._here.place, what)

    def _condition(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._wrong(f"more than {_DEEPEST} brackets within one another")
        nodes = [self._and()]
        while self._took("or"):
            nodes.append(self._and())
        self.depth -= 1
        return nodes[0] if len(nodes) == 1 else _joined(nodes, any)

    def _and(self) -> Node:
        nodes = [self._not()]
        while self._took("and"):
            nodes.append(self._not())
        return nodes[0] if len(nodes) == 1 else _joined(nodes, all)

    def _not(self) -> Node:
        times = 0
        while self._took("not"):
            times += 1
        node = self._comparison()
        ask, is_odd = node.ask, bool(times % 2)
        return Node("flag", lambda facts: bool(ask(facts)) != is_odd, node.names) if times else node

    def _comparison(self) -> Node:
        left, place = self._value(), self._here.place
        sign = self._took("==", "!=", *_ORDER, "in", "not")
        if not sign:
            return left
        if sign == "not" and not self._took("in"):
            raise self._wrong("'not' after a value belongs to 'not in'")
        right = self._value()
        if sign in ("in", "not"):
            return self._within(left, right, place, sign == "in")
        if left.kind != right.kind or (sign in _ORDER and left.kind not in ("number", "text")):
            kinds = f"{_KINDS[left.kind]} and {_KINDS[right.kind]}"
            raise _wrong(self.text, place, f"{sign!r} cannot compare {kinds}")
        return _compared(left, right, sign)

    def _within(self, left: Node, right: Node, place: int, wanted: bool) -> Node:
        if left.kind != "text" or right.kind not in ("text", "texts"):
            raise _wrong(self.text, place, "'in' looks for a text within a text or a list of texts")
        one, other = left.ask, right.ask
        return Node("flag", lambda facts: _is_in(one(facts), other(facts)) == wanted, left.names | right.names)

    def _value(self) -> Node:
        token = self._here
        if self._took("("):
            node = self._condition()
            self._closed(")")
            return node
        if self._took("["):
            return self._list()
        if token.kind not in ("number", "text", "word") or token.text in ("and", "or", "in", "not"):
            raise self._wrong("a name, a number, a text in quotes, a list or a bracket is needed")
        self.at += 1
        if token.kind == "number":
            return _constant("number", float(token.text))
        if token.kind == "text":
            return _constant("text", re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.S))
        if token.text in ("true", "false"):
            return _constant("flag", token.text == "true")
        return self._name(token)

    def _list(self) -> Node:
        items: list[Node] = []
        while self._here.text != "]" or self._here.kind != "mark":
            place = self._here.place
            item = None if self._here.text == "[" else self._value()  # lists in lists would nest without end
            if item is None or item.kind != "text":
                kind = _KINDS[item.kind if item else "texts"]
                raise _wrong(self.text, place, f"a list holds texts, and this is {kind}")
            items.append(item)
            if not self._took(","):
                break
        self._closed("]")
        asks = [item.ask for item in items]
        names = frozenset[str]().union(*(item.names for item in items))
        return Node("texts", lambda facts: tuple(str(ask(facts) or "") for ask in asks), names)

    def _closed(self, mark: str) -> None:
        if not self._took(mark):
            raise self._wrong(f"{mark!r} is missing")

    def _name(self, token: _Token) -> Node:
        name = token.text
        kind = "text" if name.startswith((VARIABLE, STAGE)) else NAMES.get(name)
        if kind is None:
            close = difflib.get_close_matches(name, [*NAMES, *_WORDS], 1)
            cure = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}, variables.X and stage.ID"
            raise _wrong(self.text, token.place, f"there is no name {name!r}; {cure}")
        unknown = _UNKNOWN[kind]
        return Node(kind, lambda facts: facts.get(name, unknown), frozenset({name}))


def _wrong(text: str, place: int, what: str) -> PipelineError:
    return PipelineError(f"{what} (character {place + 1} of {text!r}).")


def _constant(kind: Kind, value: Value) -> Node:
    return Node(kind, lambda _: value)


def _joined(nodes: Sequence[Node], how: Callable[[Sequence[bool]], bool]) -> Node:
    asks = [node.ask for node in nodes]
    names = frozenset[str]().union(*(node.names for node in nodes))
    return Node("flag", lambda facts: how([bool(ask(facts)) for ask in asks]), names)


def _compared(left: Node, right: Node, sign: str) -> Node:
    one, other, names = left.ask, right.ask, left.names | right.names
    if sign in ("==", "!="):
        return Node("flag", lambda facts: _is_equal(one(facts), other(facts)) == (sign == "=="), names)
    order = _ORDER[sign]
    return Node("flag", lambda facts: _is_ordered(one(facts), other(facts), order), names)


def _folded(value: Value) -> Value:
    if isinstance(value, str):
        return value.casefold()
    return tuple(item.casefold() for item in value) if isinstance(value, tuple) else value


def _is_equal(one: Value, other: Value) -> bool:
    return one is not None and other is not None and _folded(one) == _folded(other)


def _is_ordered(one: Value, other: Value, order: Callable[[float | str, float | str], bool]) -> bool:
    one, other = _folded(one), _folded(other)
    if one is None or other is None or isinstance(one, tuple) or isinstance(other, tuple):
        return False
    return order(one, other)


def _is_in(part: Value, whole: Value) -> bool:
    part, whole = _folded(part), _folded(whole)
    return isinstance(part, str) and isinstance(whole, str | tuple) and part in whole
