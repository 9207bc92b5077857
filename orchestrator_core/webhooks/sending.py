"""One POST to one webhook: to the address that was looked at, nowhere else, and for a bounded time.

The name is resolved once, and the connection is made to an address of that answer, so that a name which leads elsewhere
a moment later leads nowhere. TLS still checks the name. Proxies and redirects are not followed: both would lead around
the check.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from orchestrator_core.errors import WebhookError
from orchestrator_core.http_client import reason_of
from orchestrator_core.webhooks.address import Allowed, Destination, Resolve, addresses

SILENCE_S = 10.0  # for connecting, and for each silence
TOTAL_S = 20.0  # for all of it
MOST_ANSWER = 64 * 1024  # bytes that are read of an answer, and thrown away
_BLOCK = 64 * 1024  # bytes; the wait for a silent receiver is for each
_TRY_AGAIN = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is 0 where no answer came; ``may_help`` says whether to try again can help."""

    status: int
    error: str = ""
    may_help: bool = True
    retry_after_s: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status < 300


class Posting:
    """A POST that can be broken off from another thread."""

    def __init__(
        self,
        to: Destination,
        by: Allowed,
        *,
        silence_s: float = SILENCE_S,
        total_s: float = TOTAL_S,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self.to, self.by, self.silence_s, self.total_s = to, by, silence_s, total_s
        self.tls, self.resolve = tls, resolve
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.is_broken_off = False

    def send(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Never raises for what the other side does, or for where it is."""
        timer = threading.Timer(self.total_s, self.break_off)
        timer.daemon = True
        timer.start()
        try:
            return self._sent(body, headers)
        except WebhookError as error:
            return Outcome(0, str(error), may_help=False)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = "it took too long" if self.is_broken_off else reason_of(error)
            return Outcome(0, f"{self.to.scheme}://{self.to.place} does not answer: {why}.")
        finally:
            timer.cancel()

    def break_off(self) -> None:
        with self._lock:
            self.is_broken_off = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _sent(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        connection = http.client.HTTPConnection(self.to.host, self.to.port, timeout=self.silence_s, blocksize=_BLOCK)
        connection.sock = self._connected()  # so that it does not look for the name itself
        try:
            own = {"Host": self.to.place, "User-Agent": "Orchestrator", "Content-Type": "application/json"}
            own |= {"Content-Length": str(len(body)), "Connection": "close"}
            with suppress(BrokenPipeError, ConnectionResetError):  # what takes no more may have said why: 413
                connection.request("POST", self.to.path, io.BytesIO(body), {**own, **headers})
            answer = connection.getresponse()
            answer.read(MOST_ANSWER)
            if self.is_broken_off:  # the end of the connection looks like the end of an answer
                raise TimeoutError
            return outcome_of(answer.status, answer.getheader("Retry-After") or "")
        finally:
            connection.close()

    def _connected(self) -> socket.socket:
        """To the first of its addresses that answers. Raises WebhookError, OSError."""
        failure: OSError | None = None
        for family, address in addresses(self.to, self.by, self.resolve):
            try:
                return self._secured(self._connected_to(family, address))
            except ssl.SSLError as error:
                raise OSError(f"its certificate or its TLS is refused ({error.reason or error})") from None
            except OSError as error:
                failure = error
        raise failure or OSError("its name leads nowhere")

    def _connected_to(self, family: socket.AddressFamily, address: str) -> socket.socket:
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(self.silence_s)
            self._keep(raw)
            raw.connect((address, self.to.port))
        except BaseException:
            raw.close()
            raise
        return raw

    def _secured(self, raw: socket.socket) -> socket.socket:
        if self.to.scheme == "http":
            return raw
        try:
            secured = (self.tls or ssl.create_default_context()).wrap_socket(raw, server_hostname=self.to.host)
        except BaseException:
            raw.close()
            raise
        self._keep(secured)
        return secured

    def _keep(self, new: socket.socket) -> None:
        with self._lock:
            if self.is_broken_off:
                raise TimeoutError
            self._socket = new


def outcome_of(status: int, retry_after: str = "") -> Outcome:
    """What an answer means: 2xx is delivered; other 4xx than "not now" and redirects will not change by themselves."""
    if 200 <= status < 300:
        return Outcome(status)
    if 300 <= status < 400:
        return Outcome(status, f"It answered {status}, as what has moved. Give its new address.", may_help=False)
    may_help = not 400 <= status < 500 or status in _TRY_AGAIN
    wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 7 else 0.0
    return Outcome(status, f"It answered {status}.", may_help, wait_s)
