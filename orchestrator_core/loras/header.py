"""The header of a LoRA: its ``__metadata__``, the family of its tensors, and whether the file is all there.

Of a header of 2,000 tensors only the first object is decoded; family and end of the data are found by searches in the
bytes. Where a file is written otherwise (``__metadata__`` not first), its whole header is parsed, up to a bound.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.base_models.safetensors import MAX_READ, RawHeader, Unfinished, read_raw_header
from orchestrator_core.base_models.tensors import family_of_tensors
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.record import State

_FIRST = re.compile(rb'\s*\{\s*"__metadata__"\s*:\s*')
_OFFSETS = re.compile(rb'"data_offsets"\s*:\s*\[\s*(-?\d{1,20})\s*,\s*(-?\d{1,20})\s*\]')
# Unescaped, this is almost always where the metadata ends; where it was not, the text up to it is no JSON.
_END = b'"},"'
MAX_PARSED = 16 * 1024 * 1024  # a header that must be parsed as a whole; json needs about ten times this in memory
_BRACES = 100  # of the metadata, looked at one by one
_CHAIN = 8  # entries in a row that lie one behind the other: then all do
_NEAR = 2048  # bytes that so many entries take, but for very long names
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a file says; ``problem`` is a sentence where something is wrong with it."""

    state: State
    metadata: dict[str, str] = field(default_factory=dict)
    base_model: BaseModel = UNKNOWN  # of its tensors
    problem: str = ""


def read_header(path: str) -> Header:
    """Read a safetensors header. Never raises: ``state`` and ``problem`` say what is wrong."""
    try:
        return _interpret(read_raw_header(path))
    except Unfinished as error:
        return Header("incomplete", problem=str(error))
    except FormatError as error:
        return Header("unreadable", problem=str(error))
    except OSError as error:
        return Header("unreadable", problem=f"The file cannot be read: {error.strerror or error}.")


def _interpret(raw: RawHeader) -> Header:
    if raw.head.lstrip()[:1] != b"{":
        return Header("unreadable", problem="Its header is not JSON, so this is no safetensors file.")
    if raw.length > MAX_READ:
        problem = f"Its header has {raw.length:,} bytes, too many to be read: what it says of itself is left out."
        return Header(_state_by_its_end(raw), problem=problem)
    first = _FIRST.match(raw.head)
    if first is None:
        return _without_leading_metadata(raw.whole())
    end = _end(raw.head, first.end())
    if end < 0 and not raw.is_whole:
        raw = raw.whole()  # the metadata is longer than the part that was read
        end = _end(raw.head, first.end())
    decoded = _leading_object(raw.head, first.end(), end)
    if decoded is None and not raw.is_whole:
        raw = raw.whole()
        decoded = _leading_object(raw.head, first.end(), _end(raw.head, first.end()))
    return _parsed_as_a_whole(raw) if decoded is None else _told(raw, *decoded)


def _without_leading_metadata(raw: RawHeader) -> Header:
    if b'"__metadata__"' in raw.head or b'"data_offsets"' not in raw.tail:
        return _parsed_as_a_whole(raw)
    return _told(raw, {}, 0)


def _end(data: bytes, start: int) -> int:
    """Where the metadata seems to end, behind its brace; -1 where it does not."""
    at = start
    for _ in range(_BRACES):  # braces are few and quotes many, and to find one byte takes a tenth of the time
        at = data.find(b"}", at) + 1
        if at == 0 or data[at - 2 : at + 2] == _END:
            return at or -1
    at = data.find(_END, at)
    return at + 2 if at >= 0 else -1


def _leading_object(data: bytes, start: int, end: int) -> tuple[dict[str, Any], int] | None:
    """The metadata and where it ends; None where it is no object or the JSON is broken."""
    try:
        if end > 0:
            return _checked(json.loads(data[start:end].decode())), end
    except (ValueError, RecursionError):
        pass
    try:
        value, length = _DECODER.raw_decode(data[start:].decode("utf-8", "replace"))
        # Its end is needed in bytes; counted in characters it is a little too early, never too late.
        return _checked(value), start + length
    except (ValueError, RecursionError):
        return None


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _told(raw: RawHeader, metadata: dict[str, Any], end: int) -> Header:
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    base = family_of_tensors(raw.head[end:], raw.tail, lambda: raw.whole().head[end:])
    state, problem = _completeness(raw, end)
    if len(texts) < len(metadata):
        names = ", ".join(sorted(metadata.keys() - texts.keys())[:3])
        state, problem = "unreadable", f"Its metadata holds values that are no text ({names}): loaders refuse it."
    return Header(state, texts, base, problem)


def _completeness(raw: RawHeader, start: int) -> tuple[State, str]:
    """Complete if the tensors end exactly where the file does: the rule of the safetensors library."""
    if _ends_in_order(raw, start):
        return "complete", ""
    places = [(int(match[1]), int(match[2])) for match in _OFFSETS.finditer(raw.whole().head, start)]
    if not places:
        return "unreadable", "Its header names no tensors."
    end = max(last for _, last in places)
    if min(first for first, _ in places) < 0 or end < 0:
        return "unreadable", "Its header speaks of tensors before the beginning of the data: loaders refuse it."
    if end < raw.payload:  # no waiting helps
        more = f"{raw.payload - end:,} byte{'s' * (raw.payload - end > 1)} more"
        return (
            "unreadable",
            f"It has {more} than its header speaks of: loaders refuse it.",
        )
    if end == raw.payload:
        return "complete", ""
    return "incomplete", f"The file has {raw.size:,} bytes, and its header speaks of {8 + raw.length + end:,}."


def _ends_in_order(raw: RawHeader, start: int) -> bool:
    """Whether the last entry ends where the file does, and the entries at both ends are in the order of their data.

    Then the last one is the end of the data. Out of order, a file that was cut between two tensors could end so too.
    """
    last = _ends(raw.tail[-_NEAR:])
    if len(last) < _CHAIN:
        last = _ends(raw.tail)
    if not last or last[-1][1] != raw.payload:
        return False
    first = [(int(match[1]), int(match[2])) for match in islice(_OFFSETS.finditer(raw.head, start), _CHAIN)]
    return bool(first) and first[0][0] == 0 and _is_chain(first) and _is_chain(last)


def _ends(tail: bytes) -> list[tuple[int, int]]:
    return [(int(match[1]), int(match[2])) for match in _OFFSETS.finditer(tail)][-_CHAIN:]


def _is_chain(entries: list[tuple[int, int]]) -> bool:
    return all(entry[1] == following[0] for entry, following in pairwise(entries))


def _state_by_its_end(raw: RawHeader) -> State:
    """For a header that is too long to be read."""
    ends = _OFFSETS.findall(raw.tail)
    return "complete" if ends and int(ends[-1][1]) == raw.payload else "incomplete"


def _parsed_as_a_whole(raw: RawHeader) -> Header:
    if raw.length > MAX_PARSED:
        problem = f"Its header is written unusually, and with {raw.length:,} bytes it is too long to be parsed."
        return Header(_completeness(raw, 0)[0], problem=problem)
    try:
        header = json.loads(raw.head.decode())
    except (ValueError, RecursionError) as error:
        return Header("unreadable", problem=f"Its header is not JSON: {str(error)[:200]}.")
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else 0
    if not isinstance(metadata, dict | None):
        return Header("unreadable", problem="Its metadata is no object: loaders refuse it.")
    return _told(raw, metadata or {}, 0)
