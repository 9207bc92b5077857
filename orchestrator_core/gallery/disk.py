"""Which images are on disk: the folders that a person named, walked once. Names, sizes and times only; reads no file.

Links are not followed: what lies outside is not the gallery's, and what lies inside is seen under its own path. Only
the named folder itself may be a link.
"""

# ruff: noqa: PTH112, PTH118, PTH120 - with Path objects for 100,000 files a look would take three times as long

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from orchestrator_core.loras.files import File, suffix_of
from orchestrator_core.loras.scan import Place, is_below

_LATEST_NS = 2**63 - 1  # that a database keeps; a clock that went wrong may be beyond
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"))


def open_image(path: Path) -> BinaryIO:
    """To be read. Raises OSError also for what is no file by now: to open a pipe would wait for who writes into it."""
    flags = ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
    descriptor = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


@dataclass(slots=True)
class Look:
    """One look at the folders."""

    folders: dict[Place, list[File]] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)  # roots that are not there, or not readable
    problems: dict[str, str] = field(default_factory=dict)  # a folder that cannot be read → why
    only: frozenset[str] | None = None  # the folders that were looked at, where it was not all of them

    def covers(self, root: str, folder: str) -> bool:
        """Whether this look would have seen what is in ``folder``, so that its absence means that it is gone."""
        if root in self.offline or any(is_below(folder, problem) for problem in self.problems):
            return False
        if self.only is None:
            return True
        return any(is_below(folder, part) for part in self.only) and not os.path.isdir(folder)


def look(roots: Sequence[str], hints: Collection[str] | None = None) -> Look:
    """At all folders, or, with ``hints``, at those alone that these paths are, lie in or begin with."""
    found = Look(only=None if hints is None else frozenset(_folders_of(hints)))
    for root in roots:
        if not os.path.isdir(root):
            found.offline.add(root)
            continue
        for start in [root] if found.only is None else _starts(root, found.only):
            _walk(found, root, start, deep=hints is None or start in hints)
    return found


def _folders_of(hints: Collection[str]) -> Iterator[str]:
    for hint in hints:
        yield os.path.dirname(hint)
        if os.path.isdir(hint):
            yield hint


def _starts(root: str, folders: Collection[str]) -> Iterator[str]:
    """Those in this root that are there, by no link; of one that is gone, what is left above it."""
    for folder in sorted(folders):
        if is_below(folder, root):
            while folder != root and not os.path.isdir(folder):
                folder = os.path.dirname(folder)
            if folder == root or os.path.realpath(folder) == _without_links(root, folder):
                yield folder


def _without_links(root: str, folder: str) -> str:
    """Where the folder is if nothing between it and its root is a link."""
    return os.path.join(os.path.realpath(root), folder[len(root) :].lstrip("/\\"))


def _walk(found: Look, root: str, start: str, *, deep: bool) -> None:
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if (root, folder) not in found.folders:
            below = _list(found, root, folder)
            waiting.extend(below if deep else ())


def _list(found: Look, root: str, folder: str) -> list[str]:
    """Keep the images of the folder; the folders in it."""
    files: list[File] = []
    below: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name[0] == "." or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                elif suffix_of(entry.name) in SUFFIXES and entry.is_file(follow_symlinks=False):
                    info = entry.stat(follow_symlinks=False)
                    changed_ns = max(min(info.st_mtime_ns, _LATEST_NS), -_LATEST_NS)
                    files.append(File(entry.name, info.st_size, changed_ns, info.st_ino))
    except OSError as error:
        if folder == root:
            found.offline.add(root)
        found.problems[folder] = error.strerror or str(error)
        return []
    found.folders[root, folder] = files
    return below
