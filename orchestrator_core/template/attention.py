"""The emphasis in effect at each place of a prompt, as A1111 and ComfyUI read ``(word:1.2)``, ``(word)``, ``[word]``.

``[a:b:0.5]`` and ``[a|b]`` are schedules, not emphasis. A backslash makes a bracket an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_core.prompt import Component, render

_TOKEN = re.compile(r"\\.|:\s*(?P<number>[+-]?\d{0,6}\.?\d{1,6})\s*(?=[)\]])|[()\[\]|:]", re.S)
_STEP = 1.1


def with_strengths(components: Sequence[Component]) -> tuple[Component, ...]:
    """The components, each with the strength at its first letter or digit."""
    text = render(components)
    if "(" not in text and "[" not in text:
        return tuple(components)
    ranges = sorted(_ranges(text))
    found, position, at, open_ranges = [], 0, 0, [(len(text) + 1, 1.0)]
    for component in components:
        probe = position + next((i for i, character in enumerate(component.text) if character.isalnum()), 0)
        position += len(component.text)
        while at < len(ranges) and ranges[at][0] <= probe:
            first, last, factor = ranges[at]
            at += 1
            while open_ranges[-1][0] < first:
                open_ranges.pop()
            open_ranges.append((last, open_ranges[-1][1] * factor))
        while open_ranges[-1][0] < probe:
            open_ranges.pop()
        strength = round(open_ranges[-1][1], 6)
        found.append(component if strength == 1.0 else replace(component, strength=strength))
    return tuple(found)


def _ranges(text: str) -> list[tuple[int, int, float]]:
    """(start, end, factor) of each pair of brackets that changes emphasis."""
    stack: list[tuple[str, int]] = []
    schedules: set[int] = set()  # openings of [a|b] and [a:b:0.5]
    ranges = []
    number = None
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "([":
            stack.append((token, match.start()))
        elif token in "|:" or (match["number"] and stack and stack[-1][0] == "["):
            if stack and stack[-1][0] == "[":
                schedules.add(stack[-1][1])
        elif match["number"]:
            number = float(match["number"])
            continue
        elif token in ")]" and stack and stack[-1][0] == ("(" if token == ")" else "["):
            opening, start = stack.pop()
            factor = (number if number is not None else _STEP) if opening == "(" else 1 / _STEP
            if start not in schedules:
                ranges.append((start, match.start(), factor))
        number = None
    return ranges
