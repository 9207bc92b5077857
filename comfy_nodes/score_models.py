"""Scorers: the models of this process that look at images, each made once.

As with language models in this process, the node that gave a scorer has it, and ComfyUI has what a node gave as long as
a graph with the node is in use: so its weights go when the checkpoint's would, by the same rules.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from pydantic import ValidationError

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.settings import LlmSettings, server_of
from orchestrator_core.vision.bank import StoreBank
from orchestrator_core.vision.clip_vision_encoder import ClipVision
from orchestrator_core.vision.extras import ExtraModels
from orchestrator_core.vision.observing import Observer
from orchestrator_core.vision.opening import ScorerSettings, files_told, open_scorer
from orchestrator_core.vision.port import Fulfilment, Scorer, Wanted
from orchestrator_core.vision.stored_vectors import StoredVectors
from orchestrator_core.vision.vlm_opening import Access

from .llm_own import Own, usable_folder
from .routes import what_is_wrong

if TYPE_CHECKING:
    from orchestrator_core.llm.residence import Residence
    from orchestrator_core.store import Store
    from orchestrator_core.vision.port import Pixels

_WAIT_S = 5.0  # for another program's lock on the store
INSTALLED = "installed"  # the widget that lists models below ComfyUI's folders
# A permission to download, which no graph gives, is not among them.
NODE_FIELDS = tuple(name for name in ScorerSettings.model_fields if name != "allow_download")


class ChosenScorer:
    """A ``Scorer`` by its settings, opened when it is first asked. ``own``: what the person at this ComfyUI permits."""

    def __init__(self, settings: ScorerSettings, own: Own, scorers: Scorers) -> None:
        self.settings, self._own, self._scorers = settings, own, scorers
        self._lock = threading.Lock()
        self._opened: Scorer | None = None
        self._observer: Observer | None = None

    @property
    def identity(self) -> str:
        return self.opened().identity

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        return self.opened().score(images, wanted, is_cancelled)

    def seeing_with(self, clip_vision: Any, name: str) -> Scorer:
        """The same, but for its image side."""
        return self._scorers.opened(self.settings, self._own, ClipVision(clip_vision, name))

    def opened(self) -> Scorer:
        """The scorer itself. Raises ScorerError, ConfigError."""
        with self._lock:
            if self._opened is None:
                self._opened = self._scorers.opened(self.settings, self._own)
            return self._opened

    def observer(self) -> Observer:
        """The same model as one that says by itself what is in an image. Raises ScorerError, ConfigError."""
        with self._lock:
            if self._observer is None:
                self._observer = self._scorers.extras(self._own).observer(self.settings, self._opened)
            return self._observer


class Host(Protocol):
    """What ComfyUI has of it."""

    def score_names(self) -> list[str]:
        """The models that are installed."""

    def vocabulary(self) -> str:
        """A folder with CLIP's vocabulary."""


class Scorers:
    """``folders``: where ComfyUI's models are. ``residence``: its memory manager. ``own``: the person's settings."""

    def __init__(
        self,
        folders: Callable[[], list[Path]],
        residence: Callable[[], Residence | None],
        host: Host,
        own: Callable[[], Own] = Own,
        open_store: Callable[[], Store] | None = None,
    ) -> None:
        self._folders, self._residence, self._host, self._own = folders, residence, host, own
        self._chosen: WeakValueDictionary[tuple[ScorerSettings, Own, object], ChosenScorer] = WeakValueDictionary()
        self._vectors = StoredVectors(open_store or _store)
        self._numbers: dict[Own, int] = {}
        self._lock = threading.Lock()

    def get(self, values: Mapping[str, Any]) -> ChosenScorer:
        """The one that a node's widgets name. Nothing is loaded yet.

        Raises ConfigError, for an address that is none as well.
        """
        settings, own = self.settings(values), self._own()
        if settings.url.strip():
            server_of(LlmSettings(url=settings.url))
        wanted = settings, own, files_told(settings.model)
        with self._lock:
            if (found := self._chosen.get(wanted)) is None:
                found = self._chosen[wanted] = ChosenScorer(settings, own, self)
            return found

    def settings(self, values: Mapping[str, Any]) -> ScorerSettings:
        """Those of a node's widgets; those that it lacks are as by default. Raises ConfigError."""
        given = {name: values[name] for name in NODE_FIELDS if values.get(name) not in (None, "")}
        model = str(values.get(INSTALLED) or values.get("model") or "")
        is_elsewhere = bool(str(given.get("url", "")).strip())
        names = [] if model.strip() or is_elsewhere else self._host.score_names()
        if len(names) == 1:  # a graph from somebody else names none, and there is no doubt which is meant
            model = names[0]
        if not model.strip() and not is_elsewhere:
            raise ConfigError(
                "Scorer Model names no model: put one into models/clip_score/<name>/ and choose it as installed, or "
                "name its folder in model."
            )
        try:
            return ScorerSettings.model_validate({**given, "model": usable_folder(model, self._folders())})
        except ValidationError as error:
            raise ConfigError(f"Scorer Model cannot be used so: {what_is_wrong(error)}") from error

    def fingerprint(self, values: Mapping[str, Any]) -> str:
        """Another one when a file of the model is another, or what the person permits.

        ComfyUI writes it into images, so that of the person's settings there is but a number in it.
        """
        settings, own = self.settings(values), self._own()
        with self._lock:
            number = self._numbers.setdefault(own, len(self._numbers))
        told = files_told(settings.model)
        return hashlib.sha256(repr((settings.model_dump_json(), number, told)).encode()).hexdigest()[:16]

    def opened(self, settings: ScorerSettings, own: Own, clip_vision: ClipVision | None = None) -> Scorer:
        """Raises ScorerError, ConfigError."""
        return open_scorer(
            settings,
            residence=self._residence(),
            cache=self._vectors,
            bank=StoreBank(self._vectors),
            clip_vision=clip_vision,
            vocabulary=self._host.vocabulary(),
            access=Access(own.hosts, own.key),
        )

    def extras(self, own: Own | None = None) -> ExtraModels:
        """For what a graph asks beside fulfilment."""
        own = own or self._own()
        return ExtraModels(self._residence(), Access(own.hosts, own.key))

    def file(self, name: str) -> str:
        """What a graph calls a file of this machine. Raises ConfigError."""
        return usable_folder(name, self._folders())


def _store() -> Store:
    from orchestrator_core.store import Store

    return Store.open(wait_s=_WAIT_S)
