from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.tiny_world.vocabulary import merges_for, words_of


def encoded(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """As every BPE tokenizer does it: the earliest of the merges first, wherever it is."""
    pieces = [*word[:-1], f"{word[-1]}</w>"]
    while pairs := [pair for pair in pairwise(pieces) if pair in merges]:
        best = min(pairs, key=merges.index)
        at = list(pairwise(pieces)).index(best)
        pieces[at : at + 2] = ["".join(best)]
    return pieces


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=8))
def test_each_of_the_words_is_one_token(words: list[str]) -> None:
    merges = merges_for(words)
    assert [encoded(word, merges) for word in words] == [[f"{word}</w>"] for word in words]


def test_words_are_taken_from_captions_with_their_signs() -> None:
    assert words_of(["two Red stars, on", "red"]) == (",", "on", "red", "stars", "two")


def test_the_tokenizer_is_clips_and_keeps_what_it_does_not_know() -> None:
    pytest.importorskip("transformers")
    from orchestrator_app.tiny_world.vocabulary import tokenizer_for

    tokenizer = tokenizer_for(["red", "star", ","], 8)
    start, *words, end = tokenizer("Red star, é").input_ids
    assert tokenizer.convert_ids_to_tokens(words[:3]) == ["red</w>", "star</w>", ",</w>"]
    assert len(words) == 5  # the two bytes of é
    assert (start, end) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert tokenizer("red", padding="max_length").input_ids == [start, words[0], *[end] * 6]
