"""``orchestrator loras missing`` and ``check``: what metadata lacks, and what is wrong with files."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator_app.console import heading, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.record import LoraRecord

# Kinds of loras/missing.py that are wrong with a file; the others are metadata that is not there.
WRONG = ("incomplete", "truncated", "unreadable", "unreadable_sidecar", "other_hash", "duplicate")
NOTES = ("incomplete", "duplicate")  # may well be meant, or pass


def missing(arguments: argparse.Namespace) -> int:
    """Exit status 0: metadata that is missing is no error."""
    from orchestrator_app.commands.loras.listing import matching, print_json
    from orchestrator_app.lora_library import open_library

    kinds = _kinds(arguments.kind)
    with open_library(arguments.loras) as (library, _):
        asked = matching(library, " ".join(arguments.query))
        found = [record for record in asked if record.state != "missing" and set(record.missing) & set(kinds)]
        if arguments.csv:
            from orchestrator_app.studio.lora_listing import lacking_csv

            say(lacking_csv(found).rstrip("\n"))
        elif arguments.json:
            print_json(found)
        else:
            _print_missing(library, found, kinds, len(asked))
    return 0


def _kinds(given: Sequence[str]) -> Collection[str]:
    """Raises ConfigError for a kind that there is not."""
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.loras.missing import KINDS

    wanted = [kind.strip().lower().replace(" ", "_").replace("-", "_") for kind in given]
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise ConfigError(f"--kind {unknown[0]!r} is none; use one of: {', '.join(KINDS)}.")
    return wanted or list(KINDS)


def _print_missing(library: Library, found: Sequence[LoraRecord], kinds: Collection[str], asked: int) -> None:
    from orchestrator_core.loras.brief import one_line
    from orchestrator_core.loras.missing import KINDS

    if not found:
        say(f"Nothing is missing in {asked:,} LoRA{_s(asked)}.")
        return
    rows = [(one_line(record.name), _told(library, record, kinds)) for record in found]
    table(("name", "missing"), rows, wraps=1)
    counts = Counter(kind for record in found for kind in record.missing if kind in kinds)
    say()
    numbers = [
        (f"{counts[kind]:,}", kind, f"{KINDS[kind].sentence} {KINDS[kind].advice}") for kind in KINDS if counts[kind]
    ]
    table(("number", "kind", "what it is, and what to do"), numbers, right=(0,), wraps=2)
    remark(f"\n{len(found):,} of {asked:,} LoRA{_s(asked)}. Some of it is known to Civitai: orchestrator loras fetch")


def _told(library: Library, record: LoraRecord, kinds: Collection[str]) -> str:
    from orchestrator_core.loras.brief import some_of
    from orchestrator_core.loras.missing import conflicting

    told = []
    for kind in record.missing:
        if kind in kinds:
            named = some_of(twins_of(library, record)) if kind == "duplicate" else ""
            if kind == "conflict":
                named = ", ".join(name.replace("_", " ") for name in conflicting(record))
            told.append(kind.replace("_", " ") + (f" ({named})" if named else ""))
    return ", ".join(told)


def twins_of(library: Library, record: LoraRecord) -> list[str]:
    """The names of other files of the same content; with their folder where the name is the same."""
    paths = library.snapshot.names.twins(record.path)
    entries = [library.snapshot.entries[path] for path in paths]
    return [entry.path if entry.name == record.name else entry.name for entry in entries]


# check


def check(arguments: argparse.Namespace) -> int:
    from orchestrator_app.commands.loras.listing import matching, print_json
    from orchestrator_app.lora_library import open_library

    with open_library(arguments.loras) as (library, _):
        known = matching(library, "")
        found = [record for record in known if set(record.missing) & set(WRONG)]
        serious = sum(bool(set(record.missing) & (set(WRONG) - set(NOTES))) for record in found)
        unread = len(library.snapshot.problems)
        if arguments.json:
            print_json(found)
        else:
            for record in found:
                _print_wrong(library, record)
            _print_same_names(known)
            _print_verdict(library, len(known), len(found), serious)
    return 1 if (serious or unread) and not arguments.lenient else 0


def _print_wrong(library: Library, record: LoraRecord) -> None:
    from orchestrator_core.loras.brief import one_line, some_of
    from orchestrator_core.loras.missing import KINDS, problems

    heading(one_line(record.path))
    told = problems(record)
    for sentence in told:
        say(f"    {sentence}")
    for kind in (kind for kind in record.missing if kind in WRONG):
        found = KINDS[kind]
        if kind == "duplicate":
            say(f"    note: The same content as {some_of(twins_of(library, record))}. {found.advice}")
        elif kind == "unreadable_sidecar" and told:
            say(f"    {found.advice}")
        else:
            say(f"    {'note: ' if kind in NOTES else ''}{found.sentence} {found.advice}")


def _print_same_names(records: Sequence[LoraRecord]) -> None:
    """Of two files of one name a ``<lora:…>`` tag means one; which one, hosts decide differently."""
    from orchestrator_core.loras.brief import one_line

    for name, paths in _same_names(records):
        heading(one_line(name))
        say(f"    note: {len(paths)} files have this name; a <lora:…> tag without a folder means only one of them:")
        for path in paths:
            say(f"        {one_line(path)}")


def _same_names(records: Sequence[LoraRecord]) -> Iterator[tuple[str, list[str]]]:
    by_name: dict[str, list[str]] = {}
    for record in records:
        by_name.setdefault(record.name.rpartition("/")[2].casefold(), []).append(record.path)
    return ((name, paths) for name, paths in sorted(by_name.items()) if len(paths) > 1)


def _print_verdict(library: Library, known: int, found: int, serious: int) -> None:
    if not found:
        say(f"Nothing is wrong with the files of {known:,} LoRA{_s(known)}.")
    else:
        notes = found - serious
        say(f"\n{serious:,} LoRA{_s(serious)} with problems, {notes:,} with notes, of {known:,}")
    left = len(library.without_digests())
    if left:
        are = "is" if left == 1 else "are"
        remark(f"{left:,} of them {are} not hashed yet, so not all is known: orchestrator loras hash")


def _s(number: int) -> str:
    return "" if number == 1 else "s"
