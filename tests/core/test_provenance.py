"""provenance: the words of a draft, and the decisions behind them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.prompt import Choice, Component, Origin
from orchestrator_core.provenance import explain, percent
from orchestrator_core.template import Template, Wildcards

BUNDLED = Wildcards([Path(__file__).parents[2] / "wildcards"])


def choice(key: str, file: str = "") -> Choice:
    name = key.partition("#")[0]
    return Choice(key, name if file else ("a", "b"), file, 1 if file else 0, 1.0, 0.5, 2)


def explained(text: str, seed: int = 1):
    return explain(Template(text).draw(BUNDLED, seed).components)


def test_the_words_are_the_prompt():
    draft = Template("a {fox|owl} in __places/city__, __light/*__").draw(BUNDLED, 3)
    assert "".join(word.text for word in explain(draft.components).words) == draft.positive


def test_decisions_are_numbered_in_the_order_of_the_prompt():
    found = explained("{a|a} b {c|c}")
    assert [(d.number, d.words) for d in found.decisions] == [(1, "a"), (2, "c")]
    assert [(w.text, w.number, w.kind) for w in found.words] == [
        ("a", 1, "option"),
        (" b ", 0, "template"),
        ("c", 2, "option"),
    ]


def test_what_a_decision_chose_is_below_it_and_its_words_are_whole():
    found = explained("{in {the snow|the snow} at night|in {the snow|the snow} at night}")
    outer, inner = found.decisions
    assert (outer.depth, outer.words, inner.depth, inner.words) == (0, "in the snow at night", 1, "the snow")
    assert [(w.text, w.number) for w in found.words] == [("in ", 1), ("the snow", 2), (" at night", 1)]


def test_one_value_drawn_twice_in_a_row_is_two_decisions():
    value = choice("w#red", "w.txt")
    parts = [Component("red", Origin.wildcard, (value,), 1.0, span) for span in ((0, 5), (5, 10))]
    assert len(explain(parts).decisions) == 2


def test_the_pieces_of_one_value_are_one_decision():
    value = choice("w#red, {a|b}", "w.txt")
    inner = choice("inline:1#a")
    parts = [
        Component("red, ", Origin.wildcard, (value,), 1.0, (0, 5)),
        Component("a", Origin.wildcard, (value, inner), 1.0, (0, 5)),
    ]
    assert [(d.depth, d.words) for d in explain(parts).decisions] == [(0, "red, a"), (1, "a")]


def test_the_option_that_was_taken_is_marked_and_long_ones_are_cut():
    (decision,) = explained("{fox|fox|fox}").decisions
    assert "".join(text for text, _ in decision.source_parts(100)) == "{fox|fox|fox}"
    long = Choice("inline:1#the taken one", ("x" * 50, "y" * 50, "the taken one", "z" * 50), options=4)
    (decision,) = explain([Component("the taken one", choices=(long,))]).decisions
    assert "".join(text for text, _ in decision.source_parts(30)) == "{…|the taken one|…}"
    assert [text for text, taken in decision.source_parts(30) if taken] == ["the taken one"]
    short = decision.source_parts(60)
    assert "".join(text for text, _ in short).startswith("{xxxxxxxxxxx…|")


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1.0, "100 %"), (0.4, "40 %"), (0.024, "2.4 %"), (0.00013, "0.013 %"), (1e-9, "< 0.001 %"), (0.0, "0 %")],
)
def test_percents_have_the_digits_that_count(probability: float, text: str):
    assert percent(probability) == text


@given(st.text(alphabet="ab {|}_,$", max_size=60), st.integers(0, 100))
def test_any_template_is_explained_without_losing_a_letter(text: str, seed: int):
    draft = Template(text).draw(Wildcards([]), seed)
    found = explain(draft.components)
    assert "".join(word.text for word in found.words) == draft.positive
    numbers = [decision.number for decision in found.decisions]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {word.number for word in found.words} <= {0, *numbers}
