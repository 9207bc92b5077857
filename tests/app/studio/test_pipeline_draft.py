"""A pipeline while it is being written: nothing of it is lost, and what is wrong is told at its card."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.studio.html import escape
from orchestrator_app.studio.pipeline_checking import check
from orchestrator_app.studio.pipeline_desk import PipelineDesk
from orchestrator_app.studio.pipeline_draft import draft_of
from orchestrator_app.studio.pipeline_html import cards_html, marks_html, needs_text
from orchestrator_app.studio.pipeline_typed import axis_of, fields_for, option_text, text_of, typed, value_of, values_of
from orchestrator_core.errors import ConfigError, PipelineError
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.pipeline import STAGES
from orchestrator_core.pipeline.bundled import bundled_files

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def pipeline(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": 2, **more, "stages": list(stages)}


def draw(**options: Any) -> dict[str, Any]:
    return {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", **options}}


RENDER = {"id": "render", "type": "dispatch"}


def form(data: Any, **changes: dict[str, str]) -> dict[str, Any]:
    """What the page would send, with these options of the stages changed."""
    cards = []
    for card in draft_of(data).cards:
        options = {name: option_text(card, field) for name, field in fields_for(card.type).items()}
        sent = {"key": card.key, "id": card.id, "enabled": card.raw.get("enabled", True)}
        cards.append({**sent, "options": {**options, **changes.get(card.id, {})}})
    return {"cards": cards}


@pytest.mark.parametrize("name", bundled_files())
def test_a_file_that_is_opened_and_not_changed_is_the_same(name: str):
    data = read_json_file(bundled_files()[name])
    draft = draft_of(data)
    assert draft.data == data
    assert typed(draft, form(data)).data == data
    assert check(draft).pipeline is not None


def test_what_is_typed_is_a_value_of_the_kind_of_its_option():
    changes = {"steps": "8", "cfg": "5.5", "sampler": "dpmpp_2m", "seed": "12345678901234567890", "extra": '{"a": 1}'}
    stage = typed(draft_of(pipeline(RENDER)), form(pipeline(RENDER), render=changes)).cards[0]
    seed = 12345678901234567890
    assert stage.options == {"steps": 8, "cfg": 5.5, "sampler": "dpmpp_2m", "seed": seed, "extra": {"a": 1}}


def test_what_is_set_back_to_the_usual_is_not_said_any_more():
    data = pipeline({**RENDER, "options": {"steps": 8, "batch_size": 1}})
    stage = typed(draft_of(data), form(data, render={"steps": "20"})).cards[0]
    assert stage.options == {"batch_size": 1}  # which was said, and is as it was


def test_a_seed_that_is_not_said_is_empty_and_0_is_a_seed():
    data = pipeline(draw())
    card = draft_of(data).cards[0]
    assert option_text(card, fields_for("generatePrompt")["seed"]) == ""
    zero = typed(draft_of(data), form(data, draw={"seed": "0"}))
    assert zero.cards[0].options["seed"] == 0
    assert "seed" not in typed(zero, form(data, draw={"seed": ""})).cards[0].options


def test_what_a_field_cannot_hold_stays_as_it_is():
    data = pipeline(draw(unknown=[1, {"a": None}]), {**RENDER, "options": {"steps": "many", "width": 512.5}})
    again = typed(draft_of(data), form(data, render={"cfg": "6"}))
    assert again.cards[0].raw == data["stages"][0]
    assert again.cards[1].options == {"steps": "many", "width": 512.5, "cfg": 6}
    assert "steps" in check(again).cards["1"]


@given(st.sampled_from([(kind, name) for kind in STAGES for name in fields_for(kind)]), SCALARS)
def test_a_value_that_was_not_typed_over_is_never_changed(option: tuple[str, str], value: Any):
    kind, name = option
    data = pipeline({"id": "a", "type": kind, "options": {name: value}})
    assert typed(draft_of(data), form(data)).data == data
    cards_html(draft_of(data), 1)
    value_of(fields_for(kind)[name], text_of(fields_for(kind)[name], value))


@given(st.lists(SCALARS | st.lists(SCALARS, max_size=2), min_size=1, max_size=5))
def test_values_of_a_batch_go_through_their_field_unchanged(values: list[Any]):
    raw = {"vary": "render.cfg", "values": values}
    lines = values_of(raw)
    assert axis_of(raw, "render.cfg", lines) == raw
    assert axis_of({"vary": "x", "values": []}, "render.cfg", lines)["values"] == values


def test_a_range_is_whole_numbers_and_lines_are_values():
    assert axis_of({}, "seeds", "3..5") == {"vary": "seeds", "first": 3, "count": 3}
    assert axis_of({}, "templates", 'a fox, ink\n"5"\n7\n\n') == {"vary": "templates", "values": ["a fox, ink", "5", 7]}
    assert values_of({"vary": "seeds", "first": 3, "count": 3}) == "3..5"


def test_stages_are_added_doubled_moved_and_removed_with_what_needed_them():
    data = pipeline(draw(), RENDER, {"id": "score", "type": "scoreImages", "needs": ["draw", "render"]})
    draft = draft_of(data).added("selectLoras").duplicated("1")
    assert [card.id for card in draft.cards] == ["draw", "render", "render2", "score", "loras"]
    assert len({card.key for card in draft.cards}) == 5
    order = [{"key": card.key} for card in reversed(draft.cards)]
    assert [card.id for card in typed(draft, {"cards": order}).cards] == ["loras", "score", "render2", "render", "draw"]
    left = draft.removed("1")
    assert left.cards[2].raw["needs"] == ["draw"]
    assert "needs" not in left.removed("0").cards[1].raw


def test_what_is_wrong_is_told_at_its_card_in_the_words_of_the_core():
    twice = check(draft_of(pipeline(draw(), {**RENDER, "id": "draw"})))
    assert list(twice.cards) == ["0", "1"]
    assert "id of its own" in twice.cards["1"]
    need = check(draft_of(pipeline(draw(), {**RENDER, "needs": ["drew"]})))
    assert list(need.cards) == ["1"]
    assert "Did you mean 'draw'?" in need.cards["1"]
    around = check(draft_of(pipeline({**draw(), "needs": ["render"]}, RENDER)))
    assert list(around.cards) == ["0", "1"]
    when = check(draft_of(pipeline(draw(), {**RENDER, "when": "stage.drew == 'done'"})))
    assert list(when.cards) == ["1"]
    unknown = check(draft_of(pipeline(draw(), {"id": "x", "type": "rendr"})))
    assert "there is no type 'rendr'" in unknown.cards["1"]


def test_a_batch_that_cannot_be_is_told_beside_stages_that_can():
    found = check(draft_of(pipeline(draw(), RENDER, batch=[{"vary": "seeds", "first": 1, "count": 10**6}])))
    assert "1,000,000" in found.batch
    assert found.pipeline is None
    assert found.stages is not None
    fine = check(
        draft_of(
            pipeline(draw(), RENDER, batch=[[{"vary": "seeds", "count": 3}], {"vary": "render.cfg", "values": [5, 7]}])
        )
    )
    assert fine.count == "6 = 3 × 2 (seeds × render.cfg)"


def test_what_cannot_be_shown_as_cards_is_refused_with_the_reason():
    for bad, told in (
        ({}, "no list of 'stages'"),
        ({"stages": [1]}, "Stage 1"),
        ({"stages": [], "batch": 3}, "batch"),
        (
            {"schema_version": 99, "stages": []},
            "Update Orchestrator",
        ),
    ):
        with pytest.raises(PipelineError, match=told):
            draft_of(bad)


def test_of_the_cards_that_are_gone_nothing_is_taken_in():
    desk = PipelineDesk()
    desk.open(pipeline(draw(), RENDER), "mine")
    sent = json.dumps({"filled": "1", **form(pipeline(draw(), RENDER), draw={"template": "an owl"})})
    desk.edit(lambda draft: draft.added("dispatch"))
    assert not desk.type(sent)
    assert desk.state.draft.cards[0].options["template"] == "a fox"
    assert not desk.type("no JSON")


def test_json_that_is_no_pipeline_leaves_the_cards_and_says_why():
    desk = PipelineDesk()
    desk.open(pipeline(draw()), "mine")
    for text in ("{", "[1]", "[" * 10_000):
        with pytest.raises((ConfigError, PipelineError)):
            desk.write(text)
        assert desk.state.text_problem
        assert len(desk.state.draft.cards) == 1
    assert desk.write(json.dumps(pipeline(draw(), RENDER))).text_problem == ""
    assert len(desk.state.draft.cards) == 2


def test_texts_of_a_stranger_are_text_on_the_page():
    stage = {"id": EVIL, "type": EVIL, "options": {EVIL: EVIL}, "when": EVIL, "needs": [EVIL]}
    known = {**draw(template=EVIL, method=EVIL, odd=EVIL), "on_error": EVIL}
    draft = draft_of(pipeline(stage, known, name=EVIL, batch=[{"vary": EVIL, "values": [EVIL, EVIL]}]))
    page = cards_html(draft, 1) + marks_html({("0", "problem"): ""}) + needs_text(draft.cards[0], None)
    assert "<script" not in page
    assert "<img" not in page
    assert "alert(1)" in page


@pytest.mark.parametrize("kind", STAGES)
def test_every_option_of_every_stage_has_its_field_and_its_description(kind: str):
    page = cards_html(draft_of(pipeline({"id": "a", "type": kind})), 1)
    for name, info in STAGES[kind].options.model_fields.items():
        assert page.count(f'data-option="{name}"') == 1
        assert escape(info.description or "?") in page
