"""``/orchestrator/learning…`` and ``/orchestrator/marks``: which routes there are. Who may ask is routes.py's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from .routes import Route, route

if TYPE_CHECKING:
    from .learn_answers import LearnAnswers

MOST_IMPORT = 64 << 20  # bytes


def learn_routes(answers: Callable[[], LearnAnswers]) -> tuple[Route, ...]:
    """``answers`` is asked for at each request, in a thread."""
    threads = ThreadPoolExecutor(2, "orchestrator-learning")
    path = "/orchestrator/learning"
    return (
        route(threads, "GET", path, lambda asked: answers().all(asked)),
        route(threads, "GET", f"{path}/mode", lambda asked: answers().mode(asked)),
        route(threads, "POST", f"{path}/set", lambda asked: answers().set(asked)),
        route(threads, "POST", f"{path}/undo", lambda asked: answers().undo(asked)),
        route(threads, "POST", f"{path}/reset", lambda asked: answers().reset(asked)),
        route(threads, "GET", f"{path}/time", lambda asked: answers().time(asked)),
        route(threads, "GET", f"{path}/export", lambda asked: answers().export(asked)),
        route(threads, "GET", f"{path}/table", lambda asked: answers().table(asked)),
        route(threads, "POST", f"{path}/import", lambda asked: answers().take_in(asked), MOST_IMPORT),
        route(threads, "POST", "/orchestrator/marks", lambda asked: answers().mark(asked)),
    )
