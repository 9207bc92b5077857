"""What a Feedback Recorder does: a run with scores for the store, and what is learned of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.run import Run, Score
from orchestrator_core.stages.score_images import scores_of
from orchestrator_core.vision.looking import Looked

from .learn_answers import EVENT
from .learn_part import Learned, LearnServices
from .score_types import Scored, ScoredImage

if TYPE_CHECKING:
    from .sockets import SavedImages


_NOT_LEARNED = "The CLIP Scorer's learn is off: nothing is learned from these images."


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it, for a person."""

    run_id: str
    kept: str
    learned: Learned

    @property
    def report(self) -> str:
        return "\n".join([*self.learned.lines, self.kept])

    def as_json(self) -> dict[str, Any]:
        learned = self.learned
        return {"kept": self.kept, "learned": learned.count, "lines": list(learned.lines), "learning": learned.mode}


def recorded(services: LearnServices, scored: Scored, saved: SavedImages | None, prompt: Any) -> Told:
    """Keeps the run; what cannot be kept is told, and stops no queue."""
    run_id = services.recording.run_id_of(scored.draft, saved.run_id if saved else unsaved_id(scored))
    names = names_of(scored, saved)
    scores = [
        score
        for name, image in zip(names, scored.images, strict=True)
        for score in _scores(run_id, name, image, scored)
    ]
    run = Run(run_id, scored.draft, saved.images if saved else (), tuple(scores))
    kept = services.recording.record(run)
    learned = services.learning.learn(run, prompt) if scored.learns else Learned(lines=(_NOT_LEARNED,))
    services.tell(EVENT, {})
    return Told(run_id, kept, learned)


def unsaved_id(scored: Scored) -> str:
    """Of images that nobody saved: the same images of one prompt have the same, and so count once."""
    told = [scored.draft.positive, *(image.digest for image in scored.images)]
    return hashlib.sha256("\n".join(told).encode("utf-8", "replace")).hexdigest()[:32]


def names_of(scored: Scored, saved: SavedImages | None) -> Sequence[str]:
    """By which each image is known: its file's name, or what its pixels say where it is not known which file it is."""
    if saved is not None and len(saved.images) == len(scored.images):
        return [image.path.name for image in saved.images]
    return [image.digest for image in scored.images]


def _scores(run_id: str, name: str, image: ScoredImage, scored: Scored) -> Iterator[Score]:
    looked = Looked(image.fulfilments, image.whole, image.observation)
    yield from scores_of(run_id, name, looked, scored.scorer)
