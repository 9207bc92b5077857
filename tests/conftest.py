"""What holds for every test: no user's data is touched, and sockets are closed but to those that ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = ["127.0.0.1", "::1", "localhost"]

# A deadline measures the machine, not the code: a busy CI machine would fail tests that are right.
settings.register_profile("orchestrator", deadline=None)
# For a second look on another Python: `pytest --hypothesis-profile=brief`. The search is done once.
settings.register_profile("brief", deadline=None, max_examples=10)
settings.load_profile("orchestrator")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open the loopback, and only that, to tests marked ``network`` or ``host``."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("network", "host")):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own data folder: a test never reads or writes a person's database."""
    monkeypatch.setenv("ORCHESTRATOR_HOME", str(tmp_path / "orchestrator_home"))
    monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
