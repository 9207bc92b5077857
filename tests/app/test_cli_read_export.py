"""orchestrator read and export: what images and stored runs say, and what can be made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image, PngImagePlugin

from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.app.conftest import Cli

REQUEST = GenerationRequest(
    "a red fox, 狐", "blur", (LoraUse("ink", 0.8, 0.8),), "sd15", steps=8, seed=42, width=64, height=32
)
NOTES = ImageNotes("0001", "a {red|blue} fox, 狐", "{blur|noise}", prompt_seed=7)


def image(path: Path, **texts: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    Image.new("RGB", (64, 32), "red").save(path, pnginfo=info)
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    graph = text_to_image_graph(REQUEST)
    return image(
        tmp_path / "ours.png",
        parameters=format_infotext(REQUEST, NOTES),
        prompt=json.dumps(graph),
        workflow=json.dumps(workflow_from_graph(graph)),
    )


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """An image of A1111's."""
    text = "a cat <lora:ink:0.5>\nNegative prompt: bad\nSteps: 12, Sampler: Euler a, CFG scale: 6, Seed: 3, Size: 64x32"
    return image(tmp_path / "theirs.png", parameters=text + ", Model: dream, Version: v1.10.1")


# read


def test_read_shows_what_made_our_image(cli: Cli, ours: Path):
    done = cli("read", ours)
    assert (done.status, done.err) == (0, "")
    for text in ("PNG, 64 × 32 · Orchestrator", "a red fox, 狐", "blur", "42", "8 steps", "sd15", "ink 0.8", "0001"):
        assert text in done.out
    assert "template    a {red|blue} fox, 狐" in done.out
    assert "drawn with  7" in done.out


def test_read_shows_other_programs_images(cli: Cli, theirs: Path, tmp_path: Path):
    comfy = image(tmp_path / "comfy.png", prompt=json.dumps(text_to_image_graph(REQUEST)))
    done = cli("read", theirs, comfy)
    assert "· A1111" in done.out
    assert "12 steps, euler_ancestral" in done.out
    assert "· ComfyUI" in done.out
    assert done.out.count("a red fox, 狐") == 1


def test_read_finds_images_in_folders_of_folders_and_says_where_none_is(cli: Cli, tmp_path: Path):
    (tmp_path / "run" / "images").mkdir(parents=True)
    empty = cli("read", "run")
    assert (empty.status, empty.out) == (1, "")
    assert "No PNG, JPEG, WebP or AVIF in run" in empty.err
    image(tmp_path / "run" / "images" / "0001.png", parameters=format_infotext(REQUEST, NOTES))
    done = cli("read", "run")
    assert (done.status, done.err) == (0, "")
    assert "a red fox, 狐" in done.out


def test_read_as_json(cli: Cli, ours: Path, theirs: Path):
    first, second = [json.loads(line) for line in cli("read", "--json", ours, theirs).out.splitlines()]
    assert (first["schema_version"], first["software"], first["width"]) == (1, "Orchestrator", 64)
    assert first["request"]["seed"] == 42
    assert first["request"]["loras"] == [{"name": "ink", "strength_model": 0.8, "strength_clip": 0.8, "sha256": ""}]
    assert first["notes"]["template"] == NOTES.template
    assert first["graph"]["1"]["class_type"] == "CheckpointLoaderSimple"
    assert first["workflow"]["version"] == 0.4
    assert second["notes"] is None
    assert second["fields"]["Version"] == "v1.10.1"


def test_a_broken_file_is_reported_and_the_others_are_read(cli: Cli, ours: Path, tmp_path: Path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes(ours.read_bytes()[:40])
    done = cli("read", "text.png", "missing.png", "cut.png", ours)
    assert done.status == 1
    assert done.err.count("error: ") == 3
    assert "a red fox" in done.out


def test_a_folder_is_read_image_by_image(cli: Cli, ours: Path, theirs: Path, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not an image")
    done = cli("read", tmp_path)
    assert (done.status, done.out.count("64 × 32")) == (0, 2)


def test_an_image_without_metadata_says_so(cli: Cli, tmp_path: Path):
    assert "says nothing of how it was made" in cli("read", image(tmp_path / "plain.png")).out


# export


def test_an_image_gives_back_its_own_workflow_and_graph(cli: Cli, ours: Path):
    graph = text_to_image_graph(REQUEST)
    assert json.loads(cli("export", ours).out) == workflow_from_graph(graph)
    assert json.loads(cli("export", ours, "--format", "graph").out) == graph


def test_another_programs_image_becomes_a_workflow(cli: Cli, theirs: Path):
    workflow = json.loads(cli("export", theirs).out)
    request = request_from_graph(graph_from_workflow(workflow))
    assert (request.positive.strip(), request.negative, request.seed, request.steps) == ("a cat", "bad", 3, 12)
    assert request.loras == (LoraUse("ink.safetensors", 0.5, 0.5),)


def test_prompts_from_an_image_run_again(cli: Cli, theirs: Path, tmp_path: Path):
    assert cli("export", theirs, "--format", "prompts", "-o", "again.json").status == 0
    assert cli("prompt", "again.json").out == "a cat\nNegative prompt: bad\n"


def test_a_template_from_an_image_draws_the_same_prompt(cli: Cli, ours: Path):
    cli("export", ours, "--format", "template", "-o", "fox.yaml")
    content = yaml.safe_load(Path("fox.yaml").read_text("utf-8"))
    assert (content["template"], content["negative"]) == (NOTES.template, NOTES.negative_template)
    assert content["settings"] == {"steps": 8, "width": 64, "height": 32, "checkpoint": "sd15"}
    draft = Template(NOTES.template, NOTES.negative_template).draw(Wildcards([]), 7)
    assert cli("prompt", "fox.yaml", "--seed", 7).out.splitlines()[0] == draft.positive


def test_a_template_becomes_a_workflow_of_its_draw(cli: Cli):
    workflow = json.loads(cli("export", "a {red|blue} fox", "--seed", 1, "--set", "steps=3").out)
    request = request_from_graph(graph_from_workflow(workflow))
    assert request.positive + "\n" == cli("prompt", "a {red|blue} fox", "--seed", 1).out
    assert (request.seed, request.steps) == (1, 3)
    assert workflow["extra"]["orchestrator"]["template"] == "a {red|blue} fox"
    note = next(node for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    assert "a {red|blue} fox" in note["widgets_values"][0]


def test_a_stored_run_is_found_by_its_first_digits(cli: Cli, ours: Path):
    draft = Template("a {red|blue} fox").draw(Wildcards([]), 5)
    run = Run(new_run_id(), draft)
    with Store.open() as store:
        store.save_run(run)
        store.save_run(Run(run.id[:-1] + ("0" if run.id[-1] != "0" else "1"), draft))
    row = json.loads(cli("export", run.id, "-f", "prompts").out)["runs"][0]
    assert (row["positive"], row["template"], row["seed"]) == (draft.positive, "a {red|blue} fox", 5)
    several = cli("export", run.id[:12])
    assert (several.status, "Several runs" in several.err) == (2, True)
    none = cli("export", "00000000")
    assert (none.status, "No run begins" in none.err) == (2, True)


def test_a_stored_run_gives_what_its_image_carries(cli: Cli, ours: Path):
    run = Run(new_run_id(), Template("x").draw(Wildcards([]), 1), (GeneratedImage(ours, REQUEST, "0001"),))
    with Store.open() as store:
        store.save_run(run)
    expected = workflow_from_graph(text_to_image_graph(REQUEST))
    assert json.loads(cli("export", run.id).out) == expected
    ours.unlink()
    assert request_from_graph(graph_from_workflow(json.loads(cli("export", run.id).out))).positive == REQUEST.positive


def test_a_file_is_replaced_only_by_force(cli: Cli):
    Path("out.json").write_text("precious")
    done = cli("export", "a fox", "-o", "out.json")
    assert (done.status, Path("out.json").read_text()) == (2, "precious")
    assert "--force" in done.err
    assert cli("export", "a fox", "-o", "out.json", "--force").status == 0
    assert json.loads(Path("out.json").read_text())["version"] == 0.4


def test_without_a_store_there_is_no_run(cli: Cli):
    done = cli("export", "0" * 32)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)


def test_an_image_that_says_nothing_cannot_be_exported(cli: Cli, tmp_path: Path):
    done = cli("export", image(tmp_path / "plain.png"))
    assert (done.status, done.out) == (2, "")
    assert "says nothing" in done.err
