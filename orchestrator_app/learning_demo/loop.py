"""LearningLoop: draw by the odds of the moment, render, score, learn, and again: the pack's pipeline, image by image.

Everything is real: the stages are those of any pipeline, the images are files with all that made them, and the ledger
is a database of its own beside them, so that nothing of a person's own learning is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.tiny_world import MODELS, WILDCARDS
from orchestrator_app.tiny_world.captions import TEMPLATE
from orchestrator_core.context import StageContext
from orchestrator_core.pipeline import new_run, run_pipeline
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.observation import context_of
from orchestrator_core.weights.odds import Odds

if TYPE_CHECKING:
    from orchestrator_core.weights.ledger import Ledger

DATABASE = "learning.sqlite3"
FLAWED = "<lora:flawed:1>"  # with it the tiny model draws some values badly, at rates that are known
CONTEXT = context_of("", "", "")
SLOTS = ("tiny/count", "tiny/style", "tiny/color", "tiny/shape", "tiny/background")
_RENDER = {"sampler": "dpmpp_2m", "scheduler": "normal", "steps": 10, "cfg": 2.5, "width": 48, "height": 48}


@dataclass(frozen=True, slots=True)
class Looked:
    """An image, and how much of its prompt is shown: by the scorer, which is learned from, and by the judge."""

    path: Path
    prompt: str
    fulfilled: float  # the mean over its parts, 0 to 1
    judged: float
    run: Run


@dataclass(slots=True)
class LearningLoop:
    """Open with ``LearningLoop.open``. Raises OrchestratorError for what stands in its way."""

    context: StageContext
    ledger: Ledger
    judge: Any
    seed: int
    is_learning: bool = True
    images: list[Looked] = field(default_factory=list)

    @classmethod
    def open(
        cls, folder: Path, seed: int, *, mode: str = "fast", scorer: Any = None, generator: Any = None
    ) -> LearningLoop:
        """``scorer`` and ``generator``: those of another loop, which need not be loaded again."""
        from orchestrator_app.tiny_world.judge import Judge
        from orchestrator_core.generators.embedded import EmbeddedGenerator
        from orchestrator_core.store import Store
        from orchestrator_core.vision.opening import ScorerSettings, open_scorer
        from orchestrator_core.weights.ledger import Ledger

        ledger = Ledger(partial(Store.open, folder / DATABASE))
        ledger.change("switch", value=True)
        ledger.change("mode", value=mode)
        for slot in SLOTS:
            ledger.change("direction", slot=slot, value="prefer")
        pictures = folder / "images"
        found = generator or EmbeddedGenerator(pictures, str(MODELS / "diffusion"), lora_folders=[MODELS / "loras"])
        # the tiny CLIP was taught to count
        settings = ScorerSettings(model=str(MODELS / "clip"), measures_counts=True)
        context = StageContext(Wildcards([WILDCARDS]), found, learner=ledger, scorer=scorer or open_scorer(settings))
        return cls(context, ledger, Judge.open(MODELS / "judge"), seed)

    def go(self, count: int) -> Iterator[Looked]:
        """The next images; by what was learned so far where ``is_learning``."""
        for _ in range(count):
            yield self._next(self._odds())

    def frozen(self, count: int) -> Iterator[Looked]:
        """Images by the odds of this moment, from which nothing is learned any more."""
        odds, context = self._odds(), self.context
        self.context = replace(context, learner=None)
        for _ in range(count):
            yield self._next(odds)
        self.context = context

    def _odds(self) -> Odds:
        return self.ledger.odds(CONTEXT) if self.is_learning else Odds()

    def _next(self, odds: Odds) -> Looked:
        seed = self.seed * 100_000 + len(self.images)
        # odds of which nothing has moved yet are those of the author
        context = replace(self.context, weights=odds.multipliers, odds=odds.number if odds.multipliers else 0)
        run = run_pipeline(_pipeline(seed), context, new_run()).run
        (image,) = run.images
        whole = [score.value for score in run.scores if score.component is None]
        judged = self._judged(run, image.path)
        self.images.append(Looked(image.path, _words(run), whole[0] if whole else 0.0, judged, run))
        return self.images[-1]

    def _judged(self, run: Run, path: Path) -> float:
        """The share of the attributes that the judge sees as they were asked for."""
        import numpy as np
        from PIL import Image

        with closing(Image.open(path)) as image:
            (seen,) = self.judge.read([np.asarray(image.convert("RGB"))])
        wanted = asked_of(run)
        right: list[bool] = [seen[name] == value for name, value in wanted.items()]
        return sum(right) / max(1, len(right))


def asked_of(run: Run) -> Mapping[str, str]:
    """The value of each attribute that a run's prompt asks for."""
    keys = [choice.key for part in run.draft.components for choice in part.choices]
    parts = (key.removeprefix("tiny/").partition("#") for key in keys if key.startswith("tiny/"))
    return {name: value.removesuffix(" background") for name, _, value in parts}


def _pipeline(seed: int) -> PipelineSpec:
    drawing = {"template": f"{TEMPLATE} {FLAWED}", "seed": seed}
    return PipelineSpec(
        stages=(
            StageSpec(id="draw", type="generatePrompt", options=drawing),
            StageSpec(id="render", type="dispatch", options=_RENDER),
            StageSpec(id="score", type="scoreImages"),
        )
    )


def _words(run: Run) -> str:
    return " ".join(run.draft.positive.replace(FLAWED, "").split())
