"""What could be typed next: text and cursor → the wildcards, values, variables and files that fit there.

Pure but for the wildcard files whose names are shown, which are read to say how many values they have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator_core.template.dialects import find_dialect
from orchestrator_core.template.values import Values
from orchestrator_core.template.wildcards import Wildcards

KINDS = ("wildcard", "value", "variable", "embedding", "lora")
_LOOK_BACK = 400  # characters before the cursor; no name is longer
_MAX_SCANNED = 20_000  # values of one wildcard that are searched
_CLOSED = re.compile(r"(?<!\\)__(?=[^_\s])[^|<>\n]*?__")
_OPEN = re.compile(r"(?<![\w\\])__(?:(?![_\s])[^|{}<>'\"\n]*)?$")
_HEADER = re.compile(r".*\$\$|\s*[~!@]", re.DOTALL)  # before the name: how many, or how they are drawn
_REST = re.compile(r"[\w./*+\-]*?__")  # of a reference that the cursor stands in
_VARIABLE = re.compile(r"(?<!\\)\$\{(\w*)$")
_ASSIGNED = re.compile(r"\$\{\s*(\w+)\s*[?+]*=")
_EMBEDDING = re.compile(r"(?:^|[\s,()\[\]{}|])(embedding:([^\s,()\[\]{}|:]*))$", re.IGNORECASE)
_LORA = re.compile(r"(<lora:([^<>:|\n]*))$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(safetensors|sft|ckpt|pt2?|pth|bin)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Completion:
    """``insert`` takes the place of the text from ``start`` to ``end``."""

    kind: str  # one of KINDS
    label: str
    insert: str
    detail: str  # "42 values · colors/warm.txt"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to choose from, beside what stands in the text itself."""

    wildcards: Wildcards
    embeddings: Sequence[str] = ()  # file names as the host lists them
    loras: Sequence[str] = ()


def complete(
    text: str, cursor: int, known: Known, dialect: str = "dynamicprompts", limit: int = 30
) -> list[Completion]:
    """What fits at the cursor, best first; nothing where nothing is being named. Raises TemplateError (dialect)."""
    rules = find_dialect(dialect)
    cursor = max(0, min(cursor, len(text)))
    first = max(text.rfind("\n", 0, cursor) + 1, cursor - _LOOK_BACK)
    line = text[first:cursor]
    if found := _files(line, cursor, known):
        return list(islice(found, limit))
    if rules.variables and (match := _VARIABLE.search(line)):
        return list(islice(_variables(text, cursor, match[1]), limit))
    start = _reference(line)
    if start < 0:
        return []
    rest = _REST.match(text, cursor)
    span = (first + start, rest.end() if rest else cursor)
    return _named(line[start + 2 :], span, known.wildcards, limit)


def _reference(line: str) -> int:
    """Where the reference that the end of the line stands in begins; -1 if in none."""
    begin = 0
    for closed in _CLOSED.finditer(line):
        begin = closed.end()
    match = _OPEN.search(line[begin:])  # a slice, since what is before is no part of a word any more
    return begin + match.start() if match else -1


def _named(written: str, span: tuple[int, int], wildcards: Wildcards, limit: int) -> list[Completion]:
    header = _HEADER.match(written)
    before = header.group() if header else ""
    name, hash_, needle = written[len(before) :].partition("#")
    wildcards.look()
    if hash_:
        return list(islice(_values(name, needle, span, wildcards), limit))
    items = _wildcards(name, before, span, wildcards, limit)
    if any(item.label == name for item in items):  # it is written out: its values may be what is wanted
        items += islice(_values(name, "", span, wildcards), max(0, limit - len(items)))
    return items


def _wildcards(name: str, before: str, span: tuple[int, int], wildcards: Wildcards, limit: int) -> list[Completion]:
    found = wildcards.search(name) if name.strip() else wildcards.names()
    labels = [*_folder(name, found), *found[:limit]][:limit]
    return [
        Completion("wildcard", label, f"__{before}{label}__", describe(label, wildcards), *span) for label in labels
    ]


def _folder(name: str, found: Sequence[str]) -> list[str]:
    """``colors/*`` for ``colors/``, where there are several to draw from."""
    below = [other for other in found if other.startswith(name)] if name.endswith("/") else []
    return [f"{name}*"] if len(below) > 1 else []


def describe(name: str, wildcards: Wildcards) -> str:
    """How many values a wildcard has, and where they are: "42 values · colors/warm.txt"."""
    found = wildcards.find(name)
    if found is None:
        return "cannot be read"
    values = found.values
    count = f"{len(values):,} value{'' if len(values) == 1 else 's'}"
    names = values.names
    if len(names) > 1 or not len(values):
        return f"{count} · {len(names)} wildcards" if len(names) > 1 else count
    return f"{count} · {values.place(0)[0]}"


def _values(name: str, needle: str, span: tuple[int, int], wildcards: Wildcards) -> Iterator[Completion]:
    found = wildcards.find(name)
    if found is None:
        return
    words = needle.lower().split()
    for index in range(min(len(found.values), _MAX_SCANNED)):
        text = found.values.text(index)
        if all(word in text.lower() for word in words):
            yield Completion("value", text.strip(), text.strip(), _odds(found.values, index), *span)


def _odds(values: Values, index: int) -> str:
    file, line, _ = values.place(index)
    if not values.weight(index):
        return f"never drawn · {file}:{line}"
    return f"1 of {values.total / values.weight(index):,.4g} · {file}:{line}"


def _variables(text: str, cursor: int, typed: str) -> Iterator[Completion]:
    end = cursor + 1 if text.startswith("}", cursor) else cursor
    for name in dict.fromkeys(_ASSIGNED.findall(text)):
        if name.lower().startswith(typed.lower()):
            yield Completion(
                "variable", name, f"${{{name}}}", "a variable of this template", cursor - len(typed) - 2, end
            )


def _files(line: str, cursor: int, known: Known) -> Iterator[Completion] | None:
    if match := _EMBEDDING.search(line):
        written = [file for file in known.embeddings if " " not in file]  # others cannot be written in a prompt
        return _listed("embedding", match, cursor, written, "embedding:{}")
    if match := _LORA.search(line):
        return _listed("lora", match, cursor, known.loras, "<lora:{}:1>")
    return None


def _listed(kind: str, match: re.Match[str], cursor: int, files: Sequence[str], pattern: str) -> Iterator[Completion]:
    words = match[2].lower().split()
    names = {_SUFFIX.sub("", file.replace("\\", "/")): file for file in files}
    hits = [name for name in names if all(word in name.lower() for word in words)]
    for name in sorted(hits, key=lambda name: (not name.lower().startswith(match[2].lower()), name.lower())):
        yield Completion(kind, name, pattern.format(name), names[name], cursor - len(match[1]), cursor)
