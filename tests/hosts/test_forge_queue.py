"""The page Queue in a real Forge: what Generate queues is rendered by this very process, and seen as it goes on.

With ``ORCHESTRATOR_PICTURES`` set to a folder, a picture of the page is written there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_core.config import DATABASE_NAME
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.hosts.forge import Forge, watch_errors
from tests.hosts.queue_rows import empty_queue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "an owl"}}
ROW = "#orchestrator_queue .orc-q-row"


@pytest.fixture
def page(forge: Forge, chromium: Browser) -> Iterator[Page]:
    empty_queue(forge.home / DATABASE_NAME)
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page: Page = context.new_page()
    page.set_default_timeout(90_000)
    errors = watch_errors(page)
    page.goto(f"{forge.url}/?__theme=dark")
    page.wait_for_selector("#tabs button")
    page.get_by_role("tab", name=re.compile("^orchestrator$", re.IGNORECASE)).first.click()
    page.wait_for_selector("#orchestrator_preview .orc-card")
    yield page
    context.close()
    empty_queue(forge.home / DATABASE_NAME)
    assert errors == []


def test_what_generate_queues_is_rendered_in_this_process(page: Page):
    tabs = page.locator("#orchestrator_tabs")
    tabs.get_by_role("tab", name="Queue").click()
    page.wait_for_selector("#orchestrator_queue_chips .orc-chip")
    page.click("#orchestrator_queue_pause:has-text('Pause')")
    page.wait_for_selector("#orchestrator_queue_pause:has-text('Resume')")
    tabs.get_by_role("tab", name="Generate").click()
    page.fill("#orchestrator_count input", "2")
    page.fill("#orchestrator_generate_prompt_template textarea", "one {crimson|crimson} fox")
    for name, value in (("width", "64"), ("height", "64"), ("steps", "2")):
        page.fill(f"#orchestrator_dispatch_{name} input", value)
    page.wait_for_selector("#orchestrator_summary:has-text('2 prompts · 64 × 64 · 2 steps')")
    page.click("#orchestrator_to_queue")
    page.wait_for_selector("#orchestrator_progress:has-text('2 jobs added to the queue')")
    tabs.get_by_role("tab", name="Queue").click()
    page.wait_for_selector(f"{ROW}.waiting >> nth=1")
    last = page.locator(f"{ROW}.waiting").nth(1).get_attribute("data-job")
    page.locator(f"{ROW}.waiting [data-grip]").nth(1).press("ArrowUp")
    page.wait_for_selector(f"#orchestrator_queue_said:has-text('Job {last} moved up')")
    page.wait_for_selector(f"{ROW}.waiting:first-child[data-job='{last}']")
    page.click("#orchestrator_queue_pause:has-text('Resume')")
    page.wait_for_selector(f"{ROW}.done >> nth=1")
    page.wait_for_selector("#orchestrator_queue_summary:has-text('1 program works on the queue')")
    page.wait_for_selector(f"{ROW}.done .orc-q-pictures img >> nth=1")
    page.locator(f"{ROW}[data-job='{last}'] .orc-q-title").click()
    page.wait_for_selector("#orchestrator_queue_details:has-text('one crimson fox')")
    picture(page, "forge_queue")


def test_500_jobs_are_seen_and_moved(page: Page, forge: Forge):
    with Store.open(f"sqlite:///{forge.home / DATABASE_NAME}") as store:
        new = [NewJob(pipeline=[DRAW], title=f"owl {place}", target="http://nobody.invalid") for place in range(500)]
        Queue(store).pause()
        Queue(store).add_all(new)
    page.locator("#orchestrator_tabs").get_by_role("tab", name="Queue").click()
    page.wait_for_selector("#orchestrator_queue_chips .orc-chip:has-text('500')")
    assert "1 – 50 of 500" in page.inner_text("#orchestrator_queue_where")
    assert page.locator(f"{ROW}.waiting").count() == 50
    page.locator(f"{ROW}.waiting [data-grip]").nth(1).press("ArrowUp")
    page.wait_for_selector(f"{ROW}.waiting:first-child:has-text('owl 1')")
    page.fill("#orchestrator_queue_search input, #orchestrator_queue_search textarea", "owl 499")
    page.wait_for_selector(f"{ROW}.waiting:only-child:has-text('owl 499')")
    picture(page, "forge_queue_500")


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
