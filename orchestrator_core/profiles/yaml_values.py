"""YAML as plain values with the line of each, read event by event.

Read so, no file can end the process (the composer of libyaml's binding recurses in C), make objects of its choosing,
or unfold a few aliases into more than memory holds. Scalars are YAML 1.2's: ``no`` and ``on`` are words, a date is a
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.errors import FormatError

MAX_DEPTH = 100  # a card may have 64
MAX_VALUES = 100_000  # with each alias counted as what it stands for
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,300}\.?[0-9]{0,300}|\.[0-9]{1,300})(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {"": None, "~": None, "true": True, "false": False, "null": None}
_TAGS = {"tag:yaml.org,2002:str": str, "!": str}


@dataclass(slots=True)
class Node:
    """``value``: a scalar, a list of nodes, or a dict of nodes; ``size``: how many values that is in all."""

    value: Any
    line: int
    size: int = 1

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        return self.value

    def line_at(self, path: Sequence[str | int]) -> int:
        """The line of the value at a path, or of the last part of it that is there."""
        node = self
        for part in path:
            try:
                node = node.value[part]
            except (KeyError, IndexError, TypeError):
                break
        return node.line


def read_yaml(text: str, where: str) -> Node:
    """The one document of a text. Raises FormatError, which names the line."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(where).document(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FormatError(f"{where} is not valid YAML: {place}{reason}.") from None


@dataclass(slots=True)
class _Open:
    """A list or a mapping that has begun; a mapping's children are keys and values by turns."""

    is_list: bool
    line: int
    anchor: str | None
    children: list[Node] = field(default_factory=list)


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.found: list[Node] = []
        self.room = MAX_VALUES

    def refuse(self, line: int, reason: str) -> FormatError:
        return FormatError(f"{self.where}, line {line}: {reason}.")

    def document(self, events: Iterable[Any]) -> Node:
        from yaml import events as kinds

        for event in events:
            kind = type(event)
            line = event.start_mark.line + 1
            if kind is kinds.ScalarEvent:
                self.add(Node(_scalar(event), line), event.anchor)
            elif kind in (kinds.SequenceStartEvent, kinds.MappingStartEvent):
                if len(self.stack) >= MAX_DEPTH:
                    raise self.refuse(line, f"it is nested more than {MAX_DEPTH} levels deep")
                self.stack.append(_Open(kind is kinds.SequenceStartEvent, line, event.anchor))
            elif kind in (kinds.SequenceEndEvent, kinds.MappingEndEvent):
                self.close()
            elif kind is kinds.AliasEvent:
                self.alias(event.anchor, line)
        if len(self.found) > 1:
            raise self.refuse(self.found[1].line, "a second document begins here; one file holds one profile")
        return self.found[0] if self.found else Node(None, 1)

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        self.room -= 1
        if self.room < 0:
            raise self.refuse(node.line, f"it holds more than {MAX_VALUES:,} values, its aliases written out")
        (self.stack[-1].children if self.stack else self.found).append(node)

    def alias(self, name: str, line: int) -> None:
        node = self.anchors.get(name)
        if node is None:  # it stands inside what it names, or names nothing
            raise self.refuse(line, f"*{name} refers to itself, or to nothing before it")
        self.room -= node.size - 1
        self.add(Node(node.value, line, node.size), None)

    def close(self) -> None:
        ended = self.stack.pop()
        size = 1 + sum(child.size for child in ended.children)
        value = ended.children if ended.is_list else self.mapping(ended)
        self.add(Node(value, ended.line, size), ended.anchor)

    def mapping(self, ended: _Open) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key, child in zip(ended.children[::2], ended.children[1::2], strict=True):
            if isinstance(key.value, dict | list):
                raise self.refuse(key.line, "a key is a list or a mapping; put quotes around it")
            name = _word(key.value)
            if name in found:
                raise self.refuse(key.line, f"{name!r} is there twice; the first is in line {found[name].line}")
            found[name] = Node(child.value, key.line, child.size)
        return found


def _word(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag in _TAGS or not event.implicit[0]:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
