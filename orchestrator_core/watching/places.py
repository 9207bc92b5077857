"""Folders as the system has them: file systems, links, folders inside of one another."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

NO_EVENTS = re.compile(r"cifs|smb.*|nfs.*|fuse\..*|9p|drvfs|vboxsf|prl_fs|afs|ncpfs")  # file systems that send none
OCTAL = re.compile(r"\\([0-7]{3})")


def sends_no_events(kind: str) -> bool:
    """Whether changes on a file system of this type are told to nobody, or only those of this machine."""
    return NO_EVENTS.fullmatch(kind) is not None


def mounted() -> list[tuple[str, str]]:
    """Where file systems are mounted, and their types; nothing where the system does not tell."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = [line.split(" ") for line in lines]
    return [(OCTAL.sub(lambda code: chr(int(code[1], 8)), parts[1]), parts[2]) for parts in fields if len(parts) > 2]


def file_system(real: str, mounts: Sequence[tuple[str, str]]) -> str:
    """The type of the file system that a path is on: that of the longest mount above it; "" where not known."""
    above = [
        (len(place), at, kind)
        for at, (place, kind) in enumerate(mounts)
        if real == place or real.startswith(place.rstrip("/") + "/")
    ]
    return max(above)[2] if above else ""


def linked_folders(folder: str) -> list[str]:
    """Links to folders below a folder, and below those; each target once, so that circles end."""
    seen = {os.path.realpath(folder)}
    found: list[str] = []
    waiting = [folder]
    while waiting:
        for parent, names, _ in os.walk(waiting.pop()):
            for name in names:
                path = f"{parent}{os.sep}{name}"
                if Path(path).is_symlink() and (real := os.path.realpath(path)) not in seen:
                    seen.add(real)
                    found.append(path)
                    waiting.append(path)
    return found


def outermost(reals: Iterable[str]) -> list[str]:
    """Without those that are inside of another: a watch holds all that is below it."""
    found: list[str] = []
    for real in sorted(reals):
        if not any(real.startswith(outer.rstrip(os.sep) + os.sep) for outer in found):
            found.append(real)
    return found
