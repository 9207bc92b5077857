"""BookFolder: lore books in folders, read anew when their file changes."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.reading import read_book_file
from orchestrator_core.lore.book import Book

SUFFIXES = (".json", ".png", ".apng", ".charx")
MAX_FILES = 5_000


class BookFolder:
    """A BookSource over folders, of which the first wins. A book is called by its path below the folder, without the
    suffix; where no other is called so, its file's name will do. A character card's book is called as the card's file.
    """

    def __init__(self, folders: Iterable[Path | str]) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self._read: dict[Path, tuple[tuple[int, int], Book]] = {}

    def names(self) -> tuple[str, ...]:
        """All books, whether they can be read or not."""
        return tuple(sorted(self._paths()))

    @property
    def version(self) -> str:
        """Another one as soon as a file is: for those who keep what they made by the books."""
        found = [(key, str(path), *_signature(path)) for key, path in sorted(self._paths().items())]
        return hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def book(self, name: str) -> Book:
        """Raises FormatError where there is no such book, or it cannot be read."""
        path = self._path(name)
        try:
            stat = path.stat()
        except OSError as error:
            raise FormatError(f"{path} cannot be read: {error.strerror or error}.") from None
        signature = (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(path)
        if known is None or known[0] != signature:
            self._read[path] = known = (signature, read_book_file(path))
        return known[1]

    def _path(self, name: str) -> Path:
        paths = self._paths()
        wanted = name.strip().replace("\\", "/").casefold()
        found = [key for key in paths if key.casefold() == wanted]
        found = found or [key for key in paths if key.casefold().rpartition("/")[2] == wanted]
        if len(found) == 1:
            return paths[found[0]]
        if found:
            raise FormatError(f"The lore book {name!r} may be {' or '.join(found[:3])}: name its folder too.")
        called = {key.rpartition("/")[2]: key for key in paths} | {key: key for key in paths}
        close = difflib.get_close_matches(name, list(called), 1, 0.6)
        where = ", ".join(map(str, self.folders)) or "no folder"
        raise FormatError(
            f"There is no lore book {name!r} in {where}." + (f" Did you mean {called[close[0]]!r}?" if close else "")
        )

    def _paths(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self.folders:
            for path in _files_of(folder):
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
        return found


def _signature(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:  # it went just now
        return ()
    return stat.st_mtime_ns, stat.st_size


def _files_of(folder: Path) -> Iterator[Path]:
    count = 0
    for parent, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                count += 1
                if count > MAX_FILES:
                    return
                yield Path(parent, name)
