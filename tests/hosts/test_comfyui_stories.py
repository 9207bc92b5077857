"""A story in a real ComfyUI: an imported SillyTavern card and world drive eight scenes, and nothing of them is lost."""

from __future__ import annotations

import itertools
import json
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.profiles.importing import import_file
from orchestrator_core.profiles.library import RECHECK_S
from tests.core.llm.stand_in_llm import StandIn, said
from tests.core.memory.test_imported import CARDS, SCENES
from tests.hosts.comfyui import ComfyUI
from tests.hosts.test_comfyui_nodes import Graph, Server, node, ran, second_run
from tests.llm_server import running_smollm

pytestmark = [pytest.mark.host, pytest.mark.slow]

TOLD = (
    "Mira waits at the harbour, night, 1girl, silver hair, green eyes",
    "a gull lands, 1girl, silver hair, green eyes, harbour, night",
    "Mi in a yellow raincoat, a storm from the west, 1girl, silver hair, green eyes, harbour, night",
    "she laughs, 1girl, silver hair, green eyes, yellow raincoat, harbour, night",
    "in the tavern, 1girl, silver hair, green eyes, yellow raincoat",
    "she drinks tea, 1girl, silver hair, green eyes, yellow raincoat, tavern",
    "Mi, black hair, by the fire, 1girl, green eyes, yellow raincoat, tavern",
    "no humans, embers, tavern",
)


@pytest.fixture(scope="module")
def imported(comfyui: ComfyUI) -> Path:
    """The card as a profile and the world as a lore book, in the person's own folders."""
    home = comfyui.store.parent
    if not (home / "lore").exists():
        import_file(CARDS / "v3_sillytavern.json", home / "profiles")
        (home / "lore").mkdir(parents=True)
        shutil.copy(CARDS / "world_info.json", home / "lore" / "world.json")
        time.sleep(RECHECK_S)  # the server has just looked
    return home


@pytest.fixture
def server(comfyui: ComfyUI, imported: Path) -> Server:
    return Server(comfyui)


def story_graph(template: str, story: str, action: str = "continue", seed: int = 0, **options: Any) -> Graph:
    """Wildcard Prompt → Story Memory → CLIPTextEncode → KSampler → Save Image With Origin."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="tiny-sd15.safetensors"),
        "2": node("OrchestratorWildcardPrompt", template=template, seed=seed),
        "3": node("OrchestratorStoryMemory", draft=["2", 2], model=["1", 0], story=story, action=action, **options),
        "4": node("CLIPTextEncode", clip=["1", 1], text=["3", 1]),
        "5": node("CLIPTextEncode", clip=["1", 1], text=["3", 2]),
        "6": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "7": node(
            "KSampler", model=["1", 0], positive=["4", 0], negative=["5", 0], latent_image=["6", 0], seed=["2", 3],
            steps=2, cfg=7.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        ),
        "8": node("VAEDecode", samples=["7", 0], vae=["1", 2]),
        "9": node(
            "OrchestratorSaveImage", images=["8", 0], draft=["3", 0], filename_prefix="stories/x", format="png",
            quality=90, lossless=False, with_workflow=True,
        ),
    }  # fmt: skip


def quick(template: str, story: str, **options: Any) -> Graph:
    """Without a model: a plain image, saved with its scene."""
    found = story_graph(template, story, **options)
    found["8"] = node("EmptyImage", width=16, height=16, batch_size=1, color=options.get("seed", 0))
    del found["3"]["inputs"]["model"]
    return {key: found[key] for key in ("2", "3", "8", "9")}


def ask(server: Server, path: str, **body: Any) -> dict[str, Any]:
    return dict(server.call(f"/orchestrator/stories/{path}", body))


def one(server: Server, name: str) -> dict[str, Any]:
    return dict(server.call(f"/orchestrator/stories/one?name={name}"))


def scene_of(done: dict[str, Any]) -> dict[str, Any]:
    return dict(done["outputs"]["3"]["orchestrator_story"][0])


def test_an_imported_card_and_world_drive_eight_scenes(server: Server) -> None:
    ask(server, "new", name="Autumn", profiles=["mi"], books=["world"])
    shown = []
    for number, (template, action) in enumerate(SCENES):
        done = server.run(story_graph(template, "autumn", action, number))
        (image,) = server.images(done)
        assert image.request is not None
        assert image.notes is not None
        assert image.request.positive == TOLD[number]
        assert all(origin in ("profile", "memory") for origin, _ in image.notes.added)
        shown.append(scene_of(done))
    assert [scene["scene"] for scene in shown] == list(range(1, 9))
    assert ["Harbour" in scene["lore"] for scene in shown] == [True, True, True, True, False, False, False, False]
    assert shown[0]["words"][-1]["kind"] == "profile"
    found = one(server, "Autumn")
    assert [scene["words"] for scene in reversed(found["scenes"])] == [template for template, _ in SCENES]
    assert all(scene["image"]["subfolder"] == "stories" for scene in found["scenes"])
    facts = found["state"]["people"][0]["facts"]
    assert facts == ["curious, brave", "Mi has long silver hair and green eyes"]  # of the two that were "develop"
    assert {line["source"] for line in found["log"]} == {"code", "person"}
    undone = ask(server, "undo", name="Autumn")
    assert undone["stepped"] == ["known of Mi: Mi has long silver hair and green eyes"]
    changes = [{"op": "set", "field": "where", "value": "lighthouse"}]
    assert ask(server, "change", name="Autumn", changes=changes)["state"]["where"] == "lighthouse"
    done = server.run(quick("Mi sleeps", "Autumn", seed=9))
    assert "lighthouse" in "".join(word["text"] for word in scene_of(done)["words"])


def test_the_same_graph_three_times_is_three_scenes(server: Server) -> None:
    waiting = [server.queue(quick("Mi walks through the tavern, night", "Walk")) for _ in range(3)]
    scenes = [scene_of(server.wait(prompt_id)) for prompt_id in waiting]
    assert [scene["scene"] for scene in scenes] == [1, 2, 3]
    assert [scene["number"] for scene in one(server, "Walk")["scenes"]] == [3, 2, 1]


def test_a_scene_that_nobody_keeps_is_told_once_and_taken_from_the_cache(server: Server) -> None:
    unkept = {key: value for key, value in quick("Mi waits at the pier", "Unkept").items() if key in ("2", "3")}
    unkept["9"] = node("OrchestratorPromptInspector", draft=["3", 0])
    assert ran(server.run(unkept), "3")
    assert not ran(second_run(lambda: server.run(unkept), "2"), "3")
    names = [story["name"] for story in server.call("/orchestrator/stories")["stories"]]
    assert "Unkept" not in names


def developing(story: str, url: str) -> Graph:
    found = quick("Mi in the tavern", story, action="develop")
    found["4"] = node("OrchestratorLLMModel", backend="openai", url=url)
    found["3"]["inputs"]["llm"] = ["4", 0]
    return found


def test_a_language_model_develops_somebody_and_what_is_more_than_words_stays_out(server: Server) -> None:
    fact = {"op": "add", "field": "fact", "subject": "Mi", "value": "carries a brass key"}
    evil = {"op": "add", "field": "fact", "subject": "Mi", "value": "has <lora:evil:2>"}
    ask(server, "new", name="Key", profiles=["mi"])
    with StandIn(said(json.dumps({"changes": [evil, fact]}))) as llm:
        scene = scene_of(server.run(developing("Key", llm.url)))
        assert "tavern" in json.dumps(llm.asked[0]["messages"])
    assert {"text": "known of Mi: carries a brass key", "source": "llm"} in scene["changes"]
    assert any("more than words" in problem for problem in scene["problems"])
    assert [line["text"] for line in one(server, "Key")["log"] if line["source"] == "llm"] == [
        scene["changes"][-1]["text"]
    ]
    scene = scene_of(server.run(developing("Key", llm.url)))  # the plug is pulled: the card's own words stand in
    assert scene["changes"][-1]["source"] == "code"
    assert scene["problems"]


def test_a_small_real_model_develops_a_scene_too(server: Server) -> None:
    ask(server, "new", name="Real", profiles=["mi"])
    with running_smollm() as smollm:
        scene = scene_of(server.run(developing("Real", smollm.url)))
    new = [change for change in scene["changes"] if change["text"].startswith("known of Mi: ")]
    assert new, scene  # of the model where its proposal holds, else of the card
    assert [line["text"] for line in one(server, "Real")["log"]][: len(new)] == [each["text"] for each in reversed(new)]


def test_an_edit_of_the_story_runs_the_node_again(server: Server) -> None:
    ask(server, "new", name="Edited", profiles=["mi"])
    looked_at = {key: value for key, value in quick("Mi waits", "Edited").items() if key in ("2", "3")}
    looked_at["9"] = node("OrchestratorPromptInspector", draft=["3", 0])
    server.run(looked_at)
    ask(server, "change", name="Edited", changes=[{"op": "set", "field": "when", "value": "dawn"}])
    done = server.run(looked_at)
    assert ran(done, "3")
    assert scene_of(done)["state"][1] == "When: dawn"


def test_images_and_a_recorder_keep_one_scene_of_one_prompt(server: Server) -> None:
    found = quick("Mi sings", "Once", seed=4)
    found["10"] = {**found["9"], "inputs": {**found["9"]["inputs"], "filename_prefix": "stories/again"}}
    found["11"] = node("OrchestratorRunRecorder", draft=["3", 0])
    server.run(found)
    (scene,) = one(server, "Once")["scenes"]
    assert scene["images"] == 2


def test_a_list_of_prompts_is_told_one_after_the_other(server: Server) -> None:
    found = quick("", "List")
    found["1"] = node("TestLines", text="Mi in the tavern, night\nMi sits down")
    found["2"]["inputs"]["template"] = ["1", 0]
    server.run(found)
    scenes = one(server, "List")["scenes"]
    assert [(scene["number"], scene["words"]) for scene in scenes] == [
        (2, "Mi sits down"),
        (1, "Mi in the tavern, night"),
    ]
    assert scenes[0]["prompt"].endswith("tavern, night")


def test_a_profile_loader_draws_before_the_graph_is_queued(server: Server) -> None:
    loader = node("OrchestratorProfileLoader", character="characters/mira", style="styles/ink", genre="", more="nobody")
    found = {
        "1": loader,
        "2": node(
            "OrchestratorWildcardPrompt", template="a letter", profiles=["1", 0], genre="genres/film-noir", seed=3
        ),
        "8": node("EmptyImage", width=16, height=16, batch_size=1, color=0),
        "9": {**quick("", "")["9"], "inputs": {**quick("", "")["9"]["inputs"], "draft": ["2", 2]}},
    }
    held = {"template": "a letter", "populated_text": "", "populated_negative": "", "mode": "populate"}
    workflow = {"nodes": [{"id": 2, "type": "OrchestratorWildcardPrompt", "widgets_values": held}]}
    done = server.run(found, extra_data={"extra_pnginfo": {"workflow": workflow}})
    (image,) = server.images(done)
    assert image.graph is not None
    assert image.workflow is not None
    text = image.graph["2"]["inputs"]["populated_text"]
    assert "auburn hair in a loose braid" in text
    assert "film noir" in text
    assert image.workflow["nodes"][0]["widgets_values"]["populated_text"] == text
    (chosen,) = done["outputs"]["1"]["orchestrator_profiles"]
    assert [profile["name"] for profile in chosen["profiles"]] == ["Mira", "Ink and Wash"]
    assert "'nobody'" in chosen["problems"][0]


def test_a_genre_that_is_gone_is_told_and_the_rest_is_drawn(server: Server) -> None:
    found = {
        "2": node("OrchestratorWildcardPrompt", template="a fox", genre="genres/gone", seed=3),
        "9": node("OrchestratorPromptInspector", draft=["2", 2]),
    }
    words = server.run(found)["outputs"]["9"]["orchestrator_words"]
    assert "".join(word["text"] for word in words) == "a fox"


def test_a_changed_profile_runs_those_again_who_use_it(server: Server, imported: Path) -> None:
    def graph(profiles: str) -> Graph:
        return {
            "1": node("OrchestratorProfileLoader", character=profiles),
            "2": node("OrchestratorWildcardPrompt", template="a letter", profiles=["1", 0], seed=3),
            "9": node("OrchestratorPromptInspector", draft=["2", 2]),
        }

    path = imported / "profiles" / "tom.yaml"
    beards = (f"beard {number}" for number in itertools.count())

    def change_tom() -> str:
        beard = next(beards)
        path.write_text(f"name: Tom\nkind: character\nappearance_tags: [{beard}, felt hat]\n")
        time.sleep(RECHECK_S)
        return beard

    change_tom()
    server.run(graph("tom"))
    assert not ran(second_run(lambda: server.run(graph("mi")), "2", change_tom), "2")
    beard = change_tom()
    words = server.run(graph("tom"))["outputs"]["9"]["orchestrator_words"]
    assert "".join(word["text"] for word in words) == f"a letter, {beard}, felt hat"


def test_no_other_page_may_read_or_change_stories(server: Server) -> None:
    for path, body in (("stories", None), ("stories/undo", {"name": "Walk"}), ("profiles", None)):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Origin": "https://elsewhere.example", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{server.comfyui.url}/orchestrator/{path}", data, headers)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=30)
