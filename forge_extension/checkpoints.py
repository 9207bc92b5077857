"""The base model of one of the host's checkpoints: from the file's header and name, without loading it."""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator_core.base_models import BaseModel, base_model_in, family_of_checkpoint


class CheckpointFamilies:
    """Called with a checkpoint's name; "" is the one that the host has set. ``file_of`` gives its path, or ""."""

    def __init__(self, file_of: Callable[[str], str]) -> None:
        self._file_of = file_of
        self._known: dict[tuple[str, int], BaseModel] = {}  # by path and time

    def __call__(self, name: str) -> BaseModel:
        path = self._file_of(name)
        try:
            key = path, os.stat(path).st_mtime_ns  # noqa: PTH116
        except OSError:
            return base_model_in(path or name)
        if key not in self._known:
            self._known[key] = family_of_checkpoint(path)
        return self._known[key]
