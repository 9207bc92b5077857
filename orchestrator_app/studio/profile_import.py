"""What a file of another program would become; a trial writes it into a folder that is thrown away."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator_core.errors import ProfileError
from orchestrator_core.formats.cards import read_book_file
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.memory.book_folder import BookFolder
from orchestrator_core.profiles.importing import Taken, file_name, import_file
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.saving import write_new


@dataclass(frozen=True, slots=True)
class Looked:
    """``taken`` with the path that it would have; ``is_there``: another file has that name."""

    taken: Taken
    is_there: bool


def look(path: Path, library: ProfileLibrary, name: str = "") -> Looked:
    """Nothing is written that stays. Raises FormatError, ProfileError."""
    with tempfile.TemporaryDirectory() as folder:
        taken = import_file(path, Path(folder), name)
    target = _own(library) / taken.path.name
    return Looked(Taken(target, taken.profiles, taken.problems), target.exists())


def take(path: Path, library: ProfileLibrary, name: str = "") -> Taken:
    """Writes it among the person's own. Raises FormatError, ProfileError."""
    return import_file(path, _own(library), name)


def take_book(path: Path, books: BookFolder, name: str = "") -> Path:
    """Lays a file with a lorebook among the person's books, as it is. Raises FormatError, ProfileError."""
    read_book_file(path)
    if not books.folders:
        raise ProfileError("There is no folder for lore books here.")
    target = books.folders[0] / f"{file_name(name or path.stem)}{path.suffix.lower()}"
    write_new(target, read_bytes(path))
    return target


def key_of(taken: Taken, library: ProfileLibrary) -> str:
    """What the first profile of an import is called in the library."""
    stem = taken.path.relative_to(_own(library)).with_suffix("").as_posix()
    return next((key for key in library.names if key == stem or key.startswith(f"{stem}/")), stem)


def _own(library: ProfileLibrary) -> Path:
    if not library.folders:
        raise ProfileError("There is no folder for profiles here.")
    return library.folders[0]
