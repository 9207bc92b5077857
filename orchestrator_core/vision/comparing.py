"""Compares what a prompt asked for with what is in the image: fulfilled, missing, and what nobody asked for.

What is in the image is told by a tagger (``compare_tags``) or by a caption (``compare_caption``). A caption speaks of
a few things only, so what it does not mention need not be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.readable import NEGATION
from orchestrator_core.vision.tag_names import TagName, Vocabulary, content_words
from orchestrator_core.vision.tagger import CHARACTER, GENERAL, Seen, Tag


class Asked(NamedTuple):
    """A part of the goal, the tags that it means, and the probability that all of them are there."""

    text: str
    tags: tuple[TagName, ...]
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``unknown``: parts of the goal of which the tagger can say nothing, since no tag means all of their words."""

    fulfilled: tuple[Asked, ...] = ()
    missing: tuple[Asked, ...] = ()
    unasked: tuple[Tag, ...] = ()
    unknown: tuple[str, ...] = ()


def goal_of(wanted: Iterable[Wanted]) -> list[str]:
    """What the image should show, in words: without what cannot be seen, and without what should not be there."""
    found = (each.text for each in wanted if each.measure != "unscored" and each.reason != NEGATION)
    return list(dict.fromkeys(text for text in found if text))


def compare_tags(
    goal: Sequence[str], seen: Seen, vocabulary: Vocabulary, general: float = GENERAL, character: float = CHARACTER
) -> Comparison:
    """``goal``: the texts of what is wanted, part by part; the two numbers are the thresholds of a tag that is there.

    A tag that only says a part of what was asked for, as "scarf" for "red scarf", is not unasked.
    """
    there = seen.above(general, character)
    have = {tag.name.name for tag in there}
    readings = {text: vocabulary.read(text) for text in goal}
    known = {text: read.tags for text, read in readings.items() if read.tags and not read.unknown}
    parts = [Asked(text, tags, min(map(seen.probability, tags))) for text, tags in known.items()]
    fulfilled = tuple(part for part in parts if all(tag.name in have for tag in part.tags))
    asked = {tag.name for read in readings.values() for tag in read.tags}
    words = [content_words(text) for text in readings]
    return Comparison(
        fulfilled,
        tuple(part for part in parts if part not in fulfilled),
        tuple(tag for tag in there if tag.name.name not in asked and not _is_part(tag.name, words)),
        tuple(text for text in readings if text not in known),
    )


@dataclass(frozen=True, slots=True)
class CaptionComparison:
    """``unasked``: the caption's words that no part of the goal has, in its order."""

    mentioned: tuple[str, ...]
    unmentioned: tuple[str, ...]
    unasked: tuple[str, ...]


_OF_CAPTIONS = content_words(
    "there this that image picture photo photograph drawing illustration painting shows showing"
)


def compare_caption(goal: Sequence[str], caption: str) -> CaptionComparison:
    """A part of the goal is mentioned where the caption has all words of it that mean something."""
    said = content_words(caption)
    parts = [(text, content_words(text)) for text in dict.fromkeys(goal)]
    asked = frozenset().union(*(words for _, words in parts)) | _OF_CAPTIONS
    in_order = [next(iter(content_words(word)), "") for word in caption.split()]
    return CaptionComparison(
        tuple(text for text, words in parts if words and words <= said),
        tuple(text for text, words in parts if words and not words <= said),
        tuple(word for word in dict.fromkeys(in_order) if word and word not in asked),
    )


def _is_part(name: TagName, goal: Iterable[frozenset[str]]) -> bool:
    words = content_words(name.name)
    return bool(words) and any(words <= part for part in goal)
