"""The websocket on which ComfyUI tells how a job goes on. It may break or be missing: the history has the truth.

The socket is opened before the graph is sent, or the first events would be lost, and again under the same client id,
for ComfyUI tells errors only to the client that sent the job.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from orchestrator_core.http_client import HttpClient

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_MAX_MESSAGE = 64 * 1024 * 1024  # an error carries the inputs of its node
_PREVIEW = (1).to_bytes(4, "big")  # BinaryEventTypes.PREVIEW_IMAGE; behind it are four bytes of the picture's kind


class ComfySocket:
    """Events of one client. Without the ``websockets`` package, or while the connection is down, there are none."""

    def __init__(self, client: HttpClient, client_id: str, retry: float = 1.0) -> None:
        self.client, self.client_id, self.retry = client, client_id, retry
        self._stack = ExitStack()
        self._connection: ClientConnection | None = None
        self._next_try = 0.0

    def __enter__(self) -> ComfySocket:
        self._connect()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """The next event, ``{"type", "data"}``; None if there is none within ``timeout`` seconds.

        A preview, which has no JSON, is given as ``{"type": "preview", "data": {"image": bytes}}``.
        """
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if self._connection is None and not self._connect():
                time.sleep(min(left, self.retry))
                continue
            event = self._read(left)
            if event is not None:
                return event
        return None

    def _read(self, timeout: float) -> dict[str, Any] | None:
        """One message, or None for one that is no event, for silence, and for a connection that broke."""
        assert self._connection is not None
        try:
            message = self._connection.recv(timeout)
        except TimeoutError:
            return None
        except _failures():
            self._close()
            self._next_try = time.monotonic() + self.retry
            return None
        if isinstance(message, bytes):
            return {"type": "preview", "data": {"image": message[8:]}} if message.startswith(_PREVIEW) else None
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) and isinstance(event.get("data"), dict) else None

    def _connect(self) -> bool:
        if time.monotonic() < self._next_try:
            return False
        self._next_try = time.monotonic() + self.retry
        try:
            from websockets.sync.client import connect  # optional: ComfyUI does not bring it
        except ImportError:
            return False
        url = f"{self.client.url.replace('http', 'ws', 1)}/ws?clientId={self.client_id}"
        headers = {name: value for name, value in self.client.headers.items() if name == "Authorization"}
        try:
            # A socket of our own keeps the library from asking for a proxy, whose option differs between its versions.
            raw = self._stack.enter_context(
                socket.create_connection((self.client.host, self.client.port), self.client.timeout)
            )
            self._connection = self._stack.enter_context(
                connect(
                    url,
                    sock=raw,
                    open_timeout=self.client.timeout,
                    close_timeout=2,
                    max_size=_MAX_MESSAGE,
                    additional_headers=headers,
                )
            )
        except _failures():
            self._close()
            return False
        return True

    def _close(self) -> None:
        self._connection = None
        with suppress(*_failures()):
            self._stack.close()


def _failures() -> tuple[type[Exception], ...]:
    """What a broken connection raises; the package's own errors only where it is installed."""
    found = (EOFError, OSError, ValueError)
    try:
        from websockets.exceptions import WebSocketException
    except ImportError:
        return found
    return (*found, WebSocketException)
