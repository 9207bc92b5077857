"""``/orchestrator/stories/…`` and ``/orchestrator/profiles…``: which routes there are. Who may ask is routes.py's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from .profile_shelf import ProfileShelf
from .routes import Route, route

if TYPE_CHECKING:
    from .profile_answers import ProfileAnswers
    from .story_answers import StoryAnswers

_THREADS = 2


def story_routes(answers: Callable[[], StoryAnswers]) -> tuple[Route, ...]:
    """``answers`` is asked for at each request, in a thread."""
    threads = ThreadPoolExecutor(_THREADS, "orchestrator-stories")
    path = "/orchestrator/stories"
    return (
        route(threads, "GET", path, lambda asked: answers().all(asked)),
        route(threads, "GET", f"{path}/one", lambda asked: answers().one(asked)),
        route(threads, "POST", f"{path}/new", lambda asked: answers().new(asked)),
        route(threads, "POST", f"{path}/use", lambda asked: answers().use(asked)),
        route(threads, "POST", f"{path}/change", lambda asked: answers().change(asked)),
        route(threads, "POST", f"{path}/undo", lambda asked: answers().undo(asked)),
        route(threads, "POST", f"{path}/redo", lambda asked: answers().redo(asked)),
        route(threads, "POST", f"{path}/leave-out", lambda asked: answers().leave_out(asked)),
        route(threads, "POST", f"{path}/delete", lambda asked: answers().delete(asked)),
    )


def profile_routes(shelf: ProfileShelf) -> tuple[Route, ...]:
    thread = ThreadPoolExecutor(1, "orchestrator-profiles")

    def answers() -> ProfileAnswers:
        from .profile_answers import ProfileAnswers  # when the page asks, and not before ComfyUI has started

        return ProfileAnswers(shelf)

    return (
        route(thread, "GET", "/orchestrator/profiles", lambda asked: answers().all(asked)),
        route(thread, "GET", "/orchestrator/profiles/chosen", lambda asked: answers().chosen(asked)),
    )
