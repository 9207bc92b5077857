"""StageContext: everything that a stage may touch. A host gives it; no stage looks for anything elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.cancelling import Cancellation
from orchestrator_core.request import Generator, OnProgress, Progress
from orchestrator_core.template import Wildcards

if TYPE_CHECKING:
    from orchestrator_core.enhancing.caching import AnswerCache
    from orchestrator_core.llm.port import LanguageModel
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.memory.books import BookSource
    from orchestrator_core.memory.source import StorySource
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.store import Store
    from orchestrator_core.vision.extras import ExtraModels
    from orchestrator_core.vision.port import Scorer
    from orchestrator_core.weights.port import RunLearner


def ignore_progress(progress: Progress) -> None:
    """For callers that show none."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """A frozen bundle of ports; what a host has not is None, and the stage that needs it says so."""

    wildcards: Wildcards
    generator: Generator | None = None
    store: Store | None = None
    weights: Mapping[str, float] = field(default_factory=dict)  # multipliers of the odds, by Choice key
    odds: int = 0  # the number of the learned odds that are in these weights; 0: none are
    variables: Mapping[str, str] = field(default_factory=dict)  # what templates may ask about, as _is_sdxl
    progress: OnProgress = ignore_progress
    cancellation: Cancellation = field(default_factory=Cancellation)  # stops what is under way, the host too
    loras: LoraSource | None = None  # the library that selectLoras chooses from
    meanings: SemanticPhrases | None = None  # of its phrases, where a text encoder is there
    checkpoint: BaseModel = UNKNOWN  # of the model that will render; empty where it is not known
    llm: LanguageModel | None = None
    profiles: ProfileSource | None = None  # what generatePrompt's names of profiles and genres stand for
    answers: AnswerCache | None = None  # what it answered before
    is_last: bool = False  # of a batch: the language model may leave its memory afterwards
    stories: StorySource | None = None  # that followStory goes on with
    books: BookSource | None = None  # of lore
    scorer: Scorer | None = None  # looks at finished images
    extras: ExtraModels | None = None  # opens what else looks at them; None: what works without a host
    learner: RunLearner | None = None  # takes their scores in
