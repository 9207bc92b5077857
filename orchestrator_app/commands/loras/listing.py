"""``orchestrator loras list`` and ``search``."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_app.console import remark, rich_console, say, table, width

if TYPE_CHECKING:
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.record import LoraRecord


def list_all(arguments: argparse.Namespace) -> int:
    return _print(arguments, "")


def search(arguments: argparse.Namespace) -> int:
    return _print(arguments, " ".join(arguments.query))


def _print(arguments: argparse.Namespace, query: str) -> int:
    from orchestrator_app.lora_library import open_library

    with open_library(arguments.loras) as (library, _):
        found = matching(library, query)
        shown = found[: arguments.limit] if arguments.limit else found
        if arguments.json:
            print_json(shown)
        elif shown:
            _print_table(shown)
        if not arguments.json:
            remark(_summary(library, len(found), len(shown), query))
    return 0 if found or not query else 1


def matching(library: Library, query: str) -> list[LoraRecord]:
    """What the query finds, by name unless it says another order. Gone files are shown to those who ask for them.

    Raises FormatError for a query that cannot be read.
    """
    from orchestrator_core.loras.query import SORTS, parse_query

    parsed = parse_query(query)
    found = parsed.apply(library.records(all_states=True))
    if "state:" not in query:
        found = [record for record in found if record.state != "missing"]
    return found if parsed.sort else sorted(found, key=SORTS["name"])


def print_json(records: Sequence[LoraRecord]) -> None:
    import json

    from orchestrator_app.lora_json import lora_as_json

    for record in records:
        say(json.dumps(lora_as_json(record), ensure_ascii=False))


_HEADS = ("name", "base model", "kind", "strength", "trigger words", "state, missing")
_NAME, _BASE, _STRENGTH, _WORDS, _STATE = 0, 1, 3, 4, 5
_WIDE = 100  # columns of a terminal


def _print_table(records: Sequence[LoraRecord]) -> None:
    rows = [_row(record) for record in records]
    if rich_console(sys.stdout) is None:  # a pipe has no width
        table(_HEADS, rows, right=(_STRENGTH,))
        return
    # What does not fit is left out and cut here: a table that is too wide would lose the trigger words.
    kept = (_NAME, _BASE, _STRENGTH, _WORDS, _STATE) if width() >= _WIDE else (_NAME, _BASE, _WORDS, _STATE)
    for row in rows:
        row[_NAME] = _cut_before(row[_NAME], width() // 3)
        row[_STATE] = textwrap.shorten(row[_STATE], width() // 4, placeholder=" …")
    right = (kept.index(_STRENGTH),) if _STRENGTH in kept else ()
    table([_HEADS[at] for at in kept], [[row[at] for at in kept] for row in rows], right, wraps=kept.index(_WORDS))


def _cut_before(name: str, length: int) -> str:
    """The end of a name, which tells more than its folder."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


def _row(record: LoraRecord) -> list[str]:
    from orchestrator_core.loras.brief import one_line, shortened

    strength = "" if record.preferred_strength is None else f"{record.preferred_strength:g}"
    base = record.sub_family or record.base_model
    return [
        f"{one_line(record.name)}{' *' if record.favourite else ''}",
        base,
        record.category or "",
        strength,
        shortened(" | ".join(record.trigger_words)),
        flags_of(record),
    ]


def flags_of(record: LoraRecord) -> str:
    """``offline, trigger words, preview``."""
    states = [] if record.state == "complete" or record.state in record.missing else [record.state]
    excluded = ["excluded"] if record.excluded else []
    return ", ".join([*states, *excluded, *(kind.replace("_", " ") for kind in record.missing)])


def _summary(library: Library, found: int, shown: int, query: str) -> str:
    if not found:
        return "Nothing fits." if query else f"There is no LoRA in {', '.join(library.roots)}."
    more = f", the first {shown:,} shown (--limit 0 shows all)" if shown < found else ""
    of = f" of {len(library.snapshot.entries):,}" if query else ""
    return f"\n{found:,}{of} LoRA{'' if found == 1 and not of else 's'}{more}"
