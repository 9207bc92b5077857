"""Thumbnails: WebP files named by the content that they show, made in the background by a few threads.

Nothing is decoded that is larger than the gallery shows: the size in a picture's header is looked at first. A JPEG is
decoded at an eighth, a quarter or half of its size where that is enough; of the large ones one at a time.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator_core.config import data_folder
from orchestrator_core.errors import GalleryError
from orchestrator_core.formats.avif_text import is_avif
from orchestrator_core.gallery.disk import open_image
from orchestrator_core.gallery.reading import MOST_PIXELS

SIDE = 384  # pixels of the longer side
_WAITING = 2000  # pictures that are asked for and not begun; of more the oldest are forgotten
_LARGE = 2**24  # pixels; more than these are decoded one at a time
_QUALITY = 80

Ask = tuple[str, Path]  # a key, and a file with that content


class NotHere(GalleryError):
    """The picture may be whole, but cannot be decoded in this Python, or not be read or its thumbnail kept just now."""


class NoDecoder(NotHere):
    """The picture cannot be decoded in this Python. Other programs with the same gallery may show it."""


class Thumbnails:
    """Threads may share one. ``close`` ends its own. ``failed`` is told of a key, and why it has no thumbnail."""

    def __init__(
        self,
        folder: Path | None = None,
        threads: int = 2,
        side: int = SIDE,
        failed: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self.folder = folder or data_folder() / "cache" / "thumbnails"
        self.side, self._failed, self._most = side, failed, threads
        self._waiting: OrderedDict[str, Path] = OrderedDict()
        self._changed = threading.Condition()
        self._large = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._made_now: set[str] = set()
        self._not_here: OrderedDict[str, NotHere] = OrderedDict()  # the newest that were tried in vain
        self._closed = False

    def path(self, key: str) -> Path:
        """Where the thumbnail of a content is, once it is made."""
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise GalleryError("Only what could be read has a thumbnail.")
        return self.folder / key[:2] / f"{key}-{self.side}.webp"

    def found(self, key: str) -> Path | None:
        """The thumbnail, if it is there."""
        path = self.path(key)
        return path if path.is_file() else None

    def ask(self, key: str, file: Path) -> bool:
        """Have it made soon, before what was asked for earlier: it is what somebody looks at now. True: it is there."""
        if self.found(key):
            return True
        with self._changed:
            if key in self._made_now:
                return False
            self._waiting[key] = file
            self._waiting.move_to_end(key)
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
            if len(self._threads) < self._most and not self._closed:
                thread = threading.Thread(target=self._work, name="orchestrator-thumbnails", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()
        return False

    def is_asked(self, key: str) -> bool:
        """Whether it is waited for still. What is not, and is not ``found`` either, has failed or was forgotten."""
        with self._changed:
            return key in self._waiting or key in self._made_now

    def why_not(self, key: str) -> NotHere | None:
        """Why it could not be made here when it was last tried, though the picture may be whole."""
        with self._changed:
            return self._not_here.get(key)

    def make(self, key: str, file: Path) -> Path:
        """Make it now, in this thread. Raises GalleryError for a picture that cannot be shown."""
        made = self.found(key)
        return made or self._kept(self.path(key), thumbnail_of(file, self.side, self._large))

    def wait(self, seconds: float | None = None) -> bool:
        """Until nothing is asked for any more. False: that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._made_now, seconds)

    def close(self) -> None:
        """What is being made is finished; what waits is forgotten."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            reason: NotHere | None = None
            try:
                self.make(*asked)
            except NotHere as error:  # another host may show it, or this one later
                reason = error
            except GalleryError as error:
                self._failed(asked[0], str(error))
            except Exception as error:  # noqa: BLE001 - a picture must not end the thread that makes the others
                self._failed(asked[0], f"It cannot be shown: {type(error).__name__}: {error}")
            finally:
                with self._changed:
                    self._made_now.discard(asked[0])
                    self._keep_reason(asked[0], reason)
                    self._changed.notify_all()

    def _next(self) -> Ask | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            asked = self._waiting.popitem()
            self._made_now.add(asked[0])
            return asked

    def _keep_reason(self, key: str, reason: NotHere | None) -> None:
        self._not_here.pop(key, None)
        if reason is not None:
            self._not_here[key] = reason
        while len(self._not_here) > _WAITING:
            self._not_here.popitem(last=False)

    def _kept(self, path: Path, data: bytes) -> Path:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise NotHere(f"The thumbnail cannot be kept in {path.parent}: {error.strerror or error}.") from None
        return path


def thumbnail_of(file: Path, side: int, large: threading.Lock) -> bytes:
    """A WebP whose longer side is ``side`` at most. Raises GalleryError, NotHere where the disk is to blame."""
    try:
        with open_image(file) as opened:
            size = os.fstat(opened.fileno()).st_size
            if not size:
                raise GalleryError("The file is empty.")
            return _shrunk(opened, side, large)
    except (OSError, ValueError, SyntaxError, ArithmeticError, MemoryError) as error:
        if getattr(error, "errno", None) is not None:  # what Pillow says of a picture has none
            raise NotHere(f"The picture cannot be read: {error}") from None
        raise GalleryError(f"The picture cannot be decoded: {error}") from None


def _shrunk(opened: Any, side: int, large: threading.Lock) -> bytes:
    import io

    from PIL import Image

    known = _known_kinds()
    if "AVIF" not in known and is_avif(opened.read(32)):
        raise NoDecoder("The Pillow of this Python reads no AVIF. Version 11.3 does.")
    opened.seek(0)
    try:
        picture = Image.open(opened, formats=known)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise GalleryError(f"It has more than {MOST_PIXELS:,} pixels, and is not decoded.") from None
    with picture:
        pixels = picture.width * picture.height
        if pixels > MOST_PIXELS:
            raise GalleryError(f"{pixels:,} pixels are not decoded: {MOST_PIXELS:,} at most.")
        if pixels > _LARGE:
            with large:
                return _encoded(picture, side, io.BytesIO())
        return _encoded(picture, side, io.BytesIO())


def _known_kinds() -> list[str]:
    from importlib import import_module

    from PIL import Image

    Image.init()
    if "AVIF" not in Image.OPEN:
        with suppress(ImportError):
            import_module("pillow_avif")  # Forge has it beside a Pillow that knows no AVIF by itself
    return [kind for kind in ("PNG", "JPEG", "WEBP", "AVIF") if kind in Image.OPEN]


def _encoded(picture: Any, side: int, data: Any) -> bytes:
    picture.draft("RGB", (side, side))
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    # Whole numbers first, by averaging: what is left to resample is small then.
    factor = max(picture.size) // (2 * side)
    small = picture.reduce(factor) if factor > 1 and picture.mode in ("RGB", "RGBA", "L") else picture
    small = small.convert("RGBA" if has_alpha else "RGB")
    small.thumbnail((side, side))
    small.save(data, "WEBP", quality=_QUALITY, method=2)
    return bytes(data.getvalue())
