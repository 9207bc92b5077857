"""Stores for tests: each test that takes ``store`` or ``store_url`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.store import Store
from tests.postgres import NoPostgres, empty_database, running_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    try:
        server = running_postgres()
        url = server.__enter__()
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    yield url
    server.__exit__(None, None, None)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty database."""
    empty_database(postgres_server)
    return postgres_server


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "orchestrator.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, sqlite_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_path}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(sqlite_path: Path) -> Iterator[Store]:
    with Store.open(sqlite_path) as opened:
        yield opened
