"""orchestrator export --template: images, runs, workflows and templates as workflows for others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.formats.sharing_nodes import OUR_NODES, WILDCARD_PROMPT
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, notes_for
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.stages.dispatch import Options as Dispatch
from orchestrator_core.stages.dispatch import request_for
from orchestrator_core.stages.generate_prompt import Options, generate, options_from_widgets
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.app.conftest import Cli

REQUEST = GenerationRequest("a red fox", "blur", checkpoint="sd15", steps=8, seed=42)
NOTES = ImageNotes("0" * 32, "a {red|blue} fox", "{blur|noise}", prompt_seed=7)


def image(path: Path, **texts: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    Image.new("RGB", (1200, 800), "red").save(path, pnginfo=info)
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    graph = text_to_image_graph(REQUEST)
    workflow = workflow_from_graph(graph, extra=notes_as_json(NOTES))
    infotext = format_infotext(REQUEST, NOTES)
    return image(tmp_path / "ours.png", parameters=infotext, prompt=json.dumps(graph), workflow=json.dumps(workflow))


def graph_of(text: str) -> dict[str, Any]:
    return graph_from_workflow(json.loads(text), OUR_NODES)


def prompt_node(text: str) -> dict[str, Any]:
    (found,) = [node["inputs"] for node in graph_of(text).values() if node["class_type"] == WILDCARD_PROMPT]
    return found


def test_an_image_as_stock_renders_the_same(cli: Cli, ours: Path):
    done = cli("export", ours, "--template", "stock")
    found = request_from_graph(graph_of(done.out))
    assert found == REQUEST.replacing(checkpoint="sd15.safetensors")
    assert "Taken out: the workflow: left out extra.orchestrator" in done.err


def test_an_image_as_live_draws_from_its_template(cli: Cli, ours: Path):
    found = prompt_node(cli("export", ours, "--template", "live").out)
    assert (found["template"], found["negative_template"], found["seed"]) == (
        NOTES.template,
        NOTES.negative_template,
        7,
    )


def test_an_image_of_another_program_is_laid_out_plainly(cli: Cli, tmp_path: Path):
    text = "a cat\nNegative prompt: bad\nSteps: 12, Sampler: Euler a, CFG scale: 6, Seed: 3, Size: 64x32, Model: dream"
    theirs = image(tmp_path / "theirs.png", parameters=text)
    found = request_from_graph(graph_of(cli("export", theirs, "--template", "stock").out))
    assert (found.positive, found.steps, found.checkpoint) == ("a cat", 12, "dream.safetensors")
    live = cli("export", theirs, "--template", "live")
    assert prompt_node(live.out)["mode"] == "fixed"
    assert "warning: This run says no template" in live.err


def test_an_image_whose_graph_cannot_be_laid_out_is_plain_and_says_why(cli: Cli, tmp_path: Path):
    graph = {**text_to_image_graph(REQUEST), "99": {"class_type": "Somebodys", "inputs": {}}}
    done = cli("export", image(tmp_path / "x.png", prompt=json.dumps(graph)), "--template", "stock")
    assert request_from_graph(graph_of(done.out)).positive == "a red fox"
    assert "Somebodys" in done.err


def test_a_stored_run_is_found_by_its_id(cli: Cli, tmp_path: Path):
    draft = Template("a {red|blue} fox").draw(Wildcards([]), seed=3)
    run = Run(new_run_id(), draft)
    run = run.replacing(images=(GeneratedImage(tmp_path / "gone.png", REQUEST, run.id),))
    with Store.open() as store:
        store.save_run(run)
    found = prompt_node(cli("export", run.id, "--template", "live").out)
    assert (found["template"], found["seed"]) == ("a {red|blue} fox", 3)


@pytest.mark.parametrize("kept_as", ["run", "image", "infotext"])
@pytest.mark.parametrize(
    "how",
    [{"rerolls": True}, {"method": "combinatorial", "index": 2}, {"method": "cyclical", "index": 1}, {"index": 0}],
)
def test_a_live_template_draws_the_very_prompt(cli: Cli, tmp_path: Path, how: dict[str, Any], kept_as: str):
    """Also where words were drawn again, or another method than the usual one was taken."""
    template = "a {red|blue|green|ochre} {fox|owl|lynx|crane}"
    rerolls = {slot.id: 3 for slot in Template(template).slots} if "rerolls" in how else {}
    draft = generate(Options(**{"template": template, "seed": 7, **how, "rerolls": rerolls}), Wildcards([]))
    request = request_for(draft, Dispatch())
    what: Any = Run(new_run_id(), draft)
    if kept_as == "run":
        with Store.open() as store:
            store.save_run(what)
        what = what.id
    else:
        notes = notes_for(what.id, draft)
        workflow = workflow_from_graph(text_to_image_graph(request), extra=notes_as_json(notes))
        texts = {"workflow": json.dumps(workflow)} if kept_as == "image" else {}
        what = image(tmp_path / "x.png", parameters=format_infotext(request, notes), **texts)
    found = prompt_node(cli("export", what, "--template", "live").out)
    assert generate(options_from_widgets(found), Wildcards([])).positive == draft.positive


def test_a_template_is_drawn_or_kept(cli: Cli):
    stock = cli("export", "a {red|blue} fox", "--seed", 1, "--template", "stock")
    assert request_from_graph(graph_of(stock.out)).positive in ("a red fox", "a blue fox")
    live = cli("export", "a {red|blue} fox", "--seed", 1, "--template", "live")
    assert prompt_node(live.out)["template"] == "a {red|blue} fox"


def test_a_workflow_that_was_never_run_is_drawn_with_the_wildcards_at_hand(cli: Cli, wildcards: Path):
    name = next(path.stem for path in (wildcards / "colors").iterdir())
    cli("export", f"a __colors/{name}__ fox", "--wildcards", wildcards, "--template", "live", "-o", "my_fox.json")
    done = cli("export", "my_fox.json", "--wildcards", wildcards, "--template", "stock")
    positive = request_from_graph(graph_of(done.out)).positive
    assert positive.startswith("a ")
    assert "__" not in positive
    assert "# my fox" in done.out
    assert "warning" not in done.err


def test_an_api_graph_is_a_workflow_too(cli: Cli, tmp_path: Path):
    (tmp_path / "graph.json").write_text(json.dumps(text_to_image_graph(REQUEST)))
    assert request_from_graph(graph_of(cli("export", "graph.json", "--template", "stock").out)).positive == "a red fox"


def test_what_was_taken_out_is_listed(cli: Cli, tmp_path: Path):
    workflow = workflow_from_graph(text_to_image_graph(REQUEST.replacing(positive="see /mnt" + "/disk/me/fox.png")))
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    done = cli("export", "w.json", "--template", "stock", "-o", "out.json")
    assert "Taken out: positive (2): a path, /mnt/disk/me/fox.png" in done.err
    assert "disk" not in (tmp_path / "out.json").read_text("utf-8")


def test_the_thumbnail_lies_beside_it_and_says_nothing(cli: Cli, ours: Path, tmp_path: Path):
    done = cli("export", ours, "--template", "stock", "-o", "fox.json", "--thumbnail")
    assert done.status == 0
    assert "Wrote fox.jpg" in done.err
    with Image.open(tmp_path / "fox.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (768, 512))
        assert not picture.getexif()
        assert "comment" not in picture.info
    assert (tmp_path / "fox.jpg").stat().st_size <= 100_000
    assert b"fox" not in (tmp_path / "fox.jpg").read_bytes()


def test_a_thumbnail_of_another_image(cli: Cli, tmp_path: Path):
    image(tmp_path / "other.png")
    assert cli("export", "a fox", "--template", "live", "-o", "fox.json", "--thumbnail", "other.png").status == 0
    assert (tmp_path / "fox.jpg").is_file()
    again = cli("export", "a fox", "--template", "live", "-o", "fox2.json", "--thumbnail", "none.png")
    assert again.status != 0
    assert "none.png cannot be a thumbnail" in again.err
    assert not (tmp_path / "fox2.json").exists()


@pytest.mark.parametrize("arguments", [["--thumbnail"], ["--thumbnail", "-o", "x.json"]])
def test_a_thumbnail_without_a_picture_or_a_place_is_refused(cli: Cli, arguments: list[str]):
    done = cli("export", "a fox", "--template", "live", *arguments)
    assert done.status != 0
    assert "--thumbnail takes an image" in done.err


def test_a_template_is_no_format_besides(cli: Cli):
    done = cli("export", "a fox", "--template", "live", "--format", "graph")
    assert done.status == 2
    assert "not allowed with" in done.err
