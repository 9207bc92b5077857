"""The gallery in Forge's tab: the host's own route in a frame, with an image that Forge has just rendered."""

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
from tests.api_client import ApiServer
from tests.core.jobs.at_work import eventually
from tests.hosts.forge import Forge, watch_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

FRAME = "#orchestrator_gallery_page iframe"
SHOWN = """([frame, image]) => [...document.querySelector(frame).contentDocument
    .querySelectorAll(`[data-image='${image}'] img, img[data-image='${image}']`)].some(each => each.naturalWidth)"""
DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl} of the gallery", "seed": 2}}
RENDER = {"id": "go", "type": "dispatch", "options": {"steps": 1, "width": 64, "height": 64}}


@pytest.fixture(scope="module")
def page(forge: Forge, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    found: Page = context.new_page()
    found.set_default_timeout(90_000)
    errors = watch_errors(found)
    found.goto(f"{forge.url}/?__theme=dark")
    found.wait_for_selector("#tabs button")
    found.get_by_role("tab", name=re.compile("^orchestrator$", re.IGNORECASE)).first.click()
    found.wait_for_selector("#orchestrator_preview .orc-card")
    assert found.locator(FRAME).count() == 0, "nothing of it is loaded before the page is opened"
    yield found
    context.close()
    assert errors == []


def opened(page: Page) -> None:
    page.locator("#orchestrator_tabs").get_by_role("tab", name="Gallery", exact=True).click()
    page.locator(FRAME).wait_for()
    page.frame_locator(FRAME).locator("input").first.wait_for()


def render(forge: Forge) -> str:
    """An image by the host's own worker; the id of its run."""
    with Store.open(f"sqlite:///{forge.home / DATABASE_NAME}") as store:
        queue = Queue(store)
        job = queue.add(NewJob(pipeline=[DRAW, RENDER], target="forge"))
        eventually(lambda: queue.job(job.id).state not in ("waiting", "running"), 120)
        assert queue.job(job.id).state == "done", queue.job(job.id).error
        return queue.job(job.id).run_id


def test_an_image_that_was_just_rendered_is_shown_in_the_page(page: Page, forge: Forge) -> None:
    opened(page)
    run = render(forge)
    (image,) = ApiServer(f"{forge.url}/orchestrator/v1").get(f"/gallery/images?q=run:{run}")["images"]
    page.wait_for_function(SHOWN, arg=[FRAME, image["id"]])
    if folder := os.environ.get("ORCHESTRATOR_LOOK"):
        page.wait_for_timeout(600)
        page.screenshot(path=str(Path(folder) / "gallery in forge.png"))


def test_the_frame_stays_as_it_is_and_has_the_theme_and_the_height_of_the_page(page: Page) -> None:
    opened(page)
    page.evaluate("frame => { document.querySelector(frame).contentWindow.kept = 1 }", FRAME)
    page.locator("#orchestrator_tabs").get_by_role("tab", name="Queue", exact=True).click()
    page.locator(FRAME).wait_for(state="hidden")
    opened(page)
    inner = "frame => [document.querySelector(frame).contentWindow.kept, document.querySelector(frame).contentDocument"
    assert page.evaluate(f"{inner}.documentElement.dataset.theme]", FRAME) == [1, "dark"]
    box = page.locator(FRAME).bounding_box()
    assert box is not None
    assert box["height"] >= 480
    assert box["width"] > 1000
