"""What holds for every test: no user's data is touched, and sockets are closed but to those that ask for one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

# The first draws pages and no windows around them, and opens one in a sixth of the time.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser: the system's Chromium, driven by the playwright package."""
    playwright: Any = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    path = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(CHROMIUMS)} is on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
