"""A pipeline that is built by mouse in each real host's own page runs there, is saved, read by the command line, and
opens on ComfyUI's canvas.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures are written there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from tests.api_client import ApiServer
from tests.builder_page import build_by_mouse, fill, node, save_as
from tests.core.jobs.at_work import eventually
from tests.hosts.canvas import Canvas, open_canvas
from tests.hosts.comfyui import ComfyUI
from tests.hosts.forge import ROOT, Forge, watch_errors
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS as SIDEBAR

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

CHECKPOINT = "tiny-sd15.safetensors"
NAME = "by mouse"
TAB = "Workspace.ToggleSidebarTab.orchestrator-gallery"
FRAME = "iframe.org-frame"
UNKNOWN = "() => app.graph._nodes.filter(node => !LiteGraph.registered_node_types[node.type]).map(node => node.type)"


@contextmanager
def builder(browser: Browser, url: str) -> Iterator[Page]:
    """The host's own page; no script of it may fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors = watch_errors(page)
    page.goto(f"{url}/orchestrator/v1/app/?theme=dark#/builder")
    page.wait_for_selector(".b-kind")
    yield page
    context.close()
    assert errors == []


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.wait_for_timeout(500)
        page.screenshot(path=str(Path(folder) / f"builder_in_{name}.png"))


def built_saved_and_run(page: Page, api: ApiServer) -> Any:
    """The job that it was."""
    build_by_mouse(page)
    fill(page, "draw", "Template", "a {red|white} fox in the snow")
    for label, value in (("Checkpoint", CHECKPOINT), ("Width", "64"), ("Height", "64"), ("Steps", "2")):
        fill(page, "render", label, value)
    save_as(page, NAME)
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".b-dock", has_text=" is done").wait_for(timeout=240_000)
    assert "fox in the snow" in node(page, "draw").inner_text()
    assert node(page, "enhance").locator("ins").count() >= 1
    node(page, "render").locator(".b-images img").wait_for()
    assert page.evaluate("document.querySelector('.b-node .b-images img').decode().then(() => true)")
    (job,) = api.get("/jobs?state=done&text=&limit=1")["jobs"]
    return api.get(f"/jobs/{job['id']}")


def the_command_line_reads(saved: Path, home: Path) -> None:
    """In a process of its own, with the host's data folder."""
    environment = {**os.environ, "ORCHESTRATOR_HOME": str(home), "COLUMNS": "200"}
    for arguments, told in (
        (("check", saved), "draw → enhance → loras → render"),
        (("export", saved, "--workflow", saved.with_suffix(".workflow")), "Wrote"),
    ):
        command = [sys.executable, "-m", "orchestrator_app.cli", "pipeline", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, told in done.stdout + done.stderr) == (0, True), done.stderr


def test_it_runs_in_forge(forge: Forge, chromium: Browser) -> None:
    api = ApiServer(f"{forge.url}/orchestrator/v1")
    with builder(chromium, forge.url) as page:
        job = built_saved_and_run(page, api)
        picture(page, "forge")
    (image,) = job["images"]
    assert Path(image["path"]).is_relative_to(forge.images)
    assert job["target"] in ("", "forge")
    the_command_line_reads(forge.home / "pipelines" / f"{NAME}.json", forge.home)


def test_it_runs_in_comfyui_and_its_workflow_is_queued_on_the_canvas(comfyui: ComfyUI, chromium: Browser) -> None:
    home = comfyui.store.parent
    with builder(chromium, comfyui.url) as page:
        job = built_saved_and_run(page, ApiServer(f"{comfyui.url}/orchestrator/v1"))
        picture(page, "comfyui")
        page.get_by_role("button", name="More", exact=True).click()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Download as a ComfyUI workflow").click()
        workflow = Path(coming.value.path()).read_text("utf-8")
    (image,) = job["images"]
    notes = read_image(Path(image["path"])).notes
    assert notes is not None
    assert notes.run_id == job["run_id"]
    the_command_line_reads(home / "pipelines" / f"{NAME}.json", home)
    with open_canvas(chromium, comfyui.url, 1500, 1000, SIDEBAR) as canvas:
        canvas.drop("by mouse.json", workflow)
        assert canvas.page.evaluate(UNKNOWN) == []
        _queued(canvas, comfyui)
        _opened_from_the_sidebar(canvas, json.loads(workflow))


def _queued(canvas: Canvas, comfyui: ComfyUI) -> None:
    """As the button Run does it: it ends with an image, and no error."""
    before = set((comfyui.folder / "output").rglob("*.png"))
    canvas.page.evaluate("() => app.queuePrompt(0, 1)")
    eventually(lambda: set((comfyui.folder / "output").rglob("*.png")) - before, 120)


def _opened_from_the_sidebar(canvas: Canvas, workflow: Any) -> None:
    """The builder in ComfyUI's own sidebar puts the workflow of the saved pipeline on the canvas."""
    page = canvas.page
    page.evaluate("id => { app.extensionManager.command.execute(id) }", TAB)
    page.locator(FRAME).wait_for()
    frame = page.frame_locator(FRAME)
    frame.get_by_role("link", name="Builder").click()
    frame.get_by_role("button", name="Open a pipeline").click()
    frame.get_by_role("button", name=NAME).click()
    node(frame, "render").wait_for()
    page.evaluate("() => app.graph.clear()")
    frame.get_by_role("button", name="More", exact=True).click()
    frame.get_by_role("button", name="Open as a workflow").click()
    page.wait_for_function("count => app.graph._nodes.length === count", arg=len(workflow["nodes"]), timeout=30_000)
    picture(page, "the_sidebar")
