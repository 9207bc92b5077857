"""A language model's answer → phrases and texts: from JSON, broken JSON, lines or prose. Any answer is accepted.

Nothing here makes a text safe: that is ``neutral.py``'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_core.enhancing.neutral import unwrapped

LONGEST_ANSWER = 24_000  # characters that are looked at
MOST_PHRASES = 60
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("|\\?\Z)', re.S)  # to the very end, so that nothing is looked at twice
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,11}?)(?:\W+\1\b){2,}", re.I)  # the same words three times over
_PAIR = re.compile(r'"([^"\\]{1,40})"\s*:\s*"((?:[^"\\]|\\.)*)("?)', re.S)
_NO_PROSE = re.compile(r"[\[{]|<[!/a-z]", re.I)  # JSON that was cut off at its beginning, a page of HTML
_BULLET = re.compile(r"^\s*(?:[-*•–·]|\(?\d{1,2}[.):])\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_QUOTES = " \t\r\"'“”‘’`*"
_LOOPING = 6  # words, the fewest in which something is said over and over
_MOST_WORDS = 14  # of a tag; what is longer is a sentence that lost its way


def phrases_in(answer: str, kind: str, key: str = "add") -> tuple[str, ...]:
    """The additions of an answer, in their order; ``kind`` is a style's."""
    text = unwrapped(answer)
    parsed = _parsed(text)
    found = _listed(parsed, key)
    if parsed is None:
        found = _strings_after(text, key) if "{" in text or "[" in text else []
        found = found or ([] if _NO_PROSE.match(text) else _of_prose(text, kind))
    return tuple(_tidy(found, kind))[:MOST_PHRASES]


def texts_in(answer: str, keys: Iterable[str]) -> Mapping[str, str]:
    """The texts of an answer by key; those of a lone key may come without JSON."""
    wanted = list(keys)
    text = unwrapped(answer)
    parsed = _parsed(text)
    if isinstance(parsed, Mapping):
        found = {key: value for key in wanted if isinstance(value := parsed.get(key), str)}
    else:
        pairs = ((key, value if end else _whole_sentences(value)) for key, value, end in _PAIR.findall(text))
        found = {key: _unescaped(value) for key, value in pairs if key in wanted}
    if not found and len(wanted) == 1 and "{" not in text:
        found = {wanted[0]: " ".join(text.split())}
    return {key: whole for key, value in found.items() if (whole := without_loop(value).strip())}


def without_loop(text: str) -> str:
    """The text up to where it begins to say the same again and again, as small models do; whole sentences of it."""
    words = text.casefold().split()
    if len(words) < _LOOPING or len(set(words)) > 0.7 * len(words):
        return text
    loop = _LOOP.search(text[:LONGEST_ANSWER])
    return text if loop is None else _whole_sentences(text[: loop.start()])


def _whole_sentences(text: str) -> str:
    """Up to the last full stop or, without one, comma; "" if there is neither."""
    return next((text[: text.rfind(sign) + 1].rstrip(",") for sign in (".", ",") if sign in text), "")


def _parsed(text: str) -> Any:
    """The first JSON value of a text; None if there is none, or it is cut off."""
    start = re.search(r"[{\[]", text)
    if start is None:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, start.start())[0]
    except (ValueError, RecursionError):
        return None


def _listed(parsed: Any, key: str) -> list[str]:
    if isinstance(parsed, Mapping):
        if key not in parsed:  # models name the list as they like: the first one that is there
            parsed = next((value for value in parsed.values() if isinstance(value, list)), None)
        else:
            parsed = parsed[key]
    if isinstance(parsed, str):
        return [parsed]
    return [item for item in parsed if isinstance(item, str)] if isinstance(parsed, list) else []


def _strings_after(text: str, key: str) -> list[str]:
    """The strings of a list that was cut off; one that has no end is left out."""
    rest = text.partition(f'"{key}"')[2] or text
    rest = rest.partition("]")[0]
    return [_unescaped(found) for found, end in _STRING.findall(rest) if end and found != key]


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _of_prose(text: str, kind: str) -> list[str]:
    lines = [_BULLET.sub("", line).strip(_QUOTES) for line in text.splitlines()]
    said = [line for line in lines if line and not line.endswith(":")]
    if kind == "natural":
        return [sentence for line in said for sentence in _SENTENCE_END.split(line)]
    return [part for line in said for part in re.split(r"[,;]", line)]


def _tidy(found: Iterable[str], kind: str) -> list[str]:
    """Each phrase once, on one line; where tags are wanted, without an end of a sentence and not too long."""
    tidy: dict[str, str] = {}
    for text in found:
        text = without_loop(text)
        for piece in _SENTENCE_END.split(text) if kind == "natural" else _short_pieces(text):
            plain = " ".join(_BULLET.sub("", piece).split()).strip(_QUOTES)
            plain = plain if kind == "natural" else plain.rstrip(".!?:")
            if _says_something(plain):
                tidy.setdefault(plain.casefold(), plain)
    return list(tidy.values())


def _says_something(text: str) -> bool:
    """Not only letters, articles and numbers: a word of three letters or more, or one of another script."""
    return any(len(word) > 2 or not word.isascii() for word in re.findall(r"[^\W\d_]+", text) if word.lower() != "the")


def _short_pieces(text: str) -> list[str]:
    """The text if it is short; else its parts between commas, those that are sentences left out."""
    pieces = [text] if len(text.split()) <= _MOST_WORDS else re.split(r"[,;\n]", text)
    return [piece for piece in pieces if len(piece.split()) <= _MOST_WORDS]
