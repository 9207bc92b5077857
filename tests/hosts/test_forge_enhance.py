"""Enhancing and stories in a real Forge: in its tab, in its own runs, and by a language model in its process."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.formats.infotext import Infotext, parse_infotext
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.profiles.importing import import_file
from orchestrator_core.store import Store
from tests.core.memory.test_imported import CARDS, SCENES
from tests.hosts.forge import Forge
from tests.hosts.test_comfyui_stories import TOLD
from tests.hosts.test_forge_tab import fill, newest, opened, page, small, write
from tests.llm_server import running_smollm

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["opened", "page"]
pytestmark = [pytest.mark.host, pytest.mark.slow]

LLM_CHILD = Path(__file__).with_name("llm_child.py")
STORY = "#orchestrator_follow_story_story input"


@pytest.fixture
def settings(forge: Forge) -> Iterator[Any]:
    """A function that sets the language model in the host's own settings, for this test."""

    def change(**values: Any) -> None:
        forge.post("/sdapi/v1/options", {f"orchestrator_llm_{name}": value for name, value in values.items()})

    yield change
    change(backend="rules", url="http://127.0.0.1:11434/v1", folder="", keep_alive="")


@pytest.fixture(scope="module")
def stories(forge: Forge) -> StoryLibrary:
    """The card as a profile and the world as a lore book, in the folders of the person; the story tells with both."""
    import_file(CARDS / "v3_sillytavern.json", forge.home / "profiles")
    (forge.home / "lore").mkdir(parents=True)
    shutil.copy(CARDS / "world_info.json", forge.home / "lore" / "world.json")
    found = StoryLibrary(lambda: Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3"))
    found.create("Autumn", ["mi"], ["world"])
    return found


def rendered(page: Page, forge: Forge, button: str = "#orchestrator_generate") -> Infotext:
    """Click, and the infotext of the one image that comes."""
    before = len(newest(forge))
    page.click(button)
    end = time.monotonic() + 120
    while len(newest(forge)) == before:
        assert time.monotonic() < end, page.inner_text("#orchestrator_progress")
        time.sleep(0.1)
    page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    page.wait_for_selector("#orchestrator_generate:not([disabled])")
    found = read_image(newest(forge)[0]).infotext
    assert found is not None
    return found


def switch_on_enhancing(page: Page) -> None:
    page.click("#orchestrator_enhancing > button")
    page.check("#orchestrator_enhance_on input")


def tell(page: Page, story: str) -> None:
    page.click("#orchestrator_story > button")
    page.fill(STORY, story)
    page.press(STORY, "Enter")
    page.wait_for_selector("#orchestrator_scene_continue:visible")


def run(forge: Forge, prompt: str, **options: Any) -> tuple[Infotext, dict[str, Any]]:
    """The infotext of an image of the host's own, and what its answer says."""
    script = {"Orchestrator": {"args": [options]}}
    body = {"prompt": prompt, "steps": 1, "width": 64, "height": 64, "seed": 5, "save_images": True}
    info = json.loads(forge.post("/sdapi/v1/txt2img", {**body, "alwayson_scripts": script})["info"])
    return parse_infotext(info["infotexts"][0]), info


# the tab


def test_an_enhanced_prompt_is_rendered_and_its_image_says_what_was_added_by_whom(page: Page, forge: Forge):
    small(page, steps=1, prompts=1)
    switch_on_enhancing(page)
    write(page, "a castle by the {sea|sea}, (old:1.2) <lora:tiny_ink:0.5>")
    page.wait_for_selector("#orchestrator_preview .orc-badge.enhanced")
    info = rendered(page, forge)
    (added,) = info.notes.added
    assert added[0] == "llm"
    assert info.request.positive.startswith("a castle by the sea, (old:1.2), " + added[1].split(",")[0])
    assert info.notes.enhanced == "enhanced"
    assert info.notes.llm.startswith("rules")
    assert info.notes.template == "a castle by the {sea|sea}, (old:1.2) <lora:tiny_ink:0.5>"
    assert info.request.loras[0].name == "tiny_ink"


def test_an_imported_card_and_world_drive_eight_scenes_in_the_tab(page: Page, forge: Forge, stories: StoryLibrary):
    small(page, steps=1, prompts=1)
    tell(page, "Autumn")
    told = []
    for number, (template, action) in enumerate(SCENES):
        write(page, template)
        fill(page, "#orchestrator_generate_prompt_seed", str(number))
        told.append(rendered(page, forge, f"#orchestrator_scene_{action}"))
    assert tuple(info.request.positive for info in told) == TOLD
    assert {origin for info in told for origin, _ in info.notes.added} == {"profile", "memory"}
    story = stories.open("Autumn")
    assert [scene.words for scene in story.scenes] == [template for template, _ in SCENES]
    assert ["Harbour" in scene.lore for scene in story.scenes] == [True, True, True, True, False, False, False, False]
    assert story.state.person("Mi").facts == ("curious, brave", "Mi has long silver hair and green eyes")
    assert all(len(scene.images) == 1 for scene in story.scenes)


def test_a_real_language_model_enhances_a_scene(page: Page, forge: Forge, stories: StoryLibrary, settings: Any):
    with running_smollm() as server:
        settings(backend="openai", url=server.url)
        small(page, steps=1, prompts=1)
        tell(page, "By the sea")
        switch_on_enhancing(page)
        page.fill("#orchestrator_follow_story_who textarea", "Mi")
        fill(page, "#orchestrator_generate_prompt_seed", "3")
        write(page, "Mi reads a letter, (red cloak:1.2) <lora:tiny_ink:0.5>")
        page.wait_for_selector("#orchestrator_preview .orc-badge.waits")
        info = rendered(page, forge)
    assert info.request.positive.startswith("Mi reads a letter, (red cloak:1.2), 1girl, silver hair, green eyes")
    assert info.request.loras[0].name == "tiny_ink"
    assert info.notes.llm.startswith("openai:SmolLM2")
    assert info.notes.enhanced in ("enhanced", "kept")
    assert ("llm" in dict(info.notes.added)) == (info.notes.enhanced == "enhanced")
    assert stories.open("By the sea").scenes[0].words == "Mi reads a letter, (red cloak:1.2) <lora:tiny_ink:0.5>"


# the host's own runs


def test_an_ordinary_run_is_drawn_with_profiles_told_and_enhanced(forge: Forge, stories: StoryLibrary):
    info, answer = run(forge, "Mi reads in the {tavern|tavern}, night", profiles="ink", story="Aside", enhance=True)
    assert "comments" not in str(answer.get("comments", "")).lower()
    assert info.notes.template == "Mi reads in the {tavern|tavern}, night"
    assert info.notes.enhanced == "enhanced"
    assert {"profile", "llm"} <= {origin for origin, _ in info.notes.added}
    again, _ = run(forge, "she looks up", story="Aside")
    assert {"tavern", "night"} <= {word.strip() for word in again.request.positive.split(",")}
    assert [scene.run_id for scene in stories.open("Aside").scenes] == [info.notes.run_id, again.notes.run_id]


# a language model in the host's process


def test_its_weights_are_one_more_model_of_the_hosts_memory_manager(
    page: Page, forge: Forge, settings: Any, tmp_path: Path
):
    folder = tmp_path / "tiny"
    folder.mkdir()
    forge.get(f"/probe/tiny_llm?file={LLM_CHILD}&folder={folder}")
    settings(backend="transformers", folder=str(folder))
    first, _ = run(forge, "a fox", enhance={"amount": 1})
    assert first.notes.llm.startswith("transformers:tiny")
    assert forge.get("/probe/resident")["listed"].count("LanguageModel") == 1
    assert "LanguageModel" not in forge.get("/probe/resident?unload=true")["listed"]
    second, _ = run(forge, "a fox", enhance={"amount": 1, "refresh": 1})
    found = forge.get("/probe/resident")
    assert (found["listed"].count("LanguageModel"), found["models"]) == (1, 1)
    assert second.notes.llm == first.notes.llm

    small(page, steps=1, prompts=1)
    switch_on_enhancing(page)
    write(page, "an owl")
    assert rendered(page, forge).notes.llm == first.notes.llm, "the tab asks the same, and waits for nobody"
    assert forge.get("/probe/resident")["models"] == 1

    settings(backend="rules")
    run(forge, "a fox", enhance=True)
    end = time.monotonic() + 20
    while (found := forge.get("/probe/resident"))["models"]:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    assert "LanguageModel" not in found["listed"]
