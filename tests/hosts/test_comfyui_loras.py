"""LoRAs in a real ComfyUI: chosen for the prompt, loaded, told; found while it runs; served to its page."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.stages.select_loras import Options
from tests.api_client import ApiServer
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.queue_rows import empty_queue
from tests.hosts.test_comfyui_nodes import Server, ran, second_run

pytestmark = [pytest.mark.host, pytest.mark.slow]

Graph = dict[str, Any]
CHECKPOINT = "tiny-sd15.safetensors"


def graph(prompt: str, **options: Any) -> Graph:
    """A picture with a LoRA Selector between loader and sampler."""

    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    return {
        "loader": node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "prompt": node("OrchestratorWildcardPrompt", template=prompt, seed=1),
        "select": node(
            "OrchestratorLoRASelector", model=["loader", 0], clip=["loader", 1], draft=["prompt", 2], **options
        ),
        "positive": node("CLIPTextEncode", text=["select", 2], clip=["select", 1]),
        "negative": node("CLIPTextEncode", text="", clip=["select", 1]),
        "size": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "sampler": node(
            "KSampler", model=["select", 0], seed=3, steps=2, cfg=4.0, sampler_name="euler", scheduler="normal",
            positive=["positive", 0], negative=["negative", 0], latent_image=["size", 0], denoise=1.0,
        ),
        "decode": node("VAEDecode", samples=["sampler", 0], vae=["loader", 2]),
        "save": node(
            "OrchestratorSaveImage", images=["decode", 0], draft=["select", 3], filename_prefix="loras", format="png",
            quality=90, lossless=False, with_workflow=True,
        ),
        "report": node("PreviewAny", source=["select", 5]),
    }  # fmt: skip


@pytest.fixture
def server(comfyui: ComfyUI) -> Server:
    found = Server(comfyui)
    until(lambda: found.call("/orchestrator/loras/status")["ready"])
    return found


def until(is_true: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.2)
    return found


def report(done: dict[str, Any]) -> str:
    return str(done["outputs"]["report"]["text"][0])


def told(done: dict[str, Any]) -> dict[str, Any]:
    return dict(done["outputs"]["select"]["orchestrator_loras"][0])


def difference(server: Server, one: dict[str, Any], other: dict[str, Any]) -> int:
    """Of the two pictures; the largest step of any pixel."""
    first, second = (Image.open(server.files(done)[0]).convert("RGB") for done in (one, other))
    return max(high for _, high in ImageChops.difference(first, second).getextrema())


def test_the_lora_whose_trigger_is_in_the_prompt_is_loaded_and_the_report_says_why(server: Server) -> None:
    done = server.run(graph("a hill, tinyink"))
    without = server.run(graph("a hill, tinyink", max_loras=0))
    assert "styles/tiny_ink at " in report(done)
    assert "tinyink" in report(done)
    assert report(done).startswith(f"For SD 1.5 ({CHECKPOINT}):")
    (card,) = [card for card in told(done)["loras"] if card["state"] == "chosen"]
    assert (card["name"], card["base"]) == ("styles/tiny_ink", "SD 1.5")
    assert difference(server, done, without) > 8
    assert server.images(done)[0].request.positive.startswith("a hill, tinyink")


def test_a_prompt_that_speaks_of_no_lora_gets_none(server: Server) -> None:
    done = server.run(graph("a quiet harbour at dawn"))
    assert [card for card in told(done)["loras"] if card["state"] == "chosen"] == []
    assert "No LoRA" in report(done)


def test_the_graphs_text_encoder_compares_meanings_where_this_is_wanted(server: Server) -> None:
    done = server.run(graph("a hill, tinyink", semantic=True))
    assert "styles/tiny_ink at " in report(done)
    assert "problem" not in report(done)


def test_a_new_lora_that_concerns_another_prompt_renders_nothing_anew(server: Server) -> None:
    empty_queue(server.comfyui.store)  # a job of another file would take what the host remembers of the last prompt
    server.call("/orchestrator/loras/refresh", {})  # what other tests left on the disk is known before
    own = {"strength": 0.79}  # what is remembered is by options: with these no other test chooses
    names = itertools.count()

    def add_another() -> None:
        add_lora(server, f"unrelated_{next(names)}", "zebrafinch")

    assert not ran(second_run(lambda: server.run(graph("a barn, tinyfox", **own)), "prompt", add_another), "sampler")


def test_a_new_lora_that_fits_is_chosen_without_a_restart(server: Server) -> None:
    first = server.run(graph("a pond with a moorhen"))
    add_lora(server, "moorhen", "moorhen")
    again = server.run(graph("a pond with a moorhen"))
    assert ran(again, "sampler")
    assert "moorhen at " in report(again)
    assert difference(server, first, again) > 8


def add_lora(server: Server, name: str, trigger: str) -> None:
    """A LoRA of the same weights with trigger words of its own, known to the library.

    Nothing in its header speaks of those of the other, as in a copy: it would be a candidate wherever that one is.
    """
    loras = server.comfyui.folder / "models" / "loras"
    data = (loras / "tiny_fox.safetensors").read_bytes()
    weights = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:weights]) | {"__metadata__": {"ss_network_module": "networks.lora"}}
    told = json.dumps(header).encode()
    (loras / f"{name}.safetensors").write_bytes(len(told).to_bytes(8, "little") + told + data[weights:])
    sidecar = {"activation text": trigger, "sd version": "SD1"}
    (loras / f"{name}.json").write_text(json.dumps(sidecar))
    os.utime(loras / f"{name}.safetensors", (1_700_000_000, 1_700_000_000))
    server.call("/orchestrator/loras/refresh", {})


def test_pinned_tags_and_stacks_are_loaded_and_what_is_missing_is_told(server: Server) -> None:
    asked = graph("a road, <lora:tiny_ink:0.5>", include="tiny_fox:0.3\nnot_there")
    asked["apply"] = {
        "class_type": "OrchestratorLoRAStackApply",
        "inputs": {"model": ["loader", 0], "clip": ["loader", 1], "lora_stack": ["select", 4]},
    }
    asked["sampler"]["inputs"]["model"] = ["apply", 0]
    asked["positive"]["inputs"]["clip"] = ["apply", 1]
    done = server.run(asked)
    assert "tiny_fox at 0.3: you want it always" in report(done)
    assert "problem: There is no LoRA 'not_there'." in report(done)
    assert done["outputs"]["apply"]["orchestrator_loras"][0]["problems"] == []
    assert "tiny_fox" in report(done)
    assert len(server.files(done)) == 1


def test_a_query_that_cannot_be_read_is_refused_before_anything_runs(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.queue(graph("a fox", query="colour:red"))
    told_why = json.loads(refused.value.read())["node_errors"]["select"]["errors"][0]
    assert "there is no key 'colour:'" in json.dumps(told_why)


def test_a_lora_that_cannot_be_loaded_is_told_and_the_image_is_made(server: Server) -> None:
    loras = server.comfyui.folder / "models" / "loras"
    broken = [loras / "broken_bittern.pt", loras / "broken_bittern.json"]
    broken[0].write_bytes(b"no LoRA")
    broken[1].write_text(json.dumps({"activation text": "bluebittern"}))
    server.call("/orchestrator/loras/refresh", {})
    done = server.run(graph("a bluebittern, tinyfox"))
    for path in broken:  # the server is other tests' too
        path.unlink()
    server.call("/orchestrator/loras/refresh", {})
    assert "broken_bittern.pt cannot be loaded, and is left out" in report(done)
    assert "tiny_fox at " in report(done)
    assert len(server.files(done)) == 1


REPATCH = """
import sys, json
sys.argv = ["main.py", "--cpu"]
sys.path.insert(0, {host!r})
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config  # before another thing is called utils, as main.py has it
import importlib.util
spec = importlib.util.spec_from_file_location("repatching", {script!r})
repatching = importlib.util.module_from_spec(spec)
spec.loader.exec_module(repatching)
print(json.dumps(repatching.counted({checkpoint!r}, {lora!r})))
"""


def test_an_unchanged_choice_patches_no_weight_again(comfyui: ComfyUI) -> None:
    """On ComfyUI's own classes, in a process of its own."""
    models, script = comfyui.folder / "models", Path(__file__).with_name("repatching.py")
    code = REPATCH.format(
        host=str(comfyui.host), script=str(script), checkpoint=str(models / "checkpoints" / CHECKPOINT),
        lora=str(models / "loras" / "tiny_fox.safetensors"),
    )  # fmt: skip
    environment = {**os.environ, "ORCHESTRATOR_HOME": str(comfyui.folder / "other"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [comfyui.python, "-c", code], cwd=comfyui.host, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["first"] > 0
    assert (found["again"], found["rebuilt"]) == (0, 0)
    assert found["other"] > 0
    assert found["let_go"]


def test_every_option_of_the_stage_is_a_widget_of_the_node(server: Server) -> None:
    info = server.call("/object_info/OrchestratorLoRASelector")["OrchestratorLoRASelector"]
    named = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text())["OrchestratorLoRASelector"]["inputs"]
    there = {**info["input"]["required"], **info["input"]["optional"]}
    assert list(there) == list(named)
    assert set(Options.model_fields) <= set(there)
    assert {name: there[name][1]["tooltip"] for name in there} == {
        name: text["tooltip"] for name, text in named.items()
    }


def test_a_test_of_loras_that_ran_on_the_canvas_is_a_grid_of_the_gallery(server: Server) -> None:
    server.call("/orchestrator/loras/refresh", {})
    (fox,) = server.call("/orchestrator/loras?query=name:tiny_fox")["loras"]
    asked = {
        "ids": [fox["id"]], "strengths": "0.5, 1", "seeds": "3, 4", "prompt": "a hill, {trigger}, snow",
        "graph": graph("a hill"),
    }  # fmt: skip
    workflow = server.call("/orchestrator/loras/test", asked)["workflow"]
    rendered = graph_from_workflow(workflow, server.call("/object_info"))
    server.run(rendered, extra_data={"extra_pnginfo": {"workflow": workflow}})
    api = ApiServer(f"{server.comfyui.url}/orchestrator/v1")
    (listed,) = (each for each in api.get("/gallery/grids")["grids"] if each["title"] == "tiny_fox")
    found = api.get(f"/gallery/grids/{listed['id']}")
    assert found["axes"] == {
        "loras": ["tiny_fox"], "strengths": [0.5, 1.0], "prompts": ["a hill, {trigger}, snow"], "seeds": [3, 4]
    }  # fmt: skip
    assert [(row["lora"], row["strength"]) for row in found["rows"]] == [("", 0), ("tiny_fox", 0.5), ("tiny_fox", 1)]
    cards = [cell["image"] for row in found["rows"] for cell in row["cells"]]
    seeds = [cell["seed"] for row in found["rows"] for cell in row["cells"]]
    assert seeds == [0, 1] * 3
    files = [read_image(server.output / "lora_test" / card["name"]) for card in cards]
    assert [file.request.seed for file in files if file.request] == [3, 4] * 3
    assert [[(use.name, use.strength_model) for use in file.request.loras] for file in files if file.request] == [
        *[[]] * 2, *[[("tiny_fox.safetensors", 0.5)]] * 2, *[[("tiny_fox.safetensors", 1.0)]] * 2
    ]  # fmt: skip
    words = api.get(f"/gallery/images/{cards[-1]['id']}/words")
    assert "tinyfox" in str(words)
    again = server.run(rendered, extra_data={"extra_pnginfo": {"workflow": workflow}})
    assert not server.files(again) or api.get(f"/gallery/grids/{listed['id']}")["rows"] == found["rows"]
