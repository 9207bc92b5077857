"""Puts LoRAs into a model as LoraLoader does; an unchanged choice gives weights that ComfyUI need not touch again.

ComfyUI runs a node anew whenever anything before it has changed, and would then take all LoRAs out of the weights and
put the same ones in. So what was added last is kept, tied to the model that it was added to: never the model itself,
which must be free to go when a person loads another.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_KEPT = 4  # choices, of nodes that take turns in one graph
_MOST_BYTES = 1 << 30  # of loaded files; what is more is read again when it is needed
Stamp = tuple[int, int]  # time and size of a file
_log = logging.getLogger("orchestrator")


class Patching(Protocol):
    """What is asked of the host. ``patches`` gives what ``again`` takes, and holds no model."""

    def load(self, path: str, /) -> Any: ...
    def size(self, weights: Any, /) -> int: ...
    def patched(self, model: Any, clip: Any, weights: Any, strengths: tuple[float, float], /) -> tuple[Any, Any]: ...
    def mark(self, patched: Any, /) -> object: ...
    def count(self, patched: Any, /) -> int: ...
    def patches(self, patched: Any, /) -> Any: ...
    def again(self, plain: Any, patches: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA to be loaded. ``name`` is as ComfyUI lists it; the strengths are those of model and text encoder."""

    name: str
    path: str
    strength_model: float
    strength_clip: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """Model and CLIP with the LoRAs that could be loaded, which are ``files``; a sentence for each that could not."""

    model: Any
    clip: Any
    problems: tuple[str, ...] = ()
    files: tuple[LoraFile, ...] = ()


@dataclass(slots=True)
class _Kept:
    """What a choice added. The results themselves are known only as long as somebody else holds them."""

    key: object
    inputs: tuple[Any, Any]  # weak references
    results: tuple[Any, Any]
    patches: tuple[Any, Any]
    problems: tuple[str, ...]
    files: tuple[LoraFile, ...]


@dataclass(slots=True)
class _File:
    stamp: Stamp
    weights: Any = field(repr=False)


class Loading:
    """One for all nodes of the pack. Threads may share it."""

    def __init__(self, host: Patching, most_bytes: int = _MOST_BYTES) -> None:
        self._host = host
        self._most_bytes = most_bytes
        self._files: dict[str, _File] = {}  # of the last choice that had to be put together
        self._kept: list[_Kept] = []  # the last used one at the end
        self._lock = threading.RLock()

    def apply(self, model: Any, clip: Any, files: Sequence[LoraFile]) -> Loaded:
        """``clip`` may be None. What cannot be loaded is left out, and told."""
        wanted = [file for file in files if file.strength_model or file.strength_clip]
        if not wanted:
            return Loaded(model, clip)
        stamps, gone = _stamps(wanted)
        wanted = [file for file in wanted if file.path in stamps]
        key = (*((file, stamps[file.path]) for file in wanted), self._host.mark(model), self._host.mark(clip))
        with self._lock:
            kept = self._find(key, model, clip)
            if kept is not None:
                results = self._results(kept, model, clip)
            else:
                results, problems, used = self._put_together(model, clip, wanted, stamps)
                kept = self._keep(key, (model, clip), results, problems, used)
        return Loaded(*results, (*gone, *kept.problems), kept.files)

    def _find(self, key: object, model: Any, clip: Any) -> _Kept | None:
        kept = next((each for each in self._kept if each.key == key and _are(each.inputs, (model, clip))), None)
        if kept is not None:
            self._kept.remove(kept)
            self._kept.append(kept)
        return kept

    def _results(self, kept: _Kept, model: Any, clip: Any) -> tuple[Any, Any]:
        """The very ones that are still in use, or new ones with the same weights."""
        alive = [_alive(result) for result in kept.results]
        pairs = zip(alive, (model, clip), kept.patches, strict=True)
        found = [result if result is not None else self._host.again(plain, patches) for result, plain, patches in pairs]
        kept.results = (_weak(found[0]), _weak(found[1]))
        return found[0], found[1]

    def _put_together(
        self, model: Any, clip: Any, files: Sequence[LoraFile], stamps: Mapping[str, Stamp]
    ) -> tuple[tuple[Any, Any], tuple[str, ...], tuple[LoraFile, ...]]:
        """The two with all that could be loaded, what could not, and what could."""
        results, problems, changing = (model, clip), [], []
        used: dict[str, _File] = {}
        for file in files:
            try:
                used[file.path] = self._read(file.path, stamps[file.path])
                results, fits = self._added(results, used[file.path].weights, file)
                changing += [file] if fits else []
                problems += [] if fits else [f"{file.name}: nothing in it fits this model, so it changes nothing."]
            except Exception as error:  # noqa: BLE001 - a file of any kind; the others must still be used
                _log.warning("Orchestrator: the LoRA %s is left out", file.path, exc_info=True)
                problems.append(f"{file.name} cannot be loaded, and is left out: {_told(error)}")
        self._files = self._bounded(used)
        return results, tuple(problems), tuple(changing)

    def _keep(
        self,
        key: object,
        inputs: tuple[Any, Any],
        results: tuple[Any, Any],
        problems: tuple[str, ...],
        files: tuple[LoraFile, ...],
    ) -> _Kept:
        kept = _Kept(
            key,
            (_weak(inputs[0], self._forget), _weak(inputs[1], self._forget)),
            (_weak(results[0]), _weak(results[1])),
            (self._host.patches(results[0]), self._host.patches(results[1])),
            problems,
            files,
        )
        self._kept = [*self._kept[1 - _KEPT :], kept]
        return kept

    def _added(self, results: tuple[Any, Any], weights: Any, file: LoraFile) -> tuple[tuple[Any, Any], bool]:
        before = sum(map(self._host.count, results))
        found = self._host.patched(*results, weights, (file.strength_model, file.strength_clip))
        return found, sum(map(self._host.count, found)) > before

    def _read(self, path: str, stamp: Stamp) -> _File:
        known = self._files.get(path)
        return known if known is not None and known.stamp == stamp else _File(stamp, self._host.load(path))

    def _bounded(self, used: dict[str, _File]) -> dict[str, _File]:
        """As many of the files as fit; the last choice's alone, since another one seldom has the same."""
        kept, left = {}, self._most_bytes
        for path, file in used.items():
            left -= self._host.size(file.weights)
            if left >= 0:
                kept[path] = file
        return kept

    def _forget(self, gone: object) -> None:
        """A model was let go: what was added to it is of no use any more. Called by whoever let it go."""
        self._kept = [kept for kept in self._kept if not any(each is gone for each in kept.inputs)]


def _stamps(files: Sequence[LoraFile]) -> tuple[dict[str, Stamp], list[str]]:
    """Time and size of the files by path, and what is wrong with those that have none."""
    stamps: dict[str, Stamp] = {}
    problems = []
    for file in files:
        try:
            found = Path(file.path).stat()
            stamps[file.path] = (found.st_mtime_ns, found.st_size)
        except OSError as error:
            problems.append(f"{file.name} cannot be read, and is left out: {error.strerror or error}.")
    return stamps, problems


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def _weak(thing: Any, forget: Callable[[object], None] | None = None) -> Any:
    return None if thing is None else weakref.ref(thing, forget)


def _alive(reference: Any) -> Any:
    return None if reference is None else reference()


def _are(references: tuple[Any, Any], things: tuple[Any, Any]) -> bool:
    return all(_alive(reference) is thing for reference, thing in zip(references, things, strict=True))
