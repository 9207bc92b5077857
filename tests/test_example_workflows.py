"""The bundled workflows: valid on a canvas, drawn as they say, with nothing of the machine that made them."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from orchestrator_app.cli import main
from orchestrator_app.example_workflows import EXAMPLES, MODELS, SD15, ExampleWorkflow, all_examples, as_text
from orchestrator_app.example_workflows_graphs import DEFINITIONS, LiveExample
from orchestrator_app.example_workflows_live import LIVE_EXAMPLES
from orchestrator_app.sharing import drawing_with
from orchestrator_core import __version__
from orchestrator_core.formats.comfy_binding import bind_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.core_nodes import CORE_NODES
from orchestrator_core.formats.image_notes import parse_notes
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.formats.sharing import Host, share_workflow
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Template, Wildcards
from tests.hosts.thumbnails import card, digest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "example_workflows"
OBJECT_INFO = json.loads((ROOT / "tests" / "data" / "object_info.json").read_text("utf-8"))
OF_A_MACHINE = re.compile(r"/(root|home|work|tmp|users|mnt)/|\b[a-z]:[\\/]|~/|localhost|127\.0\.0\.1", re.I)
TITLE_BAR = 30  # pixels that a node has above its position

Box = tuple[float, float, float, float]  # left, top, right, bottom

AnyExample = ExampleWorkflow | LiveExample

every_workflow = pytest.mark.parametrize("example", [*EXAMPLES, *LIVE_EXAMPLES], ids=lambda example: example.name)
every_live = pytest.mark.parametrize("example", LIVE_EXAMPLES, ids=lambda example: example.name)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def file(example: AnyExample) -> Path:
    return FOLDER / f"{example.name}.json"


def workflow(example: AnyExample) -> dict[str, Any]:
    return dict(json.loads(file(example).read_text("utf-8")))


def graph(example: ExampleWorkflow) -> Graph:
    return graph_from_workflow(workflow(example))


def titled(example: ExampleWorkflow) -> dict[str, dict[str, Any]]:
    return {node["_meta"]["title"]: node for node in graph(example).values()}


@cache
def template_file(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "orchestrator_app" / "examples" / f"{name}.yaml").read_text("utf-8")))


@cache
def wildcards() -> Wildcards:
    return Wildcards([ROOT / "wildcards"])


def node_of(example: AnyExample, kind: str) -> dict[str, Any]:
    (found,) = [node for node in workflow(example)["nodes"] if node["type"] == kind]
    return dict(found)


def note(example: AnyExample) -> str:
    return str(node_of(example, "MarkdownNote")["widgets_values"][0])


def box(node: dict[str, Any]) -> Box:
    """With the title."""
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE_BAR, x + width, y + height


def test_the_folder_holds_a_workflow_and_a_thumbnail_for_each_template() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
        f"{example.name}{suffix}" for example in (*EXAMPLES, *LIVE_EXAMPLES) for suffix in (".json", ".jpg")
    )
    templates = sorted(path.stem for path in (ROOT / "orchestrator_app" / "examples").glob("*.yaml"))
    assert sorted(example.template for example in EXAMPLES) == templates


@every_workflow
def test_the_committed_file_is_what_is_built_today(example: AnyExample) -> None:
    assert file(example).read_text("utf-8") == as_text(all_examples()[example.name]), (
        "write it anew: python -m orchestrator_app.example_workflows"
    )


@every_workflow
def test_it_is_a_whole_workflow_of_version_0_4(example: AnyExample) -> None:
    found = workflow(example)
    nodes = {node["id"]: node for node in found["nodes"]}
    assert found["version"] == 0.4
    assert len(nodes) == len(found["nodes"])
    assert found["last_node_id"] == max(nodes)
    assert sorted(node["order"] for node in found["nodes"]) == list(range(len(nodes)))
    assert [link[0] for link in found["links"]] == list(range(1, found["last_link_id"] + 1))
    for number, origin, slot, target, target_slot, kind in found["links"]:
        assert number in nodes[origin]["outputs"][slot]["links"]
        assert nodes[target]["inputs"][target_slot]["link"] == number
        assert nodes[origin]["outputs"][slot]["type"] == nodes[target]["inputs"][target_slot]["type"] == kind
        assert nodes[origin]["order"] < nodes[target]["order"]
    ends = [number for node in nodes.values() for end in node["outputs"] for number in end["links"] or []]
    assert sorted(ends) == [link[0] for link in found["links"]]


@every_example
def test_it_uses_comfyuis_own_nodes_and_nothing_is_left_open(example: ExampleWorkflow) -> None:
    for node in workflow(example)["nodes"]:
        assert node["mode"] == 0
        if node["type"] == "MarkdownNote":
            continue
        assert node["type"] in CORE_NODES
        assert node["properties"]["cnr_id"] == "comfy-core"
        assert all(item["link"] for item in node["inputs"])


@pytest.mark.parametrize("name", sorted(CORE_NODES))
def test_what_we_say_of_a_core_node_is_what_a_server_says(name: str) -> None:
    ours, recorded = node_definition(name, None), node_definition(name, OBJECT_INFO)
    assert ours
    assert recorded
    assert (ours.title, ours.outputs, ours.module) == (recorded.title, recorded.outputs, recorded.module)
    for own, theirs in zip(ours.inputs, recorded.inputs, strict=True):
        assert (own.name, own.type, own.extra, own.dynamic_prompts, own.multiline) == (
            theirs.name, theirs.type, theirs.extra, theirs.dynamic_prompts, theirs.multiline,
        )  # fmt: skip


@every_example
def test_workflow_graph_workflow_is_stable(example: ExampleWorkflow) -> None:
    first = graph(example)
    assert first == graph_from_workflow(workflow(example), OBJECT_INFO)
    again = json.loads(json.dumps(workflow_from_graph(first)))
    second = graph_from_workflow(again)
    assert second == first
    assert json.loads(json.dumps(workflow_from_graph(second))) == again


@every_example
def test_its_prompts_are_the_draw_that_its_note_names(example: ExampleWorkflow) -> None:
    content = template_file(example.template)
    seed = int(re.findall(r"with seed \*\*(\d+)\*\*", note(example))[0])
    draft = Template(content["template"], negative=content["negative"]).draw(wildcards(), seed=seed)
    request = request_from_graph(graph(example))
    assert (request.positive, request.negative, request.seed) == (draft.positive, draft.negative_prompt, seed)
    notes = parse_notes(json.dumps(workflow(example)["extra"]["orchestrator"]))
    assert notes
    assert (notes.template, notes.negative_template, notes.prompt_seed) == (
        content["template"], content["negative"], seed,
    )  # fmt: skip


@every_example
def test_its_settings_are_the_templates_but_for_what_the_example_is_about(example: ExampleWorkflow) -> None:
    request = request_from_graph(graph(example))
    settings = {**template_file(example.template)["settings"], **example.settings}
    assert {name: getattr(request, name) for name in settings} == settings
    assert set(example.settings) <= {"checkpoint", "width", "height", "batch_size"}


@every_workflow
def test_nothing_in_it_is_of_a_machine(example: AnyExample) -> None:
    text = re.sub(r"https://\S+", "", file(example).read_text("utf-8"))
    assert OF_A_MACHINE.findall(text) == []
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
    loader = node_of(example, "CheckpointLoaderSimple")
    assert loader["widgets_values"][0] in MODELS
    assert loader["properties"]["models"] == [
        {"name": loader["widgets_values"][0], **MODELS[loader["widgets_values"][0]]}
    ]
    for model in loader["properties"]["models"]:
        assert model["url"].startswith("https://huggingface.co/")
        assert model["url"].endswith("/" + model["name"])


@every_workflow
def test_nodes_lie_apart_and_inside_their_groups(example: AnyExample) -> None:
    found = workflow(example)
    for one, other in combinations(found["nodes"], 2):
        assert apart(box(one), box(other)), (one["title"], other["title"])
    for group in found["groups"]:
        left, top, width, height = group["bounding"]
        frame = (left, top, left + width, top + height)
        for node in found["nodes"]:
            assert apart(box(node), frame) or inside(box(node), frame), node["title"]
    framed = {title for titles in dict(example.groups).values() for title in titles}
    assert framed == {node["title"] for node in found["nodes"] if node["type"] != "MarkdownNote"}


def apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def inside(inner: Box, outer: Box) -> bool:
    return outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]


def test_the_three_are_three_different_graphs() -> None:
    shapes = {tuple(sorted(node["class_type"] for node in graph(example).values())) for example in EXAMPLES}
    assert len(shapes) == len(EXAMPLES)


def test_the_portraits_second_pass_goes_on_from_the_enlarged_first_one() -> None:
    nodes = titled(next(example for example in EXAMPLES if example.template == "portrait"))
    first, second = nodes["sampler"]["inputs"], nodes["second pass"]["inputs"]
    assert (first["denoise"], second["denoise"], nodes["enlarge"]["inputs"]["scale_by"]) == (1.0, 0.5, 1.5)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"denoise", "latent_image"}


def test_the_landscape_saves_one_of_the_batch_that_it_shows() -> None:
    nodes = titled(next(example for example in EXAMPLES if example.template == "landscape"))
    assert nodes["size"]["inputs"]["batch_size"] == 4
    assert nodes["decode all"]["inputs"]["samples"] == nodes["keep"]["inputs"]["samples"]
    assert (nodes["keep"]["inputs"]["batch_index"], nodes["keep"]["inputs"]["length"]) == (0, 1)


@every_example
def test_other_prompts_can_be_bound_to_it(example: ExampleWorkflow) -> None:
    request = GenerationRequest("a fox", "a hen", (LoraUse("ink"),), seed=77, width=640, height=384, batch_size=3)
    bound = bind_graph(graph(example), request)
    assert bound.unbound == ()
    read = request_from_graph(bound.graph)
    assert (read.positive, read.negative, read.seed, read.batch_size) == ("a fox", "a hen", 77, 3)
    assert (read.width, read.height, read.loras) == (640, 384, (LoraUse("ink.safetensors"),))
    assert read.checkpoint == example.settings["checkpoint"]


@every_example
def test_the_commands_of_its_note_work(
    example: ExampleWorkflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = [shlex.split(line) for line in re.findall(r"`?\b(orchestrator [^`\n]+)", note(example))]
    monkeypatch.chdir(ROOT)
    for command in commands:
        assert f"@{example.template}" in command
        offline = ["--no-render", "--output", str(tmp_path)] if command[1] == "run" else []
        assert main([*command[1:], "--seed", str(example.seed), *offline]) == 0
    capsys.readouterr()
    # The first of the four, drawn with the workflow's own seed, is the workflow's own graph.
    exported = sorted(tmp_path.rglob("workflows/*.json"))
    assert len(exported) == 4
    assert graph_from_workflow(json.loads(exported[0].read_text("utf-8"))) == graph(example)


@every_workflow
def test_its_thumbnail_is_a_small_jpeg_of_3_to_2(example: AnyExample) -> None:
    path = FOLDER / f"{example.name}.jpg"
    assert path.stat().st_size <= 100_000
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert image.width * 2 == image.height * 3
        assert image.width >= 900
        assert not image.getexif()
        assert image.info["comment"] == digest(card(example)), "make it anew: python -m tests.hosts.thumbnails"


# --- those that draw


@every_live
def test_its_templates_draw_with_the_bundled_wildcards_and_nothing_to_mention(example: LiveExample) -> None:
    for values in example.prompts.values():
        template = Template(values["template"], values.get("negative_template", ""))
        drawn = [template.draw(wildcards(), seed=values["seed"] + number) for number in range(20)]
        assert [str(found) for draft in drawn for found in draft.diagnostics] == []
        assert len({draft.positive for draft in drawn}) == 20
        assert not any("__" in draft.positive + draft.negative_prompt for draft in drawn)


@every_live
def test_each_node_says_which_pack_and_version_it_is_of(example: LiveExample) -> None:
    for node in workflow(example)["nodes"]:
        if node["type"] != "MarkdownNote":
            ours = node["type"].startswith("Orchestrator")
            assert node["properties"]["cnr_id"] == ("sd-orchestrator" if ours else "comfy-core")
            assert node["properties"]["ver"] == (__version__ if ours else "0.3.64")


@every_live
def test_sharing_it_again_takes_nothing_out(example: LiveExample) -> None:
    shared = share_workflow(workflow(example), "live", host=Host(DEFINITIONS, names=()))
    assert shared.taken_out == shared.warnings == ()
    own = {node["id"]: node for node in workflow(example)["nodes"]}
    kept = {node["id"]: node for node in shared.template["nodes"] if node["title"] != "About this template"}
    assert {key: node["widgets_values"] for key, node in kept.items()} == {
        key: node["widgets_values"] for key, node in own.items()
    }


@every_live
def test_its_stock_template_renders_what_it_draws(example: LiveExample) -> None:
    host = Host(DEFINITIONS, names=(), draw=drawing_with(wildcards()))
    found = graph_from_workflow(share_workflow(workflow(example), "stock", host=host).template, DEFINITIONS)
    assert not any(node["class_type"].startswith("Orchestrator") for node in found.values())
    request = request_from_graph(found)
    last = list(example.prompts.values())[-1]
    texts = [
        values.get("populated_text") or Template(values["template"]).draw(wildcards(), seed=values["seed"]).positive
        for values in example.prompts.values()
    ]
    assert request.positive == example.join.join(texts)
    assert request.seed == last["seed"]
    assert (request.width, request.height) == example.size


def test_one_enriches_its_prompt_and_chooses_loras_for_all_of_it() -> None:
    example = next(each for each in LIVE_EXAMPLES if each.enhanced is not None)
    found = graph_from_workflow(workflow(example), DEFINITIONS)
    fed = {node["class_type"]: (key, node["inputs"]) for key, node in found.items()}
    key, inputs = fed["OrchestratorLLMEnhance"]
    assert fed["OrchestratorLLMModel"][1]["backend"] == "rules"
    assert (inputs["draft"], inputs["llm"]) == (
        [fed["OrchestratorWildcardPrompt"][0], 2],
        [fed["OrchestratorLLMModel"][0], 0],
    )
    assert fed["OrchestratorLoRASelector"][1]["draft"] == [key, 0]


def test_they_show_a_first_prompt_a_batch_two_people_a_negative_that_follows_and_loras() -> None:
    first, ten, follows, people, loras = LIVE_EXAMPLES[:5]
    chosen = graph_from_workflow(workflow(loras), DEFINITIONS)
    selector = next(key for key, node in chosen.items() if node["class_type"] == "OrchestratorLoRASelector")
    fed = {node["class_type"]: node["inputs"] for node in chosen.values()}
    assert (fed["KSampler"]["model"], fed["OrchestratorSaveImage"]["draft"]) == ([selector, 0], [selector, 3])
    assert workflow(first)["nodes"][0]["widgets_values"] == [SD15]
    assert node_of(ten, "OrchestratorWildcardPrompt")["widgets_values"][7:9] == [100, "increment"]
    assert node_of(ten, "OrchestratorRunRecorder")
    two = [node for node in workflow(people)["nodes"] if node["type"] == "OrchestratorWildcardPrompt"]
    assert {node["title"]: node["widgets_values"][4] for node in two} == {
        "Wildcard Prompt: she": "fixed", "Wildcard Prompt: he": "populate",
    }  # fmt: skip
    (values,) = follows.prompts.values()
    for seed in range(10):
        draft = Template(values["template"], values["negative_template"]).draw(wildcards(), seed=seed)
        found = wildcards().values(f"negative/medium/{dict(draft.variables)['medium'].strip()}")
        away = [found.text(number).strip() for number in range(len(found))]
        assert draft.negative_prompt.startswith(tuple(away))


def test_one_tells_a_story_of_a_profile_that_it_chooses() -> None:
    example = next(each for each in LIVE_EXAMPLES if each.story is not None)
    found = graph_from_workflow(workflow(example), DEFINITIONS)
    fed = {node["class_type"]: (key, node["inputs"]) for key, node in found.items()}
    loader, chosen = fed["OrchestratorProfileLoader"]
    told, inputs = fed["OrchestratorStoryMemory"]
    profiles = ProfileLibrary([ROOT / "profiles"])
    assert [profiles.get(chosen[kind]).kind for kind in ("character", "style")] == ["character", "style"]
    assert fed["OrchestratorWildcardPrompt"][1]["profiles"] == [loader, 0]
    assert inputs["draft"] == [fed["OrchestratorWildcardPrompt"][0], 2]
    assert fed["OrchestratorSaveImage"][1]["draft"] == [told, 0]  # which keeps the scene
    texts = sorted(node["inputs"]["text"] for node in found.values() if node["class_type"] == "CLIPTextEncode")
    assert texts == [[told, 1], [told, 2]]
