"""Exchange: one HTTP call whose answer is read while it comes, and which can be stopped at any moment.

A thread of its own waits for the socket; the caller waits for that thread, looks every so often whether it should
still, and gives up when its patience ends. So what the caller is given to call back runs in the caller's thread.
No proxy is used: it would see the prompt.
"""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.http_client import HttpClient, reason_of
from orchestrator_core.llm.port import IsCancelled

LOOK_S = 0.1  # how often the caller is asked whether it was cancelled
_BLOCK = 64 * 1024
_QUEUED = 64  # blocks that wait for the caller
_FAILURES = (OSError, http.client.HTTPException, ValueError, AttributeError)  # the last: ssl, when it is shut
# A server whose cable was pulled does not say so. These let the kernel find out within six seconds, where they exist.
_PROBES = (("TCP_KEEPIDLE", 2), ("TCP_KEEPALIVE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 4))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for the connection, for the first of the answer, for each silence after it, for all."""

    connect: float = 3.0
    first: float = 30.0
    silence: float = 20.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer begins with."""

    status: int
    reason: str
    kind: str  # as "text/event-stream"
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: bytes = b""


class Unreachable(LanguageModelError):
    """No connection, or it broke off before the answer began or in its middle."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "unreachable")


class TooSlow(LanguageModelError):
    """Connected, and then nothing came for too long."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "slow")


_CONNECTED = object()
Admit = Callable[[str], Mapping[str, str]]  # the address that was reached → headers for it; raises to send nothing


class Exchange:
    """``with Exchange(…) as exchange: head = exchange.head(); for piece in exchange: …``

    ``until``: when all must be over, by ``time.monotonic``. Raises Unreachable, TooSlow, Cancelled, and what ``admit``
    raises.
    """

    def __init__(
        self, place: HttpClient, call: Call, admit: Admit, patience: Patience, until: float, is_cancelled: IsCancelled
    ) -> None:
        self._place, self._call, self._admit = place, call, admit
        self._patience, self._until, self._is_cancelled = patience, until, is_cancelled
        self._items: queue.Queue[object] = queue.Queue(_QUEUED)
        self._closed = threading.Event()
        kind = http.client.HTTPSConnection if place.secure else http.client.HTTPConnection
        self._connection = kind(place.host, place.port, timeout=patience.connect)
        self._sock: socket.socket | None = None  # the connection lets go of its own when an answer is its last
        self._thread = threading.Thread(target=self._run, name="orchestrator-llm", daemon=True)

    def __enter__(self) -> Exchange:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed.set()
        if self._sock is not None:
            with suppress(*_FAILURES):
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes the thread; closing alone would not
            self._thread.join(1.0)

    def head(self) -> Head:
        """The beginning of the answer; the connection may take as long as connecting may, the answer as its first."""
        connected = self._next(self._patience.connect, "connecting")
        assert connected is _CONNECTED
        head = self._next(self._patience.first, "its answer")
        assert isinstance(head, Head)
        return head

    def __iter__(self) -> Iterator[bytes]:
        wait = self._patience.first  # a server may send its head at once, and think then
        while isinstance(piece := self._next(wait, "more of its answer"), bytes):
            yield piece
            wait = self._patience.silence

    def _next(self, seconds: float, what: str) -> object:
        end = min(time.monotonic() + seconds, self._until)
        while True:
            if self._is_cancelled():
                raise Cancelled
            try:
                item = self._items.get(timeout=min(LOOK_S, max(0.0, end - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= end:
                    raise self._gave_up(what) from None
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def _gave_up(self, what: str) -> LanguageModelError:
        if what == "connecting":
            return Unreachable(f"{self._place.url} does not answer: no connection in {self._patience.connect:g} s.")
        return TooSlow(f"{self._place.url} took too long: {what} did not come in time.")

    def _run(self) -> None:
        try:
            for item in self._answer():
                if not self._put(item):
                    break  # before anything is sent, where nobody waited for the connection
        except LanguageModelError as refusal:
            self._put(refusal)
        except _FAILURES as error:
            self._put(Unreachable(f"{self._place.url} does not answer: {reason_of(error)}."))
        finally:
            self._connection.close()

    def _put(self, item: object) -> bool:
        """False: nobody wants it any more."""
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._items.put(item, timeout=LOOK_S)
                return True
        return False

    def _answer(self) -> Iterator[object]:
        self._connection.connect()
        self._sock = sock = self._connection.sock
        headers = {**self._place.headers, **self._admit(str(sock.getpeername()[0]))}
        _probe(sock)
        sock.settimeout(max(0.1, self._until - time.monotonic()))
        yield _CONNECTED
        headers |= {"Content-Type": "application/json"} if self._call.body else {}
        self._connection.request(self._call.method, self._call.path, self._call.body or None, headers)
        with self._connection.getresponse() as answer:
            kind = answer.headers.get_content_type()
            yield Head(answer.status, answer.reason, kind, answer.headers.get("Retry-After") or "")
            while block := answer.read1(_BLOCK):
                yield block
            if answer.length:  # read1 ends quietly where the connection does
                raise http.client.IncompleteRead(b"", answer.length)
        yield None


def _probe(sock: socket.socket) -> None:
    with suppress(OSError):  # a system that has the name and not the thing: the time limits remain
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES:
            if (option := getattr(socket, name, None)) is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
