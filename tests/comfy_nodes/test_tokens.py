from __future__ import annotations

from typing import Any

import pytest

from comfy_nodes.tokens import count_tokens

START, END = (49406, 1.0, 0), (49407, 1.0, 0)
FOX = [(320, 1.0, 1), (736, 1.2, 2), (3240, 1.0, 3)]  # "a (red:1.2) fox"


class Clip:
    """ComfyUI's, with the given answer."""

    def __init__(self, tokens: Any) -> None:
        self.tokens = tokens

    def tokenize(self, text: str, return_word_ids: bool = False) -> Any:
        assert return_word_ids
        return self.tokens


def padded(*tokens: Any, to: int = 77) -> list[Any]:
    return [START, *tokens, *[END] * (to - 1 - len(tokens))]


def test_start_end_and_padding_are_not_counted():
    assert count_tokens(Clip({"l": [padded(*FOX)]}), "") == [{"encoder": "l", "tokens": 3, "chunks": 1, "length": 77}]


def test_each_encoder_and_each_chunk_is_counted():
    sdxl = {"g": [padded(*FOX), padded(*FOX[:1])], "l": [padded(*FOX), padded(*FOX[:1])]}
    found = count_tokens(Clip(sdxl), "")
    assert found == [{"encoder": name, "tokens": 4, "chunks": 2, "length": 77} for name in ("g", "l")]


def test_a_t5_has_no_start_and_pads_with_zeros():
    t5 = [*FOX, (1, 1.0, 0), *[(0, 1.0, 0)] * 250]
    assert count_tokens(Clip({"t5xxl": [t5]}), "")[0]["tokens"] == 3


def test_an_embedding_counts_as_the_tokens_that_it_takes():
    assert count_tokens(Clip({"l": [padded(([0.1, 0.2], 1.0, 1), ([0.3, 0.4], 1.0, 1))]}), "")[0]["tokens"] == 2


@pytest.mark.parametrize("clip", [None, object(), Clip([1, 2]), Clip({"x": 3}), Clip({"x": [[1]]})])
def test_what_cannot_be_counted_stops_nothing(clip: Any, caplog: pytest.LogCaptureFixture):
    assert count_tokens(clip, "a fox") == []
    assert "the tokens cannot be counted" in caplog.text
