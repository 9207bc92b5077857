"""PromptWords: a prompt as it is compared with the phrases of LoRAs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator_core.loras.words import STOP_WORDS, Key, is_generic, phrases_of, prompt_text, stem, words_of

_LONGEST = 8  # words of a phrase
_IN_A_RUN = 3  # words that are compared by their meaning together
_MOST_RUNS = 240


@dataclass(frozen=True, slots=True)
class Near:
    """How near a phrase is, 0 … 1, as the share of it that counts as said; and the words of the prompt that say it."""

    share: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class PromptWords:
    """A prompt as it is compared, without the words that say nothing."""

    stems: tuple[str, ...]  # in their order
    worth: Mapping[str, float]  # of stems that the library has: 1, or less for one that is only alike
    shown: Mapping[str, str]  # the word as it stands in the prompt, by stem of the library
    near: Mapping[Key, Near] = field(default_factory=dict)  # phrases by meaning, where an encoder says
    parts: Mapping[str, str] = field(default_factory=dict)  # the stem of the prompt that a compound was found by

    @cached_property
    def rows(self) -> frozenset[Key]:
        """All runs of two words and more that are as long as a phrase may be."""
        sizes = range(2, _LONGEST + 1)
        return frozenset(self.stems[at : at + size] for at in range(len(self.stems)) for size in sizes)


def runs_of(text: str) -> Iterator[str]:
    """The prompt's runs of one to three words, each once, none over a comma, and none with only words that say nothing.

    A run neither begins nor ends with a word that says nothing alone, as "of" and "the".
    """
    found = dict.fromkeys(run for part in phrases_of(prompt_text(text)) for run in _runs(words_of(part)))
    yield from list(found)[:_MOST_RUNS]


def _runs(words: Sequence[str]) -> Iterator[str]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + _IN_A_RUN, len(words)) + 1):
            run = words[start:end]
            if run[0] in STOP_WORDS or run[-1] in STOP_WORDS:
                continue
            if not all(is_generic(stem(word)) for word in run):
                yield " ".join(run)
