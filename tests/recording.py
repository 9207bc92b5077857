"""A page recorded while a test drives it, as an animated picture that any browser and README shows."""

from __future__ import annotations

import base64
import io
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

_LONGEST_MS = 1500  # a page that waits for an image stands still no longer than this
_LAST_MS = 3000


class Recording:
    """From here until ``save``: each frame that Chromium paints, ``width`` pixels wide at most.

    Playwright's own videos need a program that it downloads; this needs Pillow only.
    """

    def __init__(self, page: Page, width: int = 1000) -> None:
        self._frames: list[tuple[float, bytes]] = []  # seconds, JPEG
        self._session = page.context.new_cdp_session(page)
        self._session.on("Page.screencastFrame", self._keep)
        self._session.send("Page.startScreencast", {"format": "jpeg", "quality": 80, "maxWidth": width})

    def _keep(self, told: dict[str, Any]) -> None:
        self._frames.append((told["metadata"]["timestamp"], base64.b64decode(told["data"])))
        self._session.send("Page.screencastFrameAck", {"sessionId": told["sessionId"]})

    def save(self, path: Path) -> int:
        """As an animated WebP; the number of its frames, which is 0 where nothing was painted."""
        self._session.send("Page.stopScreencast")
        if not self._frames:
            return 0
        times = [seconds for seconds, _ in self._frames]
        shown = [min(_LONGEST_MS, max(20, round((after - before) * 1000))) for before, after in pairwise(times)]
        first, *others = [Image.open(io.BytesIO(data)) for _, data in self._frames]
        first.save(path, save_all=True, append_images=others, duration=[*shown, _LAST_MS], loop=0, quality=70, method=4)
        return len(self._frames)
