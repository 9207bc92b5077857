"""Texts that are longer than a model reads, in pieces that it does read: nothing is cut off in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_AROUND = 2  # tokens that begin and end each text


@dataclass(frozen=True, slots=True)
class Chunked:
    """``texts`` in the order of what they are pieces ``of``, out of ``count`` texts; ``lengths`` in tokens."""

    texts: tuple[str, ...]
    of: tuple[int, ...]
    lengths: tuple[int, ...]
    count: int


def chunked(texts: Sequence[str], length: Callable[[str], int], most_tokens: int) -> Chunked:
    """``length``: tokens of a text, those around it included."""
    pieces: list[tuple[str, int]] = []
    for place, text in enumerate(texts):
        pieces += [(piece, place) for piece in _pieces(text, length, most_tokens)]
    lengths = [length(piece) - _AROUND if len(pieces) > len(texts) else 1 for piece, _ in pieces]
    told, of = [piece for piece, _ in pieces], [place for _, place in pieces]
    return Chunked(tuple(told), tuple(of), tuple(max(1, each) for each in lengths), len(texts))


def _pieces(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """At commas where that is enough, then between words, then within one."""
    if len(text.encode("utf-8", "replace")) + _AROUND <= most or length(text) <= most:
        return [text]
    for separator in (r"(?<=[,.;\n])\s*", r"\s+"):
        parts = [part for part in re.split(separator, text) if part]
        if len(parts) > 1:
            return [piece for joined in _joined(parts, length, most) for piece in _pieces(joined, length, most)]
    middle = len(text) // 2
    if not middle:
        return [text]
    return _pieces(text[:middle], length, most) + _pieces(text[middle:], length, most)


def _joined(parts: Sequence[str], length: Callable[[str], int], most: int) -> list[str]:
    """As many parts together as fit."""
    found: list[str] = []
    room = 0
    for part in parts:
        size = max(1, length(part) - _AROUND)
        if found and size <= room:
            found[-1] += f" {part}"
            room -= size
        else:
            found.append(part)
            room = most - _AROUND - size
    return found if len(found) > 1 else [" ".join(parts[: len(parts) // 2]), " ".join(parts[len(parts) // 2 :])]
