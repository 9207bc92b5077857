"""The header of a LoRA: its ``__metadata__``, the family of its tensors, and whether the file is all there.

Of a header of 2,000 tensors only the first object is decoded; family and end of the data are found by searches in the
bytes. Where a file is written otherwise (``__metadata__`` not first), its whole header is parsed, up to a bound.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.base_models.safetensors import RawHeader, Unfinished, read_raw_header
from orchestrator_core.base_models.tensors import family_of_tensors
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.record import State

_FIRST = re.compile(rb'\s*\{\s*"__metadata__"\s*:\s*')
_OFFSETS = re.compile(rb'"data_offsets"\s*:\s*\[\s*(\d{1,20})\s*,\s*(\d{1,20})\s*\]')
_LAST = 4096  # of a header; its last entry is within
MAX_PARSED = 16 * 1024 * 1024  # a header that must be parsed as a whole; json needs about ten times this in memory
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
        raw = read_raw_header(path)
    except Unfinished as error:
        return Header("incomplete", problem=str(error))
    except FormatError as error:
        return Header("unreadable", problem=str(error))
    except OSError as error:
        return Header("unreadable", problem=f"The file cannot be read: {error.strerror or error}.")
    return _interpret(raw)


def _interpret(raw: RawHeader) -> Header:
    if raw.cut:
        problem = f"Its header has {raw.length:,} bytes, too many to be read: what it says of itself is left out."
        return Header(_completeness(raw, 0), problem=problem)
    if raw.data.lstrip()[:1] != b"{":
        return Header("unreadable", problem="Its header is not JSON, so this is no safetensors file.")
    first = _FIRST.match(raw.data)
    if first is None and b'"__metadata__"' not in raw.data and b'"data_offsets"' in raw.data[-_LAST:]:
        return _told(raw, {}, 0)
    if first is not None:
        decoded = _leading_object(raw.data, first.end())
        if decoded is not None:
            return _told(raw, *decoded)
    return _parsed_as_a_whole(raw)


def _leading_object(data: bytes, start: int) -> tuple[dict[str, Any], int] | None:
    """The metadata and where it ends; None where it is no object or the JSON is broken."""
    # Unescaped, `"},"` is almost always where the object ends; where it was not, the text up to it is no JSON.
    end = data.find(b'"},"', start) + 2
    if end > 1:
        try:
            return _checked(json.loads(data[start:end].decode())), end
        except (ValueError, RecursionError):
            pass
    try:
        value, length = _DECODER.raw_decode(data[start:].decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    # Its end is needed in bytes; what lies behind it may be searched a little too early, never too late.
    return value, start + length


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _told(raw: RawHeader, metadata: dict[str, Any], end: int) -> Header:
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    state = _completeness(raw, end)
    problem = ""
    if len(texts) < len(metadata):
        names = ", ".join(sorted(metadata.keys() - texts.keys())[:3])
        state, problem = "unreadable", f"Its metadata holds values that are no text ({names}): loaders refuse it."
    elif state == "incomplete":
        problem = f"The file has {raw.size:,} bytes, and its header speaks of {8 + raw.length + _end(raw, end):,}."
    elif state == "unreadable":
        problem = "Its header names no tensors."
    return Header(state, texts, family_of_tensors(raw.data, end), problem)


def _completeness(raw: RawHeader, start: int) -> State:
    """Complete if the tensors end exactly where the file does: the rule of the safetensors library."""
    tail = raw.data[max(start, len(raw.data) - _LAST) :]
    last = tail.rfind(b'"data_offsets"')
    match = _OFFSETS.match(tail, last) if last >= 0 else None
    # Entries are in the order of their data in nearly every file. Then the last one ends the data, and none begins
    # there; a search for that is much cheaper than looking at all of them.
    if match is not None and int(match[2]) == raw.payload and not _begins_at_the_end(raw, start, match):
        return "complete"
    end = _end(raw, start)
    if end < 0:
        return "unreadable"
    return "complete" if end == raw.payload else "incomplete"


def _begins_at_the_end(raw: RawHeader, start: int, entry: re.Match[bytes]) -> bool:
    """Whether a tensor may begin where the file ends: then the file was cut between two tensors."""
    # Spelled as the last entry is, from its key on: a long needle is found three times as fast as a short one.
    key = entry.string[entry.start() : entry.start(1)]
    return raw.data.find(b"%s%d" % (key, raw.payload), start) >= 0


def _end(raw: RawHeader, start: int) -> int:
    """Where the data of the last tensor ends; -1 where the header names none."""
    return max((int(match[2]) for match in _OFFSETS.finditer(raw.data, start)), default=-1)


def _parsed_as_a_whole(raw: RawHeader) -> Header:
    if raw.length > MAX_PARSED:
        problem = f"Its header is written unusually, and with {raw.length:,} bytes it is too long to be parsed."
        return Header(_completeness(raw, 0), problem=problem)
    try:
        header = json.loads(raw.data.decode())
    except (ValueError, RecursionError) as error:
        return Header("unreadable", problem=f"Its header is not JSON: {str(error)[:200]}.")
    metadata = header.pop("__metadata__", None) or {} if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        return Header("unreadable", problem="Its metadata is no object: loaders refuse it.")
    return _told(raw, metadata, 0)
