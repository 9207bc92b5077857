"""QueuePart: the queue in ComfyUI, and a worker that sends its jobs to this very server, as any other program does.

So they take turns with the graphs of the person who sits here, and show in ComfyUI's own queue. Nothing is imported or
opened before there is a job.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.jobs.place import QueuePlace
from orchestrator_core.template import Wildcards

from .profile_shelf import ProfileShelf

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.jobs.lane import Lane
    from orchestrator_core.llm.port import LanguageModel
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.vision.port import Scorer

    from .llm_own import Own
    from .score_models import Scorers
    from .story_part import StoryServices

SETTING = "Orchestrator.WorkOnQueue"  # the id of ComfyUI's setting
_log = logging.getLogger("orchestrator")


@dataclass(frozen=True, slots=True)
class QueueHost:
    """What is needed of ComfyUI. ``url`` is asked once the server answers; ``keeps_notes``: images have metadata."""

    url: Callable[[], str]
    output: Callable[[], Path]
    settings: Callable[[], Mapping[str, Any]]
    language_folders: Callable[[], list[Path]]
    score_folders: Callable[[], list[Path]]
    vision: Any  # ``score_models.Host``
    when_ending: Callable[[Callable[[], object]], None]
    keeps_notes: Callable[[], bool] = lambda: True


class QueuePart:
    """One for the process; threads may share it. ``place`` is for whoever shows or changes the queue."""

    def __init__(
        self,
        host: QueueHost,
        wildcards: Wildcards,
        profiles: ProfileShelf,
        loras: Callable[[], LoraSource],
        stories: Callable[[], StoryServices],
    ) -> None:
        self._host, self._wildcards, self._profiles = host, wildcards, profiles
        self._loras, self._stories = loras, stories
        self._lock = threading.Lock()
        self._scorers: Scorers | None = None
        self.place = QueuePlace("ComfyUI", self._lanes, is_wanted=self._is_wanted, tell=_log.info)

    def start(self) -> None:
        """The server is ready: jobs that wait are seen from now on."""
        self._host.when_ending(self.place.abandon)
        self.place.begin()

    def _is_wanted(self) -> bool:
        return self._host.settings().get(SETTING) is not False

    @contextmanager
    def _lanes(self) -> Iterator[Sequence[Lane]]:
        from orchestrator_core.generators.by_hash import ByHash
        from orchestrator_core.generators.comfy_http import ComfyGenerator
        from orchestrator_core.generators.comfy_strays import OwnFiles
        from orchestrator_core.jobs.lane import Lane
        from orchestrator_core.jobs.workplace import Workplace
        from orchestrator_core.weights.ledger import Ledger

        from .learn_store import open_store

        ledger, url, output = Ledger(open_store), self._host.url(), self._host.output()
        place = Workplace(lambda: self._context(ledger), ledger)
        server = ComfyGenerator(output, url, own=OwnFiles(output, self._host.keeps_notes()))
        generator = ByHash(server, self._lora_name)
        yield [
            Lane(
                "ComfyUI (this server)",
                lambda job: place.opened(job, generator),
                ("", "comfyui", url),
                url,
                generator.refresh,
                generator,
            )
        ]

    def _lora_name(self, sha256: str) -> str:
        """By which the server finds the LoRA with these contents; "" where it has none."""
        found = (one for one in self._loras().index().records if one.sha256 == sha256 and one.state == "complete")
        return next((one.name for one in found), "")

    def _context(self, ledger: Any) -> StageContext:
        """Of one job: what the nodes use, by the settings of the person who sits here."""
        from orchestrator_core.context import StageContext
        from orchestrator_core.llm.residence import PlainResidence
        from orchestrator_core.loras.ranking import LaterLoras
        from orchestrator_core.vision.extras import ExtraModels

        stories = self._stories()
        return StageContext(
            self._wildcards,
            loras=LaterLoras(self._loras),
            profiles=self._profiles,
            stories=stories.stories,
            books=stories.books,
            llm=self._language_model(),
            answers=self._answers(),
            scorer=self._scorer(),
            extras=ExtraModels(PlainResidence("cpu")),
            learner=ledger,
        )

    def _own(self) -> Own:
        from .llm_own import own_in

        return own_in(self._host.settings())

    def _language_model(self) -> LanguageModel | None:
        """The server that is set on ComfyUI's page; without one the rules write."""
        from .llm_models import Models

        return Models(self._own, self._host.language_folders).get({}) if self._own().url else None

    def _answers(self) -> Any:
        from .llm_enhancing import Answers

        return Answers()()

    def _scorer(self) -> Scorer | None:
        """The model that is installed, where it is but one. It works on the processor: ComfyUI's memory manager is
        for graphs alone, of which one may be running."""
        from orchestrator_core.errors import OrchestratorError
        from orchestrator_core.llm.residence import PlainResidence

        from .score_models import Scorers

        with self._lock:
            if self._scorers is None:
                host = self._host
                self._scorers = Scorers(host.score_folders, lambda: PlainResidence("cpu"), host.vision, self._own)
        try:
            return self._scorers.get({})
        except OrchestratorError:
            return None  # the stage says that there is none
