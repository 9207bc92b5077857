"""The clock of the studio's pages: one question for all of them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")


def test_each_page_gets_what_its_look_gives_and_one_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture):
    from orchestrator_app.studio.clock import Clock

    def fail(_: object) -> str:
        raise RuntimeError("the disk is gone")

    with gr.Blocks(analytics_enabled=False):
        clock, boxes = Clock(), [gr.Textbox() for _ in range(5)]
        clock.on_tick(lambda session: f"one of {session}", boxes[:1])
        clock.on_tick(fail, boxes[1:3])
        clock.on_tick(lambda _: ("news", "look"), boxes[3:])
        clock.connect(gr.State("mine"), boxes[0].change)
    with caplog.at_level(logging.ERROR):
        assert clock.tick("mine") == ["one of mine", gr.update(), gr.update(), "news", "look"]
    assert "the disk is gone" in caplog.text


def test_all_pages_ask_by_one_event(tmp_path: Path):
    from orchestrator_app.studio.build import build
    from tests.app.studio.studio_fakes import environment

    blocks = build(environment(tmp_path))
    ticks = [one for one in blocks.fns.values() if getattr(one.fn, "__qualname__", "") == "Clock.tick"]
    assert len(ticks) == 1
    assert len(ticks[0].outputs) == 6  # what is new of LoRAs, and a look of each of five pages
