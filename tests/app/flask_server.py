"""The API as ``orchestrator gallery`` serves it: the real Flask app under a real waitress, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator_app.gallery_flask import FlaskApi
from orchestrator_app.serve_http import address_of, listen
from orchestrator_app.serve_waitress import WaitressServer
from orchestrator_core.api.access import Access
from orchestrator_core.api.service import Api
from orchestrator_core.api.wire import PREFIX
from tests.api_client import ApiServer
from tests.app.api_server import close, place_in


@contextmanager
def gallery_served(folder: Path, access: Access | None = None, **changes: Any) -> Iterator[ApiServer]:
    access = access or Access()
    place = place_in(folder, **changes)
    with listen("127.0.0.1", 0) as listening:
        server = WaitressServer(FlaskApi(Api(place, access)), listening)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield ApiServer(address_of(listening) + PREFIX, access.token, str(folder / "store.sqlite3"))
        finally:
            server.stop()
            thread.join()
    close(place)
