from hypothesis import given
from hypothesis import strategies as st

from comfy_nodes.rerolls import format_rerolls, parse_rerolls

SLOT = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(st.dictionaries(SLOT, st.integers(1, 999_999_999), max_size=5))
def test_what_is_written_is_read(rerolls: dict[str, int]):
    assert parse_rerolls(format_rerolls(rerolls)) == rerolls


@given(st.text())
def test_any_text_is_read(text: str):
    parse_rerolls(text)


def test_what_is_no_entry_is_passed_over():
    assert parse_rerolls("9f3c9f3c9f3c9f3c:2, nonsense 07aa:1 07aa07aa07aa07aa:0") == {"9f3c9f3c9f3c9f3c": 2}
