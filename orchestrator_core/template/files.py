"""A wildcard file → its Values. One bad file is a Problem, never an exception."""

from __future__ import annotations

import json
import os
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestrator_core.template.conditions import NotACondition, parse_condition
from orchestrator_core.template.dialects import DYNAMICPROMPTS
from orchestrator_core.template.folders import MAX_FILE, Problem, signature
from orchestrator_core.template.items import Unreadable
from orchestrator_core.template.parse import parse, read_count, split_option
from orchestrator_core.template.read_wildcards import SEPARATOR
from orchestrator_core.template.structured import VALUE_KEYS, Entry, read_structured
from orchestrator_core.template.textfiles import Lines, NotText, line_starts, to_utf8
from orchestrator_core.template.tree import Count
from orchestrator_core.template.values import FileValues, Note, Values

Report = Callable[[Problem], None]
Settings = tuple[float, Note]  # weight, and all else that an entry says
MAX_WEIGHT = 1e12
_CACHE_VERSION = 1


def _bytes(path: str, relative: str, report: Report) -> bytes | None:
    if signature(path) is None:  # opening a pipe that has taken the file's place would wait for ever
        report(Problem(relative, "It cannot be read: it is gone, or no regular file any more."))
        return None
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            report(Problem(relative, f"It is larger than {MAX_FILE >> 20} MB, so it is not read."))
            return None
        return to_utf8(data)
    except OSError as error:
        report(Problem(relative, f"It cannot be read: {error.strerror or error}."))
    except NotText as error:
        report(Problem(relative, f"It is not read: {error}."))
    return None


def load_text(path: str, name: str, relative: str, report: Report) -> Values | None:
    """The values of a text file: a line each. None where it cannot be read or is empty."""
    data = _bytes(path, relative, report)
    if data is None:
        return None
    starts, numbers = line_starts(data)
    lines = Lines(data, starts)
    count = None
    if len(lines) > 1 and b"$$" in lines_head(data, starts) and (read := read_count(lines[0], DYNAMICPROMPTS)):
        count = read[0]
        del starts[0]
        numbers = numbers[1:] if numbers else array("I", range(2, len(starts) + 2))
    if not len(lines):
        report(Problem(relative, "It has no values: every line is empty or a comment."))
        return None
    if b"::" not in data:
        return FileValues(name, relative, lines, None, numbers, count=count)
    return _with_settings(name, relative, list(lines), numbers, count)


def lines_head(data: bytes, starts: array[int]) -> bytes:
    return data[starts[0] : starts[0] + 200] if len(starts) else b""


def _with_settings(
    name: str,
    relative: str,
    texts: list[str],
    lines: Sequence[int] | None,
    count: Count | None,
    objects: dict[int, Settings] | None = None,
) -> Values:
    """Splits ``'label' 2 if condition::`` off the texts that begin with it, and adds what objects say."""
    weights = array("d", [1.0]) * len(texts)
    notes: dict[int, Note] = {}
    for index, text in enumerate(texts):
        if "::" in text:
            option = split_option(text, DYNAMICPROMPTS)
            texts[index] = option.include or option.text
            weights[index] = option.weight
            if option.condition or option.labels or option.include:
                notes[index] = Note(option.labels, option.condition, "", option.include)
    for index, (weight, note) in (objects or {}).items():
        weights[index] = weight
        notes[index] = note
    varied = weights.count(1.0) < len(weights)
    return FileValues(name, relative, texts, weights if varied else None, lines, notes, count)


def load_structured(path: str, relative: str, cache: Path | None, report: Report) -> dict[str, Values]:
    """All wildcards of a YAML or JSON file by name. ``cache``: a folder that keeps what was read, by content."""
    data = _bytes(path, relative, report)
    if data is None:
        return {}
    own_name, suffix = os.path.splitext(relative)  # noqa: PTH122 - a name, not a path
    kept = cache / f"{blake2b(data, digest_size=16).hexdigest()}-{_CACHE_VERSION}.json" if cache else None
    entries = _kept(kept, own_name) if kept else None
    if entries is None:
        try:
            entries = read_structured(data.decode("utf-8"), suffix.lower(), own_name)
        except Unreadable as error:
            report(Problem(relative, f"It is not read: {error}."))
            return {}
        if kept:
            _keep(kept, own_name, entries)
    if not entries:
        report(Problem(relative, "It has no values: the top must be a mapping or a list."))
    return {entry.name: _values(entry, relative, report) for entry in entries}


def _values(entry: Entry, relative: str, report: Report) -> Values:
    texts, lines = list(entry.texts), array("I", entry.lines)
    count = _count(entry.count, relative, report) if entry.count else None
    skipped = 0
    if count is None and len(texts) > 1 and (read := read_count(texts[0], DYNAMICPROMPTS)):
        count, skipped = read[0], 1
        del texts[0], lines[0]
    objects = {
        index - skipped: _settings(written, texts[index - skipped], Problem(relative, "", entry.lines[index]), report)
        for index, written in entry.objects.items()
        if index >= skipped
    }
    for index, (_, note) in objects.items():
        texts[index] = note.include or texts[index]
    return _with_settings(entry.name, relative, texts, lines, count, objects)


def _settings(written: dict[str, Any], text: str, where: Problem, report: Report) -> Settings:
    """Weight and note of an entry that is an object."""
    condition, weight = None, 1.0
    if unknown := written.get("unknown"):
        known = ", ".join(sorted(VALUE_KEYS))
        report(replace(where, message=f"Not a field of a value: {', '.join(unknown)}. There are: {known}."))
    if "if" in written:
        try:
            condition = parse_condition(written["if"])
        except NotACondition as error:
            report(replace(where, message=f"'if' is not read as a condition: {error}."))
    if "weight" in written:
        try:
            weight = float(written["weight"])
        except ValueError:
            weight = -1.0
        if not 0 <= weight < MAX_WEIGHT:
            message = f"'weight' must be a number of 0 or more, not {written['weight']!r}; 1 is taken."
            report(replace(where, message=message))
            weight = 1.0
    include = text.removeprefix("include ").strip() if written.get("command") else ""
    labels = frozenset(label.lower() for label in written.get("labels", ()))
    return weight, Note(labels, condition, written.get("negative", ""), include)


def _count(written: dict[str, str], relative: str, report: Report) -> Count | None:
    """A wildcard's own settings (``{count: 2, separator: "/"}``); the container form is prefix and suffix."""
    try:
        low = int(written.get("count", written.get("from", "1")))
        high = int(written.get("count", written.get("to", str(max(low, 1)))))
    except ValueError:
        report(Problem(relative, f"'count', 'from' and 'to' must be whole numbers: {written!r}."))
        return None
    separator = written.get("separator", SEPARATOR)
    prefix, suffix = written.get("prefix", ""), written.get("suffix", "")
    if container := written.get("container"):
        match = re.search(r"\$\{_*choices\[(?:&(['\"])(.*?)\1)?\]\}", container)
        if match:
            prefix, suffix = container[: match.start()], container[match.end() :]
            separator = match[2] if match[1] else separator
    repeats, optional = written.get("repeating", "").lower() == "true", written.get("optional", "").lower() == "true"
    ends = [parse(text, DYNAMICPROMPTS, relative).nodes for text in (prefix, suffix)]
    return Count(max(0, min(low, high)), max(low, high, 0), separator, repeats, optional, *ends)


def _kept(path: Path, own_name: str) -> list[Entry] | None:
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["own_name"] != own_name:
            return None
        return [
            Entry(name, list(texts), list(lines), {int(index): dict(value) for index, value in objects.items()}, count)
            for name, texts, lines, objects, count in kept["entries"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # a cache that cannot be read costs time, nothing else


def _keep(path: Path, own_name: str, entries: list[Entry]) -> None:
    content = [[e.name, e.texts, e.lines, e.objects, e.count] for e in entries]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"own_name": own_name, "entries": content}), "utf-8")
        temporary.replace(path)
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else
