"""Scorers: the models of this process that look at images, each made once.

As with language models in this process, the node that gave a scorer has it, and ComfyUI has what a node gave as long as
a graph with the node is in use: so its weights go when the checkpoint's would, by the same rules.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from pydantic import ValidationError

from orchestrator_core.errors import ConfigError, StoreError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.bank import MemoryBank
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Fulfilment, Scorer, Wanted

from .llm_own import usable_folder
from .routes import what_is_wrong

if TYPE_CHECKING:
    from orchestrator_core.llm.residence import Residence
    from orchestrator_core.store import Store
    from orchestrator_core.vision.port import Pixels

_WAIT_S = 5.0  # for another program's lock on the store
_MOST_FILES = 200  # of a model's folder
INSTALLED = "installed"  # the widget that lists models below ComfyUI's folders
# A permission to download, which no graph gives, is not among them.
NODE_FIELDS = tuple(name for name in ScorerSettings.model_fields if name != "allow_download")


class ChosenScorer:
    """A ``Scorer`` by its settings, opened when it is first asked."""

    def __init__(self, settings: ScorerSettings, scorers: Scorers) -> None:
        self.settings, self._scorers = settings, scorers
        self._lock = threading.Lock()
        self._opened: Scorer | None = None

    @property
    def identity(self) -> str:
        return self._scorer().identity

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        return self._scorer().score(images, wanted, is_cancelled)

    def seeing_with(self, clip_vision: Any, name: str) -> Scorer:
        """The same, but for its image side."""
        return self._scorers.opened(self.settings, clip_vision, name)

    @property
    def whole(self) -> Any:
        """What gives numbers for whole images, where it can; else None."""
        return found if hasattr(found := self._scorer(), "score_whole") else None

    def _scorer(self) -> Scorer:
        with self._lock:
            if self._opened is None:
                self._opened = self._scorers.opened(self.settings)
            return self._opened


class Host(Protocol):
    """What ComfyUI has of it."""

    def score_names(self) -> list[str]:
        """The models that are installed."""

    def vocabulary(self) -> str:
        """A folder with CLIP's vocabulary."""


class Scorers:
    """``folders``: where ComfyUI's models are. ``residence``: its memory manager."""

    def __init__(
        self, folders: Callable[[], list[Path]], residence: Callable[[], Residence | None], host: Host
    ) -> None:
        self._folders, self._residence, self._host = folders, residence, host
        self._chosen: WeakValueDictionary[ScorerSettings, ChosenScorer] = WeakValueDictionary()
        self._cache, self._bank = OpenedVectors(_store), MemoryBank()
        self._lock = threading.Lock()

    def get(self, values: Mapping[str, Any]) -> ChosenScorer:
        """The one that a node's widgets name. Nothing is loaded yet. Raises ConfigError."""
        settings = self.settings(values)
        with self._lock:
            if (found := self._chosen.get(settings)) is None:
                found = self._chosen[settings] = ChosenScorer(settings, self)
            return found

    def settings(self, values: Mapping[str, Any]) -> ScorerSettings:
        """Those of a node's widgets; those that it lacks are as by default. Raises ConfigError."""
        given = {name: values[name] for name in NODE_FIELDS if values.get(name) not in (None, "")}
        model = str(values.get(INSTALLED) or values.get("model") or "")
        names = [] if model.strip() else self._host.score_names()
        if len(names) == 1:  # a graph from somebody else names none, and there is no doubt which is meant
            model = names[0]
        if not model.strip():
            raise ConfigError(
                "Scorer Model names no model: put one into models/clip_score/<name>/ and choose it as installed, or "
                "name its folder in model."
            )
        try:
            return ScorerSettings.model_validate({**given, "model": usable_folder(model, self._folders())})
        except ValidationError as error:
            raise ConfigError(f"Scorer Model cannot be used so: {what_is_wrong(error)}") from error

    def fingerprint(self, values: Mapping[str, Any]) -> str:
        """Another one when a file of the model is another."""
        settings = self.settings(values)
        place = Path(settings.model.removeprefix("local-dir:"))
        files = [place] if place.is_file() else sorted(place.glob("*"))[:_MOST_FILES] if place.is_dir() else []
        told = [(file.name, *_stamp(file)) for file in files]
        return hashlib.sha256(repr((settings.model_dump_json(), told)).encode()).hexdigest()[:16]

    def opened(self, settings: ScorerSettings, clip_vision: Any = None, name: str = "") -> Scorer:
        """Raises ScorerError."""
        return open_scorer(
            settings,
            residence=self._residence(),
            cache=self._cache,
            bank=self._bank,
            clip_vision=clip_vision,
            clip_vision_name=name,
            vocabulary=self._host.vocabulary(),
        )


class OpenedVectors:
    """A ``VectorCache`` in the store, which is open during a call alone. Raises StoreError."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def get(self, embedder: str, hashes: Sequence[str], /) -> Mapping[str, bytes]:
        with self._opened() as embeddings:
            found: Mapping[str, bytes] = embeddings.get(embedder, hashes)
            return found

    def put(self, embedder: str, vectors: Mapping[str, bytes], /) -> None:
        with self._opened() as embeddings:
            embeddings.put(embedder, vectors)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            from orchestrator_core.store.embeddings import Embeddings

            with self._open_store() as store:
                yield Embeddings(store)
        except (ImportError, OSError) as error:  # requirements.txt was not installed
            raise StoreError(str(error)) from error


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def _store() -> Store:
    from orchestrator_core.store import Store

    return Store.open(wait_s=_WAIT_S)
