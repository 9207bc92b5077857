from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.activation import Effect, TimedEffects, estimated_tokens
from orchestrator_core.lore.chance import fraction
from orchestrator_core.lore.macros import Macros
from orchestrator_core.lore.matching import slashed

EFFECTS = st.dictionaries(
    st.text(max_size=5), st.builds(Effect, st.integers(), st.integers(), st.booleans()), max_size=3
)


def test_chance_is_even_and_the_same_everywhere():
    drawn = [fraction(1, "probability", f"w.{number}", 3) for number in range(4000)]
    assert all(0 <= one < 1 for one in drawn)
    assert all(850 < count < 1150 for count in Counter(int(one * 4) for one in drawn).values())
    assert fraction(1, "a") == pytest.approx(0.157995, abs=1e-6)
    assert fraction("ab", "c") != fraction("a", "bc")


@given(EFFECTS, EFFECTS, st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_timed_effects_come_back_from_json(sticky: dict, cooldown: dict, matched: dict):
    timed = TimedEffects(sticky, cooldown, matched)
    assert TimedEffects.from_json(timed.to_json()) == timed


@pytest.mark.parametrize("data", [{}, {"sticky": 1}, {"sticky": {"a": [1]}, "cooldown": {}, "matched": {}}, None])
def test_what_are_no_timed_effects_is_refused(data: dict):
    with pytest.raises(FormatError, match="no timed effects"):
        TimedEffects.from_json(data)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{char}} {{CHAR}} <bot>", "Mira Mira Mira"),
        ("{{user}} <user>", "{{user}} <user>"),  # nobody said who
        ("{{reverse:{{char}}}}", "ariM"),
        ("{{random::x}} {{pick:x}}", "x x"),
        ("{{random:}}", ""),
        ("{{roll:1}} {{roll:d1}}", "1 1"),
        ("{{roll:0}} {{roll:x}}", "{{roll:0}} {{roll:x}}"),
        ("a{{// note}}b{{comment: c}}", "ab"),
        ("{{unknown:1}} {{", "{{unknown:1}} {{"),
    ],
)
def test_macros(text: str, wanted: str):
    assert Macros("Mira", "", (1,), 2).replaced(text) == wanted


def test_a_pick_stays_and_a_random_choice_changes_with_the_turn():
    options = "a,b,c,d,e,f,g,h"
    by_turn = [
        Macros(seed=(1,), turn=turn).replaced(f"{{{{pick:{options}}}}}{{{{random:{options}}}}}") for turn in range(9)
    ]
    assert len({one[0] for one in by_turn}) == 1
    assert len({one[1] for one in by_turn}) > 2


@given(st.text("{}<>:/,charandompik ", max_size=40))
def test_no_text_is_too_strange_for_macros(text: str):
    Macros("Mira", "Tam").replaced(text)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("/a/", ("a", "")), ("/a\\/b/gi", ("a/b", "gi")), ("/a", None), ("//", None), ("/a/x", None), ("a/b/", None)],
)
def test_a_key_between_slashes_is_an_expression(key: str, wanted: tuple[str, str] | None):
    assert slashed(key) == wanted


@given(st.lists(st.text(max_size=30), max_size=5))
def test_the_estimate_gives_no_less_for_parts_than_for_the_whole(parts: list[str]):
    assert estimated_tokens("\n".join(parts)) <= sum(map(estimated_tokens, parts))
