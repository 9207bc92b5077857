"""The bundled workflows in a real ComfyUI: found by its template browser, opened on its canvas, rendered."""

from __future__ import annotations

import io
import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from orchestrator_app.example_workflows import EXAMPLES, SD15, ExampleWorkflow, draw
from orchestrator_app.example_workflows_graphs import DEFINITIONS, LiveExample
from orchestrator_app.example_workflows_live import LIVE_EXAMPLES
from orchestrator_app.tiny_world import MODELS
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.request import ImageNotes, Progress
from tests.hosts.canvas import Canvas, open_canvas
from tests.hosts.comfyui import ComfyUI
from tests.hosts.thumbnails import MOST, SIZE, card, photographed, thumbnail

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "example_workflows"
SAVED = {"quick": (64, 64), "portrait": (96, 96), "landscape": (64, 64)}  # the portrait is enlarged by half

AnyExample = ExampleWorkflow | LiveExample
ALL = (*EXAMPLES, *LIVE_EXAMPLES)

every_workflow = pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
every_live = pytest.mark.parametrize("example", LIVE_EXAMPLES, ids=lambda example: example.name)


def file(example: AnyExample) -> Path:
    return FOLDER / f"{example.name}.json"


def workflow(example: AnyExample) -> dict[str, Any]:
    return dict(json.loads(file(example).read_text("utf-8")))


@pytest.fixture(scope="module")
def canvas(comfyui: ComfyUI, chromium: Browser) -> Iterator[Canvas]:
    with open_canvas(chromium, comfyui.url) as opened:
        yield opened


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def test_the_template_browser_offers_them_with_their_thumbnails(comfyui: ComfyUI) -> None:
    offered = json.loads(fetched(f"{comfyui.url}/workflow_templates"))["sd-orchestrator"]
    assert sorted(offered) == sorted(example.name for example in ALL)
    for path in FOLDER.iterdir():
        assert fetched(f"{comfyui.url}/api/workflow_templates/sd-orchestrator/{path.name}") == path.read_bytes()


@every_workflow
def test_it_opens_on_the_canvas_as_the_graph_that_we_read_from_it(example: AnyExample, canvas: Canvas) -> None:
    canvas.drop(file(example).name, file(example).read_text("utf-8"))
    assert canvas.graph() == graph_from_workflow(workflow(example), DEFINITIONS)


@every_workflow
def test_its_thumbnail_has_room_for_what_it_says(example: AnyExample, chromium: Browser) -> None:
    today = thumbnail(photographed(chromium, card(example)), b"")
    assert len(today) <= MOST
    with Image.open(io.BytesIO(today)) as image, Image.open(file(example).with_suffix(".jpg")) as committed:
        assert image.size == committed.size == SIZE


@every_example
def test_it_renders(example: ExampleWorkflow, comfyui: ComfyUI, tmp_path: Path) -> None:
    """As it is committed, but for the model and a size and steps for a machine without a graphics card."""
    _, request = draw(example)
    small_steps = {"second pass.steps": 2} if example.template == "portrait" else {}
    request = request.replacing(checkpoint="tiny-sd15", width=64, height=64, steps=2, extra={"inputs": small_steps})
    generator = ComfyGenerator(tmp_path, comfyui.url, graph=workflow(example))
    (image,) = generator.generate(request, ImageNotes("example"), ignore)
    with Image.open(image.path) as picture:
        assert picture.size == SAVED[example.template]
        assert len(picture.getcolors(picture.width * picture.height) or ()) > 100
    assert (image.request.positive, image.request.seed) == (request.positive, example.seed)


@every_live
def test_it_draws_and_renders_when_somebody_presses_run(example: LiveExample, comfyui: ComfyUI, canvas: Canvas) -> None:
    """From the canvas, as it is committed, but for the model and a size for a machine without a graphics card."""
    text = with_scorer(file(example).read_text("utf-8").replace(SD15, "tiny-sd15.safetensors"), comfyui)
    canvas.drop(file(example).name, text)
    canvas.page.evaluate(SMALL)
    drawn = list(example.prompts)[-1]
    before = set(saved_by(comfyui))
    canvas.page.evaluate("() => app.queuePrompt(0, 1)")
    new = wait_for_image(comfyui, before, canvas)
    metadata = read_image(new)
    assert metadata.graph
    node = next(item for item in metadata.graph.values() if item["_meta"]["title"] == drawn)
    populated = node["inputs"]["populated_text"]
    assert populated
    assert "__" not in populated
    assert metadata.request
    assert populated.strip() in metadata.request.positive
    with Image.open(new) as picture:
        assert len(picture.getcolors(picture.width * picture.height) or ()) > 100


def test_the_loras_that_fit_are_loaded_and_a_stock_template_of_it_loads_the_same(
    comfyui: ComfyUI, canvas: Canvas
) -> None:
    """As a person shares it: run from the canvas, then exported, then rendered from the template."""
    example = next(each for each in LIVE_EXAMPLES if each.has_loras)
    text = file(example).read_text("utf-8").replace(SD15, "tiny-sd15.safetensors")
    canvas.drop(file(example).name, text.replace("{ink wash painting|", "tinyink, {oil|"))
    canvas.page.evaluate(SMALL)
    before = set(saved_by(comfyui))
    canvas.page.evaluate("() => app.queuePrompt(0, 1)")
    first = wait_for_image(comfyui, before, canvas)
    metadata = read_image(first)
    assert metadata.request
    assert [use.name for use in metadata.request.loras] == ["styles/tiny_ink", "tiny_fox"]
    noted = "() => app.graph._nodes.find(node => node.type === 'OrchestratorLoRASelector').properties"
    canvas.page.wait_for_function(f"{noted.replace('() =>', '() => Boolean(')}.orchestrator_loaded)")
    assert dict(metadata.workflow or {})["nodes"][3]["properties"]["orchestrator_loaded"] == canvas.page.evaluate(
        f"{noted}.orchestrator_loaded"
    )
    sent = {"kind": "stock", "workflow": metadata.workflow, "prompt": metadata.graph}
    shared = canvas.page.evaluate(SHARE, sent)
    assert shared["warnings"] == []
    assert "Orchestrator" not in str([node["type"] for node in shared["template"]["nodes"]])
    canvas.drop("stock.json", json.dumps(shared["template"]))
    before = set(saved_by(comfyui))
    canvas.page.evaluate("() => app.queuePrompt(0, 1)")
    assert pixels(wait_for_image(comfyui, before, canvas)) == pixels(first)


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


SHARE = """async sent => {
    const headers = {'Content-Type': 'application/json'};
    const answer = await fetch('/api/orchestrator/share', {method: 'POST', headers, body: JSON.stringify(sent)});
    return answer.json();
}"""
SMALL = """() => {
    for (const node of app.graph._nodes)
        for (const widget of node.widgets ?? []) {
            if (['width', 'height'].includes(widget.name)) widget.value = 64;
            if (widget.name === 'steps') widget.value = 2;
        }
}"""


def saved_by(comfyui: ComfyUI) -> list[Path]:
    return sorted((comfyui.folder / "output").glob("orchestrator*.png"))


def with_scorer(text: str, comfyui: ComfyUI) -> str:
    """With the tiny world's CLIP chosen in a Scorer Model, below ComfyUI's models, where a person puts one."""
    workflow = json.loads(text)
    for node in workflow["nodes"]:
        if node["type"] == "OrchestratorScorerModel":
            place = comfyui.folder / "models" / "clip_score" / "tiny_world"
            shutil.copytree(MODELS / "clip", place, dirs_exist_ok=True)
            node["widgets_values"][0] = place.name
    return json.dumps(workflow)


def wait_for_image(comfyui: ComfyUI, before: set[Path], canvas: Canvas) -> Path:
    for _ in range(200):
        canvas.page.wait_for_timeout(300)
        if new := set(saved_by(comfyui)) - before:
            return new.pop()
    raise AssertionError((comfyui.folder / "server.log").read_text()[-2000:])


def ignore(_: Progress) -> None:
    pass
