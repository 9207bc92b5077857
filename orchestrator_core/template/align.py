"""A drawn prompt that a person has edited: the words that are still there keep their origin, the others are theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate

from orchestrator_core.prompt import Component, Origin, render

_PIECES = re.compile(r"\w+|\W")
_MOST = 4_000  # pieces: beyond that the comparison would take seconds


def aligned(components: Sequence[Component], text: str) -> tuple[Component, ...]:
    """Components whose text is ``text``, with the origins of those given where the words are the same."""
    before = render(components)
    if before == text:
        return tuple(components)
    old, new = _PIECES.findall(before), _PIECES.findall(text)
    if len(old) > _MOST or len(new) > _MOST:
        return (Component(text, Origin.user),)
    starts = [0, *accumulate(map(len, old))]
    found: list[Component] = []
    done = 0
    for first, second, length in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if added := "".join(new[done:second]):
            found.append(Component(added, Origin.user))
        found += _between(components, starts[first], starts[first + length])
        done = second + length
    return tuple(found)


def _between(components: Sequence[Component], start: int, end: int) -> Iterator[Component]:
    """The pieces of the components from one character of their text to another."""
    at = 0
    for component in components:
        text = component.text[max(0, start - at) : max(0, end - at)]
        if text:
            yield replace(component, text=text)
        at += len(component.text)
