"""Fixtures for the tests of the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.core.gallery.images import TOOLS, write
from tests.core.gallery.test_finding import a_run


@pytest.fixture(scope="session")
def gallery_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images 1 to 3 are of runs, the others of folders, each of another program; all have a fox in the prompt."""
    folder = tmp_path_factory.mktemp("gallery")
    for number, (tool, texts) in enumerate(sorted(TOOLS.items())):
        write(folder / "pictures" / f"{tool}.png", texts(f"a crimson fox {number}", number), colour=number)
    with Store.open(folder / "store.sqlite3") as store:
        store.save_runs(a_run(folder / "runs", number) for number in range(3))
        Gallery(store).add_root(folder / "pictures")
        Gallery(store).index()
    return folder
