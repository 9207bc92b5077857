"""Small valid LoRA files for tests, and a watcher whose clock and events the test has in its hand."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orchestrator_core.loras.library import Library
from orchestrator_core.loras.library_changes import Changes
from orchestrator_core.loras.watcher import LoraWatcher

LONG_AGO = 1_700_000_000.0  # seconds since 1970: nobody writes to such a file any more


def lora_bytes(trigger: str = "", content: bytes = b"\x01\x02" * 64) -> bytes:
    """A safetensors file with one tensor of this content."""
    header: dict[str, Any] = {"__metadata__": {"modelspec.trigger_phrase": trigger}} if trigger else {}
    header["lora_unet_x.alpha"] = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def write_lora(path: Path, trigger: str = "", content: bytes | None = None, at: float = LONG_AGO) -> Path:
    """A LoRA whose content is its name, unless given; last written ``at``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lora_bytes(trigger, content if content is not None else path.name.encode() * 40))
    os.utime(path, (at, at))
    return path


def names(library: Library) -> list[str]:
    """Of what can be used now."""
    return sorted(record.name for record in library.records())


class FakeObserver:
    """Stands in for watchdog's: remembers what is scheduled, and sends the events that the test tells it to."""

    def __init__(self) -> None:
        self.watched: dict[str, Any] = {}
        self.refused: dict[str, OSError] = {}
        self.running = False
        self.scheduled = 0  # how often

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def join(self, timeout: float | None = None) -> None:
        assert not self.running

    def schedule(self, event_handler: Any, path: str, *, recursive: bool = False) -> str:
        assert recursive
        if path in self.refused:
            raise self.refused[path]
        self.watched[path] = event_handler
        self.scheduled += 1
        return path

    def unschedule(self, watch: str) -> None:
        del self.watched[watch]

    def send(self, kind: str, path: Path, to: Path | None = None, *, folder: bool = False) -> None:
        """One event, as the watch above its path would tell it."""
        event = SimpleNamespace(
            event_type=kind, src_path=str(path), dest_path=str(to) if to else "", is_directory=folder
        )
        for watched, handler in list(self.watched.items()):
            if any(str(place).startswith(watched + os.sep) or str(place) == watched for place in (path, to)):
                handler.dispatch(event)


class Watched:
    """A library being watched, without threads and without waiting: ``wait`` moves the clock and does what is due."""

    def __init__(self, library: Library) -> None:
        self.time = 0.0
        self.observer = FakeObserver()
        self._began = time.time()
        library._now = self.now
        self.library = library
        self.watcher = LoraWatcher(library, clock=lambda: self.time, now=self.now, make_observer=lambda: self.observer)
        self.told: list[Changes] = []
        self.watcher.listen(self.told.append)
        self.watcher.watching.begin()
        self.wait(0.1)
        self.told.clear()

    def now(self) -> float:
        return self._began + self.time

    def wait(self, seconds: float) -> None:
        until = self.time + seconds
        while True:
            pause = self.watcher.watching.step()
            if self.time + pause > until:
                break
            self.time += max(pause, 0.001)
        self.time = until

    def write(self, path: Path, content: bytes, kind: str = "modified") -> None:
        """Write the file so that its time is the test's, and tell of it."""
        path.write_bytes(content)
        os.utime(path, (self.now(), self.now()))
        self.observer.send(kind, path)

    def touch(self, path: Path) -> None:
        os.utime(path, (self.now(), self.now()))

    @property
    def messages(self) -> list[str]:
        return [changes.message for changes in self.told]

    def usable(self) -> list[str]:
        return names(self.library)
