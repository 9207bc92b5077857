"""ProfileLibrary: the profiles of some folders, seen anew when a file changes.

A profile is called by its path below the folder, without the suffix: ``characters/mira``. ``mira`` will do where no
other is called so, and so will the name that the file gives. Of two with one path the first folder's is meant, so a
person's own file replaces a bundled one.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_core.errors import FormatError, ProfileError
from orchestrator_core.profiles.applying import WHERE
from orchestrator_core.profiles.inheritance import Heirs, combined
from orchestrator_core.profiles.model import Kind, Profile
from orchestrator_core.profiles.phrases import phrase_key
from orchestrator_core.profiles.reading import SUFFIXES, read_profile_file
from orchestrator_core.profiles.source import Chosen
from orchestrator_core.profiles.styles_import import STYLE_SUFFIXES, is_styles_file, read_styles_file
from orchestrator_core.prompt import Diagnostic

RECHECK_S = 0.5  # a draw looks for changed files so often, at most
MAX_FILES = 5_000
_SHOWN = 3
_KEPT = 200  # combinations
Signature = tuple[int, int]  # time of change in ns, bytes


@dataclass(frozen=True, slots=True)
class ProfileProblem:
    """What is wrong with a file, or with what a profile inherits; ``message`` is for a person."""

    path: Path
    message: str
    key: str = ""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class _Read:
    profiles: tuple[Profile, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that the folders hold, at one moment."""

    profiles: Mapping[str, Profile]  # by key
    paths: Mapping[str, Path]
    by_name: Mapping[str, list[str]]  # keys, by what people may call them
    problems: tuple[ProfileProblem, ...]
    combinations: dict[tuple[str, str], Chosen] = field(default_factory=dict)


class ProfileLibrary:
    """A ProfileSource over folders, of which the first wins. It may be used by several threads."""

    def __init__(self, folders: Iterable[Path | str], clock: Callable[[], float] = time.monotonic) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[Signature, _Read]] = {}
        self._signatures: dict[Path, Signature] = {}
        self._seen: _Seen | None = None
        self._next_look = 0.0

    # looking

    def look(self) -> None:
        """Sees what changed, unless it has just done so. Every question begins with this."""
        if self._seen is None or self._clock() >= self._next_look:
            self.refresh()

    def refresh(self) -> bool:
        """Looks at all files now; whether anything changed."""
        with self._lock:
            found = {path: stat for folder in self.folders for path, stat in _files_of(folder)}
            self._next_look = self._clock() + RECHECK_S
            if self._seen is not None and found == self._signatures:
                return False
            self._files = {path: (stat, self._read(path, stat)) for path, stat in found.items()}
            self._signatures = found
            self._seen = self._taken_in()
            return True

    def _read(self, path: Path, stat: Signature) -> _Read:
        known = self._files.get(path)
        if known is not None and known[0] == stat:
            return known[1]
        try:
            return _Read(_profiles_in(path, self._key(path)))
        except FormatError as error:
            return _Read((), str(error))

    def _key(self, path: Path) -> str:
        folder = next(folder for folder in self.folders if path.is_relative_to(folder))
        return path.relative_to(folder).with_suffix("").as_posix().replace(",", " ")

    def _taken_in(self) -> _Seen:
        own: dict[str, Profile] = {}
        paths: dict[str, Path] = {}
        problems = []
        for path, (_, read) in self._files.items():
            if read.problem:
                problems.append(ProfileProblem(path, read.problem, self._key(path)))
            for profile in read.profiles:
                if profile.key not in own:
                    own[profile.key], paths[profile.key] = profile, path
        names = _names(own.values())
        heirs = Heirs(lambda name: _found(name, own, names))
        profiles = {key: heirs.of(own[key]) for key in sorted(own)}
        problems += [ProfileProblem(paths[key], told, key) for key, found in heirs.problems.items() for told in found]
        return _Seen(profiles, paths, names, tuple(problems))

    def _now(self) -> _Seen:
        self.look()
        assert self._seen is not None
        return self._seen

    # asking

    def all(self, kind: Kind | None = None) -> tuple[Profile, ...]:
        """Every profile with what it inherits, in the order of their keys."""
        return tuple(profile for profile in self._now().profiles.values() if kind in (None, profile.kind))

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of all profiles."""
        return tuple(self._now().profiles)

    @property
    def genres(self) -> tuple[str, ...]:
        """The keys of those that are genres, for a list to choose from."""
        return tuple(profile.key for profile in self.all("genre"))

    @property
    def version(self) -> str:
        """Another one as soon as a file is: for those who keep what they made by the profiles."""
        self.look()
        seen = sorted((str(path), *signature) for path, signature in self._signatures.items())
        return hashlib.sha256(repr(seen).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def problems(self) -> tuple[ProfileProblem, ...]:
        return self._now().problems

    def get(self, name: str, kind: Kind | None = None) -> Profile:
        """One profile; of several that are called so, the one of that kind. Raises ProfileError."""
        seen = self._now()
        profile, problem = _found(name, seen.profiles, seen.by_name, kind)
        if profile is None:
            raise ProfileError(problem)
        return profile

    def path_of(self, key: str) -> Path:
        """The file of a profile. Raises ProfileError."""
        return self._now().paths[self.get(key).key]

    def chosen(self, names: str, genre: str = "") -> Chosen:
        """See ProfileSource."""
        seen = self._now()
        asked = (names, genre)
        if asked not in seen.combinations:
            if len(seen.combinations) >= _KEPT:
                seen.combinations.clear()
            seen.combinations[asked] = _chosen(seen, names, genre)
        return seen.combinations[asked]

    def combined(self, names: str, genre: str = "") -> Profile:
        """See ProfileSource."""
        found = self.chosen(names, genre)
        missing = [problem.message for problem in found.problems if problem.kind == "missing-profile"]
        if missing:
            raise ProfileError(" ".join(missing))
        return found.profile


def _chosen(seen: _Seen, names: str, genre: str) -> Chosen:
    profiles: list[Profile] = []
    problems: list[Diagnostic] = []
    wanted: list[tuple[str, Kind | None]] = [(name.strip(), None) for name in names.split(",")]
    for name, kind in (*wanted, (genre.strip(), "genre")):
        if not name:
            continue
        profile, problem = _found(name, seen.profiles, seen.by_name, kind)
        if profile is None:
            problems.append(Diagnostic("missing-profile", problem, where=WHERE))
        elif profile not in profiles:
            profiles.append(profile)
    keys = {profile.key for profile in profiles}
    told = [Diagnostic("profile", problem.message, where=WHERE) for problem in seen.problems if problem.key in keys]
    return Chosen(combined(profiles), (*problems, *told))


def _names(profiles: Iterable[Profile]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for profile in profiles:
        for name in {profile.key.casefold(), phrase_key(profile.key.rpartition("/")[2]), phrase_key(profile.name)}:
            found[name].append(profile.key)
    return dict(found)


def _found(
    name: str, profiles: Mapping[str, Profile], names: Mapping[str, list[str]], kind: Kind | None = None
) -> tuple[Profile | None, str]:
    """(the profile, "") or (None, what is wrong)."""
    wanted = name.strip().replace("\\", "/")
    if wanted in profiles and (kind is None or profiles[wanted].kind == kind):
        return profiles[wanted], ""
    keys = names.get(wanted.casefold()) or names.get(phrase_key(wanted), [])
    of_kind = [key for key in keys if kind is not None and profiles[key].kind == kind]
    keys = of_kind or keys
    if len(keys) == 1:
        return profiles[keys[0]], ""
    if keys:
        several = " or ".join(sorted(keys)[:_SHOWN])
        return None, f"The profile {name!r} may be {several}: name its folder too."
    return None, f"There is no {'genre' if kind == 'genre' else 'profile'} {name!r}. {_near(wanted, profiles, names)}"


def _near(name: str, profiles: Mapping[str, Profile], names: Mapping[str, list[str]]) -> str:
    close = difflib.get_close_matches(name.casefold(), list(names), 1, 0.6) if len(names) < 2000 else []
    if close:
        return f"Did you mean {names[close[0]][0]!r}?"
    if not profiles:
        return "There are none in the folders of profiles."
    some = ", ".join(sorted(profiles)[:_SHOWN])
    return f"There is {some}." if len(profiles) <= _SHOWN else f"There are {len(profiles)}, such as {some}."


def _profiles_in(path: Path, key: str) -> tuple[Profile, ...]:
    if is_styles_file(path):
        return tuple(read_styles_file(path, key))
    return (read_profile_file(path, key),)


def _files_of(folder: Path) -> Sequence[tuple[Path, Signature]]:
    """The files of a folder and of those in it, sorted. A link that leads back is followed once."""
    found: list[tuple[Path, Signature]] = []
    seen: set[str] = set()
    for parent, inner, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        inner[:] = [] if real in seen else sorted(name for name in inner if not name.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in (*SUFFIXES, *STYLE_SUFFIXES):
                continue
            try:
                stat = path.stat()
            except OSError:  # a link that leads nowhere, or it went just now
                continue
            found.append((path, (stat.st_mtime_ns, stat.st_size)))
            if len(found) >= MAX_FILES:
                return found
    return found
