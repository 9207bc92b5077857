"""The standalone studio in a process of its own, beside stand-ins for the servers that it sends to."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.core.generators.stand_in_comfy import StandIn

ROOT = Path(__file__).resolve().parents[2]
_START = 120  # seconds


@dataclass(frozen=True)
class Studio:
    url: str
    home: Path  # its data folder
    wildcards: Path


@contextmanager
def running_studio(
    folder: Path, comfy_url: str, forge_url: str, civitai_url: str = "", **more: Any
) -> Iterator[Studio]:
    """``orchestrator studio`` on a free port, with a wildcard folder of its own; ``more`` are further settings."""
    home, wildcards = folder / "home", folder / "wildcards"
    home.mkdir(parents=True)
    wildcards.mkdir()
    settings = {"comfy_url": comfy_url, "forge_url": forge_url, "wildcard_folders": [str(wildcards)], **more}
    (home / "settings.json").write_text(json.dumps(settings))
    log = folder / "studio.log"
    command = ["tests.hosts.studio_beside_civitai", civitai_url] if civitai_url else ["orchestrator_app.cli"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command, "studio", "--port", "0"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ORCHESTRATOR_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    assert process.stdout is not None
    killer = threading.Timer(_START, process.kill)  # readline() has no limit of its own
    killer.start()
    try:
        line = process.stdout.readline()
        killer.cancel()
        assert line.startswith("The studio is at "), line + log.read_text()
        yield Studio(line.split()[-1], home, wildcards)
    finally:
        killer.cancel()
        process.terminate()
        status = process.wait(30)
        process.stdout.close()
    assert status == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


class Painter:
    """What a stand-in ComfyUI does with each job: steps, then a picture. While ``hold`` is set, it waits in between."""

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.go = threading.Event()
        self.began = threading.Event()
        self.size = (64, 64)

    def __call__(self, server: StandIn, prompt_id: str) -> None:
        body = next(body for body in server.bodies if body["prompt_id"] == prompt_id)
        sampler = next(key for key, node in body["prompt"].items() if node["class_type"] == "KSampler")
        server.emit("executing", prompt_id, node=sampler, display_node=sampler)
        server.emit("progress", prompt_id, node=sampler, value=3, max=8)
        self.began.set()
        while self.hold.is_set() and not self.go.wait(0.02):
            if server.cancelled.is_set():
                server.cancelled.clear()
                server.end(prompt_id, [["execution_interrupted", {"prompt_id": prompt_id, "node_id": sampler}]])
                server.emit("execution_interrupted", prompt_id, node_id=sampler, node_type="KSampler", executed=[])
                return
        name = f"{prompt_id}.png"
        server.files[name] = picture(body["prompt"][sampler]["inputs"]["seed"], self.size)
        server.save(prompt_id, name)
        server.end(prompt_id)
        server.emit("execution_success", prompt_id)


def picture(seed: int, size: tuple[int, int]) -> bytes:
    """A dusk of its own for each seed."""
    hue = seed * 37 % 256
    sky = Image.new("HSV", (1, 4))
    for place, (turn, saturation, value) in enumerate(((0, 150, 90), (20, 150, 160), (60, 130, 235), (110, 120, 60))):
        sky.putpixel((0, place), ((hue + turn) % 256, saturation, value))
    out = io.BytesIO()
    sky.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def watch(page: Any) -> tuple[list[str], set[str]]:
    """(errors of its scripts, hosts that it asked) of a page, as they come."""
    errors: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.add(request.url.split("/")[2]) if "//" in request.url else None)
    return errors, asked
