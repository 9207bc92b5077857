"""YAML and JSON text → items that know their lines. No object of the file's choosing is made, and nothing recurses.

YAML is read event by event, since the composer of libyaml's binding recurses in C: a few thousand ``[`` end the
process. An alias is the very item that it names, so a bomb of them costs nothing until somebody unfolds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 60
_MAX_KEY_PARTS = 10_000  # of keys that are lists or mappings themselves, in one file
_NULL = "tag:yaml.org,2002:null"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JSON_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[^\s\[\]{},:"]+', re.S)


class Unreadable(ValueError):
    """The file is not what its name says; the message is one line for a person."""


@dataclass(slots=True)
class Item:
    """One node of a file: ``value`` is a str, a list of items, a tuple of (key, item), or None."""

    value: Any
    line: int

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, tuple)


def yaml_items(text: str) -> Iterable[Item]:
    """The documents of a YAML text. Raises Unreadable."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _YamlReader().documents(yaml.parse(_UNPRINTABLE.sub(" ", text), Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Unreadable(f"{where}{getattr(error, 'problem', None) or str(error).splitlines()[0]}") from None


@dataclass(slots=True)
class _Open:
    """A list or a mapping that has begun. A mapping's children are keys and values by turns."""

    is_list: bool
    line: int
    anchor: str | None
    is_flow: bool  # written in [] or {}
    children: list[Item] = field(default_factory=list)


class _YamlReader:
    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.anchors: dict[str, Item] = {}
        self.found: list[Item] = []
        self.key_parts = 0

    def documents(self, events: Iterable[Any]) -> list[Item]:
        from yaml import events as kinds

        for event in events:
            kind = type(event)
            if kind is kinds.ScalarEvent:
                self.add(Item(_scalar(event), event.start_mark.line + 1), event.anchor)
            elif kind is kinds.SequenceStartEvent or kind is kinds.MappingStartEvent:
                self.open(kind is kinds.SequenceStartEvent, event)
            elif kind is kinds.SequenceEndEvent or kind is kinds.MappingEndEvent:
                self.close()
            elif kind is kinds.AliasEvent:
                self.alias(event)
            elif kind is kinds.DocumentStartEvent:
                self.anchors = {}
        return self.found

    def add(self, item: Item, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = item
        (self.stack[-1].children if self.stack else self.found).append(item)

    def open(self, is_list: bool, event: Any) -> None:
        line = event.start_mark.line + 1
        if len(self.stack) >= MAX_DEPTH:
            raise Unreadable(f"line {line}: it is nested more than {MAX_DEPTH} levels deep")
        self.stack.append(_Open(is_list, line, event.anchor, bool(event.flow_style)))

    def close(self) -> None:
        ended = self.stack.pop()
        if ended.is_list:
            value: Any = ended.children
        else:
            keys = [self.key(key, 0) for key in ended.children[::2]]
            pairs = tuple(zip(keys, ended.children[1::2], strict=True))
            value = _unbraced(pairs) if ended.is_flow else pairs or None
        self.add(Item(value, ended.line), ended.anchor)

    def alias(self, event: Any) -> None:
        item = self.anchors.get(event.anchor)
        if item is None:  # it stands inside what it names, or names nothing
            line = event.start_mark.line + 1
            raise Unreadable(f"line {line}: *{event.anchor} refers to itself, or to nothing before it")
        self.add(item, None)

    def key(self, item: Item, depth: int) -> str:
        """A key as text. One that is a list or a mapping was a prompt's brackets, most likely."""
        self.key_parts += depth > 0
        if self.key_parts > _MAX_KEY_PARTS or depth > MAX_DEPTH:
            raise Unreadable(f"line {item.line}: keys that are lists or mappings hold too much")
        if isinstance(item.value, list):
            return "[" + ", ".join([self.key(child, depth + 1) for child in item.value]) + "]"
        if item.is_mapping:
            return "{" + ", ".join([key for key, _ in item.value]) + "}"
        return item.value or ""


def _scalar(event: Any) -> str | None:
    """The text as it is written; None for null."""
    is_null = event.tag == _NULL or (event.implicit[0] and event.tag is None and event.value in _NULLS)
    return None if is_null else event.value


def _unbraced(pairs: tuple[tuple[str, Item], ...]) -> Any:
    """``- {a|b}`` without quotes is a YAML mapping of "a|b" to nothing; the person meant the variant."""
    if pairs and all(child.value is None for _, child in pairs):
        return "{" + ", ".join(key for key, _ in pairs) + "}"
    return pairs or None


def json_items(text: str) -> Iterable[Item]:
    """The one item of a JSON text. Raises Unreadable."""
    try:
        data = json.loads(text, object_pairs_hook=tuple, parse_constant=str, parse_int=str, parse_float=str)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    return [_json_item(data, _token_lines(text), 0)]


def _token_lines(text: str) -> Iterator[int]:
    """The line of each value, key, [ and {, in the order in which they stand in the file."""
    line, position = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        yield line


def _json_item(data: Any, lines: Iterator[int], depth: int) -> Item:
    if depth > MAX_DEPTH:
        raise Unreadable(f"it is nested more than {MAX_DEPTH} levels deep")
    line = next(lines)
    if isinstance(data, list):
        return Item([_json_item(child, lines, depth + 1) for child in data], line)
    if isinstance(data, tuple):
        pairs = [(_paired(key), _json_item(child, _after_key(lines), depth + 1)) for key, child in data]
        return Item(tuple(pairs) or None, line)
    return Item(None if data is None else str(data).lower() if isinstance(data, bool) else _paired(data), line)


def _after_key(lines: Iterator[int]) -> Iterator[int]:
    next(lines)
    return lines


def _paired(text: str) -> str:
    r"""Halves of a surrogate pair, which JSON can hold as ``\ud83c``, cannot be written anywhere; ? stands for them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
