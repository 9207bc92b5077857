"""A place with a gallery, for tests of its API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.core.api.api_place import Asker, asking


@contextmanager
def gallery_asking(made: Path, folder: Path, **ports: Any) -> Iterator[Asker]:
    """Of a store of its own that is as the fixture ``gallery_made`` has it; what is marked in one is not in another."""
    shutil.copy(made / "store.sqlite3", folder)
    with asking(folder, **ports) as ask:
        yield ask


def ids(told: Mapping[str, Any]) -> list[int]:
    return [image["id"] for image in told["images"]]
