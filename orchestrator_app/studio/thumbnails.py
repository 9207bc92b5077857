"""Small pictures of previews, made in a thread of their own: a page shows those that are there, and asks again."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator_core.loras.record import LoraRecord

SMALL, LARGE = (240, 320), (640, 640)  # pixels: of a card, of the details
_KEPT = 800  # in memory; some ten kilobytes each
_LARGEST = 64 * 1024 * 1024  # bytes of a preview's file, and of a header that holds one
_PIXELS = 60_000_000

Key = tuple[str, str, int]  # path of the LoRA, its preview, when it was changed


class Thumbnails:
    """``get`` never waits. ``made`` grows with each picture, so that a page knows when to look again."""

    def __init__(self) -> None:
        self.made = 0
        self._lock = threading.Lock()
        self._done: OrderedDict[Key, bytes] = OrderedDict()
        self._waiting: dict[Key, LoraRecord] = {}
        self._thread: threading.Thread | None = None

    def get(self, record: LoraRecord) -> bytes | None:
        """A JPEG; empty where the record has no picture that can be shown; None while it is being made."""
        if not record.preview:
            return b""
        key = _key(record)
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
                return self._done[key]
            self._waiting.pop(key, None)
            self._waiting[key] = record  # to the end, which comes first: what a person looks at now
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="orchestrator-thumbnails", daemon=True)
                self._thread.start()
        return None

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                key, record = self._waiting.popitem()
            data = picture_of(record, SMALL)
            with self._lock:
                self._done[key] = data
                self.made += 1
                while len(self._done) > _KEPT:
                    self._done.popitem(last=False)


def _key(record: LoraRecord) -> Key:
    try:
        changed = Path(record.path if record.preview == "embedded" else record.preview).stat().st_mtime_ns
    except OSError:
        changed = 0
    return record.path, record.preview, changed


def picture_of(record: LoraRecord, size: tuple[int, int]) -> bytes:
    """The record's preview as a JPEG of at most this size; empty where there is none, or none that can be read."""
    return _small(lambda: _embedded(record.path) if record.preview == "embedded" else _read(record.preview), size)


def small_picture(path: Path, size: tuple[int, int]) -> bytes:
    """The picture of a file as a JPEG of at most this size; empty where it is none that can be read."""
    return _small(lambda: _read(str(path)), size)


def _small(read: Callable[[], bytes], size: tuple[int, int]) -> bytes:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read())) as image:
            if image.width * image.height > _PIXELS:
                return b""
            image.draft("RGB", (size[0] * 2, size[1] * 2))
            image.thumbnail(size)
            out = io.BytesIO()
            _on_white(image).save(out, "JPEG", quality=82)
            return out.getvalue()
    except Exception:  # noqa: BLE001 - whatever a stranger's picture does to the decoder, the page goes on without it
        return b""


def _on_white(image: Any) -> Any:
    """What is transparent as white, which a JPEG would show as black."""
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError("too large")
    return data


def _embedded(path: str) -> bytes:
    """The picture in a header. Raises ValueError."""
    from orchestrator_core.loras.embedded_preview import embedded_preview

    found = embedded_preview(path)
    if found is None:
        raise ValueError("none")
    return found[0]
