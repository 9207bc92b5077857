"""The same template and seed give the same prompt in a real ComfyUI and in a real Forge."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.template import Template, Wildcards
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

CASES = [
    ("a __colors/warm__ {fox|owl|lynx} in {the snow|__places/city__}", "{blurry|noisy}, text", "dynamicprompts"),
    ("{2$$ and $$red|green|blue}, ${x={a|b}}${x} and ${x}, (__light/*__:1.2)", "", "dynamicprompts"),
    ("{0.1::rare|0.9::common} __animals/*__ {3$$, $$a|b|c|d}", "__negative/*__", "impact"),
]
SEEDS = (0, 7, 2**32 + 5)


@pytest.mark.parametrize(("template", "negative", "dialect"), CASES)
def test_a_prompt_is_the_same_in_both_hosts(comfyui: ComfyUI, forge: Forge, template: str, negative: str, dialect: str):
    for seed in SEEDS:
        here = in_comfyui(comfyui, template, negative, dialect, seed)
        assert here == in_forge(forge, template, negative, dialect, seed)
        draft = Template(template, negative, dialect).draw(Wildcards(ROOT / "wildcards"), seed)
        assert here == (draft.positive.strip(), draft.negative_prompt.strip())


def in_forge(forge: Forge, template: str, negative: str, dialect: str, seed: int) -> tuple[str, str]:
    script = {"Orchestrator": {"args": [{"dialect": dialect, "prompt_seed": seed}]}}
    body = {"prompt": template, "negative_prompt": negative, "steps": 1, "width": 64, "height": 64, "seed": 1}
    answer = forge.post("/sdapi/v1/txt2img", {**body, "sampler_name": "Euler", "alwayson_scripts": script})
    request = parse_infotext(json.loads(answer["info"])["infotexts"][0]).request
    return request.positive, request.negative


def in_comfyui(comfyui: ComfyUI, template: str, negative: str, dialect: str, seed: int) -> tuple[str, str]:
    inputs = {"template": template, "negative_template": negative, "dialect": dialect, "seed": seed}
    graph = {
        "1": node("OrchestratorWildcardPrompt", **inputs),
        "2": node("EmptyImage", width=16, height=16, batch_size=1, color=0),
        "3": node(
            "OrchestratorSaveImage", images=["2", 0], draft=["1", 2], filename_prefix="parity", format="png",
            quality=90, lossless=False, with_workflow=True,
        ),
    }  # fmt: skip
    prompt_id = call(comfyui, "/prompt", {"prompt": graph})["prompt_id"]
    end = time.monotonic() + 60
    while not (done := call(comfyui, f"/history/{prompt_id}").get(prompt_id)):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert done["status"]["status_str"] == "success", done["status"]
    (image,) = done["outputs"]["3"]["images"]
    infotext = read_image(comfyui.folder / "output" / image["subfolder"] / image["filename"]).infotext
    assert infotext is not None
    return infotext.request.positive, infotext.request.negative


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def call(comfyui: ComfyUI, path: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(comfyui.url + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())
