"""Wildcards by name: ``__colors/warm__`` → the values of ``colors/warm.txt`` in the first folder that has it.

Names are indexed by one walk over the folders, files are read when a draw first needs them. Changes are seen without a
restart and without a thread: at most every two seconds a draw looks at the directories' times, and at the time of each
file that it uses.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator_core.errors import WildcardError
from orchestrator_core.template.dialects import DYNAMICPROMPTS, Dialect
from orchestrator_core.template.files import load_structured, load_text
from orchestrator_core.template.folders import (
    Changes,
    Folder,
    Problem,
    Signatures,
    changes_between,
    scan,
    signature,
    signatures,
)
from orchestrator_core.template.lookups import Found, Loaded, Resolved
from orchestrator_core.template.matching import Names, is_glob, matching, nearest, search
from orchestrator_core.template.values import UnionValues, Values, with_included

_INTERVAL = 2.0  # seconds between two looks at the disk
_MAX_INCLUDES = 20  # levels
_MAX_INCLUDED = 1_000  # wildcards that are included, by one look-up; each thousand values counts as one more
_MAX_FOUND = 10_000  # names whose look-up is remembered
_SLASHES = re.compile(r"[\\/]+")


class Wildcards:
    """The wildcards below some folders, the first of which wins where two have the same name.

    ``roots`` that do not exist yet are fine: they are looked at again. ``cache``: a folder that may keep parsed YAML.
    Values are in the order of the files; a glob takes the files in the order of their names.
    """

    def __init__(self, roots: Sequence[Path | str] | Path | str, cache: Path | None = None) -> None:
        listed = [roots] if isinstance(roots, str | Path) else list(roots)
        self.roots = tuple(Path(root).expanduser() for root in listed)
        for root in self.roots:
            if root.is_file():
                raise WildcardError(f"{root} is a file. A wildcard folder is needed: give the folder that it is in.")
        self.cache = cache
        self._lock = threading.RLock()
        self._folders: list[Folder] | None = None
        self._files: dict[tuple[int, str], Loaded] = {}
        self._found: dict[tuple[str, bool], Resolved] = {}
        self._reading: list[Loaded] = []  # what the look-up under way has read
        self._signatures: Signatures = {}
        self._names: Names | None = None
        self._included = 0  # by the look-up under way
        self._next_look = 0.0
        self._now = 0.0

    # looking at the disk

    def look(self) -> None:
        """Sees what changed, unless it has just done so. Every draw begins with this."""
        self._now = now = time.monotonic()
        if now < self._next_look:
            return
        with self._lock:
            if self._folders is None or any(folder.is_stale() for folder in self._folders):
                self.refresh()
            self._next_look = now + max(_INTERVAL, 50 * (time.monotonic() - now))

    def refresh(self) -> Changes:
        """Looks at everything now, and says what changed since the last time."""
        with self._lock:
            allowed = [root.resolve() for root in self.roots]
            self._folders = [scan(root, allowed) for root in self.roots]
            before, after = self._signatures, signatures(self._folders)
            self._signatures = after
            self._files = {
                key: loaded
                for key, loaded in self._files.items()
                if loaded.signature is not None and after.get(loaded.path) == loaded.signature
            }
            self._forget()
            return changes_between(before, after, self.roots)

    def digest(self) -> str:
        """Looks at everything now; what it gives is another whenever a wildcard file is."""
        with self._lock:
            self.refresh()
            return f"{hash(frozenset(self._signatures.items())):x}"

    def _forget(self) -> None:
        self._found = {}
        self._names = None

    def _open_folders(self) -> list[Folder]:
        if self._folders is None:
            self.refresh()
        return self._folders or []

    # names

    def names(self) -> list[str]:
        """All names, sorted. Reads the YAML and JSON files that have not been read yet."""
        return self._all_names().names

    def _all_names(self) -> Names:
        known = self._names
        if known is None:
            with self._lock:
                found: set[str] = set()
                for number, folder in enumerate(self._open_folders()):
                    found.update(folder.texts)
                    for file in folder.structured:
                        found.update(name for name in self._structured(number, file).values if "#" not in name)
                known = self._names = Names(found)
        return known

    def search(self, text: str) -> list[str]:
        """Names that hold every word of ``text``, those that begin with it first."""
        return search(text, self._all_names())

    def similar(self, name: str) -> str:
        """The name that is most like one that is not there, "" for none."""
        return self._all_names().similar(name)

    def shadowed(self) -> list[tuple[str, Path, Path]]:
        """(name, file that wins, file that is hidden by it)."""
        winners: dict[str, Path] = {}
        hidden = []
        for name, path in self._definitions():
            if name in winners and winners[name] != path:
                hidden.append((name, winners[name], path))
            winners.setdefault(name, path)
        return hidden

    def _definitions(self) -> Iterator[tuple[str, Path]]:
        for number, folder in enumerate(self._open_folders()):
            for name, suffix in folder.texts.items():
                yield name, Path(folder.path(name, suffix))
            for file in folder.structured:
                for name in self._structured(number, file).values:
                    if "#" not in name:
                        yield name, Path(folder.path(file, ""))

    def written(self) -> Iterator[tuple[Path, Values]]:
        """Each wildcard of each file as it is written there, hidden and anonymous ones too. Reads every file."""
        for number, folder in enumerate(self._open_folders()):
            loaded = [self._text(number, name, suffix) for name, suffix in folder.texts.items()]
            loaded += [self._structured(number, file) for file in folder.structured]
            for file in loaded:
                yield from ((Path(file.path), values) for values in file.values.values())

    @property
    def problems(self) -> list[Problem]:
        """Everything that was refused or could not be read, in the files read so far."""
        found = [problem for folder in self._open_folders() for problem in folder.problems]
        return found + [problem for loaded in list(self._files.values()) for problem in loaded.problems]

    def check(self) -> list[Problem]:
        """Reads every file, and returns ``problems``."""
        with self._lock:
            for number, folder in enumerate(self._open_folders()):
                for name, suffix in folder.texts.items():
                    self._text(number, name, suffix)
                for file in folder.structured:
                    self._structured(number, file)
        return self.problems

    # values

    def values(self, name: str, dialect: Dialect = DYNAMICPROMPTS) -> Values | None:
        """The values behind a name or a glob, or None if there are none."""
        self.look()
        found = self.find(name, dialect)
        return found.values if found else None

    def find(self, name: str, dialect: Dialect = DYNAMICPROMPTS) -> Found | None:
        """What ``__name__`` leads to: see docs/dialects.md for the order in which it is looked for."""
        key = (name, dialect.anchored_globs)
        kept = self._found.get(key)
        if kept is not None:
            if kept.good_until < self._now:
                if not all(self._is_fresh(loaded) for loaded in kept.used):
                    return self.find(name, dialect)
                kept.good_until = self._now + _INTERVAL
            return kept.found
        with self._lock:
            self._reading, self._included = [], 0
            found = self._look_up(name, dialect)
            if found is not None and self._included > _MAX_INCLUDED:
                found = Found(found.values, f"{name!r} includes so many wildcards that not all of them were taken.")
            if len(self._found) > _MAX_FOUND:
                self._found = {}  # names made of variables may be without number
            used = list({id(loaded): loaded for loaded in self._reading}.values())
            self._found[key] = Resolved(found, used, self._now + _INTERVAL)
            return found

    def _is_fresh(self, loaded: Loaded) -> bool:
        if loaded.checked + _INTERVAL >= self._now:
            return True
        loaded.checked = self._now
        if signature(loaded.path) == loaded.signature:
            return True
        with self._lock:
            self._files = {key: other for key, other in self._files.items() if other is not loaded}
            self._forget()
        return False

    def _look_up(self, name: str, dialect: Dialect) -> Found | None:
        wanted = _SLASHES.sub("/", name).strip("/")
        if not wanted or ".." in wanted.split("/"):
            return None
        values = self._exact(wanted)
        if values is not None:
            return Found(values)
        if is_glob(wanted):
            return self._union(wanted, matching(wanted, self._all_names(), dialect.anchored_globs))
        return self._union(wanted, *nearest(wanted, self._all_names()))

    def _union(self, pattern: str, names: Sequence[str], note: str = "") -> Found | None:
        members = [values for name in names if (values := self._exact(name)) is not None]
        if not members:
            return None
        if len(members) == 1:
            return Found(members[0], note)
        count = next((values.count for values in members if values.count), None)
        return Found(UnionValues(pattern, [(values, 1.0) for values in members], count, merged=True), note)

    def _exact(self, name: str, including: tuple[str, ...] = ()) -> Values | None:
        for number, folder in enumerate(self._open_folders()):
            suffix = folder.texts.get(name)
            if suffix is not None:
                values = self._text(number, name, suffix).values.get(name)
                if values is not None:
                    return self._complete(values, including)
            for file in folder.structured:
                values = self._structured(number, file).values.get(name)
                if values is not None:
                    return self._complete(values, including)
        return None

    def _complete(self, values: Values, including: tuple[str, ...]) -> Values:
        if not values.includes():
            return values
        self._included += 1
        if values.name in including or self._included > _MAX_INCLUDED or len(including) > _MAX_INCLUDES:
            return with_included(values, lambda _: None)
        complete = with_included(values, lambda name: self._exact(name, (*including, values.name)))
        self._included += len(complete) // 1000
        return complete

    def _text(self, number: int, name: str, suffix: str) -> Loaded:
        return self._load(number, name + suffix, name)

    def _structured(self, number: int, file: str) -> Loaded:
        return self._load(number, file, None)

    def _load(self, number: int, relative: str, name: str | None) -> Loaded:
        """Reads a file once. ``name`` is that of a text file's one wildcard."""
        loaded = self._files.get((number, relative))
        if loaded is None:
            path = self._open_folders()[number].path(relative, "")
            problems: list[Problem] = []
            seen = signature(path)
            if name is None:
                values = load_structured(path, relative, self.cache, problems.append)
            else:
                found = load_text(path, name, relative, problems.append)
                values = {} if found is None else {name: found}
            loaded = self._files[number, relative] = Loaded(path, relative, seen, self._now, values, problems)
        self._reading.append(loaded)
        return loaded
