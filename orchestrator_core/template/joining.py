"""Components joined and cut as if they were the one text that they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_core.prompt import Component, render

Parts = tuple[Component, ...]

# an ellipsis of any script, or three dots: where a wrap's content goes
_MARK = re.compile("[\u1801\u2026\u22ee\u22ef\u22f0\u22f1\ufe19]+|\\.{3,}")


def joined(parts: Sequence[Parts], separator: Component) -> Parts:
    """Parts with the separator between them but at neither end, so that an empty part leaves no comma behind."""
    if len(parts) == 1:
        return parts[0]
    found: list[Component] = []
    for number, part in enumerate(parts):
        if number and separator.text:
            found.append(separator)
        found.extend(part)
    return trimmed(found, separator.text) if separator.text else tuple(found)


def trimmed(components: list[Component], separator: str) -> Parts:
    """Without one separator at the start and one at the end of the text."""
    text = render(components)
    first = len(separator) if text.startswith(separator) else 0
    last = len(text) - len(separator) if text[first:].endswith(separator) else len(text)
    if (first, last) == (0, len(text)):
        return tuple(components)
    return cut(components, first, last)


def cut(components: Sequence[Component], first: int, last: int) -> Parts:
    """The components between two positions of their joined text."""
    found, position = [], 0
    for component in components:
        text = component.text[max(0, first - position) : max(0, last - position)]
        position += len(component.text)
        if text:
            found.append(component if text == component.text else replace(component, text=text))
    return tuple(found)


def wrapped(wrapper: Sequence[Component], inner: Parts) -> tuple[Parts, bool]:
    """The inner parts in the place of the wrapper's ellipsis, or behind it where it has none; whether it had one."""
    text = render(wrapper)
    mark = _MARK.search(text)
    first, last = mark.span() if mark else (len(text), len(text))
    return (*cut(wrapper, 0, first), *inner, *cut(wrapper, last, len(text))), mark is not None
