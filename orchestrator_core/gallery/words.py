"""The words of an image's prompt: each with where it came from, and how the image does by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_core.prompt import Component, render
from orchestrator_core.provenance import LEGEND, Decision, explain
from orchestrator_core.run import Run, Score
from orchestrator_core.template.align import aligned

_METRIC = "fulfilment"
_SOURCE = 60  # characters of {fox|owl|…} in a label


@dataclass(frozen=True, slots=True)
class PromptWord:
    """A piece of the prompt. ``origin``: a key of ``provenance.LEGEND``; ``label``: for a person.

    ``wildcard``: what it was drawn from, and ``value``: what of that; both "" where nothing was. ``score``: how far the
    image shows it. ``key``: what a learned weight attaches to.
    """

    text: str
    origin: str
    label: str
    wildcard: str = ""
    value: str = ""
    score: float | None = None
    key: str = ""


def words_of(run: Run, prompt: str | None = None) -> list[PromptWord]:
    """Of the run's one image; joined they are ``prompt``, or the draft's own text."""
    draft, shown = run.draft, run.draft.positive if prompt is None else prompt
    parts = _fitted(draft.components, shown)
    scores = _scores(run.scores)
    explained = explain(part for _, part in parts)
    decisions = {decision.number: decision for decision in explained.decisions}
    whole = [(place, part) for place, part in parts if part.text]
    return [
        _word(word.text, word.kind, decisions.get(word.number), _score(scores, place, part))
        for word, (place, part) in zip(explained.words, whole, strict=True)
    ]


def _word(text: str, kind: str, decision: Decision | None, score: float | None) -> PromptWord:
    if decision is None:
        return PromptWord(text, kind, LEGEND[kind], score=score)
    choice = decision.choice
    source = "".join(piece for piece, _ in decision.source_parts(_SOURCE))
    chance = ", ".join(decision.chance.strip().split("  "))
    label = " · ".join(part for part in (decision.place or source, chance) if part)
    wildcard = choice.siblings if isinstance(choice.siblings, str) else source
    return PromptWord(text, kind, label, wildcard, choice.key.partition("#")[2], score, choice.key)


def _fitted(components: Sequence[Component], text: str) -> list[tuple[int, Component]]:
    """Components that are this text, each with its place in the draft; -1 for those that are not of it."""
    whole = render(components)
    start = len(whole) - len(whole.lstrip())
    if whole[start : start + len(text)] == text:
        return list(_between(components, start, start + len(text)))
    return [(-1, part) for part in aligned(components, text)]


def _between(components: Sequence[Component], start: int, end: int) -> Iterator[tuple[int, Component]]:
    at = 0
    for place, component in enumerate(components):
        text = component.text[max(0, start - at) : max(0, end - at)]
        if text:
            yield place, replace(component, text=text)
        at += len(component.text)


def _scores(scores: Sequence[Score]) -> Mapping[int | str, float]:
    """By the component's place, and by the key of its value; of several scorers the last one's."""
    found: dict[int | str, float] = {}
    for score in scores:
        if score.component is not None and score.metric == _METRIC and score.value == score.value:
            found[score.component] = score.value
            if score.key:
                found[score.key] = score.value
    return found


def _score(scores: Mapping[int | str, float], place: int, part: Component) -> float | None:
    if place >= 0:
        return scores.get(place)
    return next((scores[choice.key] for choice in reversed(part.choices) if choice.key in scores), None)
