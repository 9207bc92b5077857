"""YAML and JSON wildcard files → wildcards. The path inside the file is the name; each list is one wildcard.

``colors: {warm: [red, 2::amber]}`` gives ``colors/warm``. A file whose top is a list takes its own name. Entries are
scalars (numbers and truth values are the text that is written), ``{weight, text|content, if, labels, negative}``
objects, ``{options: [values]}`` or bare lists (anonymous wildcards, drawn from as one value), and Umi-style
``{Tags, Prompts}`` blocks, whose tags become labels. A YAML alias is visited in place, and a file whose aliases
multiply into a bomb is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.template.items import MAX_DEPTH, Item, Unreadable, json_items, yaml_items

_MAX_VISITS = 1_000_000
COUNT_KEYS = frozenset(
    ("sampler", "repeating", "optional", "count", "from", "to", "prefix", "suffix", "container", "description")
) | {"separator"}
VALUE_KEYS = frozenset(("weight", "text", "content", "if", "labels", "negative", "command"))


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
    tops = json_items(text) if suffix == ".json" else yaml_items(text)
    folder = tuple(own_name.split("/")[:-1])
    entries: dict[str, Entry] = {}
    collector = _Collector(entries)
    for top in tops:
        if top.is_mapping:
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
        if depth > MAX_DEPTH:
            raise Unreadable(f"it is nested more than {MAX_DEPTH} levels deep (or refers to itself)")


class _Collector:
    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self.budget = _Budget()

    def node(self, item: Item, path: tuple[str, ...], is_top: bool = False) -> None:
        self.budget.spend(len(path))
        if not item.is_mapping:
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
            elif item.is_mapping:
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
        elif set(pairs) <= VALUE_KEYS or "text" in pairs or "content" in pairs:
            self.object(entry, number, pairs, item.line, depth)
        elif len(pairs) == 1 and isinstance(item.value[0][1].value, list) and not item.value[0][1].is_mapping:
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
        if unknown := sorted(set(pairs) - VALUE_KEYS):
            settings["unknown"] = unknown
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


def _segments(key: str) -> list[str]:
    return [part for part in re.split(r"[\\/]+", key.strip()) if part]


def _texts(item: Item) -> list[str]:
    items = item.value if isinstance(item.value, list) else [item]
    return [child.value for child in items if isinstance(child.value, str) and child.value]
