"""YAML and JSON wildcard files → wildcards. The path inside the file is the name; each list is one wildcard.

``colors: {warm: [red, 2::amber]}`` gives ``colors/warm``. A file whose top is a list takes its own name. Entries are
scalars (numbers and truth values are the text that is written), ``{weight, text|content, if, labels, negative}``
objects, ``{options: [values]}`` or bare lists (anonymous wildcards, drawn from as one value), and Umi-style
``{Tags, Prompts}`` blocks, whose tags become labels. YAML is composed, not constructed: no object of the file's
choosing is made, an alias is visited in place, and a file whose aliases multiply into a bomb is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_MAX_VISITS = 1_000_000
_MAX_DEPTH = 60
_NULL = "tag:yaml.org,2002:null"
COUNT_KEYS = frozenset(
    ("sampler", "repeating", "optional", "count", "from", "to", "prefix", "suffix", "container", "description")
) | {"separator"}
_VALUE_KEYS = frozenset(("weight", "text", "content", "if", "labels", "negative", "command"))


class Unreadable(ValueError):
    """The file is not what its name says; the message is one line for a person."""


@dataclass(slots=True)
class Item:
    """One node of a file: ``value`` is a str, a list of items, a tuple of (key, item), or None."""

    value: Any
    line: int


@dataclass(slots=True)
class Entry:
    """One wildcard as written. ``objects`` holds, by index, what an entry says beside its text; all of it JSON."""

    name: str
    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    objects: dict[int, dict[str, Any]] = field(default_factory=dict)
    count: dict[str, str] | None = None


def read_structured(text: str, suffix: str, own_name: str) -> list[Entry]:
    """All wildcards of a file in its order, below the folder that ``own_name`` is in. Raises Unreadable."""
    tops = _json_items(text) if suffix == ".json" else _yaml_items(text)
    folder = tuple(own_name.split("/")[:-1])
    entries: dict[str, Entry] = {}
    collector = _Collector(entries)
    for top in tops:
        if _is_mapping(top):
            collector.node(top, folder, is_top=True)
        else:
            collector.values(own_name, top.value if isinstance(top.value, list) else [top])
    return [entry for entry in entries.values() if entry.texts]


class _Budget:
    """Counts visits, so that an alias bomb stops before it unfolds."""

    def __init__(self) -> None:
        self.left = _MAX_VISITS

    def spend(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise Unreadable(f"its aliases unfold to more than {_MAX_VISITS:,} values; write them out, or fewer")
        if depth > _MAX_DEPTH:
            raise Unreadable(f"it is nested more than {_MAX_DEPTH} levels deep (or refers to itself)")


class _Collector:
    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self.budget = _Budget()

    def node(self, item: Item, path: tuple[str, ...], is_top: bool = False) -> None:
        self.budget.spend(len(path))
        if not _is_mapping(item):
            self.values("/".join(path), item.value if isinstance(item.value, list) else [item])
        elif {"Prompts", "Tags"} <= {key for key, _ in item.value} and not is_top:
            self.umi(dict(item.value), path)
        else:
            for key, child in item.value:
                self.node(child, path if key == "<<" else (*path, *_segments(key)))

    def entry(self, name: str) -> Entry:
        return self.entries.setdefault(name, Entry(name))

    def values(self, name: str, items: list[Item], depth: int = 0) -> None:
        entry = self.entry(name)
        texts, lines = entry.texts, entry.lines
        self.budget.left -= len(items)
        self.budget.spend(depth)
        for number, item in enumerate(items):
            if type(item.value) is str:
                if item.value:
                    texts.append(item.value)
                    lines.append(item.line)
            elif _is_mapping(item):
                self.mapping(entry, number, item, depth)
            elif isinstance(item.value, list):
                self.anonymous(entry, number, "", item, depth)

    def add(self, entry: Entry, text: str, line: int, settings: dict[str, Any] | None = None) -> None:
        if settings:
            entry.objects[len(entry.texts)] = settings
        entry.texts.append(text)
        entry.lines.append(line)

    def mapping(self, entry: Entry, number: int, item: Item, depth: int) -> None:
        pairs = dict(item.value)
        if set(pairs) <= COUNT_KEYS and number == 0:
            entry.count = {key: child.value for key, child in pairs.items() if isinstance(child.value, str)}
        elif set(pairs) <= _VALUE_KEYS:
            self.object(entry, number, pairs, item.line, depth)
        elif len(pairs) == 1 and isinstance(item.value[0][1].value, list) and not _is_mapping(item.value[0][1]):
            self.anonymous(entry, number, item.value[0][0] + "::", item.value[0][1], depth)
        else:
            for key, child in item.value:  # a mapping inside a list: its parts are wildcards of their own
                self.node(child, (*entry.name.split("/"), *_segments(key)))

    def object(self, entry: Entry, number: int, pairs: dict[str, Item], line: int, depth: int) -> None:
        content = pairs.get("text") or pairs.get("content")
        if content is None or content.value in (None, ""):
            return
        plain = {key: pairs[key].value for key in ("weight", "if", "negative") if key in pairs}
        settings: dict[str, Any] = {key: value for key, value in plain.items() if isinstance(value, str)}
        if "labels" in pairs:
            settings["labels"] = _texts(pairs["labels"])
        if pairs.get("command") is not None and str(pairs["command"].value).lower() == "true":
            settings["command"] = True
        if isinstance(content.value, list):
            name = f"{entry.name}#{number}"
            self.values(name, content.value, depth + 1)
            self.add(entry, f"__{name}__", line, settings)
        else:
            self.add(entry, content.value, line, settings)

    def anonymous(self, entry: Entry, number: int, options: str, item: Item, depth: int) -> None:
        name = f"{entry.name}#{number}"
        self.values(name, item.value, depth + 1)
        if self.entry(name).texts:
            self.add(entry, f"{options}__{name}__", item.line)

    def umi(self, pairs: dict[str, Item], path: tuple[str, ...]) -> None:
        entry = self.entry("/".join(path))
        settings = {"labels": _texts(pairs["Tags"])}
        prompts = pairs["Prompts"]
        for item in prompts.value if isinstance(prompts.value, list) else [prompts]:
            if isinstance(item.value, str) and item.value:
                self.add(entry, item.value, item.line, dict(settings))


def _is_mapping(item: Item) -> bool:
    return isinstance(item.value, tuple)


def _segments(key: str) -> list[str]:
    return [part for part in re.split(r"[\\/]+", key.strip()) if part]


def _texts(item: Item) -> list[str]:
    items = item.value if isinstance(item.value, list) else [item]
    return [child.value for child in items if isinstance(child.value, str) and child.value]


def _yaml_items(text: str) -> Iterator[Item]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = re.sub(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", text)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Unreadable(f"{where}{getattr(error, 'problem', None) or str(error).splitlines()[0]}") from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    budget = _Budget()
    for document in documents:
        if document is not None:
            yield _yaml_item(document, budget, 0)


def _yaml_item(node: Any, budget: _Budget, depth: int) -> Item:
    budget.spend(depth)
    line = node.start_mark.line + 1
    value = node.value
    if isinstance(value, str):
        return Item(None if node.tag == _NULL else value, line)
    if node.id == "sequence":
        budget.left -= len(value)
        return Item([_yaml_scalar(child) or _yaml_item(child, budget, depth + 1) for child in value], line)
    pairs = []
    for key, child in value:
        name = key.value if isinstance(key.value, str) else _flow_text(key)
        pairs.append((name, _yaml_item(child, budget, depth + 1)))
    return Item(_unbraced(pairs) if pairs else None, line)


def _yaml_scalar(node: Any) -> Item | None:
    """The usual entry of a list, without the detour."""
    if type(node.value) is str and node.tag != _NULL:
        return Item(node.value, node.start_mark.line + 1)
    return None


def _unbraced(pairs: list[tuple[str, Item]]) -> Any:
    """``- {a|b}`` without quotes is a YAML mapping of "a|b" to nothing; the person meant the variant."""
    if all(child.value is None for _, child in pairs):
        return "{" + ", ".join(key for key, _ in pairs) + "}"
    return tuple(pairs)


def _flow_text(node: Any) -> str:
    if isinstance(node.value, str):
        return str(node.value)
    if node.id == "sequence":
        return "[" + ", ".join(_flow_text(child) for child in node.value[:100]) + "]"
    return "{" + ", ".join(_flow_text(key) for key, _ in node.value[:100]) + "}"


def _json_items(text: str) -> Iterator[Item]:
    try:
        data = json.loads(text, object_pairs_hook=tuple, parse_constant=str)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    yield _json_item(data, _LineFinder(text), 0)


class _LineFinder:
    """The line of each value, found by looking for it from where the last one was."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1

    def of(self, value: str) -> int:
        for written in (json.dumps(value, ensure_ascii=False), json.dumps(value)):
            found = self.text.find(written, self.position)
            if found >= 0:
                self.line += self.text.count("\n", self.position, found)
                self.position = found
                return self.line
        return self.line


def _json_item(data: Any, lines: _LineFinder, depth: int) -> Item:
    if depth > _MAX_DEPTH:
        raise Unreadable(f"it is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(data, str):
        return Item(data, lines.of(data))
    if isinstance(data, list):
        return Item([_json_item(child, lines, depth + 1) for child in data], lines.line)
    if isinstance(data, tuple):
        pairs = [(key, lines.of(key), child) for key, child in data]
        found = tuple((key, _json_item(child, lines, depth + 1)) for key, _, child in pairs)
        return Item(found or None, lines.line)
    return Item(None if data is None else json.dumps(data), lines.line)
