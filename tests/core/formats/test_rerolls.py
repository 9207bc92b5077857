import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.rerolls import format_rerolls, parse_rerolls

SLOT = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(st.dictionaries(SLOT, st.integers(1, 999_999_999), max_size=5))
def test_what_is_written_is_read(rerolls: dict[str, int]):
    assert parse_rerolls(format_rerolls(rerolls.items())) == rerolls


@given(st.text())
def test_any_text_is_read_or_refused(text: str):
    try:
        assert parse_rerolls(text) or not text.replace(",", "").strip() or ":0" in text
    except ValueError as error:
        assert "names no part" in str(error)


def test_commas_capitals_and_what_was_never_drawn_again_are_as_good():
    assert parse_rerolls(" 9F3C9f3c9f3c9f3c:2, 07aa07aa07aa07aa:0\n") == {"9f3c9f3c9f3c9f3c": 2}


@pytest.mark.parametrize("entry", ["nonsense", "07aa:1", "9f3c9f3c9f3c9f3c", "9f3c9f3c9f3c9f3c:-1", ":" * 100])
def test_what_is_no_entry_is_named(entry: str):
    with pytest.raises(ValueError, match=entry[:40]):
        parse_rerolls(f"9f3c9f3c9f3c9f3c:2 {entry}")
