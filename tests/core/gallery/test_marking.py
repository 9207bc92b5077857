"""Marks: field by field, by many at once, taken back, and taught from."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator_core.errors import FormatError, GalleryError, StaleMarks
from orchestrator_core.gallery.exchange import exported, imported
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from orchestrator_core.store.learning import LearningLog
from orchestrator_core.store.marks import ImageMarks, StoredMarks
from orchestrator_core.store.migrations import MIGRATIONS, migrate
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.marking import Marks
from tests.core.gallery import marker
from tests.core.gallery.images import a1111, put, write
from tests.core.gallery.test_finding import a_run

# The tables since then, those that refer to others first.
_OF_GALLERY = ("lora_tests", "search", "mark_log", "image_terms", "terms", "files", "images", "folders", "roots")
GONE = (
    "outside_posted",
    "outside_places",
    *(f"gallery_{name}" for name in ("untaught", *_OF_GALLERY, "searches", "state")),
)


@pytest.fixture
def marking(store: Store, tmp_path: Path) -> Marking:
    """Three images of runs: 1, 2 and 3."""
    store.save_runs(a_run(tmp_path / "runs", number) for number in range(3))
    return Marking(Gallery(store))


def marks_of(marking: Marking, image: int) -> tuple[bool, bool, int]:
    found = marking.gallery.image(image)
    return found.favourite, found.reject, found.rating


def taught(store: Store) -> list[tuple[str, float, float]]:
    """The words of each mark that the ledger was told of, with what it says of the first value."""
    entries = [entry.data for entry in LearningLog(store).entries()]
    return [(one["words"], one["observations"][0]["value"], one["observations"][0]["weight"]) for one in entries]


def test_fields_are_merged_and_the_same_field_is_stale(marking: Marking) -> None:
    seen = marking.gallery.revision()
    marking.mark(1, {"favourite": True}, seen)
    marking.mark(1, {"rating": 4}, seen)  # by somebody who saw neither
    assert marks_of(marking, 1) == (True, False, 4)
    with pytest.raises(StaleMarks, match="Somebody else set rating meanwhile") as caught:
        marking.mark(1, {"rating": 2, "favourite": True}, seen)
    assert caught.value.stale == {1: {"rating": (4, 2)}}
    assert caught.value.revision == marking.gallery.revision()
    marking.mark(1, {"rating": 4}, seen)  # says what is so already
    marking.mark(1, {"rating": 2}, caught.value.revision)
    assert marks_of(marking, 1) == (True, False, 2)


def test_a_favourite_is_not_rejected(marking: Marking) -> None:
    marking.mark(1, {"favourite": True})
    seen = marking.gallery.revision()
    marking.mark(1, {"reject": True})
    assert marks_of(marking, 1) == (False, True, 0)
    with pytest.raises(StaleMarks):
        marking.mark(1, {"favourite": True}, seen - 1)
    with pytest.raises(FormatError, match="at once"):
        marking.mark(1, {"favourite": True, "reject": True})


@pytest.mark.parametrize("fields", [{}, {"stars": 3}, {"rating": 6}, {"rating": True}, {"favourite": 1}])
def test_what_is_no_mark_is_refused(sqlite_store: Store, fields: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Marking(Gallery(sqlite_store)).mark(1, fields)


def test_many_are_marked_at_once_or_none(marking: Marking) -> None:
    revision = marking.gallery.revision()
    with pytest.raises(GalleryError, match="no image 99"):
        marking.mark_all([1, 99], {"favourite": True})
    assert marking.gallery.revision() == revision
    done = marking.mark_all([1, 2, 3], {"reject": True})
    assert [image.reject for image in done.images] == [True] * 3
    marking.undo(done.step)
    assert marking.gallery.count("reject:yes") == 0


def test_steps_are_taken_back_one_by_one(marking: Marking, store: Store) -> None:
    marking.mark(1, {"favourite": True})
    marking.mark(1, {"reject": True})
    marking.undo()
    assert marks_of(marking, 1) == (True, False, 0)
    marking.undo()
    assert marks_of(marking, 1) == (False, False, 0)
    with pytest.raises(GalleryError, match="no mark to take back"):
        marking.undo()
    words = [words.partition(": ")[2] for words, _, _ in taught(store)]
    assert words == ["favourite", "rejected", "favourite", "no mark"]


def test_a_step_whose_field_was_set_since_is_stale(marking: Marking) -> None:
    step = marking.mark(1, {"rating": 3}).step
    marking.mark(1, {"rating": 5})
    with pytest.raises(StaleMarks):
        marking.undo(step)
    assert marks_of(marking, 1) == (False, False, 5)


def test_a_mark_teaches_as_the_ledger_does(marking: Marking, store: Store, store_url: str) -> None:
    ledger = Ledger(lambda: Store.open(store_url))
    image = marking.gallery.image(1)
    run = store.load_run(image.run_id)
    ledger.mark(run, image.run_image, Marks(favourite=True))
    assert marks_of(marking, 1) == (True, False, 0)
    assert marking.mark(1, {"favourite": False}).taught == 1
    assert marking.mark(1, {"favourite": True}).taught == 1
    first, away, again = taught(store)
    assert first == again
    assert away[2] == 0.0
    assert ImageMarks(store).of_run(run.id) == {image.run_image: StoredMarks(favourite=True)}


def test_an_image_of_another_program_teaches_nothing_but_what_its_file_tells(
    marking: Marking, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    write(folder / "a.png", a1111("an owl"))
    write(folder / "b.png", {"parameters": a1111("a fox")["parameters"] + ", Template: a {fox|owl}"}, colour=9)
    marking.gallery.add_root(folder)
    marking.gallery.index()
    told = Marking(marking.gallery, lambda path: a_run(tmp_path / "told", 8))
    owl, fox = (marking.gallery.page(query).images[0] for query in ("owl -fox", "fox -crimson -amber -rust"))
    assert told.mark(owl.id, {"rating": 5}).taught == 0
    assert told.mark(fox.id, {"rating": 5}).taught == 1
    assert marking.mark(fox.id, {"rating": 4}).taught == 0


def test_changes_tell_what_happened_since(marking: Marking, store: Store, tmp_path: Path) -> None:
    everything = marking.gallery.changes()
    assert [image.id for image in everything.images] == [1, 2, 3]
    assert marking.gallery.changes(everything.revision).images == ()
    marking.mark(2, {"rating": 1})
    marking.mark(1, {"rating": 2})
    store.save_run(a_run(tmp_path / "runs", 7))
    first = marking.gallery.changes(everything.revision, 2)
    assert ([image.id for image in first.images], first.more) == ([2, 1], True)
    rest = marking.gallery.changes(first.revision)
    assert ([image.id for image in rest.images], rest.more) == ([4], False)
    assert rest.revision == marking.gallery.revision()
    store.save_run(a_run(tmp_path / "runs", 7))  # the same again is no news
    assert marking.gallery.changes(rest.revision).images == ()


def test_ten_threads_lose_nothing(marking: Marking, store: Store) -> None:
    fields: list[dict[str, Any]] = [{"favourite": True}, {"rating": 3}] * 5
    failed: list[Exception] = []

    def work(own: dict[str, Any]) -> None:
        try:
            for image in (1, 2, 3):
                marking.mark(image, own, seen=10**9)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(own,)) for own in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [marks_of(marking, image) for image in (1, 2, 3)] == [(True, False, 3)] * 3
    assert len(taught(store)) == 6  # each change once


def test_processes_lose_nothing_and_the_ledger_agrees(marking: Marking, store: Store, store_url: str) -> None:
    command = [sys.executable, str(Path(marker.__file__)), store_url, "1"]
    children = [
        subprocess.Popen([*command, name, "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("favourite", "rating", "rating", "reject")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("go\n")
        assert child.returncode == 0
    image = marking.gallery.image(1)
    assert image.rating == 3  # the last word of both
    changes = store_rows(store, "SELECT field, before, after FROM gallery_mark_log ORDER BY number")
    now = {"favourite": 0, "reject": 0, "rating": 0}
    for field, before, after in changes:  # one history, without a gap
        assert now[field] == before != after
        now[field] = after
    assert now == {"favourite": image.favourite, "reject": image.reject, "rating": image.rating}
    words = taught(store)[-1][0].partition(": ")[2]
    told = ["favourite"] * image.favourite + ["rejected"] * image.reject + ["3 stars"]
    assert words == ", ".join(told)


def store_rows(store: Store, statement: str) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(text(statement)).all())


def test_marks_go_out_and_come_in(marking: Marking, open_other: Callable[[], Store], tmp_path: Path) -> None:
    marking.mark(1, {"favourite": True, "rating": 5})
    marking.mark(2, {"reject": True})
    marking.mark(3, {"rating": 1})
    marking.mark(3, {"rating": 0})
    lines = list(exported(marking))
    assert [json.loads(line)["name"] for line in lines] == ["0.png", "1.png"]
    with open_other() as store:
        other = Marking(Gallery(store))
        bad = ["{", "[]", '{"sha256": "ab"}', '{"sha256": "' + "a" * 64 + '", "stars": 2}', "x" * 100_001, ""]
        done = imported(other, [*lines, *bad])
        assert (done.changed, done.same, len(done.problems)) == (2, 0, 5)
        assert other.gallery.count("missing:yes favourite:yes") == 1
        store.save_run(a_run(tmp_path / "runs", 0))
        (image,) = other.gallery.page("favourite:yes").images
        assert (image.name, image.rating, image.missing) == ("0.png", 5, False)
        again = imported(other, lines)
        assert (again.changed, again.same) == (0, 2)
        assert list(exported(other)) == [lines[1], lines[0]] or list(exported(other)) == lines


@pytest.fixture
def open_other(tmp_path: Path) -> Callable[[], Store]:
    return lambda: Store.open(tmp_path / "other.sqlite3")


def test_a_mark_that_was_given_before_the_file_could_be_read_goes_to_its_content(
    sqlite_store: Store, tmp_path: Path
) -> None:
    run = a_run(tmp_path, 1)
    data = run.images[0].path.read_bytes()
    run.images[0].path.unlink()
    sqlite_store.save_run(run)
    ImageMarks(sqlite_store).put(run.id, "1.png", StoredMarks(stars=4))
    gallery = Gallery(sqlite_store)
    assert gallery.count() == 0
    put(run.images[0].path, data)
    sqlite_store.save_run(run)
    (image,) = gallery.page("rating:4").images
    assert len(image.key) == 64
    assert ImageMarks(sqlite_store).of_run(run.id) == {"1.png": StoredMarks(stars=4)}


def test_marks_of_an_older_pack_are_kept_by_content(store: Store, tmp_path: Path) -> None:
    """As ``image_marks`` had them: by run and file name."""
    store.save_run(a_run(tmp_path, 1))
    with store.writing() as connection:
        for name in GONE:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
        connection.execute(
            text(
                "CREATE TABLE image_marks (run_id TEXT, image TEXT, favourite BIGINT, reject BIGINT, stars BIGINT,"
                " updated_ms BIGINT)"
            )
        )
        run_id = store_rows(store, "SELECT id FROM runs")[0][0]
        for of_run, image, stars in ((run_id, "1.png", 4), ("gone", "x.png", 2)):
            row = {"run_id": of_run, "image": image, "stars": stars}
            connection.execute(text("INSERT INTO image_marks VALUES (:run_id, :image, 1, 0, :stars, 5)"), row)
        connection.execute(text("DELETE FROM orchestrator_migrations WHERE name >= 'm012'"))
    migrate(store.engine, store.place, MIGRATIONS)
    assert ImageMarks(store).of_run(run_id) == {"1.png": StoredMarks(favourite=True, stars=4)}
    assert ImageMarks(store).of_run("gone") == {"x.png": StoredMarks(favourite=True, stars=2)}
    gallery = Gallery(store)
    assert gallery.prepare() == 1
    (image,) = gallery.page("crimson rating:4 favourite:yes").images
    assert (image.name, image.run_id) == ("1.png", run_id)
    assert gallery.prepare() == 0


def test_who_looks_through_folders_and_who_removes_them_do_not_wait_for_ever(store: Store, tmp_path: Path) -> None:
    gallery, folder = Gallery(store), tmp_path / "out"
    for number in range(6):
        write(folder / f"{number}.png", a1111(f"fox {number}"), colour=number)
    failed: list[Exception] = []

    def work(call: Callable[[], object]) -> None:
        try:
            for _ in range(3):
                call()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    def again() -> None:
        gallery.add_root(folder)
        gallery.index()
        gallery.remove_root(str(folder))

    def mark() -> None:
        ids = [image.id for image in gallery.page("missing:yes|no").images]
        Marking(gallery).mark_all(ids, {"favourite": True})

    def save() -> None:
        store.save_run(a_run(tmp_path / "runs", 3))

    threads = [threading.Thread(target=work, args=(call,)) for call in (again, mark, save, gallery.index)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
