"""Phrases of a prompt, compared as people mean them: case, underscores, brackets and weights make no difference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_NETWORK = re.compile(r"<[^<>]*>")
_WEIGHT = re.compile(r":\s*[-+]?\d*\.?\d+(?=\s*[)\]])")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*", re.UNICODE)
# What a figure has once: a prompt that gives it another colour or shape has the say.
_ONCE = frozenset(("hair", "eyes", "skin", "fur", "beard", "scales", "wings"))
_COLORS = re.compile(
    "amber|auburn|black|blonde?|blue|bronze|brown|brunette|chestnut|copper|crimson|dark|emerald|fair|ginger|gold|golden|"
    "gray|green|grey|hazel|honey|lavender|magenta|orange|pale|pink|platinum|purple|raven|red|rose|ruby|scarlet|silver|"
    "strawberry|tan|tanned|teal|turquoise|violet|white|yellow"
)


def words_of(text: str) -> list[str]:
    """The words of a prompt, without extra networks and the numbers of weights."""
    return _WORD.findall(_WEIGHT.sub("", _NETWORK.sub(" , ", text)).casefold())


@lru_cache(maxsize=4096)
def phrase_key(phrase: str) -> str:
    """What two phrases share that mean the same. A phrase of marks alone, or of a LoRA's tag, is itself."""
    return " ".join(words_of(phrase)) or phrase.strip().casefold()


def _colors(words: Iterable[str]) -> set[str]:
    return {word for word in words if _COLORS.fullmatch(word)}


class Said:
    """What a prompt says already; ``add`` what is put into it."""

    def __init__(self, text: str) -> None:
        self._text = text.casefold()
        self._words = f" {' '.join(words_of(text))} "

    def has(self, phrase: str) -> bool:
        """Whether these words stand there, next to one another."""
        words = words_of(phrase)
        return f" {' '.join(words)} " in self._words if words else phrase.strip().casefold() in self._text

    def has_any(self, phrases: Iterable[str]) -> list[str]:
        return [phrase for phrase in phrases if self.has(phrase)]

    def overrules(self, tag: str) -> bool:
        """Whether it gives another colour to what the tag is about: "blue eyes" overrules "green eyes"."""
        words = words_of(tag)
        noun = next((word for word in words if word in _ONCE), "")  # "auburn hair in a loose braid" is about hair
        colors = _colors(words[: words.index(noun)]) if noun else set()
        if not colors:
            return False
        others = re.findall(rf"((?: [^ ]+){{1,3}}) {noun} ", self._words)
        return any(found and not found & colors for found in (_colors(other.split()) for other in others))

    def add(self, phrase: str) -> None:
        self._text += f", {phrase.casefold()}"
        self._words += f"{' '.join(words_of(phrase))} "
