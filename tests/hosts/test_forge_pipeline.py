"""The page Pipeline in a real Forge: a run in this process, and its LoRAs chosen anew with all else kept.

With ``ORCHESTRATOR_PICTURES`` set to a folder, a picture of the page is written there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.image_metadata import read_image
from tests.hosts.forge import Forge, watch_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

CARD = ".orc-stage:has(.orc-id[value='{}'])"
STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a __colors/warm__ {fox|owl}", "seed": 5}},
    {"id": "loras", "type": "selectLoras", "options": {"minimum_evidence": 20}},
    {"id": "render", "type": "dispatch", "options": {"width": 64, "height": 64, "steps": 2}},
]


@pytest.fixture
def page(forge: Forge, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page: Page = context.new_page()
    page.set_default_timeout(90_000)
    errors = watch_errors(page)
    page.goto(f"{forge.url}/?__theme=dark")
    page.wait_for_selector("#tabs button")
    page.get_by_role("tab", name=re.compile("^orchestrator$", re.IGNORECASE)).first.click()
    page.wait_for_selector("#orchestrator_preview .orc-card")
    page.locator("#orchestrator_tabs").get_by_role("tab", name="Pipeline").click()
    page.wait_for_selector(".orc-stage")
    yield page
    context.close()
    assert errors == []


def test_a_run_in_this_process_and_its_loras_chosen_anew(page: Page, forge: Forge, tmp_path: Path):
    (tmp_path / "loras.json").write_text(json.dumps(STAGES))
    page.set_input_files("#orchestrator_pipeline_file input[type=file]", str(tmp_path / "loras.json"))
    page.wait_for_selector(CARD.format("loras"))
    page.click("#orchestrator_pipeline_run")
    page.wait_for_selector(f"{CARD.format('render')} .orc-pics img")
    page.fill(f"{CARD.format('loras')} [data-option=include]", "tiny_fox:0.5")
    page.wait_for_selector(f"{CARD.format('loras')} .orc-state.stale")
    page.wait_for_selector(f"{CARD.format('render')} .orc-state.stale")
    page.click(f"{CARD.format('loras')} [data-act=again]")
    page.wait_for_selector(".orc-changed:has-text('tiny_fox at 0.5') .orc-pair img >> nth=1")
    page.wait_for_selector(".orc-state.stale", state="detached")
    assert page.locator(f"{CARD.format('draw')} .orc-on input").is_checked()
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.screenshot(path=str(Path(folder) / "forge_pipeline.png"), full_page=True)
    page.click("#orchestrator_pipeline_runs input")
    page.locator("[role=listbox] [role=option]:visible", has_text="_loras").last.click()
    page.wait_for_selector("#orchestrator_pipeline_said:has-text('is open: 1 item')")
    assert page.input_value(f"{CARD.format('loras')} [data-option=include]") == ""
    records = sorted(forge.home.glob("outputs/*_loras*/pipeline/0001.json"))
    first, again = (json.loads(record.read_text())["run"] for record in records)
    before, after = (read_image(Path(run["images"][0]["path"])).request for run in (first, again))
    assert before is not None
    assert after is not None
    assert [lora.name for lora in (*after.loras, *extract_loras(after.positive)[1])] == ["tiny_fox"]
    assert after.positive.startswith(before.positive.partition("<")[0].strip())
    assert (before.seed, before.width, before.steps) == (after.seed, 64, 2)
