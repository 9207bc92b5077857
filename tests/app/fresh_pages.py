"""Pages in browsers that have never seen the app, as tests of the gallery and of the builder open them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WAIT_MS = 60_000  # a busy machine once needed more than 20 seconds for its first thumbnail


@contextmanager
def fresh_pages(chromium: Browser, width: int, height: int) -> Iterator[tuple[Callable[..., Page], list[str]]]:
    """What makes an empty page, and the errors of all scripts of such pages; they are closed at the end."""
    errors: list[str] = []
    with ExitStack() as stack:

        def made(**wanted: Any) -> Page:
            context = chromium.new_context(**{"viewport": {"width": width, "height": height}, **wanted})
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(WAIT_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield made, errors
