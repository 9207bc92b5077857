"""What the LoRAs tab begins by a click on a real page: a question to Civitai, and a test in a new workflow.

Civitai is a stand-in on the loopback: another pack of the server says where it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version
from tests.hosts.canvas import Canvas, open_page
from tests.hosts.comfyui import ComfyUI, NoComfyUI, install_pack, running_comfyui
from tests.hosts.pack_page import PackPage
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS
from tests.hosts.test_comfyui_nodes import Server
from tests.hosts.test_comfyui_web import NEWEST, newest_frontend

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

COUNT = 30
_STAND_IN = """
from server import PromptServer

async def stand_in(app):
    from orchestrator_core.loras import civitai
    civitai.URL = {url!r}

PromptServer.instance.app.on_startup.append(stand_in)
NODE_CLASS_MAPPINGS = {{}}
"""
OPEN_GRAPH = """async () => {
    const empty = {last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], version: 0.4};
    await app.loadGraphData(empty, true, true, 'my graph');
    const node = LiteGraph.createNode('CheckpointLoaderSimple');
    app.graph.add(node);
    node.widgets[0].value = 'tiny-sd15.safetensors';
}"""
TABS = "() => app.extensionManager.workflow.openWorkflows.map(each => each.filename)"
SHOWN = "titles => [...document.querySelectorAll('.orl-card b')].map(each => each.textContent).join() === titles"
KINDS = "kinds => app.graph._nodes.map(node => node.type).join() === kinds"


@pytest.fixture(scope="module")
def civitai() -> Iterator[StandIn]:
    pytest_socket.enable_socket()
    with StandIn() as found:
        yield found


@pytest.fixture(scope="module", params=["installed frontend", NEWEST])
def comfy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, civitai: StandIn
) -> Iterator[ComfyUI]:
    def install(host: Path, folder: Path) -> None:
        install_pack(host, folder)
        pack = folder / "custom_nodes" / "stand_in_civitai"
        pack.mkdir()
        (pack / "__init__.py").write_text(_STAND_IN.format(url=civitai.url))
        for number in range(COUNT):
            write_lora(folder / "models" / "loras" / "many" / f"lora_{number:02}.safetensors", f"word{number:02}")
        for name in ("known", "other", "later"):
            write_lora(folder / "models" / "loras" / "asked" / f"{name}.safetensors", f"{name}word")

    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            if request.param == NEWEST:
                patch.setenv("COMFYUI_ARGS", f"--front-end-root {newest_frontend()}")
            try:
                server = stack.enter_context(running_comfyui(tmp_path_factory.mktemp("actions") / "base", install))
            except NoComfyUI as reason:
                pytest.skip(f"no ComfyUI: {reason}")
        Server(server).call("/orchestrator/loras/refresh", {})
        yield server


@pytest.fixture
def page(comfy: ComfyUI, chromium: Browser, civitai: StandIn) -> Iterator[PackPage]:
    civitai.asked.clear()
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    found = PackPage(open_page(context, comfy.url, SETTINGS), comfy.folder / "output")
    found.page.set_default_timeout(90_000)
    problems: list[str] = []
    found.page.on("pageerror", lambda error: problems.append(str(error.stack)))
    found.page.evaluate(OPEN_GRAPH)
    found.command("ShowLoRAs")
    found.page.wait_for_selector(".orl-card b")
    yield found
    context.close()
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


def search(page: PackPage, text: str, *titles: str) -> None:
    """Until these are the cards."""
    page.page.locator(".orl-panel input[type=search]").fill(text)
    page.page.wait_for_function(SHOWN, arg=",".join(titles))


def picture(page: PackPage, name: str) -> None:
    """Where ORCHESTRATOR_PICTURES names a folder, what the page looks like."""
    folder = os.environ.get("ORCHESTRATOR_PICTURES")
    if folder:
        page.page.wait_for_timeout(1_000)
        page.page.screenshot(path=Path(folder) / f"comfyui_{name}.png")


# Civitai


def digest_of(comfy: ComfyUI, name: str) -> str:
    return hashlib.sha256((comfy.folder / "models" / "loras" / f"{name}.safetensors").read_bytes()).hexdigest()


def details(page: PackPage, name: str) -> Any:
    """Those of a LoRA, open."""
    search(page, f"trigger:{name}word", name)
    page.page.locator(".orl-card").click()
    return page.page.locator(".orl-details")


def test_civitai_is_asked_once_a_person_agreed_and_what_it_says_is_shown(
    page: PackPage, comfy: ComfyUI, civitai: StandIn
) -> None:
    digest = digest_of(comfy, "asked/known")
    civitai.known[digest] = version(digest)
    opened = details(page, "known")
    button = opened.locator(".orl-civitai")

    button.click()
    dialog = page.page.locator(".orl-confirm")
    assert "SHA-256" in dialog.inner_text()
    picture(page, "civitai_consent")
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert civitai.asked == []

    opened.locator("textarea").last.fill("half a thought")
    button.click()
    dialog.locator(".orc-main").click()
    assert "Pony" in page.toast("Civitai knows")
    assert civitai.hashes == [digest]
    opened.locator(".orl-base", has_text="Pony").wait_for()
    assert "civitai" in opened.locator(".orl-facts").inner_text()
    assert opened.locator("textarea").first.input_value().startswith("ghibli style")
    assert opened.locator("textarea").last.input_value() == "half a thought"
    picture(page, "civitai_details")

    page.page.keyboard.press("Escape")
    opened = details(page, "other")
    opened.locator(".orl-civitai").click()  # without a question now
    page.toast("Civitai does not know")
    assert civitai.hashes == [digest, digest_of(comfy, "asked/other")]


def test_what_keeps_civitai_from_answering_is_said(page: PackPage, civitai: StandIn) -> None:
    civitai.next.append((429, {"Retry-After": "90"}, b""))
    opened = details(page, "later")
    opened.locator(".orl-civitai").click()
    page.page.locator(".orl-confirm .orc-main").click()
    assert "90 seconds" in page.toast("Civitai could not be asked")
    assert opened.locator(".orl-civitai").is_enabled()


# a test


def test_the_picked_loras_open_as_a_test_in_a_tab_of_its_own(page: PackPage, comfy: ComfyUI) -> None:
    before = page.page.evaluate(TABS)
    search(page, "tiny", "styles/tiny_ink", "tiny_fox")
    for card in page.page.locator(".orl-card").all():
        card.hover()
        card.locator(".orl-pick").click()
    page.page.get_by_text("2 selected").wait_for()
    page.page.locator(".orl-picked .orl-main").click()
    dialog = page.page.locator(".orl-test")
    dialog.get_by_text("tiny-sd15.safetensors").wait_for()
    dialog.locator("input").nth(1).fill("0.5, 1")
    dialog.locator("input").nth(2).fill("1, 2")
    dialog.locator("textarea").fill("a hill, {trigger}, snow")
    dialog.get_by_text("LoRAs 2 × strengths 2 × seeds 2, and 2 without a LoRA: 10 images.").wait_for()
    picture(page, "lora_test_dialog")
    with page.page.expect_response("**/orchestrator/loras/test") as answer:
        dialog.locator(".orc-main").click()
    workflow = answer.value.json()["workflow"]
    page.toast("The test is in a new tab: 10 images")
    page.page.wait_for_function("count => app.graph._nodes.length === count", arg=len(workflow["nodes"]))
    seen = page.page.evaluate("() => app.canvas.ds.visible_area && [...app.canvas.ds.visible_area]")
    if seen:  # all of it is in view, wherever the graph before was
        left, top, width, height = seen
        ends = [(node["pos"][0] + node["size"][0], node["pos"][1] + node["size"][1]) for node in workflow["nodes"]]
        assert all(right <= left + width and bottom <= top + height for right, bottom in ends)
    picture(page, "lora_test_canvas")

    graph = Canvas(page.page).graph()
    assert graph == graph_from_workflow(workflow, Server(comfy).call("/object_info"))
    loaders = [node["inputs"] for node in graph.values() if node["class_type"] == "LoraLoader"]
    assert sorted({each["lora_name"] for each in loaders}) == [
        str(Path("styles") / "tiny_ink.safetensors"), "tiny_fox.safetensors",
    ]  # fmt: skip
    texts = {node["inputs"]["text"] for node in graph.values() if node["class_type"] == "CLIPTextEncode"}
    assert {"a hill, snow", "a hill, tinyfox, snow"} <= texts
    (new,) = set(page.page.evaluate(TABS)) - set(before)
    assert new.startswith("LoRA test tiny_")
    assert Server(comfy).call("/prompt", {"prompt": graph})["node_errors"] == {}
    page.page.locator(".workflow-label:visible", has_text="my graph").first.click()
    page.page.wait_for_function(KINDS, arg="CheckpointLoaderSimple")


def test_of_those_shown_as_many_are_taken_as_a_workflow_holds(page: PackPage) -> None:
    page.page.locator(".orl-panel input[type=search]").fill("folder:many")
    page.page.wait_for_function("() => document.querySelector('.orl-card b').textContent === 'lora_00'")
    page.page.locator(".orl-line .pi-th-large").click()
    dialog = page.page.locator(".orl-test")
    dialog.get_by_text(f"The first 7 of {COUNT} shown").wait_for()
    dialog.get_by_text("22 images").wait_for()
    assert dialog.locator(".orc-main").is_enabled()
    dialog.locator("input").nth(2).fill("1-3")
    dialog.get_by_text("A workflow holds at most 24").wait_for()
    assert dialog.locator(".orc-main").is_disabled()
    dialog.locator("input").nth(2).fill("one")
    dialog.get_by_text("'one' is no seed").wait_for()
    picture(page, "lora_test_refused")
    assert dialog.locator(".orc-main").is_disabled()
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.page.evaluate("() => app.graph._nodes.length") == 1


def test_without_a_loader_the_dialog_says_that_a_model_has_to_be_chosen(page: PackPage) -> None:
    page.page.evaluate("() => { app.graph.clear(); }")
    details(page, "later").locator("button", has_text="Test").click()
    page.page.locator(".orl-test").get_by_text("choose the model in the new workflow").wait_for()
