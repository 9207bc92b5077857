"""The words of a next try: more emphasis, other words beside it, further in front; and nothing is ever lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.rewording import Rewording
from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.wanted import wanted_in
from orchestrator_core.weights.retrying import Missing, Reworded, Seen
from tests.fakes import FakeLanguageModel

RED = Component("red fox", Origin.wildcard, (Choice("foxes#red fox", "foxes", options=3),))
DRAFT = PromptDraft((Component("a star, "), RED, Component(", the snow")))
FOX, SNOW = Seen(1, "foxes#red fox", "red fox", 0.2), Seen(2, "", "the snow", 0.1)


def reworded(seen: Seen, times: int = 1, draft: PromptDraft = DRAFT, rewording: Rewording | None = None) -> Reworded:
    return (rewording or Rewording())(draft, [Missing(seen, times)])


def test_a_drawn_value_is_said_more_strongly_and_stays_the_value_that_was_drawn():
    found = reworded(FOX)
    assert found.draft.positive == "a star, (red fox:1.1), the snow"
    part = found.draft.components[1]
    assert (part.choices, part.origin, part.strength) == (RED.choices, Origin.wildcard, pytest.approx(1.1))
    assert found.changes == ("(red fox:1.1), of which 20% was shown",)


def test_of_free_text_only_the_words_that_are_missing_are_said_more_strongly():
    draft = PromptDraft((Component("a fox, the snow, a tree"),))
    found = reworded(Seen(0, "", "the snow", 0.1), draft=draft)
    assert found.draft.positive == "a fox, (the snow:1.1), a tree"
    again = reworded(Seen(1, "", "the snow", 0.1), draft=found.draft)
    assert again.draft.positive == "a fox, (the snow:1.2), a tree"


def test_free_words_are_found_behind_an_article_that_is_a_piece_of_its_own():
    draft = PromptDraft((Component("(a fox:1.1)"), Component(", an "), Component("old oak, a star")))
    assert reworded(Seen(1, "", "old oak", 0.1), draft=draft).draft.positive == "(a fox:1.1), an (old oak:1.1), a star"


def test_where_all_is_missing_nothing_comes_first():
    template = "a {red|blue} fox in {the snow|a forest}, soft morning light, an old oak, <lora:x:1>"
    draft, orders = generate(Options(template=template, seed=3), Wildcards([])), []
    for times in range(1, 5):
        missing = [Missing(Seen(one.component, one.key, one.text, 0.1), times) for one in wanted_in(draft)]
        found = Rewording()(draft, missing)
        assert not any("first" in told for told in found.changes)
        keys = [one.key or one.text for one in wanted_in(found.draft)]
        assert keys[: len(missing)] == [one.seen.identity for one in missing]  # looked at as what they were
        orders.append(found.draft.positive)
        draft = found.draft
    assert "an (old oak:1.3)" in orders[-1]


@pytest.mark.parametrize("text", ["a fox <lora:snow:1>", "a fox [the snow:0.5]", "a foxsnow", "snowy, a fox"])
def test_words_within_syntax_or_other_words_are_not_the_part(text: str):
    assert "(snow:1.1)" not in reworded(Seen(0, "", "snow", 0.1), draft=PromptDraft((Component(text),))).draft.positive


def test_two_parts_of_one_text_are_both_said_more_strongly():
    draft = PromptDraft((Component("a fox, the snow, a tree"),))
    missing = [Missing(Seen(0, "", text, 0.1), 1) for text in ("a tree", "a fox", "a fox")]
    assert Rewording()(draft, missing).draft.positive == "(a fox:1.1), the snow, (a tree:1.1)"


def test_the_second_time_the_table_has_other_words_where_there_is_no_model():
    found = reworded(SNOW, 2)
    assert found.draft.positive == "a star, red fox, (the snow:1.1), snowy, snowfall"
    assert found.draft.components[-1].origin is Origin.llm  # which is credited to nobody
    assert found.changes[1] == "the snow: also as snowy, snowfall"


def test_a_language_model_is_asked_for_other_words_and_for_nothing_else():
    model = FakeLanguageModel(json.dumps({"add": ["deep white drifts"]}))
    found = reworded(SNOW, 2, rewording=Rewording(model))
    assert found.draft.positive.endswith(", (the snow:1.1), deep white drifts")
    assert "did not show this: the snow" in model.history[0].messages[-1].content


def test_a_model_that_fails_costs_no_try():
    model = FakeLanguageModel(LanguageModelError("gone", "unreachable"))
    assert reworded(SNOW, 2, rewording=Rewording(model)).draft.positive.endswith("snowy, snowfall")


def test_whoever_interrupts_ends_it_while_the_model_writes():
    with pytest.raises(Cancelled):
        reworded(SNOW, 2, rewording=Rewording(FakeLanguageModel(Cancelled())))


def test_the_third_time_the_whole_phrase_comes_first():
    draft = PromptDraft((Component("a star, a "), RED, Component(" asleep, the snow")))
    found = reworded(FOX, 3, draft)
    assert found.draft.positive == "a (red fox:1.1) asleep, a star, the snow"
    assert next(part for part in found.draft.components if part.choices).origin is Origin.wildcard
    assert found.changes[-1] == "a (red fox:1.1) asleep: now first"
    again = reworded(FOX, 4, found.draft)
    assert again.draft.positive == "a (red fox:1.2) asleep, a star, the snow"  # there it stays


def test_what_cannot_be_said_more_strongly_comes_to_the_next_means_at_once():
    draft = PromptDraft((Component("a star, "), Component("(the snow:1.3)")))
    assert reworded(Seen(1, "", "the snow", 0.1), 1, draft).draft.positive == "a star, (the snow:1.3), snowy, snowfall"
    assert reworded(Seen(1, "", "the snow", 0.1), 2, draft).draft.positive == "(the snow:1.3), a star"


def test_emphasis_of_the_templates_own_counts_for_the_bound():
    draft = PromptDraft((Component("("), Component("fox", strength=1.25), Component(":1.25)")))
    assert reworded(Seen(1, "", "fox", 0.1), draft=draft).changes == ()


@pytest.mark.parametrize("text", ["<lora:a:1>", "[a|b]", "a:b"])
def test_syntax_stays(text: str):
    draft = PromptDraft((Component("x, "), Component(text)))
    assert reworded(Seen(1, "", text, 0.1), draft=draft).draft == draft


@pytest.mark.parametrize("text", ["a star BREAK a red fox, the snow", "A fox sits. Far off, the snow falls"])
def test_parts_and_sentences_keep_their_order(text: str):
    found = reworded(Seen(0, "", "the snow", 0.1), 3, PromptDraft((Component(text),)))
    assert found.changes == ("(the snow:1.1), of which 10% was shown",)


_TEXTS = st.text("abc ,.()[]<>:|\n1", max_size=12)


@given(st.lists(_TEXTS, min_size=1, max_size=5), st.integers(0, 5), st.integers(1, 4), st.booleans(), _TEXTS)
def test_whatever_the_prompt_no_word_is_lost(texts: list[str], number: int, times: int, drawn: bool, part: str):
    choices = RED.choices if drawn else ()
    draft = PromptDraft(tuple(Component(text, choices=choices) for text in texts))
    found = reworded(Seen(number, "", part, 0.1), times, draft)
    letters = sorted(letter for letter in draft.positive if letter.isalpha())
    assert sorted(letter for letter in found.draft.positive if letter.isalpha()) == letters
