"""What we export, on ComfyUI's own canvas in headless Chromium: it gives back exactly what went in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes
from tests.core.formats.test_comfy_graph import advanced_graph
from tests.core.generators.stand_in_comfy import png
from tests.hosts.canvas import Canvas, open_canvas
from tests.hosts.comfyui import ComfyUI

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

REQUEST = GenerationRequest(
    'miku \\(vocaloid\\), {fox|owl} [a|b] (x:1.2), 狐 "quoted"\nsecond line, ×2',
    "see https://example.org /* no comment */ \\",
    (LoraUse("styles/tiny_ink.safetensors", 0.8, 0.6), LoraUse("tiny_fox.safetensors", 0.5, 0.5)),
    "tiny-sd15.safetensors",
    "dpmpp_2m",
    "karras",
    2,
    6.5,
    1.0,
    64,
    64,
    2**53 - 1,
    clip_skip=2,
)
DROP = """([name, data, type]) => {
    app.graph.clear();
    const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, {type}));
    const options = {bubbles: true, cancelable: true, dataTransfer: files, clientX: 600, clientY: 400};
    for (const step of ['dragenter', 'dragover', 'drop'])
        document.querySelector('#graph-canvas').dispatchEvent(new DragEvent(step, options));
}"""
LOADED = "count => app.graph._nodes.length === count"


@pytest.fixture(scope="module")
def canvas(comfyui: ComfyUI, chromium: Browser) -> Iterator[Canvas]:
    with open_canvas(chromium, comfyui.url) as opened:
        yield opened


def dropped(canvas: Canvas, name: str, data: bytes, kind: str, nodes: int) -> dict[str, Any]:
    """The graph that Run would send after the file was dropped."""
    canvas.page.evaluate(DROP, [name, base64.b64encode(data).decode(), kind])
    canvas.page.wait_for_function(LOADED, arg=nodes)
    return canvas.graph()


def dropped_workflow(canvas: Canvas, workflow: dict[str, Any]) -> dict[str, Any]:
    return dropped(canvas, "x.json", json.dumps(workflow).encode(), "application/json", len(workflow["nodes"]))


@pytest.mark.parametrize(
    "request_",
    [REQUEST, GenerationRequest("a fox"), REQUEST.replacing(extra={"batch_index": 1}, batch_size=2, vae="x.pt")],
    ids=["everything", "plain", "one of a batch"],
)
def test_our_workflow_gives_our_graph(canvas: Canvas, request_: GenerationRequest) -> None:
    graph = text_to_image_graph(request_)
    workflow = workflow_from_graph(graph, note="# Read me", groups={"Prompts": ["4", "5"]}, extra={"run_id": "r"})
    assert dropped_workflow(canvas, workflow) == graph


def test_a_graph_of_many_kinds_of_nodes_comes_back(canvas: Canvas, comfyui: ComfyUI, tmp_path: Path) -> None:
    info = ComfyGenerator(tmp_path, comfyui.url).object_info()
    graph: Graph = {key: {**node, "_meta": {"title": f"node {key}"}} for key, node in advanced_graph().items()}
    graph["60"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}, "_meta": {"title": "pose"}}
    graph["61"] = {"class_type": "PreviewImage", "inputs": {"images": ["60", 0]}, "_meta": {"title": "look"}}
    workflow = workflow_from_graph(graph, info)
    whole = graph_from_workflow(workflow, info)  # with the defaults of what the graph leaves open
    assert dropped_workflow(canvas, workflow) == whole


def test_our_image_restores_it(canvas: Canvas, comfyui: ComfyUI, tmp_path: Path) -> None:
    generator = ComfyGenerator(tmp_path, comfyui.url)
    (image,) = generator.generate(REQUEST, ImageNotes("0001", template="a {fox|owl}"), lambda progress: None)
    graph = text_to_image_graph(REQUEST)
    assert dropped(canvas, "x.png", image.path.read_bytes(), "image/png", len(graph)) == graph


def test_an_image_with_our_graph_alone_restores_it(canvas: Canvas) -> None:
    graph = text_to_image_graph(REQUEST.replacing(positive="a fox"))  # braces would be drawn: only a workflow escapes
    image = with_metadata(png(), {"prompt": json.dumps(graph)})
    assert dropped(canvas, "x.png", image, "image/png", len(graph)) == graph


def test_our_graph_alone_is_laid_out_by_the_canvas(canvas: Canvas) -> None:
    graph = text_to_image_graph(REQUEST.replacing(positive="a fox"))
    assert dropped(canvas, "x.json", json.dumps(graph).encode(), "application/json", len(graph)) == graph


def test_workflows_that_the_canvas_saved_are_read_as_it_reads_them(canvas: Canvas) -> None:
    graph = text_to_image_graph(REQUEST)
    dropped_workflow(canvas, workflow_from_graph(graph))
    canvas.page.evaluate("""() => {
        const lora = app.graph._nodes.find(node => node.type === 'LoraLoader');
        lora.mode = 4;
        app.graph._nodes.find(node => node.type === 'CLIPSetLastLayer').mode = 4;
        app.graph._nodes.find(node => node.type === 'SaveImage').mode = 2;
    }""")
    saved = canvas.page.evaluate("async () => (await app.graphToPrompt()).workflow")
    assert graph_from_workflow(saved) == canvas.graph()
    assert "SaveImage" not in json.dumps(canvas.graph())


def test_subgraphs_that_the_canvas_made_are_flattened_as_it_flattens_them(canvas: Canvas) -> None:
    dropped_workflow(canvas, workflow_from_graph(text_to_image_graph(REQUEST)))
    canvas.page.evaluate("""() => {
        const inner = app.graph._nodes.filter(node => ['LoraLoader', 'CLIPSetLastLayer'].includes(node.type));
        const {node} = app.graph.convertToSubgraph(new Set(inner));
        const outer = app.graph._nodes.filter(other => other === node || other.type === 'KSampler');
        app.graph.convertToSubgraph(new Set(outer));
    }""")
    saved = canvas.page.evaluate("async () => (await app.graphToPrompt()).workflow")
    assert len(saved["definitions"]["subgraphs"]) == 2
    assert graph_from_workflow(saved) == canvas.graph()
    assert sum(key.count(":") == 2 for key in canvas.graph()) == 3


def test_reroutes_and_primitives_of_the_canvas_are_read_as_it_reads_them(canvas: Canvas) -> None:
    dropped_workflow(canvas, workflow_from_graph(text_to_image_graph(REQUEST)))
    canvas.page.evaluate("""() => {
        const node = type => app.graph._nodes.find(other => other.type === type);
        const reroute = LiteGraph.createNode('Reroute'), primitive = LiteGraph.createNode('PrimitiveNode');
        app.graph.add(reroute);
        app.graph.add(primitive);
        node('VAEDecode').connect(0, reroute, 0);
        reroute.connect(0, node('SaveImage'), 0);
        const sampler = node('KSampler');
        primitive.connect(0, sampler, sampler.inputs.findIndex(input => input.name === 'steps'));
        primitive.widgets[0].value = 13;
    }""")
    saved = canvas.page.evaluate("async () => (await app.graphToPrompt()).workflow")
    assert {"Reroute", "PrimitiveNode"} <= {node["type"] for node in saved["nodes"]}
    assert graph_from_workflow(saved) == canvas.graph()
    assert next(node for node in canvas.graph().values() if node["class_type"] == "KSampler")["inputs"]["steps"] == 13
