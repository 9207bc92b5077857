"""A second reader of prompts, so that no mistake of the first can lose a word unseen. It shares no code with it.

It reads as the hosts do: A1111 and Forge take comments and ``<name:…>`` out, cut at ``AND``, and count brackets for
emphasis; ComfyUI cuts a prompt at its outermost round brackets and reads each again. Written from what they document
and do; tests/hosts compares it with the hosts' own readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

Weighted = list[tuple[str, float]]

_STEP = 1.1
_DEEPEST = 40  # brackets in brackets whose weights are compared; of deeper ones only the signs are
_COMMENT = re.compile(r"#[^\n]*")
_NETWORK = re.compile(r"<(\w+):([^>]+)>")
_AND = re.compile(r"\bAND\b")
_AND_WEIGHT = re.compile(r":\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*$")
_BREAK = re.compile(r"\bBREAK\b")
_PIECE = re.compile(r"\\[()\[\]\\]?|[(\[]|:\s*(?P<weight>[+-]?[.\d]+)\s*\)|[)\]:]|[^\\()\[\]:]+")
_EMBEDDING = re.compile(r"(?:\A|(?<=[ \n(]))embedding:([\w./\\-]*)")
_WILDCARD = re.compile(r"__(?=([^\s,]{1,200}?)__)")  # looked for from each __, as any may be the first of two
_SIGNS = re.compile(r"[<>()\[\]{}|$\\#\"“”„«»「」『』]|__+|/[/*]|\b(?:BREAK|AND|ADDCOMM|ADDBASE|ADDCOL|ADDROW)\b")


def differences(before: str, after: str, words: Iterable[str] = ()) -> tuple[str, ...]:
    """How the hosts would read ``after`` otherwise than ``before``, its plain words aside; nothing if they do not."""
    pairs = zip(_readings(before), _readings(after), strict=True)
    found = [f"{what} changed" for (what, old), (_, new) in pairs if old != new]
    return (*found, *_fewer(before, after, words))


def _fewer(before: str, after: str, words: Iterable[str]) -> Iterable[str]:
    old, new = _spoken(before), _spoken(after)
    for word in words:
        wanted = _spoken(word)
        if wanted.strip() and new.count(wanted) < old.count(wanted):
            yield f"{wanted.strip()!r} stands there less often"


def _spoken(text: str) -> str:
    """The words and signs in small letters, each between spaces of its own."""
    return "".join(f" {word} " for word in re.findall(r"\w+|[^\w\s]", text.casefold()))


@lru_cache(maxsize=8)
def _readings(text: str) -> tuple[tuple[str, list[Any]], ...]:
    return (
        ("the signs that hosts and templates read", signs(text)),
        ("the extra networks", extra_networks(text)),
        ("the prompts between AND, or their weights", and_weights(text)),
        ("the emphasis that A1111 and Forge read", emphasised(a1111_weights(text))),
        ("the emphasis that ComfyUI reads", emphasised(comfy_weights(text))),
        ("the embeddings", embeddings(text)),
        ("the wildcards", wildcards(text)),
    )


def signs(text: str) -> list[str]:
    """All signs with a meaning, in their order."""
    return _SIGNS.findall(text)


def extra_networks(text: str) -> list[tuple[str, str]]:
    return _NETWORK.findall(_to_last_network(text))


def _to_last_network(text: str) -> str:
    """Where no ``>`` follows, each ``<`` would look for it up to the end."""
    return text[: text.rfind(">") + 1]


def and_weights(text: str) -> list[float]:
    """The weight of each prompt between ``AND``, as Forge reads it when comments and extra networks are out."""
    text = _COMMENT.sub("", text)
    with_networks = _to_last_network(text)
    prompts = _AND.split(_NETWORK.sub("", with_networks) + text[len(with_networks) :])
    return [float(match[1]) if (match := _AND_WEIGHT.search(prompt)) else 1.0 for prompt in prompts]


class _Emphasis:
    """A1111's way: a bracket that closes changes the weight of all parts since its partner."""

    def __init__(self) -> None:
        self.parts: Weighted = []
        self.opened: dict[str, list[int]] = {"(": [], "[": []}

    def read(self, piece: str, weight: str | None) -> None:
        if piece[0] == "\\":
            self.parts.append((piece[1:], 1.0))
        elif piece in self.opened:
            self.opened[piece].append(len(self.parts))
        elif weight is not None and self.opened["("]:
            self.close("(", _number(weight))
        elif piece == ")" and self.opened["("]:
            self.close("(", _STEP)
        elif piece == "]" and self.opened["["]:
            self.close("[", 1 / _STEP)
        else:
            self.parts += _broken(piece)

    def close(self, bracket: str, factor: float) -> None:
        first = self.opened[bracket].pop()
        if len(self.opened[bracket]) >= _DEEPEST:
            return
        for at in range(first, len(self.parts)):
            self.parts[at] = (self.parts[at][0], self.parts[at][1] * factor)

    def close_all(self) -> None:
        for bracket, factor in (("(", _STEP), ("[", 1 / _STEP)):
            while self.opened[bracket]:
                self.close(bracket, factor)


def a1111_weights(text: str) -> Weighted:
    """Text with the weight in effect, by A1111's rules: ``(a)`` 1.1, ``[a]`` 1 / 1.1, ``(a:1.3)``, unclosed ones too.

    ``BREAK`` gives a part of weight -1.
    """
    emphasis = _Emphasis()
    for match in _PIECE.finditer(text):
        emphasis.read(match.group(), match["weight"])
    emphasis.close_all()
    return _merged(emphasis.parts)


def _number(text: str) -> float:
    """Forge stops at ``(a:1.2.3)``; here it only has to be the same before and after."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _broken(piece: str) -> Weighted:
    """The texts between BREAKs, without the white space around these."""
    texts = _BREAK.split(piece)
    parts = [(texts[0].rstrip() if len(texts) > 1 else piece, 1.0)]
    for number, text in enumerate(texts[1:], start=2):
        parts += [("BREAK", -1.0), (text.lstrip() if number == len(texts) else text.strip(), 1.0)]
    return parts


def _merged(parts: Weighted) -> Weighted:
    merged: Weighted = []
    for text, weight in parts:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + text, weight)
        else:
            merged.append((text, weight))
    return merged


def comfy_weights(text: str) -> Weighted:
    """Text with the weight in effect, by ComfyUI's rules: only round brackets count, and an unclosed one is text."""
    hidden = text.replace("\\)", "\0\1").replace("\\(", "\0\2")
    return [(part.replace("\0\1", ")").replace("\0\2", "("), weight) for part, weight in _comfy(hidden, 1.0)]


def _comfy(text: str, weight: float) -> Weighted:
    found: Weighted = []
    todo = [(piece, weight, 0) for piece in reversed(_outermost(text))]
    while todo:
        piece, weight, depth = todo.pop()
        if len(piece) >= 2 and piece[0] == "(" and piece[-1] == ")" and depth < _DEEPEST:
            inner, weight = _opened(piece[1:-1], weight)
            todo += [(part, weight, depth + 1) for part in reversed(_outermost(inner))]
        else:
            found.append((piece, weight))
    return found


def _opened(inner: str, weight: float) -> tuple[str, float]:
    colon = inner.rfind(":")
    if colon > 0:
        try:
            return inner[:colon], float(inner[colon + 1 :])
        except ValueError:
            pass
    return inner, weight * _STEP


def _outermost(text: str) -> list[str]:
    """The text cut before each ``(`` and behind each ``)`` of the outermost level."""
    pieces: list[str] = []
    start = level = 0
    for match in re.finditer(r"[()]", text):
        at = match.start()
        if match.group() == "(":
            if level == 0 and at > start:
                pieces.append(text[start:at])
                start = at
            level += 1
        else:
            level -= 1
            if level == 0:
                pieces.append(text[start : at + 1])
                start = at + 1
    return [*pieces, text[start:]] if start < len(text) else pieces


def emphasised(parts: Weighted) -> list[tuple[str, float]]:
    """The parts with a weight of their own, and the BREAKs."""
    return [(text, round(weight, 6)) for text, weight in parts if weight != 1.0]


def embeddings(text: str) -> list[str]:
    """The names of ``embedding:name`` as ComfyUI takes them: behind a space, up to what is in no file's name."""
    return _EMBEDDING.findall(text)


def wildcards(text: str) -> list[str]:
    """All that may be the name of a wildcard."""
    return _WILDCARD.findall(text)
