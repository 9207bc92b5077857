"""The marks that people set for a language model: ``[[keep: red cape]]`` and ``[[expand: a stormy sea]]``.

Both dialects of the template engine pass square brackets through and draw what is in them. The image model never sees
the marks: whatever becomes of the words, they are taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\\.|\[\[\s*(keep|expand)\s*:\s*|[\[\]]", re.S | re.I)


@dataclass(frozen=True, slots=True)
class Mark:
    """``[[keep: words]]``: where it begins and ends, and where its words do, in characters of the text."""

    kind: str  # "keep" or "expand"
    start: int
    inner_start: int
    inner_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Unmarked:
    """A text without its marks, and what they asked for as (start, end) in that text.

    ``removed`` are the places of the marks themselves in the text that still had them.
    """

    text: str
    keep: tuple[tuple[int, int], ...] = ()
    expand: tuple[tuple[int, int], ...] = ()
    removed: tuple[tuple[int, int], ...] = ()


def find_marks(text: str) -> tuple[Mark, ...]:
    """All marks that are closed, in the order of their beginnings. One that is never closed is ordinary text."""
    if "[[" not in text:
        return ()
    found: list[Mark] = []
    stack: list[tuple[str, int, int]] = []  # kind ("" for a bracket), start, inner start
    position = 0
    while match := _TOKEN.search(text, position):
        token, position = match.group(), match.end()
        if match[1]:
            stack.append((match[1].lower(), match.start(), position))
        elif token == "[":
            stack.append(("", match.start(), position))
        elif token == "]" and stack:
            kind, start, inner = stack.pop()
            if kind and text.startswith("]]", match.start()):
                position = match.start() + 2
                found.append(_mark(text, kind, start, inner, match.start()))
    return tuple(sorted(found, key=lambda mark: mark.start))


def _mark(text: str, kind: str, start: int, inner: int, close: int) -> Mark:
    last = close
    while last > inner and text[last - 1].isspace():
        last -= 1
    return Mark(kind, start, inner, last, close + 2)


def unmarked(text: str) -> Unmarked:
    """The text without marks; other square brackets stay."""
    marks = find_marks(text)
    if not marks:
        return Unmarked(text)
    removed = sorted(cut for mark in marks for cut in ((mark.start, mark.inner_start), (mark.inner_end, mark.end)))
    pieces, offsets, last, gone = [], {}, 0, 0
    for start, end in removed:
        pieces.append(text[last:start])
        offsets[start] = start - gone
        gone += end - start
        offsets[end], last = end - gone, end
    pieces.append(text[last:])

    def places(kind: str) -> tuple[tuple[int, int], ...]:
        return tuple((offsets[mark.inner_start], offsets[mark.inner_end]) for mark in marks if mark.kind == kind)

    return Unmarked("".join(pieces), places("keep"), places("expand"), tuple(removed))
