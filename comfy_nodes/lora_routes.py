"""``/orchestrator/loras/…``: which routes there are. Who may ask is routes.py's, what is answered lora_answers.py's,
lora_civitai.py's and lora_testing.py's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .routes import Reply, Request, Route, Stream, route

if TYPE_CHECKING:
    from .lora_answers import LoraAnswers
    from .lora_civitai import LoraCivitai
    from .lora_testing import LoraTesting

_THREADS = 4  # a refresh, a long query, and previews, of which a page asks for many
_MAX_GRAPH = 4 << 20  # bytes of a body with a graph


def lora_routes(answers: Callable[[], LoraAnswers]) -> tuple[Route, ...]:
    """``answers`` is asked for at the first request, in a thread."""
    threads = ThreadPoolExecutor(_THREADS, "orchestrator-loras")
    return (
        route(threads, "GET", "/orchestrator/loras", lambda asked: answers().page(asked)),
        route(threads, "GET", "/orchestrator/loras/one", lambda asked: answers().one(asked)),
        _told_what_is_seen(threads, "/orchestrator/loras/preview", lambda asked: answers().preview(asked)),
        route(threads, "POST", "/orchestrator/loras/user", lambda asked: answers().user(asked)),
        route(threads, "POST", "/orchestrator/loras/refresh", lambda asked: answers().refresh(asked)),
        route(threads, "GET", "/orchestrator/loras/status", lambda asked: answers().status(asked)),
        route(threads, "GET", "/orchestrator/loras/export", lambda asked: answers().export(asked)),
    )


def lora_action_routes(civitai: Callable[[], LoraCivitai], testing: Callable[[], LoraTesting]) -> tuple[Route, ...]:
    one_by_one = ThreadPoolExecutor(1, "orchestrator-civitai")
    threads = ThreadPoolExecutor(1, "orchestrator-lora-test")
    return (
        route(one_by_one, "POST", "/orchestrator/loras/civitai", lambda asked: civitai().ask(asked)),
        route(threads, "POST", "/orchestrator/loras/test", lambda asked: testing().test(asked), _MAX_GRAPH),
        route(threads, "POST", "/orchestrator/loras/test/start", lambda asked: testing().start(asked), _MAX_GRAPH),
    )


def _told_what_is_seen(threads: Executor, path: str, answer: Callable[[dict[str, Any]], Any]) -> Route:
    """The picture that the browser has already, by its ETag, becomes a part of what is asked."""
    plain = route(threads, "GET", path, answer)

    async def handler(request: Request) -> Reply:
        return await plain.handler(_Seen(request))

    return replace(plain, handler=handler)


class _Seen:
    """A GET request whose query has the ETag of its headers as ``seen``."""

    method = "GET"
    content_length = None

    def __init__(self, request: Request) -> None:
        self.headers = request.headers
        self.content: Stream = request.content
        self.query: Mapping[str, str] = {**request.query, "seen": request.headers.get("If-None-Match", "")}
