"""As a person goes: Run in the browser, the image dropped back, and after a restart the same image again."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from comfy_nodes.widgets import WIDGETS
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards
from tests.hosts.canvas import open_canvas
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.test_comfyui_canvas import DROP, LOADED
from tests.hosts.test_comfyui_nodes import Server, graph, inspecting, words

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a __colors/warm__ {fox|owl|lynx|crane} in {snow|rain|fog}"
NEGATIVE = "{blurry|dark}, text"
WITH_MENU = {"Comfy.UseNewMenu": "Top"}
VALUE = """name => app.graph._nodes.find(node => node.type === 'OrchestratorWildcardPrompt')
    .widgets.find(widget => widget.name === name).value"""
POPULATED = f"before => ({VALUE})('populated_text') !== before"


def pixels(path: Path) -> str:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        return hashlib.sha256(picture.tobytes()).hexdigest()


def run(page: Page, output: Path) -> Path:
    """Press Run; the image that comes."""
    before = set(output.rglob("*.png"))
    page.get_by_role("button", name="Run", exact=True).first.click()
    for _ in range(480):
        if new := set(output.rglob("*.png")) - before:
            page.wait_for_timeout(500)  # what the server tells the page comes right behind
            return new.pop()
        page.wait_for_timeout(250)
    raise AssertionError("no image came within two minutes")


def drop(page: Page, path: Path, nodes: int) -> None:
    page.evaluate(DROP, [path.name, base64.b64encode(path.read_bytes()).decode(), "image/png"])
    page.wait_for_function(LOADED, arg=nodes)


def test_the_dropped_image_renders_itself_again_after_a_restart(comfyui: ComfyUI, chromium: Browser) -> None:
    server = Server(comfyui)
    made = graph(seed=4711, template=TEMPLATE, negative_template=NEGATIVE)
    workflow = workflow_from_graph(made, server.call("/object_info"))
    output = comfyui.folder / "output"
    with open_canvas(chromium, comfyui.url, settings=WITH_MENU) as canvas:
        canvas.drop("made.json", json.dumps(workflow))
        first = run(canvas.page, output)
        shown = canvas.page.evaluate(VALUE, "populated_text")
    found = read_image(first)
    assert found.graph is not None
    assert found.workflow is not None
    assert found.request is not None
    drawn = generate(Options(template=TEMPLATE, negative_template=NEGATIVE, seed=4711), Wildcards(ROOT / "wildcards"))
    ours: Any = next(each for each in found.workflow["nodes"] if each["type"] == "OrchestratorWildcardPrompt")
    assert shown == drawn.positive == found.request.positive == found.graph["2"]["inputs"]["populated_text"]
    assert shown == ours["widgets_values"][WIDGETS.index("populated_text")]
    comfyui.kill()
    comfyui.start()
    with open_canvas(chromium, comfyui.url, settings=WITH_MENU) as canvas:
        drop(canvas.page, first, len(found.workflow["nodes"]))
        restored = [canvas.page.evaluate(VALUE, name) for name in ("template", "negative_template", "seed")]
        assert restored == [TEMPLATE, NEGATIVE, 4711]
        second = run(canvas.page, output)
    assert pixels(second) == pixels(first)


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        "${c=!__colors/warm__}a ${c} {2$$ and $$fox|owl|lynx} __materials/*__",
        "{3::a|b|c} 狐 [x:y:0.5] (z:1.2)",
    ],
    ids=["wildcards", "variables and globs", "weights"],
)
def test_both_hosts_draw_the_same_prompt(comfyui: ComfyUI, forge: Forge, template: str) -> None:
    server = Server(comfyui)
    for seed in (0, 7, 2**31):
        made = inspecting(template=template, negative_template=NEGATIVE, seed=seed)
        done = server.run(made)
        small = {"steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", "scheduler": "Simple", "seed": seed}
        body = {**small, "prompt": template, "negative_prompt": NEGATIVE}
        body["alwayson_scripts"] = {"Orchestrator": {"args": [True]}}
        told = json.loads(forge.post("/sdapi/v1/txt2img", body)["info"])
        assert told["prompt"] == words(done)
        assert told["negative_prompt"] == "".join(
            word["text"] for word in done["outputs"]["9"]["orchestrator_negative_words"]
        )
