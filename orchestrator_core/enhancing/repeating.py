"""Additions that say again what a prompt says: told by the stems of words, whatever their order and form."""

from __future__ import annotations

from orchestrator_core.loras.words import STOP_WORDS, phrases_of, stem, words_of

_SAID = 0.6  # of a sentence's own words that may stand in the prompt already


class Repeats:
    """What has been said so far. A phrase repeats where a phrase that was said has all of its words."""

    def __init__(self, text: str) -> None:
        self._phrases: list[frozenset[str]] = []
        self._words: set[str] = set()
        self.add(text)

    def add(self, text: str) -> None:
        for phrase in phrases_of(text):
            words = _words_in(phrase)
            if words:
                self._phrases.append(words)
                self._words |= words

    def new_in(self, text: str, kind: str) -> str:
        """The text without the tags that were said before; a sentence as it is, or "" where it says too little new."""
        if kind == "natural":
            words = _words_in(text)
            return "" if not words or len(words & self._words) > _SAID * len(words) else text
        return ", ".join(phrase for phrase in phrases_of(text) if not self._was_said(phrase))

    def _was_said(self, phrase: str) -> bool:
        words = _words_in(phrase)
        if not words:
            return True
        return any(words <= said for said in self._phrases) or (len(words) > 2 and words <= self._words)


def _words_in(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(text) if word not in STOP_WORDS)
