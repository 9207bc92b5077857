"""StageCache: what a stage left behind, found again by all that it depends on; the same key in every process.

The key is the SHA-256 of the stage's kind and version, its canonical options, the run it began with (its seed is in
there; its id is not), the content of the run's image files, and what ``Stage.depends`` says of the place.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from orchestrator_core.context import StageContext
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.run_json import run_from_json, run_to_json
from orchestrator_core.pipeline.registry import STAGES
from orchestrator_core.run import Run
from orchestrator_core.spec import StageSpec


class StageCache(Protocol):
    """Runs by key. Neither method raises: a cache that cannot be read or written costs time and nothing else."""

    def get(self, key: str) -> Run | None: ...

    def put(self, key: str, run: Run) -> None: ...


class RememberedStages:
    """A StageCache for as long as it lives: the ``limit`` runs that were used last."""

    def __init__(self, limit: int = 256) -> None:
        self.limit = limit
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Run | None:
        with self._lock:
            if key in self._runs:
                self._runs.move_to_end(key)
            return self._runs.get(key)

    def put(self, key: str, run: Run) -> None:
        with self._lock:
            self._runs[key] = run
            self._runs.move_to_end(key)
            while len(self._runs) > self.limit:
                self._runs.popitem(last=False)


class FolderOfStages:
    """A StageCache on disk, a file each, of at most ``limit`` runs: those unused for longest go first.

    Processes may share it: a file is there whole or not at all.
    """

    def __init__(self, folder: Path, limit: int = 2000) -> None:
        self.folder, self.limit = folder, limit

    def get(self, key: str) -> Run | None:
        path = self._path(key)
        try:
            run = run_from_json(json.loads(path.read_bytes()))
            os.utime(path)  # used just now
        except (FormatError, OSError, ValueError, RecursionError):
            return None
        return run

    def put(self, key: str, run: Run) -> None:
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            text = json.dumps(run_to_json(run), separators=(",", ":"))
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="ascii")
            part.replace(path)
            self._bound()
        except (FormatError, OSError):
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _bound(self) -> None:
        with os.scandir(self.folder) as found:
            entries = [entry for entry in found if entry.name.endswith((".json", ".part"))]
        if len(entries) <= self.limit:
            return
        oldest = sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)
        for entry in oldest[
            : len(entries) - self.limit + self.limit // 10
        ]:  # room for some, so that not each one looks
            Path(entry.path).unlink(missing_ok=True)


def key_of(spec: StageSpec, options: BaseModel, run: Run, context: StageContext) -> str | None:
    """64 hex digits; None where the stage is not cached this time."""
    stage = STAGES[spec.type]
    depends = stage.depends(run, context, options) if stage.depends else None
    if depends is None:
        return None
    try:
        parts = {
            "stage": [spec.type, stage.version],
            "options": options.model_dump(mode="json"),
            "run": {**run_to_json(run), "id": ""},
            "files": [_digest(image.path) for image in run.images],
            "place": depends,
        }
    except (FormatError, OSError):  # what cannot be written down, or an image that is gone
        return None
    return _hashed(parts)


def is_settled(run: Run) -> bool:
    """Whether another try would give the same: not where a model could not be asked."""
    return run.draft.enhanced is None or run.draft.enhanced.status != "kept"


def found_in(cache: StageCache | None, key: str | None, run: Run) -> Run | None:
    """What the stage left behind when it was done before, as a state of this run."""
    known = cache.get(key) if cache is not None and key is not None else None
    return known.replacing(id=run.id) if known is not None else None


def _hashed(parts: Mapping[str, Any]) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
