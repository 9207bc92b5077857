"""``orchestrator loras hash``: the digests by which sites and images name LoRAs. What is done stays done."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator_app.console import problem, say

if TYPE_CHECKING:
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.library_entries import Entry


def hash_files(arguments: argparse.Namespace) -> int:
    """Exit status 1 if a file could not be read."""
    from orchestrator_app.commands.loras.listing import matching
    from orchestrator_app.lora_library import open_library
    from orchestrator_app.progress_bar import going_on, progress_bar, size

    with open_library(arguments.loras) as (library, _):
        known = library.problem  # was said when it was opened
        query = " ".join(arguments.query)
        wanted = {record.path for record in matching(library, query) if record.state == "complete"}
        left = [entry for entry in library.without_digests() if entry.path in wanted]
        if not left:
            say(f"All {len(wanted):,} LoRAs are hashed." if wanted else "There is none to hash.")
            return 0
        total = sum(entry.size for entry in left)
        with going_on("What is hashed is kept"), progress_bar("hashing", in_bytes=True) as report:
            failed = _hash_all(library, left, lambda done, name: report(done, total, name))
        if library.problem and library.problem != known:
            problem("warning", library.problem)
        done = len(left) - failed
        say(f"{done:,} LoRA{'' if done == 1 else 's'} hashed, {size(total)} in all.")
        return 1 if failed else 0


def _hash_all(library: Library, left: list[Entry], report: Callable[[int, str], None]) -> int:
    """Hashes one after another; how many could not be."""
    from orchestrator_core.loras.digests import digests

    failed = before = 0
    for entry in left:

        def told(done: int, before: int = before, name: str = entry.name) -> None:
            report(before + done, name)

        try:
            kept = library.set_digests(entry, digests(entry.path, on_progress=told))
        except OSError as error:
            problem("warning", f"{entry.path} cannot be read: {error.strerror or error}.")
            failed += 1
        else:
            if not kept:
                problem("warning", f"{entry.path} changed while it was read; it is hashed the next time.")
                failed += 1
        before += entry.size
    return failed
