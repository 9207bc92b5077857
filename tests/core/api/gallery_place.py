"""A place with a gallery, for tests of its API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.core.api.api_place import Asker, asking
from tests.core.gallery.images import TOOLS, write
from tests.core.gallery.test_finding import a_run


def make_gallery(folder: Path) -> Path:
    """Images 1 to 3 are of runs, the others of folders, each of another program; all have a fox in the prompt."""
    for number, (tool, texts) in enumerate(sorted(TOOLS.items())):
        write(folder / "pictures" / f"{tool}.png", texts(f"a crimson fox {number}", number), colour=number)
    with Store.open(folder / "store.sqlite3") as store:
        store.save_runs(a_run(folder / "runs", number) for number in range(3))
        Gallery(store).add_root(folder / "pictures")
        Gallery(store).index()
    return folder


@contextmanager
def gallery_asking(folder: Path, made: Path | None = None, **ports: Any) -> Iterator[Asker]:
    """Of a store in the folder; with ``made``, which the fixture ``gallery_made`` gives, its images are those there."""
    if made is None:
        make_gallery(folder)
    else:
        shutil.copy(made / "store.sqlite3", folder)
    with asking(folder, **ports) as ask:
        yield ask


def ids(told: Mapping[str, Any]) -> list[int]:
    return [image["id"] for image in told["images"]]
