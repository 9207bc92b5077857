"""What wildcard files there are under a folder: names by one walk, contents only when they are asked for.

Only regular files inside the folder count: a link that leads out of all wildcard folders, a device, and a name that
Windows reserves are refused and reported.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns as now

TEXT = ".txt"
STRUCTURED = (".yaml", ".yml", ".json")
MAX_FILE = 512 << 20  # bytes
_MAX_DEPTH = 32
_COARSE = 3_000_000_000  # ns; file systems that people use know times to two seconds or better
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be used, or not wholly. The rest of its folder is not affected."""

    path: str  # relative to its wildcard folder
    message: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.message}"


@dataclass(slots=True)
class Folder:
    """A snapshot of one root. ``texts`` and ``structured``: name without suffix → suffix as written."""

    root: str
    texts: dict[str, str] = field(default_factory=dict)
    structured: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)  # directory → mtime in ns: it changes when a name does
    problems: list[Problem] = field(default_factory=list)

    def path(self, name: str, suffix: str) -> str:
        return os.path.join(self.root, name + suffix)  # noqa: PTH118 - 5,000 Path objects would be half of the scan

    def is_stale(self) -> bool:
        """Whether a file was added, removed or renamed, by one stat for each directory."""
        return any(_time(directory) != time for directory, time in self.times.items())


def _time(directory: str) -> int:
    try:
        return os.stat(directory).st_mtime_ns  # noqa: PTH116 - as above
    except OSError:
        return -1


def signature(path: str) -> tuple[int, int] | None:
    """What changes when a file's content does; None where there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload found, by wildcard name."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


Signatures = Mapping[str, tuple[int, int] | None]


def signatures(folders: Sequence[Folder]) -> Signatures:
    """Path → signature of every file."""
    listed = [folder.path(name, suffix) for folder in folders for name, suffix in folder.texts.items()]
    listed += [folder.path(file, "") for folder in folders for file in folder.structured]
    return {path: signature(path) for path in listed}


def listing(roots: Sequence[Path]) -> Signatures:
    """Path → signature of every file below the roots, as it is now."""
    allowed = [root.resolve() for root in roots]
    return signatures([scan(root, allowed) for root in roots])


def changes_between(before: Signatures, after: Signatures, roots: Sequence[Path]) -> Changes:
    """What came, changed and went."""
    changed = [path for path in after.keys() & before.keys() if after[path] != before[path]]
    found = (after.keys() - before.keys(), changed, before.keys() - after.keys())
    return Changes(*[_names_of(paths, [str(root) for root in roots]) for paths in found])


def _names_of(paths: Iterable[str], roots: Sequence[str]) -> tuple[str, ...]:
    """Wildcard names of text files; of others the file's name, since what is in them may not be known."""
    found = set()
    for path in paths:
        root = max((root for root in roots if path.startswith(root)), key=len, default="")
        found.add(path[len(root) + 1 :].replace("\\", "/").removesuffix(".txt"))
    return tuple(sorted(found))


def scan(root: Path, allowed: Sequence[Path]) -> Folder:
    """Walks one root. ``allowed``: the resolved roots; a link may lead into any of them."""
    folder = Folder(str(root))
    _Walk(folder, [str(path) for path in allowed]).directory(str(root), "", 0)
    return folder


class _Walk:
    def __init__(self, folder: Folder, allowed: list[str]) -> None:
        self.folder = folder
        self.allowed = allowed
        self.seen: set[str] = set()  # resolved directories, against links that go round in circles

    def directory(self, path: str, prefix: str, depth: int) -> None:
        time = _time(path)
        # a file added right after this look may leave the time as it is; so a time this fresh is not trusted
        self.folder.times[path] = time - 1 if now() - time < _COARSE else time
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            if time >= 0:
                self.refuse(prefix or ".", f"This folder cannot be read: {error.strerror}.")
            return
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if not name.isascii() and (shown := name.encode("utf-8", "backslashreplace").decode()) != name:
                self.refuse(prefix + shown, "This name is not in UTF-8; rename it.")
                continue
            stem, dot, suffix = name.rpartition(".")
            suffix = dot + suffix.lower()
            if suffix == TEXT or suffix in STRUCTURED:
                if entry.is_file(follow_symlinks=False) or self.is_safe(entry, prefix):
                    self.file(prefix + stem, name[len(stem) :], suffix)
            elif entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and self.is_safe_directory(entry, prefix)):
                if depth < _MAX_DEPTH:
                    self.directory(entry.path, f"{prefix}{name}/", depth + 1)
                else:
                    self.refuse(prefix + name, f"Folders nested more than {_MAX_DEPTH} deep are not read.")

    def file(self, name: str, written: str, suffix: str) -> None:
        stem = name.rpartition("/")[2]
        if _RESERVED.fullmatch(stem):
            self.refuse(name + written, "This is the name of a device on Windows; rename the file.")
        elif suffix == TEXT:
            self.folder.texts.setdefault(name, written)
        else:
            self.folder.structured[name + written] = ""

    def is_safe(self, entry: os.DirEntry[str], prefix: str) -> bool:
        if not entry.is_symlink():
            return self.refuse(prefix + entry.name, "This is no regular file.")
        target = os.path.realpath(entry.path)
        if not self.is_inside(target):
            return self.refuse(prefix + entry.name, "This link leads out of the wildcard folders; add its folder.")
        return signature(entry.path) is not None or self.refuse(prefix + entry.name, "This link leads to no file.")

    def is_safe_directory(self, entry: os.DirEntry[str], prefix: str) -> bool:
        if not entry.is_dir():
            return False
        target = os.path.realpath(entry.path)
        if not self.is_inside(target):
            return self.refuse(prefix + entry.name, "This link leads out of the wildcard folders; add its folder.")
        if target in self.seen or entry.path.startswith(target + os.sep):
            return False
        self.seen.add(target)
        return True

    def is_inside(self, target: str) -> bool:
        return any(target == root or target.startswith(root + os.sep) for root in self.allowed)

    def refuse(self, path: str, message: str) -> bool:
        self.folder.problems.append(Problem(path, message))
        return False
