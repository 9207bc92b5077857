"""Sharing on real pages: a person exports the open workflow or a past run, and somebody else opens the file."""

from __future__ import annotations

import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import pytest_socket
from PIL import Image

from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ROOT, ComfyUI, NoComfyUI, running_comfyui
from tests.hosts.pack_page import PackPage
from tests.hosts.test_comfyui_web import FRONTENDS, NEWEST, newest_frontend

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Route

pytestmark = [pytest.mark.host, pytest.mark.slow]

SETTINGS = {"Comfy.UseNewMenu": "Top", "Comfy.Workflow.Persist": False}
HOME = "/ho" + "me/maximilian/ComfyUI/models"
TEMPLATE = "a {red|blue|green|gold} {fox|owl|lynx|wolf} in {snow|rain|fog|sun}"
# A whole graph with our nodes, which renders with the tiny checkpoint; a note and a picture of the person's besides.
GRAPH = """([template, home]) => {
    app.graph.clear();
    const nodes = {};
    const add = (name, type, x, y, values = {}) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        for (const [key, value] of Object.entries(values)) node.widgets.find(w => w.name === key).value = value;
        return (nodes[name] = node);
    };
    const join = (from, slot, to, name) =>
        nodes[from].connect(slot, nodes[to], nodes[to].inputs.findIndex(input => input.name === name));
    add('loader', 'CheckpointLoaderSimple', 0, 0, {ckpt_name: 'tiny-sd15.safetensors'});
    add('prompt', 'OrchestratorWildcardPrompt', 400, 0,
        {template, negative_template: 'blurry', seed: 5, control_after_generate: 'randomize'});
    nodes.prompt.onConfigure?.({});
    add('positive', 'CLIPTextEncode', 900, 0);
    add('negative', 'CLIPTextEncode', 900, 250);
    add('size', 'EmptyLatentImage', 0, 200, {width: 64, height: 64});
    add('sampler', 'KSampler', 1350, 0, {steps: 2, control_after_generate: 'randomize'});
    add('decode', 'VAEDecode', 1350, 400);
    add('save', 'OrchestratorSaveImage', 1700, 0);
    add('recorder', 'OrchestratorRunRecorder', 1700, 300);
    join('loader', 0, 'sampler', 'model');
    for (const text of ['positive', 'negative']) {
        join('loader', 1, text, 'clip');
        join('prompt', text === 'positive' ? 0 : 1, text, 'text');
        join(text, 0, 'sampler', text);
    }
    join('prompt', 3, 'sampler', 'seed');
    join('size', 0, 'sampler', 'latent_image');
    join('sampler', 0, 'decode', 'samples');
    join('loader', 2, 'decode', 'vae');
    join('decode', 0, 'save', 'images');
    join('prompt', 2, 'save', 'draft');
    join('prompt', 2, 'recorder', 'draft');
    join('save', 0, 'recorder', 'saved');
    nodes.loader.title = `from ${home}/x.safetensors`;
    app.canvas.setDirty(true, true);
    return String(nodes.prompt.id);
}"""


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    root = newest_frontend()
    pytest_socket.enable_socket()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("COMFYUI_ARGS", f"--front-end-root {root}")
        try:
            server = stack.enter_context(running_comfyui(tmp_path_factory.mktemp("newest") / "base"))
        except NoComfyUI as reason:
            pytest.skip(f"no ComfyUI: {reason}")
        yield server


@pytest.fixture(scope="module", params=FRONTENDS[:2])
def server(request: pytest.FixtureRequest) -> ComfyUI:
    found: ComfyUI = request.getfixturevalue("newest" if NEWEST in request.param else "comfyui")
    return found


@pytest.fixture(scope="module")
def page(server: ComfyUI, chromium: Browser) -> Iterator[PackPage]:
    """With the graph, after one run of it."""
    context = chromium.new_context(viewport={"width": 1500, "height": 1000}, accept_downloads=True)
    found = PackPage(open_page(context, server.url, SETTINGS), server.folder / "output")
    found.page.set_default_timeout(90_000)
    found.node = str(found.page.evaluate(GRAPH, [TEMPLATE, HOME]))
    found.page.wait_for_timeout(300)
    found.run()
    found.wait_for_value("populated_text", "value !== ''")
    # The image is there before the last node, which opens the store, has ended.
    found.page.wait_for_function("async () => Object.keys(await (await fetch('/history')).json()).length > 0")
    yield found
    context.close()


@pytest.fixture(autouse=True)
def _no_dialog_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "page" in request.fixturenames:
        request.getfixturevalue("page").page.evaluate(
            "() => document.querySelectorAll('.orc-dialog').forEach(dialog => dialog.remove())"
        )


def exported(page: PackPage, *, wait: bool = True, name: str = "") -> tuple[dict[str, Any], dict[str, bytes]]:
    """Saves what the open dialog offers: (the template, the files by their names)."""
    dialog = page.page.locator(".orc-share")
    dialog.wait_for()
    if name:
        dialog.locator("input").fill(name)
    saved: list[Download] = []

    def keep(download: Download) -> None:
        saved.append(download)

    page.page.on("download", keep)
    dialog.locator(".orc-main").click()
    page.toast("Saved")
    for _ in range(200):
        if len(saved) >= (2 if wait else 1):
            break
        page.page.wait_for_timeout(100)
    page.page.remove_listener("download", keep)
    files = {download.suggested_filename: Path(download.path()).read_bytes() for download in saved}
    (template,) = [json.loads(data) for file, data in files.items() if file.endswith(".json")]
    return template, files


def opened(page: PackPage, template: dict[str, Any]) -> dict[str, Any]:
    """The graph that the template gives on another canvas; every one of its nodes must be known there."""
    other = open_page(page.page.context, page.page.url, SETTINGS)
    try:
        other.evaluate("template => app.loadGraphData(template)", template)
        other.wait_for_function("count => app.graph._nodes.length === count", arg=len(template["nodes"]))
        assert other.evaluate("() => app.graph._nodes.filter(node => node.has_errors).length") == 0
        found: dict[str, Any] = other.evaluate("async () => (await app.graphToPrompt()).output")
        return found
    finally:
        other.close()


def rendered(server: ComfyUI, graph: dict[str, Any]) -> bytes:
    """The first image that the server makes of a graph."""
    body = json.dumps({"prompt": graph}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/prompt", body), timeout=60) as answer:
        number = json.load(answer)["prompt_id"]
    for _ in range(600):
        with urllib.request.urlopen(f"{server.url}/history/{number}", timeout=60) as answer:
            found = json.load(answer).get(number)
        if found:
            images = [image for output in found["outputs"].values() for image in output.get("images", [])]
            path = server.folder / images[0]["type"] / images[0]["subfolder"] / images[0]["filename"]
            return path.read_bytes()
        time.sleep(0.2)
    raise AssertionError("no image")


def test_a_stock_template_of_the_open_graph_gives_the_last_image_again(page: PackPage, server: ComfyUI):
    drawn = page.value("populated_text")
    image = max(page.images(), key=lambda path: path.stat().st_mtime_ns)
    page.command("ExportStock")
    template, files = exported(page, name="Foxes: red/blue")
    assert sorted(files) == ["Foxes_red_blue.jpg", "Foxes_red_blue.json"]
    kinds = {node["type"] for node in template["nodes"]}
    assert not any(kind.startswith("Orchestrator") for kind in kinds)
    graph = opened(page, template)
    request = request_from_graph(graph)
    assert (request.positive, request.negative) == (drawn, "blurry")
    assert request.seed == 5  # of that run; the widget has gone on to another one
    again = Image.open(io.BytesIO(rendered(server, graph)))
    with Image.open(image) as before:
        assert again.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_a_live_template_of_the_open_graph_draws_anew(page: PackPage):
    page.command("ExportLive")
    template, _ = exported(page)
    graph = opened(page, template)
    (prompt,) = [node["inputs"] for node in graph.values() if node["class_type"] == "OrchestratorWildcardPrompt"]
    assert (prompt["template"], prompt["populated_text"], prompt["mode"]) == (TEMPLATE, "", "populate")


def proposed(page: PackPage, command: str) -> str:
    """The name that the dialog of a command offers."""
    page.command(command)
    name = page.page.locator(".orc-share input")
    name.wait_for()
    offered = str(name.input_value())
    page.page.keyboard.press("Escape")
    page.page.locator(".orc-share").wait_for(state="detached")
    return offered


def test_what_draws_anew_is_not_named_after_the_prompt_that_was_drawn_last(page: PackPage):
    drawn = page.value("populated_text")
    assert proposed(page, "ExportStock") == " ".join(drawn.split()[:8])
    assert proposed(page, "ExportLive") == "template"
    text = (ROOT / "example_workflows" / "01_first_wildcards.json").read_text("utf-8")
    other = PackPage(open_page(page.page.context, page.page.url, SETTINGS), page.output)
    try:  # as the template browser opens it
        other.page.evaluate("data => app.loadGraphData(data, true, true, 'First_wildcards')", json.loads(text))
        other.page.wait_for_function("() => app.extensionManager.workflow.activeWorkflow.filename.includes('First')")
        assert proposed(other, "ExportLive") == "First wildcards"
    finally:
        other.page.close()


def test_what_was_taken_out_is_shown_and_is_not_in_the_file(page: PackPage):
    page.command("ExportLive")
    page.page.locator(".orc-share .orc-share-out li").first.wait_for()
    lines = page.page.locator(".orc-share .orc-share-out li").all_inner_texts()
    assert any(HOME in line for line in lines)
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):  # the one in docs/sharing.md
        page.page.wait_for_timeout(400)
        page.page.locator(".orc-share").screenshot(path=Path(folder) / "sharing.png")
    _, files = exported(page)
    assert not any(b"maximilian" in data for data in files.values())


def test_the_open_graph_stays_as_it_is(page: PackPage):
    before = page.page.evaluate("async () => JSON.stringify((await app.graphToPrompt()).output)")
    page.command("ExportStock")
    page.page.locator(".orc-share").wait_for()
    page.page.keyboard.press("Escape")
    page.page.locator(".orc-share").wait_for(state="detached")
    assert page.page.evaluate("async () => JSON.stringify((await app.graphToPrompt()).output)") == before


def test_the_thumbnail_is_the_last_image_without_what_its_file_says(page: PackPage):
    page.command("ExportLive")
    _, files = exported(page)
    (data,) = [data for file, data in files.items() if file.endswith(".jpg")]
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))
        assert not picture.getexif()
    assert b"fox" not in data


def test_a_past_run_is_chosen_from_a_list(page: PackPage):
    drawn = page.value("populated_text")
    page.command("ExportRun")
    rows = page.page.locator(".orc-dialog li")
    rows.first.wait_for()
    assert drawn in rows.first.inner_text()
    page.page.keyboard.press("Enter")
    page.page.get_by_text("gives this picture").wait_for()
    page.page.keyboard.press("Enter")
    template, files = exported(page)
    assert request_from_graph(opened(page, template)).positive == drawn
    assert any(file.endswith(".jpg") for file in files)


def test_an_empty_canvas_has_nothing_to_share(page: PackPage):
    other = open_page(page.page.context, page.page.url, SETTINGS)
    try:
        empty = PackPage(other, page.output)
        other.evaluate("() => app.graph.clear()")
        empty.command("ExportStock")
        assert empty.toast("nothing in this workflow")
    finally:
        other.close()


def test_the_canvas_menu_offers_it_where_the_frontend_asks_for_items(page: PackPage):
    names = "() => app.canvas.getCanvasMenuOptions().map(item => item?.content ?? '')"
    contents = page.page.evaluate(names)
    if not page.page.evaluate("() => Boolean(app.collectCanvasMenuItems)"):
        pytest.skip("this frontend has no getCanvasMenuItems: the command palette and the menu do it")
    assert "Share as a template with this prompt" in contents
    assert "Share a past run as a template" in contents


@pytest.mark.parametrize("path", sorted((ROOT / "subgraphs").iterdir()), ids=lambda path: path.stem)
def test_a_blueprint_opens_as_a_subgraph(page: PackPage, path: Path):
    blueprint = json.loads(path.read_text("utf-8"))
    (inner,) = blueprint["definitions"]["subgraphs"]
    other = open_page(page.page.context, page.page.url, SETTINGS)
    try:
        other.evaluate("blueprint => app.loadGraphData(blueprint)", blueprint)
        other.wait_for_function("() => app.graph._nodes.length === 1 && app.graph._nodes[0].subgraph")
        types = "() => app.graph._nodes[0].subgraph._nodes.map(node => node.type)"
        assert sorted(other.evaluate(types)) == sorted(node["type"] for node in inner["nodes"])
        found = other.evaluate("async () => (await app.graphToPrompt()).output")
        ours = graph_from_workflow(blueprint, OUR_NODES)
        assert {key: node["inputs"] for key, node in found.items()} == {k: node["inputs"] for k, node in ours.items()}
    finally:
        other.close()


def test_a_newer_comfyui_offers_a_blueprint_among_its_nodes(page: PackPage, request: pytest.FixtureRequest):
    """Its server lists the pack's subgraphs; this one does not yet, so the page is answered as that one would."""
    if NEWEST not in str(request.node.callspec.params["server"]):
        pytest.skip("this frontend has no blueprints of packs")
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "subgraphs").iterdir()}
    listed = {name: {"source": "custom_node", "name": name, "info": {"node_pack": "sd-orchestrator"}} for name in files}

    def answer(route: Route) -> None:
        name = unquote(route.request.url.split("/global_subgraphs")[1].strip("/"))
        route.fulfill(json={**listed[name], "data": files[name]} if name else listed)

    page.page.context.route("**/global_subgraphs**", answer)
    page.page.context.route("**/global_subgraphs/**", answer)
    other = open_page(page.page.context, page.page.url, SETTINGS)
    try:
        other.wait_for_timeout(1_000)
        other.evaluate("() => app.graph.clear()")
        other.mouse.dblclick(700, 700)
        other.keyboard.type("Wildcard Prompt to", delay=20)
        other.get_by_text("Wildcard Prompt to Conditioning").first.wait_for()
        other.keyboard.press("Enter")
        other.mouse.move(700, 500)
        other.mouse.click(700, 500)
        other.wait_for_function("() => app.graph._nodes[0]?.subgraph?._nodes.length === 3")
        widgets = other.evaluate("() => app.graph._nodes[0].widgets.map(widget => widget.name)")
        assert widgets == ["template", "negative_template", "mode", "seed"]
    finally:
        other.close()
        page.page.context.unroute("**/global_subgraphs**")
        page.page.context.unroute("**/global_subgraphs/**")


def test_our_picture_of_our_nodes_is_the_servers(comfyui: ComfyUI):
    with urllib.request.urlopen(f"{comfyui.url}/object_info", timeout=60) as answer:
        real = {name: node for name, node in json.load(answer).items() if name.startswith("Orchestrator")}
    assert real.keys() == OUR_NODES.keys()
    for name, node in real.items():
        found, ours = node_definition(name, {name: node}), node_definition(name, OUR_NODES)
        assert found
        assert ours
        assert found.outputs == ours.outputs
        assert found.inputs == ours.inputs
        assert found.title == ours.title


def status(server: ComfyUI, path: str, data: bytes | None = None, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{server.url}{path}", data, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        assert b"Traceback" not in error.read()
        return error.code


def test_another_page_may_not_read_runs_nor_share(comfyui: ComfyUI):
    body = json.dumps({"kind": "live", "workflow": {"nodes": []}}).encode()
    for prefix in ("", "/api"):
        assert status(comfyui, f"{prefix}/orchestrator/runs") == 200
        assert status(comfyui, f"{prefix}/orchestrator/share", body) == 200
        assert status(comfyui, f"{prefix}/orchestrator/runs", Origin="https://evil.example") == 403
        assert status(comfyui, f"{prefix}/orchestrator/share", body, Origin="https://evil.example") == 403
    assert status(comfyui, "/orchestrator/share", b"{}") == 400
