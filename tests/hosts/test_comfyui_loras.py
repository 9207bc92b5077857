"""LoRAs in a real ComfyUI: chosen for the prompt, loaded, told; found while it runs; served to its page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.hosts.comfyui import ComfyUI
from tests.hosts.test_comfyui_nodes import Server

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


def until(is_true: Callable[[], Any], seconds: float = 60) -> Any:
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
