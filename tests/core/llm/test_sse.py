from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.sse import MOST_LINE, data_of_events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data:a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]),
        (b"data: two\ndata:  lines\n\n", ["two\n lines"]),
        (b": keep-alive\n\nevent: x\nid: 3\ndata: a\nretry: 5\n\n\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: no end", ["no end"]),
        (b"data\n\ndatabase: x\n\n", [""]),
        (b"", []),
        (b"<html>nothing of ours</html>", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[str]) -> None:
    assert list(data_of_events([stream])) == events


@given(st.text(alphabet="da:t \r\n\ufeffé", max_size=30), st.lists(st.integers(0, 60), max_size=6))
def test_the_pieces_in_which_a_stream_comes_change_nothing(text: str, cuts: list[int]) -> None:
    stream = text.encode()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert list(data_of_events(pieces)) == list(data_of_events([stream]))


def test_a_line_without_an_end_is_no_stream() -> None:
    with pytest.raises(LanguageModelError, match="not a stream"):
        list(data_of_events([b"data: "] + [b"x" * 65536] * (MOST_LINE // 65536 + 1)))
