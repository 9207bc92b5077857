"""Observer: what is in an image, told by a tagger or a caption, beside what its prompt asked for.

For people alone: what is missing may be hard to see for the tagger, and nothing is learned from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.captioning import Captioner
from orchestrator_core.vision.comparing import compare_caption, compare_tags, goal_of
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.tagger import Tagger

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_OF_TAGS = ("fulfilled", "missing", "unasked")
_OF_CAPTIONS = ("mentioned", "not mentioned", "not asked for")  # a caption speaks of a few things only
_UNKNOWN, _CAPTION = "not known to the tagger", "caption"


class Part(NamedTuple):
    """A part of the prompt, or a thing that is in the image. ``probability``: that it is there, where that is told."""

    text: str
    probability: float | None = None
    component: int | None = None  # index into draft.components; None for what no part asked for


@dataclass(frozen=True, slots=True)
class Observation:
    """Of one image. ``source``: the identity of what looked. ``caption``: "" where tags were compared."""

    source: str
    fulfilled: tuple[Part, ...] = ()
    missing: tuple[Part, ...] = ()
    unasked: tuple[Part, ...] = ()
    unknown: tuple[Part, ...] = ()
    caption: str = ""

    @property
    def told(self) -> tuple[tuple[str, tuple[Part, ...]], ...]:
        """With the name of each group; without those that are empty."""
        names = _OF_CAPTIONS if self.caption else _OF_TAGS
        groups = [*zip(names, (self.fulfilled, self.missing, self.unasked), strict=True), (_UNKNOWN, self.unknown)]
        if self.caption:
            groups.append((_CAPTION, (Part(self.caption),)))
        return tuple((name, parts) for name, parts in groups if parts)

    @property
    def report(self) -> str:
        """Lines for a person."""
        return "\n".join(f"{name}: {', '.join(map(said, parts))}" for name, parts in self.told)


def said(part: Part) -> str:
    """``red scarf 12%``"""
    return part.text if part.probability is None else f"{part.text} {part.probability:.0%}"


class Observer(Protocol):
    @property
    def identity(self) -> str:
        """Kind and weights."""

    def observe(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[Observation]:
        """One of each image. Raises ScorerError, Cancelled."""

    def release(self) -> None:
        """Let go of its weights, where it has any here."""


class TagObserver:
    """An ``Observer`` by a tagger."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger

    @property
    def identity(self) -> str:
        """Raises ScorerError where the model is not there."""
        return self.tagger.identity

    def observe(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[Observation]:
        """Raises ScorerError, Cancelled."""
        goal, places, source = goal_of(wanted), _places(wanted), self.identity
        vocabulary = self.tagger.vocabulary
        found = []
        for seen in self.tagger.tags(images, is_cancelled):
            compared = compare_tags(goal, seen, vocabulary)
            fulfilled, missing = (
                tuple(Part(asked.text, asked.probability, places[asked.text]) for asked in group)
                for group in (compared.fulfilled, compared.missing)
            )
            unasked = tuple(Part(tag.name.words, tag.probability) for tag in compared.unasked)
            unknown = tuple(Part(text, None, places[text]) for text in compared.unknown)
            found.append(Observation(source, fulfilled, missing, unasked, unknown))
        return found

    def release(self) -> None:
        """Let go of the tagger."""
        self.tagger.release()


class CaptionObserver:
    """An ``Observer`` by a model that writes captions."""

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner

    @property
    def identity(self) -> str:
        """Raises ScorerError where the model is not there."""
        return self._captioner.identity

    def observe(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[Observation]:
        """Raises ScorerError, Cancelled."""
        return list(self._observed(images, wanted, is_cancelled))

    def release(self) -> None:
        """Let go of the model."""
        self._captioner.release()

    def _observed(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled
    ) -> Iterator[Observation]:
        goal, places, source = goal_of(wanted), _places(wanted), self.identity
        for image in images:
            caption = self._captioner.caption(image, is_cancelled)
            compared = compare_caption(goal, caption)
            mentioned, unmentioned = (
                tuple(Part(text, None, places[text]) for text in group)
                for group in (compared.mentioned, compared.unmentioned)
            )
            unasked = tuple(map(Part, compared.unasked))
            yield Observation(source, mentioned, unmentioned, unasked, caption=caption or "(nothing)")


def _places(wanted: Sequence[Wanted]) -> dict[str, int]:
    """The component that asks for each text, the first where several do."""
    return {each.text: each.component for each in reversed(wanted)}
