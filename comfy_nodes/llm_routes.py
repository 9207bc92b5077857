"""``/orchestrator/llm/…``: which language models there are. Who may ask is routes.py's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from .routes import Route, route

if TYPE_CHECKING:
    from .llm_listing import Listing


def llm_routes(listing: Callable[[], Listing]) -> tuple[Route, ...]:
    """``listing`` is asked for at the first request, in a thread."""
    threads = ThreadPoolExecutor(1, "orchestrator-llm")
    return (route(threads, "GET", "/orchestrator/llm/models", lambda asked: listing().models(asked)),)
