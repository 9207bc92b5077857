"""The scorer that the settings name, kept while they are the same: it holds weights, and the vectors of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.vlm_opening import Access

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_core.llm.residence import Residence
    from orchestrator_core.stages.score_images import Options
    from orchestrator_core.store import Store
    from orchestrator_core.vision.extras import ExtraModels
    from orchestrator_core.vision.opening import ScorerSettings
    from orchestrator_core.vision.port import Scorer

PREFIX, _OPTION = "scorer_", "score_"
_SWITCH = "score_images"  # whether at all: no option of the stage
_NONE = "No scorer is set: write the folder of a CLIP or SigLIP model, or the name of one, into Scorer model."


def scorer_settings(settings: Settings) -> ScorerSettings:
    """Those of the settings that are about the scorer."""
    from orchestrator_core.vision.opening import ScorerSettings

    named = {name.removeprefix(PREFIX): value for name, value in settings if name.startswith(PREFIX)}
    return ScorerSettings.model_validate(named)


def score_options(settings: Settings) -> Options:
    """What the settings want said of images beside fulfilment."""
    from orchestrator_core.stages.score_images import Options

    named = {name: value for name, value in settings if name.startswith(_OPTION) and name != _SWITCH}
    return Options.model_validate({name.removeprefix(_OPTION): value for name, value in named.items()})


class StudioScorers:
    """``residence``: of a host's memory manager. ``let_go`` is given what must be told that it is needed no more.

    ``key``: of the servers that the settings allow; None: that of the environment.
    """

    def __init__(
        self,
        open_store: Callable[[], Store] | None,
        residence: Callable[[], Residence] | None = None,
        let_go: Callable[[object], None] | None = None,
        key: Callable[[], str] | None = None,
    ) -> None:
        self._open_store, self._residence, self._let_go = open_store, residence, let_go or release
        self._key = key
        self._lock = threading.Lock()
        self._of: tuple[ScorerSettings, Access, object] | None = None
        self._scorer: Scorer | None = None
        self._extras_of: tuple[str, str, Access] | None = None
        self._extras: ExtraModels | None = None

    def get(self, settings: Settings) -> Scorer:
        """Raises ScorerError where none is set, or it is not there; ConfigError for an address that is none."""
        from orchestrator_core.vision.opening import files_told

        named, access = scorer_settings(settings), self._access(settings)
        wanted = named, access, files_told(named.model)  # another model in the same folder is another scorer
        with self._lock:
            if self._scorer is None or self._of != wanted:
                before = self._scorer
                self._scorer, self._of = self._opened(named, access), wanted
                if before is not None:
                    self._let_go(before)
            return self._scorer

    def extras(self, settings: Settings) -> ExtraModels:
        """What opens what is asked beside fulfilment; kept while the models that it opens are the same."""
        from orchestrator_core.vision.extras import ExtraModels

        wanted = settings.score_compare, settings.score_aesthetic, self._access(settings)
        with self._lock:
            if self._extras is None or self._extras_of != wanted:
                before = self._extras
                self._extras = ExtraModels(self._residence() if self._residence else None, wanted[-1])
                self._extras_of = wanted
                if before is not None:
                    self._let_go(before)
            return self._extras

    def tested(self, settings: Settings) -> str:
        """What a person is told who asks whether the scorer is there. Raises OrchestratorError where it is not."""
        scorer = self._opened(scorer_settings(settings), self._access(settings))
        names = [_name_of(scorer.identity)]
        if settings.score_compare.strip():
            from orchestrator_core.vision.extras import observer_settings

            observer = self.extras(settings).observer(observer_settings(settings.score_compare))
            names.append(observer.identity)
        verb = "are there. They are" if names[1:] else "is there. It is"
        return f"{' and '.join(names)} {verb} loaded when an image is first scored."

    def close(self) -> None:
        """Let go of the weights."""
        with self._lock:
            for each in (self._scorer, self._extras):
                if each is not None:
                    self._let_go(each)
            self._scorer = self._of = self._extras = self._extras_of = None

    def _access(self, settings: Settings) -> Access:
        return Access(settings.llm_allowed_hosts, self._key() if self._key else None)

    def _opened(self, wanted: ScorerSettings, access: Access) -> Scorer:
        from orchestrator_core.vision.bank import StoreBank
        from orchestrator_core.vision.opening import open_scorer
        from orchestrator_core.vision.stored_vectors import StoredVectors

        if not wanted.model.strip() and not wanted.url.strip():
            raise ScorerError(_NONE)
        vectors = None if self._open_store is None else StoredVectors(self._open_store)
        return open_scorer(
            wanted,
            residence=self._residence() if self._residence else None,
            cache=vectors,
            bank=None if vectors is None else StoreBank(vectors),
            access=access,
        )


def _name_of(identity: str) -> str:
    return identity.rpartition(":")[0]


def release(holder: object) -> None:
    """Its weights go, where it holds any."""
    let_go = getattr(holder, "release", None)
    if let_go is not None:
        let_go()
