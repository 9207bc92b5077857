"""A capability is done when it is in both hosts: every option of every stage can be set in each of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.widgets import WIDGETS
from tests.app.studio.studio_fakes import environment
from tests.parity import Option, id_in_forge, options, page, places_in_comfyui

PAGE = Path(__file__).resolve().parent.parent / "docs" / "parity.md"
OPTIONS = list(options())
BY_NAME = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.stage}.{option.name}")


@BY_NAME
def test_comfyui_has_the_option(option: Option):
    assert places_in_comfyui(option, WIDGETS)


def test_an_option_that_is_nowhere_is_noticed():
    template = next(option for option in OPTIONS if option.name == "template")
    assert places_in_comfyui(template, ()) == ""


def test_forge_and_the_studio_have_all_options(tmp_path: Path):
    pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")
    from orchestrator_app.studio.build import build

    blocks: dict[int, Any] = build(environment(tmp_path)).blocks
    there = {getattr(block, "elem_id", None) for block in blocks.values()}
    assert {id_in_forge(option) for option in OPTIONS} <= there


def test_the_page_says_what_is_there():
    if os.environ.get("ORCHESTRATOR_WRITE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
