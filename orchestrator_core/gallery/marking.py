"""Marking images of the gallery, and taking marks back. A mark of an image of a run also teaches its values.

The mark and what the ledger of learning is told of it are written in one transaction: neither is there without the
other, and of many who mark one image at once the last word is the last in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator_core.errors import GalleryError, OrchestratorError, StaleMarks
from orchestrator_core.gallery.model import FIELDS, Marked, fields_of, image_of
from orchestrator_core.weights.waiting import Told, entries_of, runs_of, teach_waiting

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.run import Run
    from orchestrator_core.store.gallery_marks import MarkChange
    from orchestrator_core.store.gallery_marks import Marked as StoredMark
    from orchestrator_core.store.rows import Stored

RunOf = Callable[[Path], "Run | None"]
Plan = Callable[["Connection"], "Sequence[MarkChange]"]


class PutByKey(NamedTuple):
    """``waiting``: images that nobody has seen yet."""

    changed: int = 0
    waiting: int = 0


class Marking:
    """``run_of``: the run of an image that the store has no run of, as its metadata tells it; without, it is not
    learned from. Threads may share one."""

    def __init__(self, gallery: Gallery, run_of: RunOf | None = None) -> None:
        self.gallery, self.store, self._run_of = gallery, gallery.store, run_of

    def mark(self, image_id: int, fields: Mapping[str, Any], seen: int | None = None) -> Marked:
        """Sets ``favourite``, ``reject`` (either takes the other away) or ``rating`` (0 to 5), whichever are given.

        ``seen``: the revision of the gallery when whoever marks last looked. Raises StaleMarks, with nothing changed,
        where one of these fields was set to something else since; FormatError, GalleryError for no such image.
        """
        return self.mark_all([image_id], fields, seen)

    def mark_all(self, image_ids: Sequence[int], fields: Mapping[str, Any], seen: int | None = None) -> Marked:
        """The same for each of these: all of them or, where one is stale or not there, none. One step to undo."""
        from orchestrator_core.store.gallery_marks import MarkChange

        given = fields_of(fields)
        changes = [MarkChange(image_id, given, seen) for image_id in dict.fromkeys(image_ids)]
        return self._apply(lambda _: changes)

    def put_by_key(self, marks: Mapping[str, tuple[str, Mapping[str, int]]]) -> PutByKey:
        """By the SHA-256 of the content: a name, and what is set. Of what nobody has seen yet too."""
        from orchestrator_core.store import gallery_images
        from orchestrator_core.store.gallery_marks import MarkChange

        if not marks:
            return PutByKey()
        with self.store.writing() as connection:
            gallery_images.take_turn(connection)
            ids = gallery_images.ensure_all(connection, {key: name for key, (name, _) in marks.items()})
        changes = [MarkChange(ids[key], fields) for key, (_, fields) in marks.items()]
        before = {image.id: image for image in self.gallery.images(list(ids.values()))}
        done = self._apply(lambda _: changes)
        changed = sum(image.marks != before[image.id].marks for image in done.images)
        return PutByKey(changed, sum(not image.path for image in before.values()))

    def undo(self, step: int | None = None) -> Marked:
        """Takes a step back; None: the newest that was not. Raises StaleMarks where a field was set since."""
        from orchestrator_core.store import gallery_marks

        def plan(connection: Connection) -> Sequence[MarkChange]:
            return gallery_marks.taking_back(connection, self._step(connection, step))

        return self._apply(plan, undone=lambda connection: self._step(connection, step))

    def _step(self, connection: Connection, step: int | None) -> int:
        from orchestrator_core.store import gallery_marks

        found = gallery_marks.last_step(connection) if step is None else step
        if not gallery_marks.taking_back(connection, found):
            raise GalleryError("There is no mark to take back." if step is None else f"Step {step} cannot be undone.")
        return found

    def _apply(self, plan: Plan, undone: Callable[[Connection], int] | None = None) -> Marked:
        from orchestrator_core.store import gallery_images, gallery_marks, gallery_untaught, learning
        from orchestrator_core.store.jobs import now_ms

        by_file = self._told_by_files(plan)
        with self.store.writing() as connection:
            gallery_images.take_turn(connection)
            changes = plan(connection)
            takes_back = undone(connection) if undone else 0
            step, outcomes = gallery_marks.put(connection, changes, takes_back=bool(undone))
            _check(changes, outcomes, connection)
            if takes_back:
                gallery_marks.set_taken_back(connection, takes_back)
            rows = {one.image_id: one.row for one in outcomes}
            changed = [one for one in outcomes if one.changed]
            runs = by_file | runs_of(connection, [rows[one.image_id] for one in changed])
            told = [(runs[one.image_id], one.marks) for one in changed if one.image_id in runs]
            entries = [entry for run, marks in told for entry in entries_of(run, marks)]
            if entries:
                learning.append(connection, entries, now_ms())
            ids = [one.image_id for one in changed]
            waiting = [id_ for id_ in ids if id_ not in runs and _may_tell_later(rows[id_])]
            gallery_untaught.settle(connection, ids, waiting)
        images = tuple(image_of(rows[one.image_id]) for one in outcomes)
        return Marked(images, step, sum(len(entry.data["observations"]) for entry in entries))

    def teach_waiting(self) -> int:
        """Marks of images that have come since they were set; how many observations that makes. ``keeper.py``, workers
        and the command line call it when something may have come."""
        return teach_waiting(self.store, self._by_files if self._run_of is not None else None)

    def _told_by_files(self, plan: Plan) -> dict[int, Told]:
        """Of images that the store has no run of, as far as their files tell. Slow, so it comes before all else."""
        from orchestrator_core.store import gallery_untaught

        if self._run_of is None:
            return {}
        with self.store.reading() as connection:
            asked = gallery_untaught.told_by_files(connection, [change.image_id for change in plan(connection)])
        return self._read(asked)

    def _by_files(self, ids: Sequence[int]) -> dict[int, Told]:
        from orchestrator_core.store import gallery_untaught

        with self.store.reading() as connection:
            asked = gallery_untaught.told_by_files(connection, ids)
        return self._read(asked)

    def _read(self, asked: Mapping[int, tuple[str, str]]) -> dict[int, Told]:
        found: dict[int, Told] = {}
        for image_id, (path, name) in asked.items():
            with suppress(OrchestratorError):  # then nothing is learned from it
                run = self._run_of(Path(path)) if self._run_of is not None else None
                found |= {image_id: (run, name)} if run is not None else {}
        return found


def _may_tell_later(row: Stored) -> bool:
    """Whether there are marks, and something may come that tells what they are of: not for another program's image."""
    return any(row[field] for field in FIELDS) and bool(row["missing"] or row["run_id"] or row["template"])


def _check(changes: Sequence[MarkChange], outcomes: Sequence[StoredMark], connection: Connection) -> None:
    from orchestrator_core.store import gallery_images

    there = {one.image_id for one in outcomes}
    lacking = [change.image_id for change in changes if change.image_id not in there]
    if lacking:
        raise GalleryError(f"There is no image {lacking[0]} in the gallery.")
    asked = {change.image_id: change.fields for change in changes}
    stale = {
        one.image_id: {field: (value, asked[one.image_id].get(field, 0)) for field, value in one.stale.items()}
        for one in outcomes
        if one.stale
    }
    if stale:
        fields = sorted({field for found in stale.values() for field in found})
        told = f"Somebody else set {' and '.join(fields)} meanwhile, and nothing was changed. Look again, then decide."
        raise StaleMarks(told, stale, gallery_images.revision(connection))
