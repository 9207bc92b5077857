"""--select-loras in prompt and run, and selectLoras in a pipeline file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_app.cli import _parser
from orchestrator_app.commands.arguments import lora_flag
from orchestrator_core.stages.select_loras import Options
from orchestrator_core.store import Store
from tests.app.conftest import Cli, Outcome
from tests.app.lora_folder import make_loras
from tests.core.generators import stand_in_comfy, stand_in_forge

INK = "ink wash of a heron"


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    return make_loras(tmp_path / "loras")


@pytest.fixture
def prompt(cli: Cli, loras: Path) -> Cli:
    def call(*arguments: object) -> Outcome:
        return cli("prompt", *arguments, "--select-loras", "--loras", loras, "--base-model", "Illustrious")

    return call


def folder_of(done: Outcome) -> Path:
    return Path(done.out.strip().rpartition(": ")[2])


# prompt


def test_a_prompt_comes_with_its_loras_and_the_reasons_apart_from_it(prompt: Cli):
    done = prompt(INK)
    assert done.out == "ink wash of a heron <lora:ink_wash:0.7>\n"
    assert "[1] styles/ink_wash at 0.7: trigger 'ink wash' is in the prompt; both are Illustrious" in done.err


def test_trigger_words_are_added_and_the_json_says_whose_they_are(prompt: Cli):
    found = json.loads(prompt("mira, reading", "--json").out)
    assert found["positive"] == "mira, reading, green eyes"
    assert found["components"][-1]["origin"] == "trigger_words"
    assert [(lora["name"], lora["strength_model"]) for lora in found["loras"]] == [("characters/mira", 0.7)]


def test_where_nothing_fits_no_lora_is_used_and_that_is_said(prompt: Cli):
    done = prompt("a red car")
    assert (done.out, done.err) == ("a red car\n", "[1] No LoRA: nothing in the library fits clearly enough.\n")


def test_the_checkpoint_decides_what_can_be_used(cli: Cli, loras: Path):
    base = ("prompt", INK, "--select-loras", "--loras", loras)
    done = cli(*base, "--checkpoint", "dreamshaper_v1-5-pruned.safetensors")
    assert done.out == "ink wash of a heron\n"
    assert "not used: styles/ink_wash: the LoRA is for Illustrious, the checkpoint is SD 1.5" in done.err
    done = cli(*base)
    assert "warning: the checkpoint's base model is not known" in done.err
    assert "<lora:ink_wash:0.7>" in done.out


@pytest.mark.parametrize(
    ("arguments", "tags"),
    [
        (("--include", "hat:0.5", "--base-model", "SD 1.5"), ["<lora:hat:0.5>"]),
        (("--exclude", "styles/*", "--exclude", "ink_copy"), []),
        (("--max-loras", "0"), []),
        (("--lora-query", "-tag:ink name:mira"), []),
        (("--lora-query=-tag:ink",), ["<lora:ink_copy:0.8>"]),
        (("--total-strength", "0.3"), ["<lora:ink_wash:0.3>"]),
        (("--minimum-evidence", "19"), []),
    ],
)
def test_each_option_does_what_it_says(cli: Cli, loras: Path, arguments: tuple[str, ...], tags: list[str]):
    base = () if "--base-model" in arguments else ("--base-model", "Illustrious")
    done = cli("prompt", INK, "--select-loras", "--loras", loras, *base, *arguments, "--variety", "0")
    assert re.findall(r"<lora:[^>]*>", done.out) == tags


def test_every_option_of_the_stage_is_a_flag_of_each_command():
    for command in ("prompt", "run", "export"):
        arguments = _parser().parse_args([command, "x"])
        flags = {name.removeprefix("lora_") for name in vars(arguments) if name.startswith("lora_")}
        assert flags == set(Options.model_fields)


def test_the_help_names_the_defaults_of_the_stage(cli: Cli):
    text = " ".join(cli("prompt", "--help").out.split())
    for name, info in Options.model_fields.items():
        if isinstance(info.default, int | float) and not isinstance(info.default, bool):
            assert re.search(rf"{lora_flag(name)} \w+ [^(]*\({info.default:g}\)", text), name


def test_a_name_that_is_not_there_is_told_once(prompt: Cli):
    done = prompt("ink wash {a|b|c}", "-n", 3, "--include", "zork")
    assert done.err.count("warning: There is no LoRA 'zork'. Look it up: orchestrator loras list\n") == 1


@pytest.mark.parametrize("flag", [("--include", "hat"), ("--max-loras", "2"), ("--allow-accelerators",)])
def test_an_option_without_the_selection_is_refused(cli: Cli, flag: tuple[str, ...]):
    done = cli("prompt", "a fox", *flag)
    assert (done.status, done.err) == (2, f"error: {flag[0]} is for choosing LoRAs: add --select-loras.\n")


def test_a_value_out_of_range_names_the_option(prompt: Cli):
    done = prompt("a fox", "--variety", "7")
    assert done.status == 2
    assert "variety" in done.err


def test_a_query_that_cannot_be_read_is_explained(prompt: Cli):
    done = prompt("a fox", "--lora-query", "bse:x")
    assert done.status == 2
    assert "there is no key 'bse:'" in done.err


# run


def test_a_run_writes_them_into_requests_workflows_and_its_folder(cli: Cli, loras: Path):
    drawn = ("run", "{ink wash|a car}", "--method", "combinatorial", "--no-render")
    done = cli(*drawn, "--select-loras", "--loras", loras, "--checkpoint", "illustriousXL.safetensors")
    folder = folder_of(done)
    assert "[1] styles/ink_wash at 0.7" in done.err
    assert "[2] No LoRA" in done.err
    text = (folder / "loras.txt").read_text("utf-8")
    assert text.startswith("[1] styles/ink_wash at 0.7: trigger 'ink wash' is in the prompt")
    assert "\n[2] No LoRA" in text
    graph = json.loads((folder / "graphs" / "0001.json").read_bytes())
    (loader,) = [node for node in graph.values() if node["class_type"] == "LoraLoader"]
    assert loader["inputs"]["lora_name"] == "styles/ink_wash.safetensors"
    assert (loader["inputs"]["strength_model"], loader["inputs"]["strength_clip"]) == (0.7, 0.7)
    assert "LoraLoader" in (folder / "workflows" / "0001.json").read_text("utf-8")
    assert "LoraLoader" not in (folder / "graphs" / "0002.json").read_text("utf-8")
    rows = json.loads((folder / "prompts.json").read_bytes())["runs"]
    with Store.open() as store:
        assert [lora.name for lora in store.load_run(rows[0]["run_id"]).draft.loras] == ["styles/ink_wash"]


def test_prompts_that_are_finished_get_theirs_too(cli: Cli, loras: Path):
    first = folder_of(cli("run", INK, "-n", 1, "--no-render"))
    done = cli("run", first / "prompts.json", "--no-render", "--select-loras", "--loras", loras)
    assert "[1] styles/ink_wash at 0.7" in done.err


def test_the_reasons_of_many_prompts_are_in_the_file_alone(cli: Cli, loras: Path):
    done = cli("run", INK, "-n", 12, "--no-render", "--select-loras", "--loras", loras, "--base-model", "xl")
    assert "\n[12] styles/ink_wash at 0.7\n" in done.err
    assert "trigger" not in done.err
    assert (folder_of(done) / "loras.txt").read_text("utf-8").count("trigger 'ink wash' is in the prompt") == 12


def test_without_being_asked_no_lora_is_chosen(cli: Cli, loras: Path):
    folder = folder_of(cli("run", INK, "-n", 1, "--no-render", "--loras", loras))
    assert not (folder / "loras.txt").exists()
    assert "LoraLoader" not in (folder / "graphs" / "0001.json").read_text("utf-8")


PIPELINE = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": INK, "seed": 7}},
    {"id": "pick", "type": "selectLoras", "options": {"strength": 0.5, "exclude": "ink_wash"}},
    {"id": "render", "type": "dispatch", "options": {"checkpoint": "illustriousXL.safetensors"}},
]


def test_a_pipeline_file_has_the_stage_by_itself(cli: Cli, loras: Path, tmp_path: Path):
    (tmp_path / "pipeline.json").write_text(json.dumps(PIPELINE))
    done = cli("run", "pipeline.json", "-n", 1, "--no-render", "--loras", loras)
    assert "[1] ink_copy at 0.5" in done.err
    done = cli("run", "pipeline.json", "-n", 1, "--no-render", "--loras", loras, "--select-loras", "--exclude", "*ink*")
    assert "[1] No LoRA" in done.err


def test_a_pipeline_without_the_stage_gets_it_before_the_rendering(cli: Cli, loras: Path, tmp_path: Path):
    (tmp_path / "pipeline.json").write_text(json.dumps([PIPELINE[0], PIPELINE[2]]))
    done = cli("run", "pipeline.json", "-n", 1, "--no-render", "--loras", loras, "--select-loras")
    assert "[1] styles/ink_wash at 0.7: trigger 'ink wash' is in the prompt; both are Illustrious" in done.err


def test_a_pipeline_with_the_stage_and_no_folder_says_so(cli: Cli, tmp_path: Path):
    (tmp_path / "pipeline.json").write_text(json.dumps(PIPELINE))
    done = cli("run", "pipeline.json", "--no-render")
    assert done.status == 2
    assert "No LoRA folder is known" in done.err


# export


def loaders_of(workflow: str) -> list[str]:
    nodes = json.loads(workflow)["nodes"]
    return [node["widgets_values"][0] for node in nodes if node["type"] == "LoraLoader"]


def test_a_pipeline_is_exported_with_the_loras_that_its_stage_chooses(cli: Cli, loras: Path, tmp_path: Path):
    (tmp_path / "pipeline.json").write_text(json.dumps(PIPELINE))
    done = cli("export", "pipeline.json", "--loras", loras)
    assert done.status == 0, done.err
    assert loaders_of(done.out) == ["ink_copy.safetensors"]
    assert "[1] ink_copy at 0.5" in done.err
    assert "No LoRA folder is known" in cli("export", "pipeline.json").err


def test_a_template_is_exported_with_loras_where_that_is_asked_for(cli: Cli, loras: Path):
    asked = ("export", INK, "--loras", loras, "--base-model", "xl")
    assert loaders_of(cli(*asked, "--select-loras").out) == ["styles/ink_wash.safetensors"]
    assert loaders_of(cli(*asked).out) == []
    as_template = cli(*asked, "--select-loras", "--format", "template")
    assert "warning: a template draws anew" in as_template.err


def test_what_was_rendered_keeps_its_own_loras(cli: Cli, loras: Path):
    done = cli("export", "0" * 32, "--select-loras", "--loras", loras)
    assert (done.status, "--select-loras is for a template" in done.err) == (2, True)


# rendered


@pytest.fixture
def comfy() -> Iterator[stand_in_comfy.StandIn]:
    server = stand_in_comfy.StandIn()
    yield server
    server.stop()
    server.join()


@pytest.fixture
def forge() -> Iterator[stand_in_forge.StandIn]:
    server = stand_in_forge.StandIn()
    yield server
    server.stop()


@pytest.fixture
def ink(loras: Path) -> Path:
    """The same folder, with the name that the servers know."""
    for path in list((loras / "styles").glob("ink_wash*")):
        path.rename(path.with_name(path.name.replace("ink_wash", "ink")))
    return loras


@pytest.mark.network
def test_comfyui_gets_a_loader_with_its_own_name(cli: Cli, ink: Path, comfy: stand_in_comfy.StandIn):
    done = cli("run", INK, "-n", 1, "--server", comfy.url, "--select-loras", "--loras", ink, "--base-model", "xl")
    assert done.status == 0, done.err
    graph = comfy.bodies[0]["prompt"]
    loaders = [node["inputs"] for node in graph.values() if node["class_type"] == "LoraLoader"]
    assert [(inputs["lora_name"], inputs["strength_model"]) for inputs in loaders] == [("style/ink.safetensors", 0.7)]


@pytest.mark.network
def test_forge_gets_a_tag_with_its_own_name(cli: Cli, ink: Path, forge: stand_in_forge.StandIn):
    done = cli("run", INK, "-n", 1, "--server", forge.url, "--select-loras", "--loras", ink, "--base-model", "xl")
    assert done.status == 0, done.err
    assert forge.bodies[0]["prompt"] == "ink wash of a heron <lora:ink:0.7>"


@pytest.mark.network
def test_a_lora_that_the_server_has_not_is_named(cli: Cli, loras: Path, comfy: stand_in_comfy.StandIn):
    done = cli("run", INK, "-n", 1, "--server", comfy.url, "--select-loras", "--loras", loras, "--base-model", "xl")
    assert done.status == 1
    assert "ink_wash.safetensors" in done.err
