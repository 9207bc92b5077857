"""The API as ``orchestrator serve`` runs it: the real app under a real uvicorn, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator_app.bundled import bundled_folder, page_folder
from orchestrator_app.serve_http import address_of, listen, server_for
from orchestrator_core.api.access import Access
from orchestrator_core.api.asgi import AsgiApp
from orchestrator_core.api.image_bytes import thumbnails_for
from orchestrator_core.api.place import ApiPlace, KeptStore
from orchestrator_core.api.service import Api
from orchestrator_core.api.wire import PREFIX
from orchestrator_core.context import StageContext
from orchestrator_core.gallery.image_runs import Drawing
from orchestrator_core.gallery.keeper import GalleryKeeper
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.ledger import Ledger
from tests.api_client import ApiServer


class _NoLoras:
    """A library without any."""

    def index(self) -> LoraIndex:
        return LoraIndex()


def place_in(folder: Path, **changes: Any) -> ApiPlace:
    """With the store, the wildcards and the pipelines of a folder, and the bundled profiles."""
    database = folder / "store.sqlite3"
    profiles = ProfileLibrary([bundled_folder("profiles")])
    context = StageContext(Wildcards([folder / "wildcards"]), profiles=profiles, loras=_NoLoras())
    ledger = Ledger(lambda: Store.open(database))
    store = KeptStore(lambda: Store.open(database))
    place = ApiPlace(
        "standalone",
        store,
        lambda: context,
        profiles=profiles,
        ledger=ledger,
        pipelines=lambda: folder / "pipelines",
        thumbnails=thumbnails_for(store, folder / "thumbnails"),
        page=page_folder(),
        keeper=GalleryKeeper(store, drawing=Drawing(lambda: context, ledger)),
    )
    return replace(place, **changes)


def close(place: ApiPlace) -> None:
    """What ``place_in`` made."""
    if place.keeper is not None:
        place.keeper.close()
    if place.thumbnails is not None:
        place.thumbnails.close()
    place.open_store.close()  # type: ignore[attr-defined]


@contextmanager
def served(app: Any, token: str = "", database: str = "") -> Iterator[ApiServer]:
    """An ASGI app at a port of its own."""
    server = server_for(app)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield ApiServer(address_of(listening) + PREFIX, token, database)
        finally:
            server.handle_exit(2, None)
            thread.join()


@contextmanager
def standalone(folder: Path, access: Access | None = None, **changes: Any) -> Iterator[ApiServer]:
    access = access or Access()
    place = place_in(folder, **changes)
    with served(AsgiApp(Api(place, access)), access.token, str(folder / "store.sqlite3")) as api:
        yield api
    close(place)
