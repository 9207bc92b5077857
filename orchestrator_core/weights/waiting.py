"""Marks that were set before anybody knew what made the image, as imported ones: they teach as soon as that is known.

Who saves a run, or finds a file, knows nothing of learning. So it is looked afterwards whether a mark waits for what
has come: by whoever looks through folders, by workers after a job, and by the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator_core.run import Run
from orchestrator_core.weights.crediting import marked
from orchestrator_core.weights.ledger import family_of, mark_entries
from orchestrator_core.weights.marking import Marks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.store import Store
    from orchestrator_core.store.learning import NewEntry
    from orchestrator_core.store.rows import Stored

Told = tuple[Run, str]  # a run, and the name of an image in it
ByFiles = Callable[[Sequence[int]], Mapping[int, Told]]
AT_ONCE = 100  # images of one transaction


def teach_waiting(store: Store, by_files: ByFiles | None = None) -> int:
    """Tells the ledger of each such mark once, however many do this at a time; how many observations that makes.

    ``by_files``: what the files of images with these ids tell, where the store has no run of them; without, they go on
    waiting. A glance where nothing waits. Raises StoreError.
    """
    from orchestrator_core.store import gallery_untaught

    taught, after = 0, 0
    while True:
        with store.reading() as connection:
            ids = gallery_untaught.come(connection, after, AT_ONCE, with_files=by_files is not None)
        if not ids:
            return taught
        taught, after = taught + _teach(store, ids, by_files(ids) if by_files is not None else {}), ids[-1]


def _teach(store: Store, ids: Sequence[int], by_file: Mapping[int, Told]) -> int:
    """The marks are read where they are taken from those that wait: nobody else teaches the same meanwhile."""
    from orchestrator_core.store import gallery_images, gallery_untaught, learning
    from orchestrator_core.store.jobs import now_ms

    with store.writing() as connection:
        gallery_images.take_turn(connection)
        rows = gallery_untaught.still(connection, ids)
        stored = runs_of(connection, rows)
        told = {**by_file, **stored}
        said = {row["id"]: entries_of(told[row["id"]], row) for row in rows if row["id"] in told}
        entries = [entry for of_image in said.values() for entry in of_image]
        if entries:
            learning.append(connection, entries, now_ms())
        done = {id_ for id_, of_image in said.items() if of_image or id_ in stored}
        gallery_untaught.settle(connection, done, [])
        gallery_untaught.set_tried(connection, {row["id"]: row["revision"] for row in rows if row["id"] not in done})
    return sum(len(entry.data["observations"]) for entry in entries)


def runs_of(connection: Connection, rows: Sequence[Stored]) -> dict[int, Told]:
    """Of each image that is of a stored run, the run and the image's name in it."""
    from orchestrator_core.store import queries

    ids = sorted({row["run_id"] for row in rows if row["run_id"]})
    runs = {run.id: run for run in queries.load(connection, ids)} if ids else {}
    return {row["id"]: (runs[row["run_id"]], row["run_image"]) for row in rows if row["run_id"] in runs}


def entries_of(told: Told, values: Mapping[str, int]) -> list[NewEntry]:
    """``values``: ``favourite``, ``reject`` and ``rating`` as they are now."""
    run, name = told
    marks = Marks(bool(values["favourite"]), values["rating"], bool(values["reject"]))
    return mark_entries(name, marks, marked(run, name, marks, family_of(run)))
