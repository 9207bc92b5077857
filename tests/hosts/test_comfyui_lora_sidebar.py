"""The LoRAs tab on real pages: search, star, a drag into a node, and the notice of a LoRA that came to the disk.

The servers get the package watchdog from this Python where their own lacks it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket
from PIL import Image, ImageDraw, ImageFilter

from orchestrator_app.example_workflows import SD15
from tests.core.loras.library_files import lora_bytes, write_lora
from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ROOT, ComfyUI, NoComfyUI, running_comfyui
from tests.hosts.pack_page import PackPage
from tests.hosts.test_comfyui_nodes import Server
from tests.hosts.test_comfyui_web import NEWEST, newest_frontend
from tests.hosts.test_example_workflows import SMALL

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

SETTINGS = {"Comfy.UseNewMenu": "Top", "Comfy.Workflow.Persist": False, "Comfy.VueNodes.Enabled": False}
COUNT = 120
TAB = "Workspace.ToggleSidebarTab.orchestrator-loras"
LISTEN = """() => {
    window.told = [];
    packHost.api.addEventListener('orchestrator.loras', event => told.push(event.detail));
}"""
SHOWN_ALONE = "name => [...document.querySelectorAll('.orl-card b')].map(each => each.textContent).join() === name"
PICK_UP = """([id, x, y]) => {
    const data = new DataTransfer();
    const card = document.querySelector(`.orl-card[data-id="${id}"]`);
    card.dispatchEvent(new DragEvent('dragstart', {bubbles: true, dataTransfer: data}));
    const options = {bubbles: true, cancelable: true, dataTransfer: data, clientX: x, clientY: y};
    const under = document.elementFromPoint(x, y);
    for (const step of ['dragenter', 'dragover', 'drop']) under.dispatchEvent(new DragEvent(step, options));
}"""


def paint(path: Path, number: int) -> None:
    """A picture like no other."""
    chance = random.Random(number)
    colors = [tuple(chance.randrange(30, 240) for _ in range(3)) for _ in range(12)]
    picture = Image.new("RGB", (192, 256), colors[0])
    draw = ImageDraw.Draw(picture)
    for color in colors[1:]:
        x, y, size = chance.randrange(-40, 192), chance.randrange(-40, 256), chance.randrange(20, 120)
        draw.ellipse((x, y, x + size, y + size), fill=color)
    picture.filter(ImageFilter.GaussianBlur(3)).save(path)


def fill(folder: Path) -> None:
    for number in range(COUNT):
        path = write_lora(folder / "lib" / f"lora_{number:03}.safetensors", f"word{number:03}")
        base = ("SD 1.5", "Pony", "Illustrious", "Flux.1 D")[number % 4]
        path.with_suffix(".json").write_text(json.dumps({"sd version": base, "activation text": f"word{number:03}"}))
        if number % 3:
            paint(path.with_suffix(".png"), number)


@pytest.fixture(scope="module", params=["installed frontend", NEWEST])
def comfy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    pytest_socket.enable_socket()
    folder = tmp_path_factory.mktemp("loras")
    watchdog = find_spec("watchdog")
    assert watchdog is not None
    assert watchdog.origin is not None
    shutil.copytree(Path(watchdog.origin).parent, folder / "packages" / "watchdog")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(folder / "packages"))
            if request.param == NEWEST:
                patch.setenv("COMFYUI_ARGS", f"--front-end-root {newest_frontend()}")
            try:
                server = stack.enter_context(running_comfyui(folder / "base"))
            except NoComfyUI as reason:
                pytest.skip(f"no ComfyUI: {reason}")
        fill(server.folder / "models" / "loras")
        Server(server).call("/orchestrator/loras/refresh", {})
        yield server


@pytest.fixture
def page(comfy: ComfyUI, chromium: Browser) -> Iterator[PackPage]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    found = PackPage(open_page(context, comfy.url, SETTINGS), comfy.folder / "output")
    found.page.set_default_timeout(90_000)
    problems: list[str] = []
    found.page.on("pageerror", lambda error: problems.append(str(error.stack)))
    found.page.evaluate("() => { app.graph.clear(); }")
    found.command("ShowLoRAs")
    found.page.wait_for_selector(".orl-card b")
    yield found
    context.close()
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


@pytest.fixture
def vue_page(comfy: ComfyUI, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[PackPage]:
    """With Nodes 2.0: nodes are elements of the page, which only newer frontends have."""
    if NEWEST not in request.node.name:
        pytest.skip("this frontend has no Nodes 2.0")
    context = chromium.new_context(viewport={"width": 1600, "height": 1000})
    settings = {**SETTINGS, "Comfy.VueNodes.Enabled": True}
    found = PackPage(open_page(context, comfy.url, settings), comfy.folder / "output")
    found.page.set_default_timeout(90_000)
    found.page.evaluate("() => { app.graph.clear(); }")
    found.command("ShowLoRAs")
    found.page.wait_for_selector(".orl-card b")
    yield found
    context.close()


def search(page: PackPage, text: str, count: int) -> None:
    page.page.locator(".orl-panel input[type=search]").fill(text)
    page.page.wait_for_function("count => document.querySelectorAll('.orl-card b').length === count", arg=count)


def titles(page: PackPage) -> list[str]:
    return [str(title) for title in page.page.locator(".orl-card b").all_inner_texts()]


def test_a_search_finds_and_a_query_that_cannot_be_read_is_told(page: PackPage) -> None:
    search(page, "word007", 1)
    assert titles(page) == ["lora_007"]
    page.page.locator(".orl-panel input[type=search]").fill("colour:red")
    page.page.get_by_text("there is no key 'colour:'").wait_for()
    assert titles(page) == ["lora_007"]


def test_a_chip_takes_its_filter_into_the_query_and_out_again(page: PackPage) -> None:
    page.page.locator(".orl-chip", has_text="Pony").click()
    page.page.wait_for_function("() => document.querySelector('.orl-panel input[type=search]').value === 'base:Pony'")
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('.orl-base')].every(e => e.textContent === 'Pony')"
    )
    page.page.locator(".orl-chip", has_text="Pony").click()
    page.page.wait_for_function("() => document.querySelector('.orl-panel input[type=search]').value === ''")


def test_only_the_cards_on_the_screen_exist_and_all_can_be_reached(page: PackPage) -> None:
    assert page.page.locator(".orl-card").count() < 60
    page.page.locator(".orl-grid").focus()
    page.page.keyboard.press("End")
    page.page.wait_for_function("() => document.querySelector('[aria-selected=true].orl-card b')")
    page.page.keyboard.press("Enter")
    page.page.locator(".orl-details").wait_for()
    page.page.keyboard.press("Escape")
    page.page.locator(".orl-grid").wait_for()


def test_copies_are_one_card_and_long_groups_of_trigger_words_are_short(page: PackPage, comfy: ComfyUI) -> None:
    loras = comfy.folder / "models" / "loras"
    (loras / "copies").mkdir(exist_ok=True)
    long = ", ".join(f"part{number}" for number in range(40))
    copied = write_lora(loras / "lib" / "copied.safetensors", "wordcopied")
    copied.with_suffix(".json").write_text(json.dumps({"activation text": "wordcopied"}))
    shutil.copy(copied, loras / "copies" / "copied.safetensors")
    Server(comfy).call("/orchestrator/loras/refresh", {})
    (one,) = found(comfy, "wordcopied")
    Server(comfy).call("/orchestrator/loras/user", {"id": one["id"], "trigger_words": ["wordcopied", long]})
    search(page, "wordcopied", 1)
    card = page.page.locator(".orl-card")
    assert card.locator(".orl-also").inner_text() == "+1"
    assert "Also in lib/copied" in str(card.get_attribute("title"))
    assert card.locator("small").inner_text() == "wordcopied +1"
    card.click()
    page.page.get_by_text("lib/copied", exact=True).wait_for()
    short = page.page.locator(".orl-groups button").nth(1)
    assert (short.inner_text()[-1], short.get_attribute("title")) == ("…", long)


def found(comfy: ComfyUI, query: str) -> list[dict[str, Any]]:
    loras: list[dict[str, Any]] = Server(comfy).call(f"/orchestrator/loras?query={query}")["loras"]
    return loras


def test_a_star_is_kept(page: PackPage, comfy: ComfyUI) -> None:
    search(page, "word011", 1)
    page.page.locator(".orl-card").hover()
    page.page.locator(".orl-star").click()
    page.page.wait_for_selector(".orl-star[aria-pressed=true]")
    found = Server(comfy).call("/orchestrator/loras?query=favourite:yes")
    assert "lib/lora_011" in [lora["name"] for lora in found["loras"]]


def test_what_a_person_writes_is_kept(page: PackPage, comfy: ComfyUI) -> None:
    search(page, "word012", 1)
    page.page.locator(".orl-card").click()
    page.page.locator(".orl-form textarea").first.fill("red hat\nblue scarf")
    page.page.locator(".orl-form .orl-main").click()
    page.page.wait_for_selector(".orl-form .pi-undo")
    found = Server(comfy).call("/orchestrator/loras?query=trigger:scarf")
    assert [lora["trigger_words"] for lora in found["loras"]] == [["red hat", "blue scarf"]]


def drop(page: PackPage, x: int, y: int) -> None:
    lora = page.page.locator(".orl-card").first.get_attribute("data-id")
    page.page.evaluate(PICK_UP, [lora, x, y])


def test_a_card_dropped_on_a_selector_is_pinned_there(page: PackPage) -> None:
    node = page.page.evaluate("""() => {
        const node = LiteGraph.createNode('OrchestratorLoRASelector');
        app.graph.add(node);
        app.canvas.ds.scale = 1; app.canvas.ds.offset[0] = 0; app.canvas.ds.offset[1] = 0;
        node.pos = [700, 200];
        app.canvas.setDirty(true, true);
        return node.id;
    }""")
    search(page, "word013", 1)
    page.page.wait_for_timeout(500)
    box = page.page.evaluate("() => { const b = app.canvas.canvas.getBoundingClientRect(); return [b.left, b.top]; }")
    drop(page, int(box[0]) + 740, int(box[1]) + 190)
    page.wait_for_value("include", "value === 'lib/lora_013'", str(node))


def test_with_nodes_2_a_card_dropped_on_a_selector_is_pinned_there(vue_page: PackPage) -> None:
    node = vue_page.page.evaluate("""() => {
        const node = LiteGraph.createNode('OrchestratorLoRASelector');
        node.pos = [700, 150];
        app.graph.add(node);
        app.canvas.ds.scale = 1; app.canvas.ds.offset[0] = 0; app.canvas.ds.offset[1] = 0;
        app.canvas.setDirty(true, true);
        return node.id;
    }""")
    search(vue_page, "word013", 1)
    element = vue_page.page.locator(f'[data-node-id="{node}"]').first
    element.wait_for()
    box = element.bounding_box()
    assert box
    drop(vue_page, int(box["x"] + box["width"] / 2), int(box["y"] + 12))
    vue_page.wait_for_value("include", "value === 'lib/lora_013'", str(node))


def test_with_nodes_2_the_node_shows_what_a_run_chose_and_why(vue_page: PackPage) -> None:
    workflow = (ROOT / "example_workflows" / "08_loras_that_fit.json").read_text("utf-8")
    workflow = workflow.replace(SD15, "tiny-sd15.safetensors").replace("{ink wash painting|", "tinyink, {oil|")
    vue_page.page.evaluate("text => app.loadGraphData(JSON.parse(text))", workflow)
    vue_page.page.evaluate(SMALL)
    vue_page.page.evaluate("() => { app.canvas.ds.scale = 0.7; app.canvas.ds.offset[0] = -300; }")
    vue_page.page.evaluate("() => app.queuePrompt(0, 1)")
    report = vue_page.page.locator(".orl-report .orl-used", has_text="tiny_ink")
    report.wait_for(timeout=60_000)
    assert "trigger 'tinyink' is in the prompt" in report.inner_text()
    folder = os.environ.get("ORCHESTRATOR_PICTURES")
    if folder:
        vue_page.page.wait_for_timeout(2_000)
        vue_page.page.screenshot(path=Path(folder) / "comfyui_loras_nodes_2.png")


def test_a_card_dropped_on_the_empty_canvas_makes_a_loader(page: PackPage) -> None:
    search(page, "word014", 1)
    drop(page, 900, 500)
    loaders = "() => app.graph._nodes.map(node => [node.type, node.widgets[0].value])"
    assert page.page.evaluate(loaders) == [["LoraLoader", str(Path("lib") / "lora_014.safetensors")]]


def test_a_lora_copied_slowly_appears_once_complete_with_a_notice(page: PackPage, comfy: ComfyUI) -> None:
    folder = comfy.folder / "models" / "loras"
    messages = (
        "() => { window.told = []; packHost.api.addEventListener('orchestrator.loras', e => told.push(e.detail)); }"
    )
    page.page.evaluate(messages)
    name = f"slow_{time.time_ns()}"
    data = lora_bytes(name, os.urandom(300_000))
    with (folder / f"{name}.safetensors").open("wb") as file:
        for start in range(0, len(data), 100_000):
            assert page.page.evaluate("() => told.flatMap(news => news.added)") == []
            file.write(data[start : start + 100_000])
            file.flush()
            page.page.wait_for_timeout(4_000)  # of the last piece it may be told within
    text = page.toast("1 new LoRA")
    assert "1 new LoRA" in text
    # Once, alone: that something else changed, as digests that are known now, may be told beside it.
    assert page.page.evaluate("() => told.flatMap(news => news.added)") == [name]
    page.page.locator(".p-toast-message, [role=alert]").filter(has_text="1 new LoRA").first.click()
    page.page.wait_for_function(SHOWN_ALONE, arg=name)
    listed: Any = Server(comfy).call("/object_info/LoraLoader")["LoraLoader"]["input"]["required"]["lora_name"][0]
    assert f"{name}.safetensors" in listed


def test_the_tab_as_a_picture(page: PackPage) -> None:
    folder = os.environ.get("ORCHESTRATOR_PICTURES")
    if not folder:
        pytest.skip("ORCHESTRATOR_PICTURES names no folder")
    page.page.wait_for_timeout(2_000)
    page.page.screenshot(path=Path(folder) / "comfyui_loras.png", clip={"x": 0, "y": 0, "width": 900, "height": 900})
