"""Marks that are there before their image: they teach when it comes, once, whoever looks first."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

from sqlalchemy import text

from orchestrator_core.context import StageContext
from orchestrator_core.gallery.exchange import imported
from orchestrator_core.gallery.image_runs import Drawing
from orchestrator_core.gallery.keeper import GalleryKeeper
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from orchestrator_core.store.learning import LearningLog
from orchestrator_core.store.migrations import MIGRATIONS, migrate
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.marking import Marks
from tests.core.gallery.images import a1111, picture, put, write
from tests.core.gallery.test_finding import a_run
from tests.core.gallery.test_keeper import until
from tests.core.jobs.at_work import new_job, run_all


def marks_for(path: Path, **marks: object) -> str:
    return json.dumps({"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "name": path.name, **marks})


def words(store: Store) -> list[str]:
    """What the ledger was told of marks."""
    return [entry.data["words"] for entry in LearningLog(store).entries()]


def waiting(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM gallery_untaught")).scalar_one())


def test_a_mark_teaches_when_the_run_of_its_image_is_saved(store: Store, tmp_path: Path) -> None:
    runs = [a_run(tmp_path, number) for number in range(3)]
    marking = Marking(Gallery(store))
    lines = [marks_for(run.images[0].path, rating=number + 3) for number, run in enumerate(runs)]
    assert imported(marking, lines).waiting == 3
    assert (marking.teach_waiting(), words(store)) == (0, [])
    store.save_runs(runs[:2])
    assert marking.teach_waiting() == 2
    assert words(store) == ["0.png: 3 stars", "1.png: 4 stars"]
    assert (marking.teach_waiting(), waiting(store)) == (0, 1)
    store.save_runs(runs)
    assert (marking.teach_waiting(), words(store)[2:]) == (1, ["2.png: 5 stars"])
    (seen,) = [one for one in LearningLog(store).entries(2) for one in one.data["observations"]]
    assert (seen["run_id"], seen["key"]) == (runs[2].id, "colors/warm#crimson")


def test_what_was_said_last_before_the_image_came_is_taught_and_what_was_taken_back_is_not(
    store: Store, tmp_path: Path
) -> None:
    runs = [a_run(tmp_path, number) for number in range(2)]
    marking = Marking(Gallery(store))
    imported(marking, [marks_for(run.images[0].path, rating=2) for run in runs])
    imported(marking, [marks_for(runs[0].images[0].path, favourite=True)])
    imported(marking, [marks_for(runs[1].images[0].path, rating=0)])
    store.save_runs(runs)
    marking.teach_waiting()
    assert words(store) == ["0.png: favourite, 2 stars"]


def test_what_was_marked_since_is_not_taught_again(store: Store, store_url: str, tmp_path: Path) -> None:
    runs = [a_run(tmp_path, number) for number in range(2)]
    marking = Marking(Gallery(store))
    imported(marking, [marks_for(run.images[0].path, rating=2) for run in runs])
    store.save_runs(runs)
    marking.mark(1, {"rating": 5})
    Ledger(lambda: Store.open(store_url)).mark(runs[1], "1.png", Marks(stars=1))
    assert words(store) == ["0.png: 5 stars", "1.png: 1 star"]
    assert (marking.teach_waiting(), waiting(store)) == (0, 0)


def test_a_mark_teaches_when_a_file_that_tells_its_run_is_found(store: Store, tmp_path: Path) -> None:
    folder, asked = tmp_path / "out", []
    parameters = a1111("a fox")["parameters"]
    write(folder / "a.png", {"parameters": parameters + ", Template: a {fox|owl}"})
    write(folder / "b.png", {"parameters": parameters}, colour=9)
    gallery = Gallery(store)

    def run_of(path: Path) -> Run | None:
        asked.append(path.name)
        return told.get(path.name)

    told: dict[str, Run] = {}
    marking = Marking(gallery, run_of)
    imported(marking, [marks_for(path, rating=5) for path in sorted(folder.iterdir())])
    gallery.add_root(folder)
    gallery.index()
    assert Marking(gallery).teach_waiting() == 0  # who cannot read files leaves it to others
    assert (marking.teach_waiting(), marking.teach_waiting(), asked) == (0, 0, ["a.png"])  # and is not asked for ever
    told["a.png"] = a_run(tmp_path / "told", 8)
    (folder / "a.png").rename(folder / "c.png")
    told["c.png"] = told["a.png"]
    gallery.index()
    assert (marking.teach_waiting(), marking.teach_waiting()) == (1, 0)
    assert words(store) == ["c.png: 5 stars"]


def test_who_teaches_at_once_teaches_once(store: Store, store_url: str, tmp_path: Path) -> None:
    runs = [a_run(tmp_path, number) for number in range(130)]  # more than one transaction
    imported(Marking(Gallery(store)), [marks_for(run.images[0].path, favourite=True) for run in runs])
    store.save_runs(runs)
    begin, counts = threading.Barrier(4), []

    def teach() -> None:
        with Store.open(store_url) as other:
            begin.wait(30)
            counts.append(Marking(Gallery(other)).teach_waiting())

    threads = [threading.Thread(target=teach) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(counts), len(counts)) == (130, 4)
    assert len(words(store)) == len(set(words(store))) == 130


def test_the_keeper_teaches_what_came_while_it_looks(sqlite_store: Store, sqlite_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    parameters = a1111("a fox")["parameters"]
    write(folder / "a.png", {"parameters": parameters + ", Template: a {fox|owl}, Run: 0199a2"})
    imported(Marking(Gallery(sqlite_store)), [marks_for(folder / "a.png", favourite=True)])
    Gallery(sqlite_store).add_root(folder)
    context = StageContext(Wildcards([]))
    keeper = GalleryKeeper(lambda: Store.open(sqlite_path), drawing=Drawing(lambda: context))
    try:
        keeper.ensure()
        until(lambda: not keeper.progress().running)
        assert words(sqlite_store) == ["a.png: favourite"]
    finally:
        keeper.close()


def test_a_worker_teaches_what_its_job_has_rendered(store: Store, tmp_path: Path) -> None:
    path = put(tmp_path / "0001_0.png", picture(colour=7))  # what its generator leaves
    imported(Marking(Gallery(store)), [marks_for(path, rating=5)])
    Queue(store).add_all([new_job()])
    run_all(store, tmp_path)
    assert words(store) == ["0001_0.png: 5 stars"]


def test_marks_that_an_older_pack_took_in_wait_too(store: Store, tmp_path: Path) -> None:
    runs = [a_run(tmp_path, number) for number in range(2)]
    marking = Marking(Gallery(store))
    store.save_run(runs[0])
    imported(marking, [marks_for(run.images[0].path, rating=2) for run in runs])
    with store.writing() as connection:
        connection.execute(text("DROP TABLE gallery_untaught"))
        connection.execute(text("DELETE FROM orchestrator_migrations WHERE name = 'm017_gallery_untaught'"))
    migrate(store.engine, store.place, MIGRATIONS)
    store.save_runs(runs)
    assert (marking.teach_waiting(), words(store)) == (1, ["0.png: 2 stars", "1.png: 2 stars"])
