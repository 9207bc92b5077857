"""A SillyTavern card and world file, imported, drive a story of eight scenes from run to run, without any model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.memory.book_folder import BookFolder
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.profiles.importing import import_file
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards

CARDS = Path(__file__).resolve().parents[2] / "data" / "cards"
SCENES = (
    ("Mira waits at the harbour, night", "continue"),  # the card's name; its profile goes by the nickname
    ("a gull lands", "continue"),
    ("Mi in a yellow raincoat, a storm from the west", "continue"),
    ("she laughs", "develop"),
    ("in the tavern", "new_scene"),
    ("she drinks tea", "develop"),
    ("Mi, black hair, by the fire", "continue"),
    ("no humans, embers", "continue"),
)


@pytest.fixture
def told(tmp_path: Path, sqlite_store: Store) -> tuple[list[PromptDraft], StoryLibrary]:
    import_file(CARDS / "v3_sillytavern.json", tmp_path / "profiles")
    # Somebody else who is called as the card is: who is in the story is meant.
    (tmp_path / "profiles" / "other.yaml").write_text("name: Mira\nkind: character\nappearance_tags: [red hair]\n")
    (tmp_path / "lore").mkdir()
    shutil.copy(CARDS / "world_info.json", tmp_path / "lore" / "world.json")
    stories = StoryLibrary.of(sqlite_store)
    stories.create("Autumn", ["mi"], ["world"])
    library, books = ProfileLibrary([tmp_path / "profiles"]), BookFolder([tmp_path / "lore"])
    context = StageContext(Wildcards([]), profiles=library, stories=stories, books=books)
    drafts = []
    for number, (template, action) in enumerate(SCENES):
        draw = StageSpec(id="draw", type="generatePrompt", options={"template": template, "seed": number})
        follow = StageSpec(id="story", type="followStory", options={"story": "autumn", "action": action})
        run = run_pipeline(PipelineSpec(stages=(draw, follow)), context).run
        sqlite_store.save_run(run)
        drafts.append(run.draft)
    return drafts, stories


def test_looks_place_and_clothes_stay_and_facts_are_told(told: tuple[list[PromptDraft], StoryLibrary]) -> None:
    drafts, stories = told
    assert [draft.positive for draft in drafts] == [
        "Mira waits at the harbour, night, 1girl, silver hair, green eyes",
        "a gull lands, 1girl, silver hair, green eyes, harbour, night",
        "Mi in a yellow raincoat, a storm from the west, 1girl, silver hair, green eyes, harbour, night",
        "she laughs, 1girl, silver hair, green eyes, yellow raincoat, harbour, night",
        "in the tavern, 1girl, silver hair, green eyes, yellow raincoat",
        "she drinks tea, 1girl, silver hair, green eyes, yellow raincoat, tavern",
        "Mi, black hair, by the fire, 1girl, green eyes, yellow raincoat, tavern",
        "no humans, embers, tavern",
    ]
    assert {draft.negative_prompt for draft in drafts[:7]} == {"short hair"}
    story = stories.open("Autumn")
    assert len(story.scenes) == 8
    assert story.state.person("Mi").facts == ("curious, brave", "Mi has long silver hair and green eyes")


def test_lore_is_told_where_its_keys_are_and_can_be_seen(told: tuple[list[PromptDraft], StoryLibrary]) -> None:
    drafts, stories = told
    harbour = [
        any(item.kind == "lore" and "smells of tar" in item.text for item in draft.background) for draft in drafts
    ]
    assert harbour == [True, True, True, True, False, False, False, False]
    assert ["Harbour" in scene.lore for scene in stories.open("Autumn").scenes] == harbour


def test_what_a_scene_changed_can_be_undone(told: tuple[list[PromptDraft], StoryLibrary]) -> None:
    stories = told[1]
    undone = [str(change) for _ in range(3) for change in stories.undo("Autumn")]
    assert undone == [
        "known of Mi: Mi has long silver hair and green eyes",
        "where: no longer said",
        "when: no longer said",
        "where: tavern",
        "known of Mi: curious, brave",
    ]
    assert stories.open("Autumn").state.where == "harbour"
