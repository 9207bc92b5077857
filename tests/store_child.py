"""Another process on the same database, for tests: ``python store_child.py WHAT URL [ARGUMENT]``, one line out."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import Connection, text

from orchestrator_core.errors import StoreError
from orchestrator_core.prompt import Choice, Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from orchestrator_core.store.engine import make_engine, parse_url, place_of
from orchestrator_core.store.migrations import MIGRATIONS, migrate


def m998_slow(connection: Connection) -> None:
    """Fails if it is ever applied twice, and takes long enough for another process to try."""
    connection.execute(text("CREATE TABLE slow (id BIGINT PRIMARY KEY)"))
    time.sleep(0.3)


def numbered_run(name: str, number: int, size: int = 3) -> Run:
    key = f"{name}#{number}"
    components = tuple(Component(f"{name} {n} ", choices=(Choice(key, name),)) for n in range(size))
    return Run(f"{name}-{number:05}", PromptDraft(components, seed=number))


def wait_for_the_others() -> None:
    """So that all begin in the same moment, however long each took to start."""
    print("ready", flush=True)
    sys.stdin.readline()


def save(url: str, name: str, count: int = 25) -> None:
    wait_for_the_others()
    with Store.open(url) as store:
        for number in range(count):
            store.save_run(numbered_run(name, number))


def save_for_ever(url: str) -> None:
    with Store.open(url) as store:
        number = 0
        while True:
            store.save_runs([numbered_run("whole", number + n, 40) for n in range(3)])
            number += 3
            print(number, flush=True)


def upgrade(url: str) -> None:
    wait_for_the_others()
    parsed = parse_url(url)
    engine = make_engine(parsed, create=True)
    try:
        migrate(engine, place_of(parsed), (*MIGRATIONS, m998_slow))
    finally:
        engine.dispose()


def hold(url: str) -> None:
    """Keep the database locked until a line comes in."""
    with Store.open(url) as store, store.writing() as connection:
        connection.execute(text("DELETE FROM runs"))
        print("locked", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    try:
        {"save": save, "save_for_ever": save_for_ever, "upgrade": upgrade, "hold": hold}[sys.argv[1]](*sys.argv[2:])
    except StoreError as error:
        sys.exit(f"StoreError: {error}")
