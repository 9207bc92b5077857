"""A gallery with some pictures, and the API above it, without a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from orchestrator_core.api.files import opened_part
from orchestrator_core.api.image_bytes import thumbnails_for
from orchestrator_core.api.place import KeptStore
from orchestrator_core.api.wire import Answer
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.thumbnails import Thumbnails
from orchestrator_core.store import Store
from tests.core.api.api_place import Asker, asking

WAIT_S = 30


@dataclass(frozen=True)
class Shown:
    ask: Asker
    pictures: Path
    thumbnails: Thumbnails

    def awaited(self, method: str, path: str, **headers: str) -> Answer:
        """As a server waits for what is pending."""
        answer = self.ask(method, path, **headers)
        until = time.monotonic() + WAIT_S
        while answer.pending is not None:
            assert time.monotonic() < until
            time.sleep(0.005)
            found = answer.pending.poll() or answer
            answer = found.without_body() if method == "HEAD" else found
        return answer

    def index(self) -> None:
        with self.ask.api.place.open_store() as store:
            Gallery(store).index()

    def key(self, image: int = 1) -> str:
        return str(self.ask.told("GET", f"/gallery/images/{image}")["key"])


@contextmanager
def showing(folder: Path, *names: str, **ports: Any) -> Iterator[Shown]:
    """Each picture is another one, 600 pixels wide."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, name in enumerate(names):
        Image.new("RGB", (600, 400), (200, number, 10)).save(pictures / name)
    store = KeptStore(lambda: Store.open(folder / "store.sqlite3"))
    thumbnails = thumbnails_for(store, folder / "thumbnails")
    try:
        with asking(folder, **{"open_store": store, "thumbnails": thumbnails, **ports}) as ask:
            with store() as opened:
                Gallery(opened).add_root(pictures)
            shown = Shown(ask, pictures, thumbnails)
            shown.index()
            yield shown
    finally:
        thumbnails.close()
        store.close()


def sent(answer: Answer) -> bytes:
    file, length = opened_part(answer)
    with file:
        return file.read(length)
