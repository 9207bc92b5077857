"""Several programs on one database: both hosts may start, migrate and write at once, and one may die in the middle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

from orchestrator_core.errors import StoreError
from orchestrator_core.store import Store, schema
from orchestrator_core.store.backup import backups
from orchestrator_core.store.migrations import MIGRATIONS
from tests import store_child

END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid != pg_backend_pid()"
)
CHILD = Path(store_child.__file__)


def start(*arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, str(CHILD), *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def at_once(*commands: Sequence[str]) -> list[str]:
    """Run these commands of ``store_child``, let them begin in the same moment, return what each complained of."""
    children = [start(*command) for command in commands]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    return finish(children)  # ends their input, which they wait for


def finish(children: list[subprocess.Popen[str]]) -> list[str]:
    """What each child complained of, after all have ended."""
    try:
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
            child.stdin = None
        return [child.communicate(timeout=60)[1] for child in children]
    finally:
        for child in children:
            child.kill()


@pytest.mark.slow
def test_two_hosts_may_make_the_database_and_write_at_once(store_url: str) -> None:
    names = ["comfyui", "forge"]
    assert at_once(*(("save", store_url, name) for name in names)) == ["", ""]
    expected = [store_child.numbered_run(name, number) for name in names for number in range(25)]
    with Store.open(store_url, create=False) as store:
        assert store.runs(100) == sorted(expected, key=lambda run: run.id, reverse=True)
        with store.reading() as connection:
            applied = connection.execute(select(schema.migrations.c.name)).scalars().all()
            assert sorted(applied) == [step.__name__ for step in MIGRATIONS]


@pytest.mark.slow
def test_of_two_hosts_that_upgrade_at_once_one_does(store_url: str, tmp_path: Path) -> None:
    with Store.open(store_url) as store:
        store.save_run(store_child.numbered_run("old", 1))
    assert at_once(*[("upgrade", store_url)] * 2) == ["", ""]
    if store_url.startswith("sqlite"):
        assert len(backups(Path(store_url.removeprefix("sqlite:///")))) == 1


def test_a_host_that_dies_while_saving_leaves_no_half_of_a_run(store_url: str) -> None:
    child = start("save_for_ever", store_url)
    assert child.stdout is not None
    for _ in range(5):
        saved = int(child.stdout.readline())
    child.kill()
    child.communicate()
    with Store.open(store_url) as store:
        runs = store.runs(100_000)
        assert len(runs) >= saved
        assert len(runs) % 3 == 0
        assert all(run == store_child.numbered_run("whole", run.draft.seed, 40) for run in runs)


@pytest.mark.parametrize(("query", "wait_s"), [("?timeout=0.05", 30.0), ("", 0.05)])
def test_a_database_that_stays_locked_is_reported_as_that(sqlite_path: Path, query: str, wait_s: float) -> None:
    with Store.open(f"sqlite:///{sqlite_path}{query}", wait_s=wait_s) as store:
        store.save_run(store_child.numbered_run("kept", 1))
        child = start("hold", str(sqlite_path))
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        with pytest.raises(StoreError, match=r"another program keeps the database locked.*try again"):
            store.save_run(store_child.numbered_run("kept", 2))
        assert len(store.runs()) == 1  # readers do not wait for a writer
        assert finish([child]) == [""]  # its input ends, and it with it
        store.save_run(store_child.numbered_run("kept", 2))


def test_a_postgresql_that_stays_locked_is_reported_as_that(postgres_url: str) -> None:
    with Store.open(postgres_url, wait_s=0.05) as store, Store.open(postgres_url) as other:
        run = store_child.numbered_run("kept", 1)
        store.save_run(run)
        with other.writing() as connection:
            connection.execute(text("DELETE FROM runs"))
            with pytest.raises(StoreError, match="another program keeps the database locked"):
                store.save_run(run)


def test_a_server_that_was_restarted_costs_no_save(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        with other.writing() as connection:
            connection.execute(END_OTHERS)
        store.save_run(store_child.numbered_run("after", 1))


def test_a_connection_lost_in_the_middle_is_reported_as_that(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        with pytest.raises(StoreError, match="PostgreSQL closed the connection"), store.writing() as connection:
            connection.execute(text("SELECT 1"))
            with other.writing() as ending:
                ending.execute(END_OTHERS)
            connection.execute(text("SELECT 1"))
        assert inspect(store.engine).has_table("runs")
