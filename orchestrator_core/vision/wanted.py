"""What an image of a draft should show: its decisions, each against what else could have been drawn, and its free text.

    for wanted in wanted_in(draft, wildcards): …

A decision's words are scored with the words of the template that stand beside them in the same phrase: the first "red"
of "a {red|blue} star on a {red|white} background" asks for a red star, and the second for a red background. Those words
are the same in each draw, so that the vectors of the texts can be kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import Choice, Component, PromptDraft
from orchestrator_core.template import Wildcards
from orchestrator_core.vision import readable
from orchestrator_core.vision.decisions import Decision, Divided, divided
from orchestrator_core.vision.port import Measure, Wanted

MOST_ALTERNATIVES = 64
_NEAR = 16  # of them those that share a word with the one that was drawn
_LOOKED_AT = 2048  # values of a long wildcard
_BESIDE = 3  # words on each side
_ALONE = "free: there is nothing to compare it with"


def wanted_in(draft: PromptDraft, wildcards: Wildcards | None = None) -> tuple[Wanted, ...]:
    """In the order of the prompt. Without ``wildcards``, or where one is gone, its values count as free text."""
    told = divided(draft.components)
    found = [_of_decision(each, told, draft.components, wildcards) for each in told.decisions if each.is_innermost]
    found += _of_free_text(draft.components, told)
    return tuple(sorted(_without_twice(found), key=lambda each: each.component))


def _without_twice(found: Iterable[Wanted]) -> Iterator[Wanted]:
    """Free text that a decision or an earlier part asks for as well is left out."""
    seen: set[str] = set()
    for each in found:
        if each.key or each.text.lower() not in seen:
            yield each
        seen.add(each.text.lower())


# decisions


def _of_decision(
    decision: Decision, told: Divided, components: Sequence[Component], wildcards: Wildcards | None
) -> Wanted:
    own = readable.readable("".join(decision.words))
    before, after = _beside(decision, told, components)
    key, first = decision.choice.key, decision.first
    if not own:
        return Wanted(first, "", "unscored", key, reason=readable.EMPTY)
    if readable.is_quality(own):
        return Wanted(first, own, "unscored", key, reason=readable.QUALITY)
    text = _within(before, own, after)
    others = [_within(before, each, after) for each in _others(decision.choice, own, wildcards)]
    return compared(Wanted(first, text, "free", key), others)


def compared(wanted: Wanted, others: Iterable[str]) -> Wanted:
    """How a decision's text can be measured against the texts of the other values.

    Left out are negations, and what the text is a kind of or the other way round ("red fox", "fox"): both may be right.
    Where only a count, or which is where, tells it from another one, no vector can.
    """
    if readable.is_negation(wanted.text):
        return _changed(wanted, "unmeasurable", readable.NEGATION)
    rivals: list[str] = []
    twins: list[str] = []
    reason = ""
    for other in dict.fromkeys(others):
        if not other or other == wanted.text or readable.is_negation(other):
            continue
        if told := _difference(wanted.text, other):
            twins.append(other)
            reason = reason or told
        elif not _is_kind_of(wanted.text, other):
            rivals.append(other)
    if reason:
        return _changed(wanted, "unmeasurable", reason, [*twins, *rivals])
    if rivals:
        return _changed(wanted, "siblings", "", rivals)
    return alone(_changed(wanted, "free", _ALONE))


def _difference(text: str, other: str) -> str:
    """Why two texts look the same to a scorer that cannot count or bind; "" where they do not."""
    ours, theirs = readable.content(text), readable.content(other)
    if sorted(ours) != sorted(theirs):
        return ""
    if readable.counts(text) != readable.counts(other):
        return readable.COUNT
    is_same = ours == theirs and readable.is_binding(text) == readable.is_binding(other) is False
    return "" if is_same else readable.BINDING


def _is_kind_of(text: str, other: str) -> bool:
    ours, theirs = set(readable.content(text)), set(readable.content(other))
    return ours <= theirs or theirs <= ours


def _changed(wanted: Wanted, measure: Measure, reason: str, others: Sequence[str] = ()) -> Wanted:
    alternatives = (wanted.text, *_chosen(wanted.text, others)) if others else ()
    return replace(wanted, measure=measure, alternatives=alternatives, reason=reason)


def _chosen(text: str, others: Sequence[str]) -> Sequence[str]:
    """Of many those that share a word, and by chance of the rest: always the same, so that vectors are kept."""
    if len(others) < MOST_ALTERNATIVES:
        return others
    ours = set(readable.content(text))
    near = [each for each in others if ours & set(readable.content(each))][:_NEAR]
    rest = sorted(set(others) - set(near), key=lambda each: random.Random(each).random())
    return [*near, *rest[: MOST_ALTERNATIVES - 1 - len(near)]]


def _others(choice: Choice, own: str, wildcards: Wildcards | None) -> Iterator[str]:
    """The words of the other values; of one that draws in turn those that stand in it."""
    taken = choice.key.partition("#")[2].strip()
    for text in _siblings(choice.siblings, wildcards):
        if text.strip() != taken and (words := readable.literal(text)) and words != own:
            yield words


def _siblings(siblings: str | tuple[str, ...], wildcards: Wildcards | None) -> Iterable[str]:
    if isinstance(siblings, tuple):
        return siblings
    try:
        values = wildcards.values(siblings) if wildcards is not None else None
    except (OrchestratorError, OSError):  # gone since it was drawn from
        values = None
    if values is None:
        return ()
    count = len(values)
    indexes: Sequence[int] = range(count)
    if count > _LOOKED_AT:
        indexes = sorted(random.Random(siblings).sample(indexes, _LOOKED_AT))
    return [values.text(index) for index in indexes]


# the phrase that a decision stands in


def _within(before: str, words: str, after: str) -> str:
    return words if "," in words else " ".join(each for each in (before, words, after) if each)


def _beside(decision: Decision, told: Divided, components: Sequence[Component]) -> tuple[str, str]:
    left = _until(components, told, range(decision.first - 1, -1, -1))
    right = _until(components, told, range(decision.last + 1, len(components)))
    before = _cut("".join(reversed(left)), last=True).split()
    after = _cut("".join(right), last=False).split()
    return " ".join(_phrase(before[::-1])[::-1]), " ".join(_phrase(after))


def _until(components: Sequence[Component], told: Divided, indexes: Iterable[int]) -> list[str]:
    """The texts up to the next decision."""
    found: list[str] = []
    for index in indexes:
        if told.owners[index] is not None:
            break
        found.append(components[index].text)
    return found


def _cut(text: str, last: bool) -> str:
    """The end or the beginning of a text, up to a comma or what else parts phrases."""
    pieces = readable.SEPARATORS.split(text)
    return readable.readable(pieces[-1 if last else 0])


def _phrase(words: Sequence[str]) -> list[str]:
    """Words going away from the decision, up to one that leads to something else."""
    found = list(takewhile(lambda word: not readable.is_small(word) and not readable.is_quality(word), words))
    return found[:_BESIDE]


# free text


def alone(wanted: Wanted) -> Wanted:
    """How text can be measured that has nothing beside it."""
    text = wanted.text
    checks = (
        (readable.is_negation, readable.NEGATION),
        (readable.has_count, readable.COUNT),
        (readable.is_binding, readable.BINDING),
    )
    for is_so, reason in checks:
        if is_so(text):
            return _changed(wanted, "unmeasurable", reason)
    return wanted


def _of_free_text(components: Sequence[Component], told: Divided) -> Iterator[Wanted]:
    for start, end in _runs(told):
        text = "".join(component.text for component in components[start:end])
        for at, part in readable.parts(text):
            words = readable.trimmed(readable.readable(part))
            index = _component_at(components, start, at)
            if readable.is_quality(words):
                yield Wanted(index, words, "unscored", reason=readable.QUALITY)
            elif readable.words_in(words):
                yield alone(Wanted(index, words, "free"))


def _runs(told: Divided) -> Iterator[tuple[int, int]]:
    """From, to: components beside one another that no decision wrote."""
    start = None
    for index, owner in enumerate([*told.owners, -1]):
        if owner is None and start is None:
            start = index
        elif owner is not None and start is not None:
            yield start, index
            start = None


def _component_at(components: Sequence[Component], start: int, at: int) -> int:
    for index in range(start, len(components)):
        at -= len(components[index].text)
        if at < 0:
            return index
    return start
