"""What belongs to one open page. gradio copies it for each page that is opened, so that no two share anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.studio.batch import Row
from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.drawing import Drawn, Rerolls
from orchestrator_app.studio.job import Job
from orchestrator_app.studio.learn_desk import LearnView
from orchestrator_app.studio.lora_view import LoraView
from orchestrator_app.studio.pipeline_desk import PipelineDesk
from orchestrator_app.studio.preparing import LeftOut
from orchestrator_app.studio.profile_view import ProfileView
from orchestrator_app.studio.queue_view import QueueView
from orchestrator_app.studio.scores_html import Line
from orchestrator_app.studio.story_view import StoryView
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.weights.marking import Marks

if TYPE_CHECKING:
    from orchestrator_app.lora_test.running import TestRun


@dataclass(frozen=True, slots=True)
class Result:
    """An image in a gallery, the run that it is of, and the copy that is shown; "" where the file is gone.

    ``lines``: how far it shows what was asked for, and ``whole``: numbers for all of it. ``compared``: what is there,
    missing and unasked. ``problems``: what could not be said of it.
    """

    image: GeneratedImage
    run: Run
    shown: str
    lines: tuple[Line, ...] = ()
    whole: tuple[str, ...] = ()
    compared: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picked:
    """The drawn prompt whose details are shown: the number of its card from 0, and what they were made from."""

    place: int
    draft: PromptDraft
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Marked:
    """An image that was marked, and the marks that it had before."""

    result: Result
    before: Marks


@dataclass(slots=True)
class Work:
    """A page's job, which may be under way, what is in its gallery, and the prompt whose details are shown, if any."""

    job: Job | None = None
    results: tuple[Result, ...] = ()
    picked: Picked | None = None
    chosen: Path | None = None  # the image whose details are shown
    marked: tuple[Marked, ...] = ()  # what was marked here, the last one last

    @property
    def is_busy(self) -> bool:
        return self.job is not None and not self.job.is_over


class Session:
    """Its values are replaced, never changed, since several events of a page may run at once."""

    def __init__(self) -> None:
        self.generate, self.batch = Work(), Work()
        self.rerolls: Rerolls = {}
        self.left_out: LeftOut = {}
        self.drawn = Drawn()
        self.odds_at = 0  # the moment of the learned odds that these were drawn by
        self.rows: tuple[Row, ...] = ()
        self.page = 0
        self.row_problems: Mapping[int, str] = {}
        self.row_hints: Mapping[int, str] = {}  # what the templates of the rows on the page have to say
        self.waiting = 0  # prompts of the preview that the language model is still to be asked for
        self.row_loras: Mapping[int, str] = {}  # what would be chosen for each, in words
        self.wanted = Wanted()
        self.chosen_at = 0  # ``LiveEnvironment.lora_choices`` of the preview
        self.loras = LoraView()
        self.profiles = ProfileView()
        self.stories = StoryView()
        self.learn = LearnView()
        self.pipeline = PipelineDesk()
        self.queue = QueueView()
        self.lora_test: TestRun | None = None
        self.listed_from = ""  # where the lists of the Generate page are from; "" where they could not be had

    def __deepcopy__(self, memo: Any) -> Session:
        return Session()
