"""What can be wrong with a database, each told in one line: where, what, what to do."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orchestrator_core.errors import StoreError
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.store import Store, file_sha256
from orchestrator_core.store.engine import parse_url, place_of, prepare_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")


def a_run(run_id: str, words: str = "fox") -> Run:
    return Run(run_id, PromptDraft((Component(words),)))


def refusal(url: str | Path, *, create: bool = True) -> str:
    """The one line that opening gives."""
    with pytest.raises(StoreError) as caught:
        Store.open(url, create=create)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Permissions mean nothing to root; become somebody to whom they do."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter and read; pytest's own are closed to others than its user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Store.open(folder / "warm.sqlite3"):  # whatever is imported late is imported now
            pass
        folder.chmod(0o755)
        yield folder


@posix
def test_a_folder_that_may_only_be_read(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_nobody():
        line = refusal(open_folder / "orchestrator.sqlite3")
        deeper = refusal(open_folder / "deeper" / "orchestrator.sqlite3")
    assert "cannot be opened" in line
    assert "cannot be written" in deeper
    assert all("Check the permissions" in each for each in (line, deeper))


@posix
def test_a_file_that_may_only_be_read(open_folder: Path) -> None:
    path = open_folder / "orchestrator.sqlite3"
    with Store.open(path) as store:
        store.save_run(a_run("r1"))
    path.chmod(0o444)
    open_folder.chmod(0o777)
    with (
        as_nobody(),
        pytest.raises(StoreError, match=r"may only be read.*Check the permissions"),
        Store.open(path) as store,
    ):
        store.save_run(a_run("r2"))


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    assert "a part of the path is a file" in refusal(tmp_path / "data" / "orchestrator.sqlite3")
    assert (tmp_path / "data").read_text() == "mine"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.sqlite3").mkdir()
    assert "this is a folder" in refusal(tmp_path / "orchestrator.sqlite3")


def test_no_file_where_none_may_be_made(sqlite_path: Path) -> None:
    assert "there is no database yet" in refusal(sqlite_path, create=False)
    assert not sqlite_path.parent.exists()


@pytest.mark.parametrize("content", [b"just some notes\n" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orchestrator.sqlite3"
    path.write_bytes(content)
    line = refusal(path)
    assert str(path) in line
    assert "Nothing was overwritten" in line
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.sqlite3"
    path.touch()
    with Store.open(path) as store:
        store.save_run(a_run("r1"))


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoices (id TEXT)")
    before = file_sha256(path)
    assert "the database of another program" in refusal(path)
    assert file_sha256(path) == before


def test_a_database_damaged_in_the_middle_is_never_overwritten(sqlite_path: Path) -> None:
    with Store.open(sqlite_path) as store:
        store.save_runs([a_run(f"{n:03}", "fox " * 200) for n in range(100)])
    content = bytearray(sqlite_path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page, which lists the tables
    sqlite_path.write_bytes(content)
    with (
        pytest.raises(StoreError, match=r"damaged.*Nothing was overwritten") as caught,
        Store.open(sqlite_path) as store,
    ):
        store.save_run(a_run("r2"))
    assert "\n" not in str(caught.value)
    assert sqlite_path.read_bytes() == content


def test_a_full_disk_loses_nothing_that_was_saved(sqlite_store: Store) -> None:
    sqlite_store.save_run(a_run("r1"))
    with sqlite_store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to say how much room there is
    with pytest.raises(StoreError, match=r"the disk is full.*Free some space"):
        sqlite_store.save_runs([a_run("r2"), a_run("r3", "fox " * 20_000)])
    assert sqlite_store.runs() == [a_run("r1")]


@posix
def test_nothing_is_written_into_a_database_that_was_deleted(sqlite_store: Store, sqlite_path: Path) -> None:
    """It would be taken, and lost with the program; also where somebody has made a new one meanwhile."""
    sqlite_store.save_run(a_run("r1"))
    for file in sqlite_path.parent.glob(f"{sqlite_path.name}*"):
        file.unlink()
    with pytest.raises(StoreError, match="was deleted while it was in use"):
        sqlite_store.save_run(a_run("r2"))
    with Store.open(sqlite_path) as another:
        another.save_run(a_run("r3"))
        with pytest.raises(StoreError, match="was deleted while it was in use"):
            sqlite_store.load_run("r1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_the_folder_of_a_device_is_refused() -> None:
    assert "a part of the path is a file" in refusal("/dev/full/orchestrator.sqlite3")


def test_a_store_reads_while_another_transaction_writes(sqlite_store: Store) -> None:
    sqlite_store.save_run(a_run("r1"))
    with sqlite_store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM runs")
        assert sqlite_store.runs() == [a_run("r1")]
    assert sqlite_store.runs() == []


def without_shared_memory(path: Path) -> sqlite3.Connection:
    """SQLite's way of working on network folders that have neither shared memory nor locks."""
    return sqlite3.connect(f"file:{path}?vfs=unix-dotfile", uri=True, isolation_level=None)


@posix
def test_where_wal_cannot_be_had_the_rollback_journal_stays(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite3"
    with closing(without_shared_memory(path)) as connection:
        assert prepare_file(connection, path, 1.0) == "delete"


@posix
def test_a_wal_database_moved_to_where_wal_cannot_be_had_is_converted(sqlite_path: Path) -> None:
    with Store.open(sqlite_path) as store:
        store.save_run(a_run("r1"))
    with closing(without_shared_memory(sqlite_path)) as connection:
        assert prepare_file(connection, sqlite_path, 1.0) == "delete"
    with closing(without_shared_memory(sqlite_path)) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [("r1",)]


def test_the_switch_to_wal_waits_for_another_program(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.sqlite3"
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection,
    ):
        other.execute("CREATE TABLE orchestrator_migrations (name)")
        other.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.1, lambda: other.execute("COMMIT"))
        later.start()
        assert prepare_file(connection, path, 10.0) == "wal"
        later.join()


def test_the_file_is_in_wal_mode_with_foreign_keys(sqlite_store: Store) -> None:
    with sqlite_store.reading() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
    assert pragmas == ["wal", 1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "A mysql database cannot be used"),
        ("sqlite://", "needs a file of its own"),
        ("sqlite:///:memory:", "needs a file of its own"),
        ("sqlite://host/x.db", "needs a file of its own"),
        ("", "needs a file of its own"),
        ("postgresql://host:port/x", "The database URL cannot be read"),
        ("sqlite:///x.db?timeout=soon", "timeout=soon"),
    ],
)
def test_urls_that_cannot_be_used(url: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refusal(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_postgresql_url_uses_the_driver_that_comes_with_the_extra(scheme: str) -> None:
    assert parse_url(f"{scheme}://me@host/x").drivername == "postgresql+psycopg"


def test_a_path_is_taken_literally_and_a_url_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of(parse_url("a%20b.db")) == str(tmp_path / "a%20b.db")
    assert place_of(parse_url("sqlite:///a%20b.db?timeout=1")) == str(tmp_path / "a b.db")


def test_a_password_is_never_shown() -> None:
    shown = place_of(parse_url("postgresql://me:secret@host/x?password=secret"))
    assert "secret" not in shown
    assert "host/x" in shown


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    line = refusal(f"postgresql://me:secret@/x?host={tmp_path}")
    assert "PostgreSQL cannot be reached" in line
    assert "secret" not in line


def test_a_database_that_is_not_on_the_server(postgres_url: str) -> None:
    line = refusal(postgres_url.replace("/postgres?", "/no_such_database?"))
    assert "PostgreSQL has no database of that name" in line


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install" in refusal("postgresql://me@host/x")
