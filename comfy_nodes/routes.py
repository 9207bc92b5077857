"""``/orchestrator/…`` for the pack's own JavaScript: who may ask, how much, and in which shape the answer comes.

What is answered is in routes_answers.py. All of it runs in threads of our own: the server's loop never waits for the
disk or for a draw, and the threads that the server reads its files in are left to it. This file knows the host's
requests by the few things that it asks of them, so that it needs no host to be read.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.template import Wildcards

from .routes_answers import Answers

MAX_BODY = 1 << 20  # bytes
_THREADS = 3  # a reload and a long draw leave one for completions
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_log = logging.getLogger("orchestrator")


class Stream(Protocol):
    async def read(self, n: int = -1, /) -> bytes: ...


class Request(Protocol):
    """What is asked of a request; aiohttp's are so."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def content_length(self) -> int | None: ...
    @property
    def content(self) -> Stream: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """JSON, with its HTTP status."""

    data: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    handler: Callable[[Request], Awaitable[Reply]]


class Refused(Exception):
    """A request that is not answered: ``status`` says to programs why, the message to people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def routes(
    wildcards: Wildcards, embeddings: Callable[[], Sequence[str]] = lambda: (), profiles: ProfileSource | None = None
) -> tuple[Route, ...]:
    """Those of prompts. ``embeddings`` lists the host's files; it is called in a thread."""
    answers = Answers(wildcards, embeddings, profiles)
    threads = ThreadPoolExecutor(_THREADS, "orchestrator")  # none of which runs before the first request
    return (
        route(threads, "GET", "/orchestrator/complete", answers.complete),
        route(threads, "POST", "/orchestrator/draw", answers.draw),
        route(threads, "GET", "/orchestrator/wildcards", answers.wildcards),
        route(threads, "POST", "/orchestrator/wildcards/reload", answers.reload),
    )


def route(
    threads: Executor, method: str, path: str, answer: Callable[[dict[str, Any]], Any], most: int = MAX_BODY
) -> Route:
    """``answer`` gets the query, or the object of a body of ``most`` bytes; it is called in one of the threads."""

    async def handler(request: Request) -> Reply:
        try:
            refuse_foreign_pages(request.headers)
            asked = dict(request.query) if method == "GET" else await read_object(request, most)
            return Reply(await asyncio.get_running_loop().run_in_executor(threads, answer, asked))
        except Refused as refused:
            return _error(refused.status, str(refused))
        except ValidationError as error:
            return _error(400, what_is_wrong(error))
        except OrchestratorError as error:
            return _error(400, str(error))
        except Exception:  # noqa: BLE001 - the last line before the host's: a person gets a sentence, the log the rest
            _log.exception("Orchestrator: %s %s failed", method, path)
            return _error(500, "This did not work, and should have: the server's log says more.")

    return Route(method, path, handler)


def _error(status: int, message: str) -> Reply:
    return Reply({"error": message}, status)


def refuse_foreign_pages(headers: Mapping[str, str]) -> None:
    """Answers ComfyUI's own page and programs, and no other web page, whatever --enable-cors-header allows.

    Browsers say where a page is from; a page cannot change what they say. Raises Refused.
    """
    origin = headers.get("Origin")
    host = headers.get("Host", "").lower()
    foreign = origin is not None and not _is_same(origin.lower(), host)
    if foreign or headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused(
            403,
            f"Only ComfyUI's own page may ask this, and {origin or 'this one'} is another. "
            "(Behind a proxy: let it pass the Host header on.)",
        )


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # as of "http://["
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    return port is not None and parts.netloc.removesuffix(port) == host.removesuffix(port) != ""


async def read_object(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The body's JSON object; an empty body is an empty one. Raises Refused, before reading what is too large."""
    too_large = Refused(413, f"The body is larger than {most >> 20} MB, so it is not read.")
    if (request.content_length or 0) > most:
        raise too_large
    body = b""
    while piece := await request.content.read(most + 1 - len(body)):
        body += piece
        if len(body) > most:
            raise too_large
    try:
        found = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body must be a JSON object.")
    return found


def what_is_wrong(error: ValidationError) -> str:
    """One line: ``seed: Input should be greater than or equal to 0; colour: Extra inputs are not permitted``."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    pieces = [f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in found[:5]]
    return "; ".join(pieces) + ("; …" if len(found) > 5 else "")
