"""Indexing: the gallery made equal to the disk. Only what changed is read; a look that is stopped goes on there later.

A folder whose fingerprint is as it was is passed over. In the others the files whose size or time differ are read, a
hundred at a time, and written in one transaction; a folder's fingerprint is kept when all of its files are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.gallery.disk import Look, look
from orchestrator_core.gallery.reading import VERSION, Facts, read_facts, told_of
from orchestrator_core.loras.files import File, fingerprint_of
from orchestrator_core.loras.scan import Place

if TYPE_CHECKING:
    from orchestrator_core.store import Store

AT_ONCE = 100  # files of one transaction
CALM_S = 10.0  # what was written to more lately may not be whole yet
_BEGUN = f"{VERSION}:"  # the fingerprint of a folder that was not read to the end yet: no folder has it
Report = Callable[[int, int, str], None]  # done, of all, what is in hand


@dataclass(slots=True)
class Indexed:
    """What a look found. ``problems``: a folder, and why it could not be read."""

    read: int = 0
    broken: int = 0
    gone: int = 0
    unsettled: list[str] = field(default_factory=list)  # files that somebody still writes, it seems
    offline: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.read or self.gone)


@dataclass(frozen=True, slots=True)
class _File:
    place: Place
    path: Path
    file: File


def index(
    store: Store,
    hints: Collection[str] | None = None,
    report: Report = lambda *_: None,
    cancellation: Cancellation | None = None,
    now: Callable[[], float] = time.time,
) -> Indexed:
    """Look at all folders, or where ``hints`` say. Raises Interrupted once it is cancelled; what was read is kept."""
    return _Indexing(store, report, cancellation or Cancellation(), now).run(hints)


class _Indexing:
    def __init__(self, store: Store, report: Report, cancellation: Cancellation, now: Callable[[], float]) -> None:
        self.store, self.report, self.cancellation, self.now = store, report, cancellation, now
        self.indexed = Indexed()

    def run(self, hints: Collection[str] | None) -> Indexed:
        from orchestrator_core.store import gallery_folders

        with self.store.reading() as connection:
            roots = gallery_folders.named(connection)
            known = gallery_folders.fingerprints(connection)
        found = look(roots, hints)
        self.indexed.offline = tuple(sorted(found.offline))
        self.indexed.problems = tuple(sorted(found.problems.items()))
        changed = [place for place, files in found.folders.items() if known.get(place) != _fingerprint(files)]
        wanted, gone = self._compare(found, changed, known)
        gone += self._vanished([place for place in known if place not in found.folders and found.covers(*place)])
        self._begin(found, changed, wanted, known)
        self._read(found, wanted)
        if hints is None:
            gone += self._of_runs()
        self._forget(gone)
        return self.indexed

    def _compare(self, found: Look, changed: Sequence[Place], known: dict[Place, str]) -> tuple[list[_File], list[str]]:
        """What is to be read, and what is gone."""
        from orchestrator_core.store import gallery_folders

        wanted: list[_File] = []
        gone: list[str] = []
        for place in changed:
            with self.store.reading() as connection:
                before = gallery_folders.files_in(connection, place[1])
            is_of_today = known.get(place, "").startswith(f"{VERSION}:")
            for file in found.folders[place]:
                row = before.pop(file.name, None)
                same = row is not None and (row["size"], row["mtime_ns"], row["missing"]) == (
                    file.size,
                    file.mtime_ns,
                    0,
                )
                if not (same and (is_of_today or place not in known)):
                    wanted.append(_File(place, Path(place[1], file.name), file))
            gone += [row["path"] for row in before.values() if not row["missing"]]
        return wanted, gone

    def _vanished(self, places: Sequence[Place]) -> list[str]:
        """The files of folders that are gone."""
        from orchestrator_core.store import gallery_folders

        if not places:
            return []
        with self.store.writing() as connection:
            rows = [row for _, path in places for row in gallery_folders.files_in(connection, path).values()]
            gallery_folders.forget(connection, places)
        return [row["path"] for row in rows if not row["missing"]]

    def _of_runs(self) -> list[str]:
        """The files of runs that are gone, where nobody looks for them else. Of a path that is relative, or another
        system's, nothing is known here."""
        from orchestrator_core.store import gallery_folders

        with self.store.reading() as connection:
            paths = [Path(row["path"]) for row in gallery_folders.files_of_runs(connection) if not row["missing"]]
        return [str(path) for path in paths if path.is_absolute() and not path.exists()]

    def _begin(self, found: Look, changed: Sequence[Place], wanted: Sequence[_File], known: Collection[Place]) -> None:
        """Folders in which nothing is to be read are through; new ones are known from now on, so that what is read of
        them is missed if they vanish before all is."""
        unread = {one.place for one in wanted}
        through = {place: _fingerprint(found.folders[place]) for place in changed if place not in unread}
        self._keep([], through | {place: _BEGUN for place in unread if place not in known})

    def _read(self, found: Look, wanted: Sequence[_File]) -> None:
        waiting: dict[Place, int] = {}
        for one in wanted:
            waiting[one.place] = waiting.get(one.place, 0) + 1
        done = 0
        for start in range(0, len(wanted), AT_ONCE):
            batch = wanted[start : start + AT_ONCE]
            read = list(self._facts(batch))
            for one, _ in read:
                waiting[one.place] -= 1
            through = {one.place for one in batch if not waiting[one.place]}
            self._keep(read, {place: _fingerprint(found.folders[place]) for place in through})
            done += len(batch)
            self.report(done, len(wanted), str(batch[-1].path.parent))

    def _facts(self, batch: Sequence[_File]) -> Iterator[tuple[_File, Facts]]:
        for one in batch:
            self.cancellation.check("the folders were looked through")
            try:
                facts = read_facts(one.path)
            except FileNotFoundError:  # the next look sees that it is gone
                continue
            if facts.broken and abs(self.now() - one.file.mtime_ns / 1e9) < CALM_S:
                self.indexed.unsettled.append(str(one.path))
                continue
            yield one, facts

    def _keep(self, read: Sequence[tuple[_File, Facts]], through: dict[Place, str]) -> None:
        from orchestrator_core.store import gallery_folders, gallery_images, gallery_rewritten

        if not read and not through:
            return
        told = [told_of(one.path, facts, one.file.mtime_ns) for one, facts in read]
        with self.store.writing() as connection:
            pixels = {one.key: facts.pixels for one, (_, facts) in zip(told, read, strict=True)}
            gallery_rewritten.follow(connection, {one.path: one.key for one in told}, pixels)
            ids = gallery_images.put(connection, told) if told else {}
            gallery_rewritten.keep(connection, {ids[key]: digest for key, digest in pixels.items()})
            rows = [
                {
                    "path": str(one.path),
                    "root": one.place[0],
                    "image_id": ids[each.key],
                    "size": one.file.size,
                    "mtime_ns": one.file.mtime_ns,
                    "missing": 0,
                }
                for (one, _), each in zip(read, told, strict=True)
            ]
            gallery_images.put_files(connection, rows)
            gallery_folders.keep_fingerprints(connection, through)
        self.indexed.read += len(read)
        self.indexed.broken += sum(bool(facts.broken) for _, facts in read)

    def _forget(self, gone: Sequence[str]) -> None:
        from orchestrator_core.store import gallery_images

        if gone:
            with self.store.writing() as connection:
                gallery_images.forget_files(connection, gone)
            self.indexed.gone = len(gone)


def _fingerprint(files: Sequence[File]) -> str:
    return f"{VERSION}:{fingerprint_of(files)}"
