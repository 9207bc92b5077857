import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.template.conditions import NotACondition, parse_condition

VARIABLES = {"season": "Winter", "count": "3", "half": "0.5", "yes": "true", "no": "false", "empty": "", "zero": "0"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("season", True),
        ("empty", False),
        ("zero", False),
        ("no", False),
        ("yes", True),
        ("unknown", False),
        ("not unknown", True),
        ("season eq 'winter'", True),
        ("season ne 'winter'", False),
        ("season not eq 'summer'", True),
        ("count eq 3", True),
        ("count eq '3'", False),
        ("count gt 2 and count lt 4", True),
        ("count ge 3 and count le 3", True),
        ("half lt 1", True),
        ("season gt 2", False),
        ("unknown gt 0", False),
        ("season in ('summer', 'winter')", True),
        ("'int' in season", True),
        ("('win', 'ter') in season", True),
        ("season contains 'WINT'", True),
        ("yes eq true", True),
        ("no or count eq 3", True),
        ("no or no and yes", False),
        ("(no or yes) and not (no)", True),
        ("not (yes and no)", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert parse_condition(text).holds(VARIABLES.get) is holds


@pytest.mark.parametrize("text", ["", "and", "a eq", "eq a", "(a", "a b", "a eq 'b", "a;b", "(" * 900, "a " * 900])
def test_what_is_no_condition_says_so(text: str) -> None:
    with pytest.raises(NotACondition, match=r"\w"):
        parse_condition(text)


@given(st.text(alphabet="ab01 ()'\"and or not eq gt in , true", max_size=60))
def test_any_text_is_a_condition_or_is_none(text: str) -> None:
    with contextlib.suppress(NotACondition):
        parse_condition(text).holds(VARIABLES.get)
