"""HTTP to one server, with the standard library: timeouts, bounded answers, no redirects, no proxy on the loopback.

ComfyUI has aiohttp and Forge has httpx; the standard library is what both have. Calls block: they are made in
worker threads, never on a host's event loop.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from orchestrator_core.errors import ConfigError, HttpError, NoAnswer

MAX_ANSWER = 512 * 1024 * 1024  # bytes
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FAILURES = (OSError, http.client.HTTPException, ValueError)  # URLError and timeouts are OSErrors
_BLOCK = 256 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A server of this kind never redirects; one that does is something else, or wants us elsewhere."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class HttpClient:
    """Calls to ``base_url``, whose own path is kept in front of every path.

    ``timeout`` (seconds) is for connecting and for each silence; ``total`` is for one whole answer, of at most ``most``
    bytes. ``headers`` go with every call.
    A ``user:password@`` in the URL, or ``auth``, becomes basic authentication, and is in no message.

    Raises:
        ConfigError: the URL is none of http or https.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float = 10.0,
        total: float = 600.0,
        *,
        auth: str = "",
        headers: Mapping[str, str] | None = None,
        most: int = 0,
    ) -> None:
        self.timeout, self.total = timeout, total
        self.most = most or MAX_ANSWER
        parts = _split(base_url)
        self.host, self.secure = parts.hostname or "", parts.scheme == "https"
        self.port = parts.port or (443 if self.secure else 80)
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = host if parts.port is None else f"{host}:{self.port}"
        self.url = f"{parts.scheme}://{place}{parts.path.rstrip('/')}"
        self.headers = {"User-Agent": "Orchestrator"} | (_basic(auth) if auth else _authorization(parts))
        self.headers |= headers or {}
        proxies = urllib.request.ProxyHandler({} if self.host in LOOPBACK else None)
        self._opener = urllib.request.build_opener(proxies, _NoRedirect())

    def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. Raises HttpError, NoAnswer."""
        return self._call("GET", path + (f"?{urllib.parse.urlencode(query)}" if query else ""))

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The value of a JSON answer. Raises HttpError, NoAnswer."""
        return self._parsed(path, self.get(path, query))

    def post_json(self, path: str, value: Any) -> Any:
        """Send a value, and get that of the JSON answer; None for an empty one. Raises HttpError, NoAnswer."""
        body = self._call("POST", path, json.dumps(value).encode(), "application/json")
        return self._parsed(path, body) if body else None

    def post_file(self, path: str, name: str, data: bytes, fields: Mapping[str, str]) -> Any:
        """Send a file as the form field ``image`` with other fields. Raises HttpError, NoAnswer."""
        boundary = secrets.token_hex(16)
        safe = name.replace('"', "_").replace("\r", "_").replace("\n", "_")
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
                 for key, value in fields.items()]  # fmt: skip
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{safe}"\r\n'
        parts += [
            f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(),
            data,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        return self._parsed(
            path, self._call("POST", path, b"".join(parts), f"multipart/form-data; boundary={boundary}")
        )

    def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = self.headers | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return self._read(answer, path)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(path, error) from None
        except _FAILURES as error:
            raise NoAnswer(f"{self.url} does not answer: {reason_of(error)}.") from None

    def _read(self, answer: Any, path: str) -> bytes:
        """The body, if it comes in time and is not too large."""
        end = time.monotonic() + self.total
        blocks = []
        room = self.most
        while block := answer.read(_BLOCK):
            blocks.append(block)
            room -= len(block)
            if room < 0 or time.monotonic() > end:
                raise NoAnswer(
                    f"The answer of {self.url}{path} is too large or too slow: {self.most - room:,} bytes so far.",
                    200,
                )
        if answer.length:  # read(n) ends quietly where the connection does
            raise NoAnswer(f"The answer of {self.url}{path} ends {answer.length:,} bytes too early.")
        return b"".join(blocks)

    def _refusal(self, path: str, error: urllib.error.HTTPError) -> HttpError:
        try:
            body = error.read(1024 * 1024)
        except _FAILURES:
            body = b""
        message = f"{self.url}{path} answered {error.code} {error.reason}."
        return HttpError(message, error.code, body, error.headers.get("Retry-After") or "")

    def _parsed(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            start = body[:60].decode("utf-8", "replace")
            raise NoAnswer(f"{self.url}{path} answered something that is no JSON: {start!r}.", 200, body) from None


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # a port that is no number, half an IPv6 address
        pass
    shown = re.sub(r"//.*@|^[^/]*@", lambda match: "//***@" if match[0].startswith("//") else "***@", url, count=1)
    raise ConfigError(f'"{shown}" is no address of a server; write it as http://127.0.0.1:8188.')


def _authorization(parts: urllib.parse.SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    return _basic(f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}")


def _basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def reason_of(error: Exception) -> str:
    """Why a call failed, as a part of a sentence."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "it took too long"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return "it broke off the connection"
    if isinstance(cause, http.client.HTTPException):
        return f"what comes back is not HTTP ({type(cause).__name__})"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
