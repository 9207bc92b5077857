"""``/orchestrator/loras/…``: which routes there are. Who may ask is routes.py's, what is answered lora_answers.py's,
lora_civitai.py's and lora_testing.py's."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .lora_answers import LoraAnswers
from .lora_civitai import LoraCivitai
from .lora_testing import LoraTesting
from .routes import Reply, Request, Route, Stream, route

_THREADS = 4  # a refresh, a long query, and previews, of which a page asks for many
_MAX_GRAPH = 4 << 20  # bytes of a body with a graph


def lora_routes(answers: LoraAnswers) -> tuple[Route, ...]:
    threads = ThreadPoolExecutor(_THREADS, "orchestrator-loras")
    return (
        route(threads, "GET", "/orchestrator/loras", answers.page),
        route(threads, "GET", "/orchestrator/loras/one", answers.one),
        _told_what_is_seen(route(threads, "GET", "/orchestrator/loras/preview", answers.preview)),
        route(threads, "POST", "/orchestrator/loras/user", answers.user),
        route(threads, "POST", "/orchestrator/loras/refresh", answers.refresh),
        route(threads, "GET", "/orchestrator/loras/status", answers.status),
        route(threads, "GET", "/orchestrator/loras/export", answers.export),
    )


def lora_action_routes(civitai: LoraCivitai, testing: LoraTesting) -> tuple[Route, ...]:
    one_by_one = ThreadPoolExecutor(1, "orchestrator-civitai")
    threads = ThreadPoolExecutor(1, "orchestrator-lora-test")
    return (
        route(one_by_one, "POST", "/orchestrator/loras/civitai", civitai.ask),
        route(threads, "POST", "/orchestrator/loras/test", testing.test, _MAX_GRAPH),
        route(threads, "POST", "/orchestrator/loras/test/start", testing.start, _MAX_GRAPH),
    )


def _told_what_is_seen(plain: Route) -> Route:
    """The picture that the browser has already, by its ETag, becomes a part of what is asked."""

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
