"""``orchestrator loras export``: what is known, into the ``.json`` beside each LoRA that A1111 and Forge read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.console import heading, problem, remark, say

if TYPE_CHECKING:
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.loras.sidecar_writing import Sidecar

_PREVIEWED = 20  # sidecars
_LONGEST = 100  # characters of a value


def export_sidecars(arguments: argparse.Namespace) -> int:
    """Exit status 1 if a file could not be written or must not be."""
    from orchestrator_app.commands.loras.listing import matching
    from orchestrator_app.lora_library import open_library

    with open_library(arguments.loras) as (library, _):
        records = [record for record in matching(library, " ".join(arguments.query)) if record.state == "complete"]
        changed, failed = _sidecars(records)
        if arguments.write:
            failed += _write(changed)
        else:
            _preview(changed)
    if not changed:
        of = f"the .json file{_s(len(records))} of {len(records):,} LoRA{_s(len(records))}"
        say(f"Nothing is to be written into {of}.")
    elif not arguments.write:
        remark("\nNothing was written. The same command with --write does it.")
    return 1 if failed else 0


def _sidecars(records: Sequence[LoraRecord]) -> tuple[list[Sidecar], int]:
    """What there is to write, and how many cannot be."""
    from orchestrator_core.errors import FormatError
    from orchestrator_core.loras.sidecar_writing import a1111_sidecar

    changed, failed = [], 0
    for record in records:
        try:
            sidecar = a1111_sidecar(record)
        except (FormatError, OSError) as error:
            problem("warning", str(error))
            failed += 1
        else:
            changed += [sidecar] if sidecar.changes else []
    return changed, failed


def _preview(changed: Sequence[Sidecar]) -> None:
    for sidecar in changed[:_PREVIEWED]:
        heading(f"{_short(sidecar.path)}{' (new)' if sidecar.is_new else ''}")
        for key, (old, new) in sidecar.changes.items():
            before = "" if old in (None, "", 0) else f"   (before: {_shown(old)})"
            say(f"    {key}: {_shown(new)}{before}")
    if len(changed) > _PREVIEWED:
        say(f"\nand {len(changed) - _PREVIEWED:,} more files")


def _write(changed: Sequence[Sidecar]) -> int:
    from orchestrator_core.loras.sidecar_writing import write_sidecar

    failed = 0
    for sidecar in changed:
        try:
            write_sidecar(sidecar)
        except OSError as error:
            problem("warning", f"{sidecar.path} cannot be written: {error.strerror or error}.")
            failed += 1
        else:
            say(f"wrote {_short(sidecar.path)}")
    return failed


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    text = " ".join(value.split())
    return repr(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _s(number: int) -> str:
    return "" if number == 1 else "s"
