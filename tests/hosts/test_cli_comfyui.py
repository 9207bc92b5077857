"""The main job on a real ComfyUI: four prompts from the bundled wildcards, four images that say what made them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_app.cli import main
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.store import Store
from tests.hosts.comfyui import ComfyUI

pytestmark = [pytest.mark.host, pytest.mark.slow]

SMALL = ["--set", "width=64", "--set", "height=64", "--set", "steps=2"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_four_prompts_of_the_example_become_four_images(comfyui: ComfyUI, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "--server", comfyui.url, "--seed", "21", *SMALL]) == 0
    folder = Path(capsys.readouterr().out.strip().rpartition(": ")[2])
    rows = json.loads((folder / "prompts.json").read_text("utf-8"))["runs"]
    images = sorted(folder.glob("images/*.png"))
    assert len(rows) == len(images) == 4

    assert main(["read", *map(str, images)]) == 0
    shown = capsys.readouterr().out
    for row in rows:
        for text in (row["positive"], row["negative"], str(row["seed"]), row["run_id"], "tiny-sd15.safetensors"):
            assert text in shown
    assert shown.count("holds       ComfyUI workflow, API graph, infotext") == 4

    with Store.open() as store:
        runs = {run.id: run for run in store.runs()}
    for row, image in zip(rows, images, strict=True):
        found = read_image(image)
        assert found.graph == json.loads((folder / f"graphs/{image.stem}.json").read_text("utf-8"))
        run = runs[row["run_id"]]
        assert run.images[0].path.name == image.name
        files = {choice.file for component in run.draft.components for choice in component.choices if choice.file}
        assert any(re.fullmatch(r"colors/warm\.txt", file) for file in files)


def test_what_a_run_exports_renders_the_same_picture(comfyui: ComfyUI, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "a {fox|owl}", "--server", comfyui.url, "--count", "1", "--seed", "3", *SMALL]) == 0
    first = Path(capsys.readouterr().out.strip().rpartition(": ")[2])
    run_id = json.loads((first / "prompts.json").read_text("utf-8"))["runs"][0]["run_id"]
    assert main(["export", run_id, "--format", "graph", "--output", "graph.json"]) == 0
    capsys.readouterr()
    again = ["run", str(first / "prompts.json"), "--graph", "graph.json", "--server", comfyui.url]
    assert main(again) == 0
    second = Path(capsys.readouterr().out.strip().rpartition(": ")[2])
    requests = [read_image(folder / "images/0001.png").request for folder in (first, second)]
    assert requests[0] == requests[1]


def test_a_model_that_the_server_has_not_is_named(comfyui: ComfyUI, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "a fox", "--server", comfyui.url, "--count", "2", "--checkpoint", "tiny-sd51", *SMALL]) == 1
    done = capsys.readouterr()
    assert "did you mean 'tiny-sd15.safetensors'?" in done.err
    assert done.out.startswith("0 images, 2 prompts not rendered: ")


def test_a_lora_that_fits_is_loaded_and_changes_the_picture(comfyui: ComfyUI, capsys: pytest.CaptureFixture[str]):
    folder = comfyui.folder / "models" / "loras"
    loras = ["--select-loras", "--loras", str(folder), "--checkpoint", "tiny-sd15.safetensors"]
    run = ["run", "a hill, tinyink", "--server", comfyui.url, "--count", "1", "--seed", "3", *SMALL, *loras]
    pictures = []
    for more in ([], ["--max-loras", "0"]):
        assert main([*run, *more]) == 0
        done = capsys.readouterr()
        folder = Path(done.out.strip().rpartition(": ")[2])
        pictures.append(folder / "images" / "0001.png")
        nodes = (read_image(pictures[-1]).graph or {}).values()
        names = [node["inputs"]["lora_name"] for node in nodes if node["class_type"] == "LoraLoader"]
        assert names == ([] if more else ["styles/tiny_ink.safetensors"])
        assert ("[1] styles/tiny_ink at " in done.err) is not bool(more)
    first, second = (Image.open(path).convert("RGB").tobytes() for path in pictures)
    assert first != second
