"""A tiny CLIP in a real ComfyUI: under its memory manager, and at the end of the loop in which prompts get better."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.store import Store
from tests.hosts.comfyui import ComfyUI
from tests.hosts.test_comfyui_nodes import Graph, Server, node, ran

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a {red|blue|green} fox, {snow|rain|fog}"


@pytest.fixture(scope="module")
def clip(comfyui: ComfyUI) -> Path:
    """A model below ComfyUI's own models, where a person puts one."""
    place = comfyui.folder / "models" / "clip_score" / "tiny"
    if not place.exists():
        subprocess.run([comfyui.python, Path(__file__).with_name("tiny_clip.py"), place], check=True)
    return place


@pytest.fixture
def server(comfyui: ComfyUI, clip: Path) -> Server:
    return Server(comfyui)


def graph(seed: int = 3, until: float = 0.3, batch: int = 2, recorded: bool = False) -> Graph:
    found = {
        "2": node("OrchestratorWildcardPrompt", template=TEMPLATE, seed=seed),
        "3": node("OrchestratorScorerModel", installed="tiny"),
        "7": node("TestPaint", text=["2", 0], seed=["2", 3], batch=batch),
        "8": node("OrchestratorCLIPScorer", images=["7", 0], draft=["2", 2], scorer=["3", 0], until=until),
    }
    if recorded:
        found["9"] = node(
            "OrchestratorSaveImage", images=["7", 0], draft=["2", 2], filename_prefix="learn/x", format="png",
            quality=90, lossless=False, with_workflow=False,
        )  # fmt: skip
        found["10"] = node("OrchestratorFeedbackRecorder", scored=["8", 0], saved=["9", 0])
        found["11"] = node("OrchestratorRunRecorder", draft=["2", 2], saved=["9", 0])
    return found


def parts(done: dict[str, Any]) -> list[list[float | None]]:
    (shown,) = done["outputs"]["8"]["orchestrator_scores"]
    return [[part["probability"] for part in image["parts"]] for image in shown["images"]]


def models(server: Server) -> list[str]:
    return [name for name in server.call("/test/models")["listed"] if name == "Tower"]


def test_the_model_is_comfyuis_own_and_comes_back_with_equal_scores(server: Server) -> None:
    first = server.run(graph())
    measured = [value for row in parts(first) for value in row if value is not None]
    assert measured
    assert all(0 < value < 1 for value in measured)
    assert models(server)
    free(server)
    seen_again = graph()
    assert parts(server.run(seen_again)) == parts(first)
    assert not models(server)  # what was looked at is known without it
    seen_again["3"]["inputs"]["batch"] = 16  # to this scorer all is new
    done = server.run(seen_again)
    assert ran(done, "8")
    assert parts(done) == parts(first)
    assert models(server)


def free(server: Server) -> None:
    """What the button Unload Models does."""
    body = json.dumps({"unload_models": True}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{server.comfyui.url}/free", body, headers), timeout=30).close()
    end = time.monotonic() + 30
    while models(server):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_scores_images_and_prompt_are_one_run_in_the_store(server: Server) -> None:
    done = server.run(graph(seed=11, recorded=True))
    assert "10" in done["outputs"]
    with Store.open(server.comfyui.store, create=False) as store:
        run = next(run for run in store.runs(5) if run.draft.seed == 11)
    assert len(run.images) == 2
    assert {score.image for score in run.scores} == {image.path.name for image in run.images}
    assert {score.metric for score in run.scores} >= {"fulfilment"}


def test_a_model_that_is_gone_is_told_in_a_sentence(server: Server) -> None:
    found = graph()
    found["3"]["inputs"] = {"model": "no-such-model"}
    done = server.wait(server.queue(found))
    assert done["status"]["status_str"] == "error"
    assert "no-such-model" in str(done["status"]["messages"])
