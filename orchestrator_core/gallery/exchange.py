"""Marks as JSON lines, to be kept, sent or written by another program. They name images by the SHA-256 of the content.

``{"schema_version": 1, "sha256": "…", "favourite": true, "rating": 4}``, one image a line; a mark that a line does not
name stays as it is. Marks of images that nobody has seen yet are kept, and are there when the image comes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import read_json
from orchestrator_core.gallery.model import FIELDS, fields_of

if TYPE_CHECKING:
    from orchestrator_core.gallery.marking import Marking
    from orchestrator_core.store import Store

SCHEMA_VERSION = 1
AT_ONCE = 200  # lines of one transaction
LONGEST = 100_000  # characters of a line
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KNOWN = {"schema_version", "sha256", "name", *FIELDS}


@dataclass(frozen=True, slots=True)
class Imported:
    """``problems``: a line for a person for each one that was not taken. ``waiting``: of those taken, how many are of
    images that nobody has seen yet."""

    changed: int
    same: int
    problems: tuple[str, ...]
    waiting: int = 0


def exported(marking: Marking) -> Iterator[str]:
    """A line for each image that has a mark, in the order in which they were set last."""
    since: int | None = 0
    while since is not None:
        lines, since = exported_after(marking.store, since)
        yield from lines


def exported_after(store: Store, since: int) -> tuple[list[str], int | None]:
    """Some of these lines, and after which revision to go on; None: that were all."""
    from orchestrator_core.store import gallery_find

    with store.reading() as connection:
        rows = gallery_find.marked(connection, since, AT_ONCE)
    lines = [_line(row) for row in rows if _SHA256.fullmatch(row["key"])]
    return lines, rows[-1]["revision"] if len(rows) == AT_ONCE else None


def _line(row: Mapping[Any, Any]) -> str:
    data: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "sha256": row["key"], "name": row["name"]}
    data |= {name: bool(row[name]) for name in ("favourite", "reject") if row[name]}
    data |= {"rating": row["rating"]} if row["rating"] else {}
    return json.dumps(data, ensure_ascii=False)


def imported(marking: Marking, lines: Iterable[str]) -> Imported:
    """Sets what can be read; bad lines are told, and the others taken. Raises StoreError."""
    problems: list[str] = []
    changed = same = waiting = 0
    batch: dict[str, tuple[str, dict[str, int]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key, name, fields = _read(line)
        except FormatError as error:
            problems.append(f"Line {number}: {error}")
            continue
        if key in batch:
            same, fields = same + 1, _set_after(batch[key][1], fields)
        elif len(batch) >= AT_ONCE:
            done = marking.put_by_key(batch)
            changed, same, waiting = changed + done.changed, same + len(batch) - done.changed, waiting + done.waiting
            batch = {}
        batch[key] = (name, fields)
    done = marking.put_by_key(batch)
    return Imported(changed + done.changed, same + len(batch) - done.changed, tuple(problems), waiting + done.waiting)


def _set_after(before: Mapping[str, int], fields: Mapping[str, int]) -> dict[str, int]:
    """What two lines of one image say together: to set one of favourite and reject takes the other away."""
    taken = {"reject": 0} if fields.get("favourite") else {"favourite": 0} if fields.get("reject") else {}
    return {**before, **taken, **fields}


def _read(line: str) -> tuple[str, str, dict[str, int]]:
    if len(line) > LONGEST:
        raise FormatError(f"{len(line):,} characters are more than a line has.")
    data = read_json(line, "It")
    if not isinstance(data, dict):
        raise FormatError("It is no JSON object.")
    if data.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise FormatError(f"It is of schema version {data['schema_version']!r}; this pack reads {SCHEMA_VERSION}.")
    key = data.get("sha256")
    if not isinstance(key, str) or not _SHA256.fullmatch(key.lower()):
        raise FormatError('"sha256" has to be there, with the 64 hex digits of the image\'s content.')
    unknown = sorted(set(data) - _KNOWN)
    if unknown:
        raise FormatError(f"There is no field {unknown[0]!r}. Use: {', '.join(sorted(_KNOWN))}.")
    fields = fields_of({name: data[name] for name in FIELDS if name in data})
    return key.lower(), str(data.get("name", ""))[:255], fields
