"""From what was asked for to prompts: what is too much, or no setting, is said before anything is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_app.drawing import Drawing
from orchestrator_app.planning import parse_settings, plan
from orchestrator_app.sources import Source, Wish
from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError
from orchestrator_core.template import Wildcards


def test_more_prompts_than_one_go_can_hold_are_refused_before_any_is_drawn(tmp_path: Path):
    context = StageContext(Wildcards([tmp_path]))
    with pytest.raises(ConfigError, match="More than 100,000 prompts are too many for one go"):
        plan(Source("", (Wish("a {b|c}"),)), Drawing(count=10**12), {}, context, 1)
    drawing = Drawing(count=10**12, method="combinatorial")
    assert len(plan(Source("", (Wish("a {b|c}"),)), drawing, {}, context, 1)) == 2


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
