"""From what was asked for to prompts: what is too much, or no setting, is said before anything is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.drawing import Drawing, final_draft
from orchestrator_app.planning import parse_settings, plan
from orchestrator_app.sources import Source, Wish
from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError
from orchestrator_core.prompt import Origin
from orchestrator_core.template import Template, Wildcards


def test_more_prompts_than_one_go_can_hold_are_refused_before_any_is_drawn(tmp_path: Path):
    context = StageContext(Wildcards([tmp_path]))
    with pytest.raises(ConfigError, match="More than 100,000 prompts are too many for one go"):
        plan(Source("", (Wish("a {b|c}"),)), Drawing(count=10**12), {}, context, 1)
    drawing = Drawing(count=10**12, method="combinatorial")
    assert len(plan(Source("", (Wish("a {b|c}"),)), drawing, {}, context, 1)) == 2


def test_a_finished_prompt_that_was_edited_keeps_the_origins_of_the_rest():
    drawn = Template("a {fox|fox} in {snow|snow} __gone__").draw(Wildcards([]), 3)
    wish = Wish(drawn.source.template, seed=3, final=("a fox in deep snow", "blurry"))
    draft = final_draft(wish, Wildcards([]))
    assert (draft.positive, draft.negative_prompt) == wish.final
    assert [part.text.strip() for part in draft.components if part.origin is Origin.user] == ["deep"]
    assert sum(bool(part.choices) for part in draft.components) == 2
    assert draft.diagnostics == ()


@pytest.mark.parametrize("change", [{"seed": None}, {"dialect": "of another program"}, {"template": ""}])
def test_a_finished_prompt_that_no_draw_explains_is_given_by_hand(change: dict[str, Any]):
    wish = replace(Wish("a {fox|fox}", seed=3, final=("a fox", "")), **change)
    draft = final_draft(wish, Wildcards([]))
    assert (draft.positive, draft.negative) == ("a fox", ())
    assert {part.origin for part in draft.components} == {Origin.user}


def test_a_value_that_is_no_json_is_a_text_however_deep_it_seems():
    deep = "[" * 100_000
    assert parse_settings([f"node.text={deep}", "node.number=3"])["extra"]["inputs"] == {
        "node.text": deep,
        "node.number": 3,
    }


@pytest.mark.parametrize("pair", ["nonsense", "=5", " =5", "extra={}", "stpes=4"])
def test_what_is_no_setting_is_refused_by_its_name(pair: str):
    with pytest.raises(ConfigError, match=r"sets nothing|no such setting"):
        parse_settings([pair])
