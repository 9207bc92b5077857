"""A story in the store: scenes come with their runs, edits are steps that can be undone, and nothing is overwritten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.change import Change
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.memory.notes import Notes, with_scene
from orchestrator_core.memory.source import Rehearsal
from orchestrator_core.memory.story import Story
from orchestrator_core.prompt import Component, Origin, PromptDraft, StoryUse
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store

TAVERN = Change("set", "where", value="the old tavern", source="code")
NIGHT = Change("set", "when", value="night", source="code")
CLOAK = Change("set", "outfit", "Mira", "red cloak")


def run(run_id: str, *changes: Change, story: str = "Harbour", text: str = "Mira reads a letter") -> Run:
    components = (Component(text), Component(", silver hair", Origin.profile), Component(", tavern", Origin.memory))
    use = StoryUse(story, 1, "continue", Notes(changes, ("Tavern",), '{"sticky": {}}').text())
    return Run(run_id, PromptDraft(components, seed=2**64 - 1, story=use))


@pytest.fixture
def library(store: Store) -> StoryLibrary:
    return StoryLibrary.of(store)


def test_a_kept_run_is_the_next_scene_of_its_story(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN, NIGHT))
    store.save_run(Run("other", PromptDraft((Component("of no story"),))))
    story = library.open("harbour")
    assert (story.name, len(story.scenes), story.next_scene) == ("Harbour", 1, 2)
    scene = story.scenes[0]
    assert (scene.words, scene.prompt) == ("Mira reads a letter", "Mira reads a letter, silver hair, tavern")
    assert scene.tags == ("Mira reads a letter", "silver hair", "tavern")
    assert (scene.seed, scene.lore, scene.timed, scene.action) == (2**64 - 1, ("Tavern",), '{"sticky": {}}', "continue")
    assert (story.state.where, story.state.when) == ("the old tavern", "night")
    assert [logged.change.scene for logged in story.log] == [1, 1]


def test_keeping_a_run_again_tells_no_second_scene(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN))
    store.save_run(run("r1", TAVERN, text="Mira burns a letter"))
    story = library.open("Harbour")
    assert [scene.words for scene in story.scenes] == ["Mira burns a letter"]
    assert len(story.log) == 1


def test_a_scene_has_the_images_and_scores_of_its_run(store: Store, library: StoryLibrary, tmp_path: Path) -> None:
    image = GeneratedImage(tmp_path / "a.png", GenerationRequest(positive="x"), "r1")
    score = Score("r1", "a.png", None, "clip", 0.5)
    store.save_run(run("r1").replacing(images=(image,), scores=(score,)))
    scene = library.open("Harbour").scenes[0]
    assert (scene.images, scene.scores) == ((image,), (score,))
    store.delete_run("r1")
    assert library.open("Harbour").scenes == (replace(scene, images=(), scores=()),)


def test_a_run_of_a_deleted_story_does_not_bring_it_back(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN))
    library.delete("harbour")
    store.save_run(run("r1", TAVERN))
    assert library.list() == ()
    assert store.load_run("r1") == run("r1", TAVERN)
    store.save_run(run("r2"))
    assert [brief.scenes for brief in library.list()] == [1]


def test_runs_stay_the_story_s_when_it_is_renamed(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN))
    library.rename("Harbour", "The Harbour")
    store.save_run(run("r1", text="again"))
    assert [(brief.name, brief.scenes) for brief in library.list()] == [("The Harbour", 1)]
    library.rename("the harbour", "THE HARBOUR")
    library.create("Hills")
    with pytest.raises(StoryError, match="'hills' already"):
        library.rename("The Harbour", "hills")


def test_what_a_draft_says_of_its_story_never_keeps_its_run_from_being_kept(
    store: Store, library: StoryLibrary
) -> None:
    odd = ("{", "[1]", '{"changes": [{"op": 1}, 5], "lore": [2], "timed": 3}', '{"changes": 7, "lore": 7}')
    for number, notes in enumerate(odd):
        draft = PromptDraft((Component("x"),), story=StoryUse("s" * 500, notes=notes))
        store.save_run(Run(f"r{number}", draft))
    store.save_run(Run("nameless", PromptDraft((), story=StoryUse(" "))))
    assert [brief.scenes for brief in library.list()] == [len(odd)]


def test_an_edit_is_a_step_that_is_undone_and_done_again(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN, NIGHT))
    library.change("Harbour", [CLOAK])
    assert library.open("Harbour").state.person("mira").outfit == "red cloak"
    assert library.undo("Harbour") == (CLOAK,)
    assert [change.field for change in library.undo("Harbour")] == ["where", "when"]
    story = library.open("Harbour")
    assert (story.state.where, story.can_undo, story.can_redo) == ("", False, True)
    assert library.undo("Harbour") == ()
    assert [change.field for change in library.redo("Harbour")] == ["where", "when"]
    assert library.redo("Harbour") == (CLOAK,)
    assert library.redo("Harbour") == ()
    assert [logged.status for logged in library.open("Harbour").log] == ["active"] * 3


def test_what_was_undone_before_an_edit_stays_undone_and_is_still_listed(store: Store, library: StoryLibrary) -> None:
    library.create("Harbour")
    for name in ("red cloak", "blue cloak", "no cloak"):
        library.change("Harbour", [replace(CLOAK, value=name)])
    library.undo("Harbour")
    library.undo("Harbour")
    library.change("Harbour", [replace(CLOAK, value="armour")])
    assert library.redo("Harbour") == ()
    story = library.open("Harbour")
    assert story.state.person("Mira").outfit == "armour"
    assert [logged.status for logged in story.log] == ["active", "dropped", "dropped", "active"]
    library.undo("Harbour")
    assert library.redo("Harbour") == (replace(CLOAK, value="armour"),)


def test_a_scene_left_out_did_not_happen_until_it_is_taken_in_again(store: Store, library: StoryLibrary) -> None:
    store.save_run(run("r1", TAVERN))
    store.save_run(run("r2", replace(TAVERN, value="the beach")))
    story = library.leave_out("Harbour", 2)
    assert (story.state.where, story.next_scene, len(story.told)) == ("the old tavern", 3, 1)
    assert story.state_after(story.scenes[0]).where == "the old tavern"
    assert library.leave_out("Harbour", 2, is_left_out=False).state.where == "the beach"
    with pytest.raises(StoryError, match="no scene 3"):
        library.leave_out("Harbour", 3)


def test_a_batch_that_is_rehearsed_is_what_the_store_makes_of_it(store: Store, library: StoryLibrary) -> None:
    library.create("Harbour", ["mira"], ["coast"])
    library.change("Harbour", [CLOAK])
    library.undo("Harbour")
    rehearsal = Rehearsal(library)
    runs = [run("r1", TAVERN), run("r2"), run("r3", NIGHT), Run("none", PromptDraft(()))]
    for one in runs:
        rehearsal.told(one)
    expected = rehearsal.open("harbour")
    assert library.open("Harbour").scenes == ()
    store.save_runs([*runs, runs[0]])
    found = library.open("Harbour")
    assert replace(found, scenes=tuple(replace(scene, time_ms=0) for scene in found.scenes)) == expected
    assert with_scene(found, runs[0]) == found


def test_scenes_of_one_batch_come_in_their_order_whatever_their_runs_are_called(
    store: Store, library: StoryLibrary
) -> None:
    """Ids of one millisecond sort by chance."""
    runs = [run("r9", TAVERN), run("r5", NIGHT), run("r7")]
    scenes = [replace(one.draft.story, scene=number) for number, one in enumerate(runs, 1) if one.draft.story]
    store.save_runs(
        [one.replacing(draft=one.draft.replacing(story=use)) for one, use in zip(runs, scenes, strict=True)]
    )
    assert [scene.run_id for scene in library.open("Harbour").scenes] == ["r9", "r5", "r7"]


def test_a_story_s_version_differs_as_soon_as_the_next_scene_could(store: Store, library: StoryLibrary) -> None:
    versions = {library.open("Harbour").version}
    store.save_run(run("r1", TAVERN))
    versions.add(library.open("Harbour").version)
    versions.add(library.leave_out("Harbour", 1).version)
    library.undo("Harbour")
    versions.add(library.open("Harbour").version)
    versions.add(library.use("Harbour", books=["coast"]).version)
    assert len(versions) == 5
    assert library.open("Harbour").version in versions


def test_hosts_that_keep_runs_at_once_number_the_scenes_without_a_gap(store: Store, library: StoryLibrary) -> None:
    change = [replace(TAVERN, value=f"room {number}") for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.save_run(run(f"r{number:02}", change[number])), range(12)))
    story = library.open("Harbour")
    assert [scene.number for scene in story.scenes] == list(range(1, 13))
    assert [logged.number for logged in story.log] == list(range(1, 13))
    assert {logged.change.scene: logged.change.value for logged in story.log} == {
        scene.number: f"room {int(scene.run_id[1:])}" for scene in story.scenes
    }


def test_names_and_lists_are_checked(library: StoryLibrary) -> None:
    library.create("  The   Harbour ", ["mira"], ["coast"])
    assert library.open("THE harbour") == replace(library.open("the harbour"), name="The Harbour")
    assert library.use("The Harbour", profiles=[]).books == ("coast",)
    for name in ("the harbour", "", "x" * 201):
        with pytest.raises(StoryError):
            library.create(name)
    for call in (library.delete, library.undo, library.redo):
        with pytest.raises(StoryError, match="no story 'Nowhere'"):
            call("Nowhere")
    assert library.open(" Nowhere ") == Story("Nowhere")
    assert library.find("Nowhere") is None
