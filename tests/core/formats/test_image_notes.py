"""How a prompt was drawn, as an image's "orchestrator" text: what was written years ago, by others, or is damaged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.image_notes import notes_as_json, parse_notes
from orchestrator_core.formats.infotext import format_infotext, parse_infotext
from orchestrator_core.prompt import Component, Enhancement, Origin, PromptDraft
from orchestrator_core.request import GenerationRequest, ImageNotes, notes_for
from orchestrator_core.weights.retrying import with_retried
from tests import strategies

REROLLED = ImageNotes("r1", "a {fox|owl}", prompt_seed=3, rerolls=(("9f3c07aa9f3c07aa", 2),))


@given(strategies.drafts, strategies.texts)
def test_notes_say_how_a_draft_was_drawn(draft: PromptDraft, run_id: str):
    notes = notes_for(run_id, draft)
    assert notes.source == draft.source
    assert parse_notes(json.dumps(notes_as_json(notes))) == notes


def test_the_usual_way_of_drawing_takes_no_room():
    usual = ImageNotes("r1", "a {fox|owl}", prompt_seed=3)
    assert not {"rerolls", "method", "index", "missing"} & notes_as_json(usual).keys()
    assert "rerolls" not in format_infotext(GenerationRequest("a fox"), usual)


def test_a_prompt_that_was_drawn_again_says_so_in_the_infotext():
    text = format_infotext(GenerationRequest("a fox"), REROLLED)
    assert text.endswith(r'\"rerolls\":[[\"9f3c07aa9f3c07aa\",2]]}"')
    assert parse_infotext(text).notes == REROLLED


def test_an_image_of_an_older_pack_was_drawn_the_usual_way():
    told = {"schema_version": 1, "run_id": "r1", "template": "a {fox|owl}", "negative_template": "", "prompt_seed": 3}
    assert parse_notes(json.dumps(told)) == ImageNotes("r1", "a {fox|owl}", prompt_seed=3)


def test_an_image_says_what_was_added_and_by_whom():
    draft = PromptDraft(
        (
            Component("a fox"),
            Component(", silver fur", Origin.profile),
            Component(", soft light", Origin.llm),
            Component(", frost", Origin.llm),
            Component(", ink style", Origin.trigger_words),
        ),
        enhanced=Enhancement(
            "enhanced", "left out: 'x', by http://127.0.0.1:1", "openai:qwen3", "A fox in soft light."
        ),
    )
    notes = notes_for("r1", draft)
    assert notes.added == (("profile", "silver fur"), ("llm", "soft light, frost"), ("trigger_words", "ink style"))
    assert (notes.enhanced, notes.llm, notes.natural) == ("enhanced", "openai:qwen3", "A fox in soft light.")
    assert "127.0.0.1" not in json.dumps(notes_as_json(notes))
    assert parse_notes(json.dumps(notes_as_json(notes))) == notes
    assert parse_infotext(format_infotext(GenerationRequest(draft.positive), notes)).notes == notes


def test_of_a_prompt_that_nothing_was_added_to_nothing_is_said():
    told = notes_as_json(notes_for("r1", PromptDraft((Component("a fox"),))))
    assert not {"added", "enhanced", "llm", "natural", "retried"} & told.keys()


def test_an_image_says_that_its_words_were_changed_for_another_try():
    draft = with_retried(PromptDraft((Component("(fox:1.1)"),)), "Try 2: (fox:1.1), of which 10% was shown.")
    notes = notes_for("r1", draft)
    assert notes.retried == "Try 2: (fox:1.1), of which 10% was shown."
    assert parse_notes(json.dumps(notes_as_json(notes))) == notes
    assert parse_infotext(format_infotext(GenerationRequest(draft.positive), notes)).notes == notes


@pytest.mark.parametrize(
    "damaged",
    [
        {"rerolls": 3},
        {"rerolls": ["ab"]},
        {"rerolls": [["a", True]]},
        {"method": 1},
        {"added": [["llm"]]},
        {"index": "2"},
        {"index": True},
    ],
)
def test_damaged_notes_are_none(damaged: dict[str, object]):
    assert parse_notes(json.dumps({"run_id": "r1", **damaged})) is None


@given(strategies.json_values | st.dictionaries(st.sampled_from(["rerolls", "index"]), strategies.json_values))
def test_any_json_is_survived(value: object):
    parse_notes(json.dumps(value))
