"""waitress around the Flask app: threads enough, errors in the API's own shape, and an end that waits for no stream."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from orchestrator_app.gallery_flask import MOST_WAITING
from orchestrator_core.api.refusing import Refusal, too_large
from orchestrator_core.api.routing import LARGE

if TYPE_CHECKING:
    from orchestrator_app.gallery_flask import FlaskApi

_CALLS = 8  # threads that are left for calls while all others wait
_CONNECTIONS = 400
_CODES = {400: "bad_request", 431: "headers_too_large", 501: "not_implemented"}


class WaitressServer:
    """``run`` blocks until Ctrl-C, or until ``stop`` is called elsewhere."""

    def __init__(self, api: FlaskApi, listening: socket.socket) -> None:
        from waitress.server import create_server
        from waitress.task import ThreadedTaskDispatcher

        self._api = api
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(MOST_WAITING + _CALLS)
        self._map: dict[int, Any] = {}
        self._server = create_server(
            api.app,
            map=self._map,
            _dispatcher=self._threads,
            sockets=[listening],
            ident=None,
            max_request_body_size=LARGE + 1,  # what is larger is not read; below it each route has its own limit
            connection_limit=_CONNECTIONS,
            asyncore_use_poll=True,
            channel_request_lookahead=1,  # so that it is seen when whoever waits is gone
            # Who asks is who connected: headers that say otherwise are for the API to judge, so they are left.
            clear_untrusted_proxy_headers=False,
        )
        self._server.channel_class = _channel_class()

    def run(self) -> None:
        try:
            self._server.asyncore.loop(timeout=1, map=self._map, use_poll=True)
        finally:
            self._api.close()
            self._threads.shutdown()
            self._server.asyncore.close_all(self._map)

    def stop(self) -> None:
        self._api.close()
        self._server.trigger.pull_trigger(lambda: self._server.asyncore.close_all(self._map))


def _channel_class() -> type[Any]:
    """A connection whose errors are told as the API tells all others."""
    from waitress.channel import HTTPChannel
    from waitress.task import ErrorTask

    class Told(ErrorTask):  # type: ignore[misc]
        def execute(self) -> None:
            error = self.request.error
            code, text = int(error.code), f"{error.reason}: {error.body}"
            refusal = too_large(LARGE) if code == 413 else Refusal(code, _CODES.get(code, "bad_request"), text)
            answer = refusal.answer
            self.status = f"{code} {error.reason}"
            self.response_headers.extend([("Content-Type", answer.content_type), *answer.headers.items()])
            self.set_close_on_finish()
            self.content_length = len(answer.body)
            self.write(answer.body)

    class Channel(HTTPChannel):  # type: ignore[misc]
        error_task_class = Told

    return Channel
