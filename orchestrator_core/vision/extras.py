"""From settings to what is said of images beside fulfilment: style, likeness, ratings, what is missing and unasked.

    models = ExtraModels(residence)
    extras = models.extras(ExtraSettings(style="auto", compare="models/wd-tagger"), draft, scorer)

What cannot be opened is told among the extras' problems; the rest is said.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from orchestrator_core.errors import OrchestratorError, ScorerError
from orchestrator_core.llm.residence import Residence
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.vision.aesthetic import AestheticHead, AestheticScorer, read_head
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.extra_settings import AUTO, ExtraSettings
from orchestrator_core.vision.looking import Extras
from orchestrator_core.vision.observing import Observer, TagObserver
from orchestrator_core.vision.opening import ScorerSettings, open_observer
from orchestrator_core.vision.pictures import pictures_of, whole
from orchestrator_core.vision.port import Scorer, Wanted, WholeScorer
from orchestrator_core.vision.style import STYLES, ReferenceStyle, style_of, style_wanted, styles_in
from orchestrator_core.vision.tagger import TaggerScorer
from orchestrator_core.vision.vlm_opening import NO_ACCESS, Access

# The pictures of a LoRA or a profile: whatever ``pictures_of`` reads. Raises OrchestratorError.
Pictures = Callable[[str], Sequence[Any]]
Made = TypeVar("Made")


class ExtraModels:
    """The models that settings name, each made once and kept until ``release``."""

    def __init__(self, residence: Residence | None = None, access: Access = NO_ACCESS) -> None:
        self._residence, self._access = residence, access
        self._observers: dict[ScorerSettings, Observer] = {}
        self._heads: dict[tuple[str, int], AestheticHead] = {}
        self._lock = threading.Lock()

    def extras(
        self, asked: ExtraSettings, draft: PromptDraft, scorer: Scorer, pictures: Pictures | None = None
    ) -> Extras:
        """Of a draft. Never raises: what cannot be had is among its problems."""
        problems: list[str] = []
        references = opened(lambda: references_named(asked.references, scorer, pictures), problems)
        compare = observer_settings(asked.compare)
        observer = opened(lambda: self.observer(compare, scorer), problems) if asked.compare.strip() else None
        rating = opened(lambda: self.aesthetic(asked.aesthetic, scorer), problems) if asked.aesthetic else None
        cosine = opened(lambda: _whole_of(scorer), problems) if asked.whole else None
        wholes = tuple(each for each in (cosine, rating) if each is not None)
        return Extras(style_in(asked, draft), references, wholes, observer, tuple(problems))

    def observer(self, settings: ScorerSettings, scorer: Scorer | None = None) -> Observer:
        """``scorer``: where it is the same tagger, it is not loaded twice. Raises ScorerError, ConfigError."""
        if isinstance(scorer, TaggerScorer) and settings.model and Path(settings.model) == scorer.tagger.folder:
            return TagObserver(scorer.tagger)
        with self._lock:
            if (found := self._observers.get(settings)) is None:
                found = self._observers[settings] = open_observer(settings, self._residence, self._access)
            return found

    def aesthetic(self, file: str, scorer: Scorer) -> WholeScorer:
        """Raises ScorerError."""
        encoder = _contrastive(scorer, "an aesthetic head").images
        path = Path(file.strip()).expanduser()
        key = str(path), path.stat().st_mtime_ns if path.is_file() else 0
        with self._lock:
            if (head := self._heads.get(key)) is None:
                head = self._heads[key] = read_head(path)
        return AestheticScorer(encoder, head)

    def release(self) -> None:
        """Let go of the weights; the next use loads them again."""
        with self._lock:
            for observer in self._observers.values():
                observer.release()


def observer_settings(name: str) -> ScorerSettings:
    """A folder, or ``http://127.0.0.1:11434/v1 qwen2.5vl:3b``: a server, and the name that the model has there."""
    address, _, model = name.strip().partition(" ")
    if "://" in address:
        return ScorerSettings(backend="vqa", url=address, model=model.strip())
    return ScorerSettings(model=name.strip())


def style_in(asked: ExtraSettings, draft: PromptDraft) -> Wanted | None:
    """None where no style is asked for."""
    styles = styles_in(asked.styles) or STYLES
    style = " ".join(asked.style.split())
    if style.lower() == AUTO:
        style = style_of(draft.positive, styles)
    if not style:
        return None
    texts = [part.text.lower() for part in draft.components]
    return style_wanted(style, styles, next((at for at, text in enumerate(texts) if style.lower() in text), 0))


def references_named(names: str, scorer: Scorer, pictures: Pictures | None) -> ReferenceStyle | None:
    """None where nothing is named. Raises OrchestratorError."""
    found = [name.strip() for name in re.split(r"[,\n]", names) if name.strip()]
    if not found:
        return None
    if pictures is None:
        raise ScorerError(f"{', '.join(found)}: no library of LoRAs is open here whose pictures could be looked at.")
    return reference_style(", ".join(found), [each for name in found for each in pictures(name)], scorer)


def reference_style(name: str, sources: Any, scorer: Scorer) -> ReferenceStyle:
    """``sources``: what ``pictures_of`` reads; those that cannot be read are left out. Raises ScorerError."""
    scorer = _contrastive(scorer, "likeness to pictures")
    found = pictures_of(sources)
    pixels, _ = whole(found)
    if not pixels and found:
        raise ScorerError(f"{name}: {found[0].problem}")
    return ReferenceStyle(scorer.images, name, pixels, scorer.own_images)


def _contrastive(scorer: Scorer, what: str) -> ContrastiveScorer:
    if isinstance(scorer, ContrastiveScorer):
        return scorer
    raise ScorerError(f"For {what} a scorer is needed that has vectors of images: choose a CLIP or SigLIP model.")


def _whole_of(scorer: Scorer) -> WholeScorer:
    return _contrastive(scorer, "the cosine with a whole prompt")


def opened(make: Callable[[], Made | None], problems: list[str]) -> Made | None:
    """None where it cannot be had, which then is among the problems."""
    try:
        return make()
    except OrchestratorError as problem:
        problems.append(str(problem))
    return None
