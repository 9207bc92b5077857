from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.canvas_text import escape_canvas_text, unescape_canvas_text

HOSTILE = st.text(st.sampled_from("\\{}|/*a ("), max_size=12)


def as_the_frontend_reads(text: str) -> str:
    """ComfyUI's ``processDynamicPrompt``, by its rules; a choice would be random, so there must be none."""
    text = re.sub(r"/\*[\s\S]*?\*/|//.*", "", text)
    result, position = "", 0
    while position < len(text):
        char, position = text[position], position + 1
        assert char != "{", "a choice block"
        if char == "\\":
            char, position = char + (text[position] if position < len(text) else "undefined"), position + 1
        result += char
    return re.sub(r"\\([{}|])", r"\1", result)


@given(HOSTILE | st.text())
def test_the_frontend_makes_the_text_of_its_escaped_form(text: str) -> None:
    escaped = escape_canvas_text(text)
    if escaped is not None:
        assert as_the_frontend_reads(escaped) == text
        assert unescape_canvas_text(escaped) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("miku \\(vocaloid\\)", "miku \\(vocaloid\\)"),
        ("[a|b] (x:1.2)", "[a|b] (x:1.2)"),
        ("a {b|c}", "a \\{b|c}"),
        ("a \\| b", "a \\\\| b"),
        ("1/2 of a cat", "1/2 of a cat"),
        ("https://x", None),
        ("a /* b */", None),
        ("a \\{", None),
        ("a\\", None),
    ],
)
def test_escaped_forms(text: str, escaped: str | None) -> None:
    assert escape_canvas_text(text) == escaped
