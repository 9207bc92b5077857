"""The tokenizer of the tiny diffusion model: CLIP's own kind, with only the words of the tiny world as whole tokens.

CLIP's 49 408 tokens would need a table of 6 MB, of which all but some forty rows stood idle. Any other word still comes
through, byte by byte, as it does in CLIP.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"
_WORD = re.compile(r"[a-z]+|[^\sa-z]+")
Pieces = tuple[str, ...]


def words_of(captions: Iterable[str]) -> tuple[str, ...]:
    """All words and signs of some captions, in alphabetical order."""
    return tuple(sorted({word for caption in captions for word in _WORD.findall(caption.lower())}))


def merges_for(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte pair merges, in order, after which each of these words is one token.

    They are learned as BPE is: the most frequent pair first, until no word has two pieces.
    """
    pieces = [(*word[:-1], f"{word[-1]}</w>") for word in sorted(set(words))]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for word in pieces for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pieces = [_merged(word, best) for word in pieces]
    return merges


def tokenizer_for(words: Iterable[str], length: int) -> Any:
    """A ``transformers.CLIPTokenizer`` for texts of up to ``length`` tokens, the two at its ends among them."""
    from transformers import CLIPTokenizer

    merges = merges_for(words)
    letters = [chr(number) for number in _visible_bytes()]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def _merged(word: Pieces, pair: tuple[str, str]) -> Pieces:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(merged)


def _visible_bytes() -> list[int]:
    """The characters that stand for the 256 bytes in CLIP's vocabulary: themselves where they can be seen."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return seen + [256 + number for number in range(256 - len(seen))]
