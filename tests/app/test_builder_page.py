"""The pipeline builder in headless Chromium, before ``orchestrator serve`` with a worker and a stand-in ComfyUI.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.spec import pipeline_from
from tests.app.conftest import ROOT, Cli
from tests.app.fresh_pages import fresh_pages
from tests.builder_page import (
    DRAW,
    ENHANCE,
    LORAS,
    RENDER,
    build_by_mouse,
    connect,
    drag,
    edges,
    fill,
    has_edges,
    kind,
    middle,
    node,
    save_as,
    see_all,
)
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.loras.lora_files import KOHYA, SD, tensors, unet, write_lora
from tests.hosts.studio import Painter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="SIGINT"),
    pytest.mark.skipif(not (ROOT / "web" / "dist" / "index.html").is_file(), reason="the page is not built"),
]

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Server:
    url: str
    home: Path
    painter: Painter

    @property
    def page(self) -> str:
        return f"{self.url}/app/"

    def saved(self, name: str) -> Path:
        return self.home / "pipelines" / f"{name}.json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest_socket.enable_socket()
    folder = tmp_path_factory.mktemp("builder")
    ink = write_lora(folder / "loras" / "style" / "ink.safetensors", tensors(unet(SD), KOHYA, 768))
    ink.with_suffix(".json").write_text(json.dumps({"activation text": "ink wash", "preferred weight": 0.7}))
    painter = Painter()
    comfy = StandIn(painter)
    home = folder / "home"
    command = [sys.executable, "-m", "orchestrator_app.cli", "serve", "--port", "0", "-o", str(folder / "out")]
    command += ["--generator", f"comfy={comfy.url}", "--loras", str(folder / "loras")]
    environment = {**os.environ, "ORCHESTRATOR_HOME": str(home)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = next(line for line in iter(process.stdout.readline, "") if line.startswith("The API is at "))
            yield Server(first.split()[-1], home, painter)
        finally:
            painter.go.set()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=40)
    comfy.stop()
    comfy.join()


Opened = Callable[..., "Page"]


@pytest.fixture
def opened(server: Server, chromium: Browser) -> Iterator[Opened]:
    """``opened()`` is the builder in a browser that has never seen it; no script of the page may fail."""
    with fresh_pages(chromium, 1440, 900) as (made, errors):

        def open_page(path: str = "", theme: str = "light", **context: Any) -> Page:
            page = made(**context)
            page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
            page.on("dialog", lambda dialog: dialog.accept())  # whether to leave the page
            page.goto(f"{server.page}?theme={theme}#/builder{path}")
            page.wait_for_selector(".b-kind")
            return page

        yield open_page
    assert [error for error in errors if "422" not in error] == []  # a refusal of the server is no error of the page


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.wait_for_timeout(400)
        page.screenshot(path=str(Path(folder) / f"builder_{name}.png"))


def touch(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A finger goes from here to there."""
    hand = page.context.new_cdp_session(page)
    for kind_of, part in (("touchStart", 0.0), *(("touchMove", at / 8) for at in range(1, 9))):
        x, y = (a + (b - a) * part for a, b in zip(start, end, strict=True))
        hand.send("Input.dispatchTouchEvent", {"type": kind_of, "touchPoints": [{"x": x, "y": y}]})
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def axe(page: Page) -> list[str]:
    """What axe finds that is serious."""
    if not AXE.is_file():
        pytest.skip("no axe-core: npm ci in web/")
    page.evaluate(AXE.read_text("utf-8"))
    page.wait_for_timeout(300)  # what moves has come to rest
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[item['html'][:160] for item in one['nodes']]}" for one in serious]


def test_a_pipeline_is_built_by_mouse_saved_run_and_run_again(server: Server, opened: Opened, cli: Cli):
    page = opened()
    build_by_mouse(page)
    fill(page, "draw", "Template", "an ink wash of a {red|white} fox")
    _a_bad_number_is_told_at_its_field(page)
    save_as(page, "by mouse")
    _the_command_line_reads_it(cli, server.saved("by mouse"), server.home.parent / "loras")
    server.painter.hold.set()
    page.get_by_role("button", name="Run", exact=True).click()
    node(page, "render").get_by_text("running 38 %").wait_for()
    assert "done" in node(page, "loras").inner_text()
    assert re.search(r"an ink wash of a (red|white) fox", node(page, "draw").inner_text())
    assert node(page, "enhance").locator("ins").count() >= 1
    picture(page, "runs")
    server.painter.hold.clear()
    node(page, "render").locator(".b-images img").wait_for()
    assert page.evaluate("document.querySelector('.b-images img').decode().then(() => true)")
    assert "Job 1 is done" in page.locator(".b-dock").inner_text()
    picture(page, "ran")
    _a_stage_is_run_again_with_another_option(page)
    workflow = _exported(page)
    types = [node["type"] for node in workflow["nodes"]]
    assert {"OrchestratorWildcardPrompt", "KSampler"} <= set(types) or any("Wildcard" in one for one in types)


def _a_bad_number_is_told_at_its_field(page: Page) -> None:
    fill(page, "render", "Steps", "2000")
    steps = page.get_by_label("Steps", exact=True)
    assert steps.get_attribute("aria-invalid") == "true"
    assert page.locator(".b-field.wrong .b-bad").inner_text() == "From 1 to 1,000."
    node(page, "render").locator(".b-problem").wait_for()  # the server says so too, on the node
    assert page.get_by_role("button", name="Run", exact=True).is_disabled()
    picture(page, "wrong")
    steps.fill("12")
    page.locator(".b-verdict.good").wait_for()
    # what only the server knows, at its field as well
    page.get_by_text("When, and on error").click()
    when = page.get_by_label("When", exact=True)
    when.fill("imags > 1")
    page.locator(".b-field.wrong", has_text="There is no name 'imags'").wait_for()
    when.fill("")
    page.locator(".b-verdict.good").wait_for()


def _the_command_line_reads_it(cli: Cli, saved: Path, loras: Path) -> None:
    checked = cli("pipeline", "check", saved)
    assert checked.status == 0, checked.err
    assert "draw → enhance → loras → render" in checked.out
    planned = cli("pipeline", "plan", saved, "--loras", loras)
    assert re.search(r"an ink wash of a (red|white) fox", planned.out)
    data = json.loads(saved.read_text("utf-8"))
    assert [stage.get("needs") for stage in data["stages"]] == [None] * 4  # the order says it all
    assert data["stages"][3]["options"] == {"steps": 12}
    pipeline_from(data)


def _a_stage_is_run_again_with_another_option(page: Page) -> None:
    fill(page, "render", "Steps", "9")
    fill(page, "enhance", "Amount", "2")
    for stage in ("enhance", "render"):
        node(page, stage).get_by_text("changed").wait_for()
    page.get_by_role("button", name="Run from here").click()
    node(page, "draw").get_by_text("kept").wait_for()
    page.locator(".b-dock", has_text="Job 1 is done").wait_for()
    assert node(page, "render").get_by_text("changed").count() == 0
    fill(page, "draw", "Template", "an owl")
    node(page, "loras").focus()
    page.keyboard.press("Enter")
    told = "draw has changed since that run, so it runs too, and with it enhance."
    assert told in page.locator(".b-actions").inner_text()
    # rewired: loras goes on from draw, and what goes on from what is carried along
    node(page, "enhance").focus()
    page.keyboard.press("Enter")
    page.locator(".b-actions").get_by_role("button", name="Delete").click()
    node(page, "loras").get_by_text("changed").wait_for()
    node(page, "render").focus()
    page.keyboard.press("Enter")
    assert "draw, loras have changed since that run, so they run too." in page.locator(".b-actions").inner_text()
    picture(page, "rewired")
    page.get_by_role("button", name="Run from here").click()
    node(page, "draw").get_by_text("an owl").wait_for()
    page.locator(".b-dock", has_text="Job 1 is done").wait_for()
    page.wait_for_function("() => !document.querySelector('.b-canvas')?.innerText.includes('changed')")
    fill(page, "render", "Steps", "10")
    assert "runs too" not in page.locator(".b-actions").inner_text()
    page.get_by_role("button", name="Run from here").click()
    for stage in ("draw", "loras"):
        node(page, stage).get_by_text("kept").wait_for()
    page.locator(".b-dock", has_text="Job 1 is done").wait_for()


def _exported(page: Page) -> Any:
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download as a ComfyUI workflow").click()
    return json.loads(Path(coming.value.path()).read_text("utf-8"))


def test_it_is_built_by_keys_and_every_step_can_be_taken_back(opened: Opened):
    page = opened()
    for title in (DRAW, LORAS, RENDER):
        kind(page, title).focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(60)
    has_edges(page, "draw → loras", "loras → render")
    # what goes on from what, without the mouse
    page.get_by_text("Goes on from").click()
    page.get_by_role("checkbox", name="draw").check()
    page.get_by_role("button", name="take its prompt").click()
    has_edges(page, "draw → loras", "draw → render", "loras → render")
    page.get_by_role("checkbox", name="loras").uncheck()
    has_edges(page, "draw → loras", "draw → render")
    page.locator(".builder").evaluate("() => document.activeElement.blur()")
    for _ in range(3):
        page.keyboard.press("Control+z")
    has_edges(page, "draw → loras", "loras → render")
    page.keyboard.press("Control+y")
    has_edges(page, "draw → loras", "draw → render", "loras → render")
    page.keyboard.press("Control+z")
    # copies, and the gap that a stage leaves
    node(page, "loras").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+d")
    node(page, "loras-2").wait_for()
    page.keyboard.press("Delete")
    assert node(page, "loras-2").count() == 0
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    has_edges(page, "draw → loras", "draw-2 → loras-2", "loras → render", "loras-2 → render-2")
    page.keyboard.press("Control+b")
    assert node(page, "draw-2").get_by_text("switched off").count() == 1
    page.keyboard.press("Control+x")
    node(page, "loras").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    has_edges(page, "draw → render")


def test_a_circle_is_refused_a_connection_cut_and_a_stage_put_between(opened: Opened):
    page = opened("/story")
    node(page, "render").wait_for()
    page.wait_for_timeout(500)  # it is brought into view
    connect(page, "loras", "scene")
    page.get_by_text("That would go round in a circle: scene → enhance → loras → scene.").wait_for()
    cut = page.locator('.react-flow__edge[data-id="scene → enhance"]')
    cut.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="enhance no longer goes on from scene").click()
    assert "scene → enhance" not in edges(page)
    page.keyboard.press("Control+z")
    path = page.locator('.react-flow__edge[data-id="enhance → loras"] .react-flow__edge-path')
    drag(page, middle(kind(page, "Score images")), middle(path))
    assert {"enhance → score", "score → loras"} <= set(edges(page))
    # a connection that is let go on the canvas asks what comes next
    see_all(page)
    x, y = middle(node(page, "draw").locator(".source"))
    drag(page, (x, y), (x + 320, y + 40))
    page.get_by_role("menuitem", name=RENDER).click()
    assert "draw → render-2" in edges(page)


def test_what_is_not_saved_survives_a_reload_and_files_come_and_go_as_they_are(opened: Opened, tmp_path: Path):
    page = opened()
    file = tmp_path / "from elsewhere.json"
    data = {
        "schema_version": 2,
        "stages": [
            {"id": "a", "type": "generatePrompt", "options": {"template": "<img src=x onerror=alert(1)>", "seed": 3}},
            {"id": "b", "type": "dispatch", "needs": ["a"], "when": "has_generator"},
            {"id": "c", "type": "dispatch", "needs": ["a"], "enabled": False, "options": {"extra": {"hr": [1, None]}}},
        ],
        "batch": [[{"vary": "seeds", "first": 1, "count": 2}, {"vary": "b.cfg", "values": [5, 7.5]}]],
        "layout": {"a": [0, 0], "b": [-200, 260], "c": [220, 260]},
    }
    file.write_text(json.dumps(data).replace("generatePrompt", "generate_prompt"), "utf-8")
    page.locator("input[type=file]").set_input_files(file)
    node(page, "c").wait_for()
    has_edges(page, "a → b", "a → c")
    assert "<img src=x" in node(page, "a").inner_text()
    page.reload()
    node(page, "c").wait_for()
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download the file").click()
    assert json.loads(Path(coming.value.path()).read_text("utf-8")) == data
    page.get_by_role("button", name="Plan").click()
    page.locator(".b-item").nth(1).wait_for()
    assert page.locator(".b-item").count() == 2
    assert "b.cfg = 7.5" in page.locator(".b-item").last.inner_text()
    (tmp_path / "bad.json").write_text('[{"id": "a", "type": "x"}, {"id": "a", "type": "y"}]')
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.json")
    page.get_by_role("button", name="Leave it").click()
    page.get_by_text("Two stages are called 'a'").wait_for()
    assert node(page, "c").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_in_the_way_of_who_cannot_see_or_point(opened: Opened, theme: str):
    page = opened("/story", theme)
    node(page, "render").wait_for()
    page.wait_for_timeout(400)
    picture(page, theme)
    assert axe(page) == []
    node(page, "draw").locator("header").click()
    page.get_by_role("button", name="Plan").click()
    page.locator(".b-item").wait_for()
    picture(page, f"plan_{theme}")
    assert axe(page) == []


def test_it_is_built_on_a_phone(opened: Opened):
    page = opened("", "dark", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    kind(page, DRAW).tap()
    page.get_by_label("Template", exact=True).fill("a fox")
    page.get_by_role("button", name="Close").tap()
    kind(page, RENDER).scroll_into_view_if_needed()
    kind(page, RENDER).tap()
    page.get_by_role("button", name="Close").tap()
    has_edges(page, "draw → render")
    # by a finger, from the palette to between the two
    kind(page, ENHANCE).scroll_into_view_if_needed()
    see_all(page)
    between = page.locator(".react-flow__edge-path")
    touch(page, middle(kind(page, ENHANCE)), middle(between))
    has_edges(page, "draw → enhance", "enhance → render")
    page.get_by_role("button", name="Close").tap()
    assert page.locator(".react-flow__minimap").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    picture(page, "phone")
    assert axe(page) == []
