"""What is on disk: all roots walked once, links followed, each file once. Names, sizes and times only; reads no file.

A folder that was seen before under another path (a link, a root inside of a root, a loop) is not walked again; its
other name is kept as a link, by which hosts may call the same files. Real folders go before linked ones, so that a
file is shown under its own path wherever it has one.
"""

# ruff: noqa: PTH112, PTH116, PTH118, PTH119, PTH120 - with Path objects for 25,000 files a look would take three times as long

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator_core.loras.files import MEASURED, MODEL_SUFFIXES, File, Unit, fingerprint_of, suffix_of, units_of

Place = tuple[str, str]  # a root, and a folder in it


@dataclass(slots=True)
class Disk:
    """One look at the folders."""

    folders: dict[Place, list[File]] = field(default_factory=dict)
    # Another path of a folder or a file → the one it is shown by; a folder in two roots has a link to itself.
    links: dict[str, str] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)  # roots that are not there, or not readable
    problems: dict[str, str] = field(default_factory=dict)  # a folder that cannot be read → why
    met_links: bool = False
    partial: frozenset[str] | None = None  # the hinted paths, where only a part was looked at

    def covers(self, path: str) -> bool:
        """Whether this look would have seen ``path``, so that its absence means that it is gone."""
        if any(is_below(path, folder) for folder in self.problems):
            return False
        return self.partial is None or any(part in self.partial for part in _beginnings(path))

    def fingerprint(self, place: Place, salt: str) -> str:
        return fingerprint_of(self.folders[place], salt)

    def units(self, place: Place, salt: str) -> list[Unit]:
        return units_of(*place, self.folders[place], salt)


def _beginnings(path: str) -> Iterator[str]:
    """What a hint for this path may be: the path, a folder above it, or either up to a dot of its name."""
    yield path
    for at in range(len(path) - 1, 0, -1):
        if path[at] in "/\\.":
            yield path[:at]


def is_below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or inside of it."""
    return path == folder or (path.startswith(folder) and path[len(folder) : len(folder) + 1] in ("/", "\\"))


def scan(roots: Sequence[str], hints: Collection[str] | None = None) -> Disk:
    """Look at all folders, or, with ``hints``, at those alone where something may have changed."""
    walk = _Walk(Disk(partial=None if hints is None else frozenset(hints)))
    for root in roots:
        if not os.path.isdir(root):
            walk.disk.offline.add(root)
        elif hints is None:
            walk.start(root, root)
    if hints is not None:
        _start_at_hints(walk, [root for root in roots if root not in walk.disk.offline], hints)
    walk.finish()
    return walk.disk


def _start_at_hints(walk: _Walk, roots: Iterable[str], hints: Collection[str]) -> None:
    for root in roots:
        for hint in sorted(hint for hint in hints if is_below(hint, root)):
            folder = root if hint == root else os.path.dirname(hint)
            if os.path.isdir(folder):
                walk.start(root, folder)


class _Walk:
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.seen: dict[tuple[int, int], str] = {}  # the folder with this device and inode
        self.linked_folders: deque[tuple[str, str]] = deque()
        self.linked_files: list[tuple[str, str, File]] = []

    def start(self, root: str, folder: str) -> None:
        """Look at a folder, and at what is below it as far as that is hinted at."""
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            if (root, current) in self.disk.folders or not self._is_new(root, current):
                continue
            waiting.extend(path for path in self._list(root, current) if self.disk.covers(path))

    def finish(self) -> None:
        """What was put off until all real folders are known: linked folders, which may hold more links, then files."""
        while self.linked_folders:
            self.start(*self.linked_folders.popleft())
        real = {os.path.realpath(folder): folder for folder in self.seen.values()} if self.linked_files else {}
        for root, path, file in self.linked_files:
            target = os.path.realpath(path)
            shown = real.get(os.path.dirname(target))
            if shown is not None:
                self.disk.links[path] = os.path.join(shown, os.path.basename(target))
            elif target in real:
                self.disk.links[path] = real[target]
            else:
                real[target] = path
                self.disk.folders[root, os.path.dirname(path)].append(file)

    def _is_new(self, root: str, folder: str) -> bool:
        try:
            found = os.stat(folder)
        except OSError as error:
            self._cannot_read(root, folder, error)
            return False
        identity = (found.st_dev, found.st_ino)
        if identity in self.seen and identity != (0, 0):
            self.disk.links[folder] = self.seen[identity]
            return False
        self.seen[identity] = folder
        return True

    def _list(self, root: str, folder: str) -> list[str]:
        """Keep the files of the folder; the folders in it."""
        files: list[File] = []
        below: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                    elif entry.is_symlink():
                        self._take_link(root, entry, files)
                    elif name[name.rfind(".") :].lower() not in MEASURED:
                        files.append(File(name))
                    elif file := _file_of(entry):
                        files.append(file)
        except OSError as error:
            self._cannot_read(root, folder, error)
            return []
        self.disk.folders[root, folder] = files
        return below

    def _take_link(self, root: str, entry: os.DirEntry[str], files: list[File]) -> None:
        if _is_folder(entry):
            self.disk.met_links = True
            self.linked_folders.append((root, entry.path))
        elif file := _file_of(entry):
            if suffix_of(entry.name) in MODEL_SUFFIXES:
                self.disk.met_links = True
                self.linked_files.append((root, entry.path, file))
            else:
                files.append(file)

    def _cannot_read(self, root: str, folder: str, error: OSError) -> None:
        if folder == root:
            self.disk.offline.add(root)
        self.disk.problems[folder] = error.strerror or str(error)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _file_of(entry: os.DirEntry[str]) -> File | None:
    """None for what vanished meanwhile, and for a link to nothing."""
    try:
        found = entry.stat()
    except OSError:
        return None
    return File(entry.name, found.st_size, found.st_mtime_ns, found.st_ino)
