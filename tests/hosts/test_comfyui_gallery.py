"""The gallery in ComfyUI's sidebar: a real page, a real image, the host's own route in a frame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.api_client import ApiServer
from tests.core.jobs.at_work import eventually
from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ComfyUI
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

TAB = "Workspace.ToggleSidebarTab.orchestrator-gallery"
FRAME = "iframe.org-frame"
COMMAND = "id => { app.extensionManager.command.execute(id) }"
THEME = "() => document.documentElement.dataset.theme"
WORKFLOW = {
    "version": 0.4,
    "nodes": [
        {"id": 1, "type": "EmptyImage", "pos": [10, 10], "size": [300, 130], "inputs": [], "outputs": []},
        {"id": 2, "type": "PreviewImage", "pos": [400, 10], "size": [210, 60], "inputs": [], "outputs": []},
    ],
    "links": [],
    "last_node_id": 2,
    "last_link_id": 0,
}
SEND = "([type, workflow]) => parent.postMessage({type, workflow, name: 'a fox'}, location.origin)"


@pytest.fixture(scope="module")
def page(comfyui: ComfyUI, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1500, "height": 1000})
    found = open_page(context, comfyui.url, SETTINGS)
    found.set_default_timeout(60_000)
    assert found.locator(FRAME).count() == 0, "nothing of it is loaded before the tab is opened"
    yield found
    context.close()


def frame_of(page: Page) -> FrameLocator:
    """The gallery, opened where it is not."""
    if not page.locator(FRAME).is_visible():
        page.evaluate(COMMAND, TAB)
    frame = page.frame_locator(FRAME)
    frame.locator("input").first.wait_for()
    return frame


def inside(page: Page) -> Any:
    frame_of(page)
    return page.query_selector(FRAME).content_frame()  # type: ignore[union-attr]


def render(comfyui: ComfyUI, seed: int) -> str:
    """An image by the host's own worker; the id of its run."""
    draw = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl} of the gallery", "seed": seed}}
    options = {"checkpoint": "tiny-sd15.safetensors", "steps": 1, "width": 64, "height": 64}
    with Store.open(f"sqlite:///{comfyui.store}") as store:
        queue = Queue(store)
        job = queue.add(NewJob(pipeline=[draw, {"id": "go", "type": "dispatch", "options": options}], target="comfyui"))
        eventually(lambda: queue.job(job.id).state not in ("waiting", "running"), 120)
        assert queue.job(job.id).state == "done", queue.job(job.id).error
        return queue.job(job.id).run_id


def test_an_image_that_was_just_rendered_is_shown_in_the_tab(page: Page, comfyui: ComfyUI) -> None:
    frame = frame_of(page)
    run = render(comfyui, 1)
    (image,) = ApiServer(f"{comfyui.url}/orchestrator/v1").get(f"/gallery/images?q=run:{run}")["images"]
    cell = frame.locator(f"[data-image='{image['id']}']")
    cell.wait_for()
    page.wait_for_function(
        """([frame, image]) => [...document.querySelector(frame).contentDocument
            .querySelectorAll(`[data-image='${image}'] img, img[data-image='${image}']`)]
            .some(each => each.naturalWidth)""",
        arg=[FRAME, image["id"]],
    )
    if folder := os.environ.get("ORCHESTRATOR_LOOK"):
        page.wait_for_timeout(600)
        page.screenshot(path=str(Path(folder) / "gallery in comfyui.png"))


def test_the_frame_stays_as_it_is_while_another_tab_is_shown(page: Page) -> None:
    inside(page).evaluate("() => { window.kept = 1 }")
    page.evaluate(COMMAND, "Workspace.ToggleSidebarTab.orchestrator-queue")
    page.locator(".orj-panel").wait_for()
    assert not page.locator(FRAME).is_visible()
    page.evaluate(COMMAND, TAB)
    page.locator(FRAME).wait_for()
    assert inside(page).evaluate("() => window.kept") == 1


def test_each_tab_has_the_sidebar_for_itself(page: Page) -> None:
    """This frontend gives the next tab the place of the one before, and does not say that that is over."""
    frame_of(page)
    for tab in ("queue", "odds", "stories"):
        page.evaluate(COMMAND, f"Workspace.ToggleSidebarTab.orchestrator-{tab}")
        page.wait_for_function(
            "tab => app.extensionManager.sidebarTab.activeSidebarTabId === `orchestrator-${tab}`", arg=tab
        )
        page.wait_for_function("() => document.querySelectorAll('.ors-panel, iframe:not([hidden] *)').length === 1")


def test_a_workflow_that_the_page_sends_is_opened_on_the_canvas(page: Page) -> None:
    inside(page).evaluate(SEND, ["orchestrator:openWorkflow", WORKFLOW])
    page.wait_for_function("() => app.graph._nodes.map(node => node.type).join() === 'EmptyImage,PreviewImage'")
    for message in (["orchestrator:openWorkflow", {"nodes": "none"}], ["orchestrator:openWorkflow", None]):
        inside(page).evaluate(SEND, message)
        page.get_by_text("is no workflow").first.wait_for()
    assert page.evaluate("() => app.graph._nodes.length") == 2


def test_only_the_frame_itself_is_heard(page: Page) -> None:
    frame_of(page)
    page.evaluate("() => app.graph.clear()")
    page.evaluate("workflow => postMessage({type: 'orchestrator:openWorkflow', workflow}, '*')", WORKFLOW)
    inside(page).evaluate(SEND, ["another:message", WORKFLOW])
    page.wait_for_timeout(300)
    assert page.evaluate("() => app.graph._nodes.length") == 0


def test_the_page_has_the_theme_of_the_host(page: Page) -> None:
    assert inside(page).evaluate(THEME) == "dark"
    page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'light')")
    page.wait_for_function(
        "frame => document.querySelector(frame).contentDocument.documentElement.dataset.theme === 'light'", arg=FRAME
    )
    page.evaluate("() => document.body.classList.add('dark-theme')")
