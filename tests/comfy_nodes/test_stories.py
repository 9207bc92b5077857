"""Stories in ComfyUI: scenes that go on, a cache that knows of them, a run that is kept once, what the page asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.profile_shelf import ProfileShelf
from comfy_nodes.recording import EVENT, Recording
from comfy_nodes.story_part import StoryPart, StoryServices
from comfy_nodes.story_telling import Asked, background_text, next_scene, options_of, scene_card, version_of
from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import StoryError
from orchestrator_core.memory.following import Followed
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.stages.follow_story import Options
from orchestrator_core.store import Store

MIRA = "name: Mira\nkind: character\nappearance_tags: [1girl, silver hair]\nnegative: [short hair]\n"
MIRA += "state: {outfit: red cloak}\nbackstory: Grew up in the harbour. Lost her brother at sea.\n"
STORY = Options(story="The letter")

Told = list[tuple[str, Any]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def part(tmp_path: Path, told: Told) -> StoryPart:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "mira.yaml").write_text(MIRA)
    views = {"a.png": {"filename": "a.png", "subfolder": "", "type": "output"}}
    return StoryPart(
        ProfileShelf(lambda: [folder]),
        lambda: [tmp_path / "lore"],
        lambda path: views.get(path.name),
        lambda event, data: told.append((event, data)),
    )


@pytest.fixture
def services(part: StoryPart) -> StoryServices:
    found = part.services()
    found.stories.create("The letter", ["mira"])
    return found


def draft(text: str) -> PromptDraft:
    return PromptDraft((Component(text, Origin.template),))


def scene(services: StoryServices, text: str, options: Options = STORY, run: str = "", node: str = "7") -> Followed:
    return next_scene(services, draft(text), Asked(options, BaseModel(), run=run, node=node))


def test_a_scene_goes_on_from_the_one_that_was_kept(services: StoryServices):
    recording = Recording()
    first = scene(services, "Mira reads in the old tavern, night").draft
    assert first.positive == "Mira reads in the old tavern, night, 1girl, silver hair, red cloak"
    assert first.negative_prompt == "short hair"
    recording.record(Run(recording.run_id_of(first), first))
    assert (
        scene(services, "a gull lands").draft.positive
        == "a gull lands, 1girl, silver hair, red cloak, old tavern, night"
    )


def test_what_was_never_kept_never_happened(services: StoryServices):
    before = version_of(services, "The letter")
    for _ in range(2):
        scene(services, "Mira reads in the old tavern, night")
    assert version_of(services, "The letter") == before
    assert scene(services, "a gull lands").draft.positive == "a gull lands, 1girl, silver hair, red cloak"


def test_prompts_of_one_run_go_on_from_one_another(services: StoryServices):
    scene(services, "Mira reads in the old tavern", run="a")
    assert scene(services, "a gull lands", run="a").draft.story.scene == 2  # type: ignore[union-attr]
    assert "old tavern" not in scene(services, "a gull lands", run="b").draft.positive


@pytest.mark.parametrize(
    "edit",
    [
        lambda services: services.stories.undo("The letter"),
        lambda services: services.stories.leave_out("The letter", 1),
        lambda services: (
            (services.shelf.library.folders[0] / "tom.yaml").write_text("name: Tom\n")
            and services.shelf.library.refresh()
        ),
        lambda services: (services.books.folders[0].mkdir(), (services.books.folders[0] / "b.json").write_text("{}")),
    ],
    ids=["an undo", "a scene left out", "a profile's file", "a lore book's file"],
)
def test_what_could_make_the_next_scene_another_is_another_version(
    services: StoryServices, edit: Callable[[StoryServices], Any]
):
    seen = {version_of(services, "The letter")}
    kept = scene(services, "Mira at the pier, night").draft
    Recording().record(Run("1" * 32, kept))
    seen.add(version_of(services, "the LETTER"))
    edit(services)
    seen.add(version_of(services, "The letter"))
    assert len(seen) == 3


def test_a_story_that_only_the_run_names_goes_by_all_of_them(services: StoryServices):
    before = version_of(services, None)
    services.stories.create("Another")
    assert version_of(services, None) != before


def test_a_story_that_cannot_be_read_leaves_the_prompt_as_it_is(services: StoryServices):
    def broken(name: str) -> Any:
        raise StoryError("the database is locked")

    services.stories.open = broken  # type: ignore[method-assign]
    found = scene(services, "a gull lands")
    assert found.draft.positive == "a gull lands"
    assert "the database is locked" in found.report
    assert found.draft.diagnostics[-1].kind == "story"


@pytest.mark.parametrize("options", [Options(), Options(story="The letter", action="off")])
def test_without_a_story_the_draft_goes_through(services: StoryServices, options: Options):
    given = draft("a gull lands")
    assert next_scene(services, given, Asked(options, BaseModel())).draft is given


def test_the_node_shows_state_changes_and_the_origin_of_words(services: StoryServices):
    card = scene_card(found := scene(services, "Mira at the pier, night"))
    assert (card["story"], card["scene"], card["action"]) == ("The letter", 1, "continue")
    assert card["state"][:3] == ["Who: Mira", "Where: pier", "When: night"]
    assert {"text": "Mira's outfit: red cloak", "source": "code"} in card["changes"]
    assert {word["kind"] for word in card["words"]} == {"template", "profile", "memory"}
    assert "Grew up in the harbour" in background_text(found.draft) or "Who: Mira" in background_text(found.draft)


def test_widgets_of_an_older_graph_are_by_default():
    assert options_of({"story": "x", "action": None, "draft": 1}) == Options(story="x")


# keeping


def image(path: Path) -> GeneratedImage:
    path.write_bytes(b"\x89PNG")
    return GeneratedImage(path, GenerationRequest("x"), "1" * 32)


def test_several_nodes_that_keep_one_scene_keep_it_once_with_all_images(
    services: StoryServices, tmp_path: Path, told: Told
):
    recording = Recording(lambda event, data: told.append((event, data)))
    kept = scene(services, "Mira at the pier").draft
    richer = kept.replacing(components=(*kept.components, Component(", fog", Origin.llm)))
    first, second = image(tmp_path / "a.png"), image(tmp_path / "b.png")
    ids = {recording.run_id_of(one) for one in (kept, richer, kept)}
    recording.record(Run(ids.copy().pop(), kept, (first,)))
    recording.record(Run(recording.run_id_of(richer), richer, (second,)))
    said = recording.record(Run(recording.run_id_of(richer, "2" * 32), richer))
    (told_scene,) = services.stories.open("The letter").scenes
    assert len(ids) == 1
    assert [one.path.name for one in told_scene.images] == ["a.png", "b.png"]
    assert told_scene.prompt.endswith(", fog")
    assert said == f"Kept as {ids.pop()} with 2 images, a scene of The letter."
    assert told[-1] == (EVENT, {"story": "The letter"})


def test_runs_of_no_story_are_kept_each_by_its_own_id():
    recording, plain = Recording(), draft("a fox")
    assert recording.run_id_of(plain) != recording.run_id_of(plain)
    assert recording.run_id_of(plain, "3" * 32) == "3" * 32
    recording.record(Run("3" * 32, plain))
    with Store.open() as store:
        assert store.load_run("3" * 32).draft.positive == "a fox"


# the page


def ask(part: StoryPart, what: str, /, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(part.answers(), what)(asked)
    return answer


def test_the_page_sees_scenes_images_state_and_who_changed_what(
    part: StoryPart, services: StoryServices, tmp_path: Path
):
    kept = scene(services, "Mira at the pier, night").draft
    Recording().record(Run("1" * 32, kept, (image(tmp_path / "gone.png"), image(tmp_path / "a.png"))))
    (listed,) = ask(part, "all")["stories"]
    assert (listed["name"], listed["scenes"], listed["profiles"]) == ("The letter", 1, ("mira",))
    found = ask(part, "one", name="the letter")
    (shown,) = found["scenes"]
    assert (shown["words"], shown["image"]["filename"], shown["images"]) == ("Mira at the pier, night", "a.png", 2)
    assert found["state"]["where"] == "pier"
    assert found["state"]["people"] == [{"name": "Mira", "outfit": "red cloak", "facts": [], "present": True}]
    assert {"text": "where: pier", "source": "code", "scene": 1, "status": "active"} in found["log"]
    assert found["known_profiles"] == ["mira"]


def test_edits_undo_and_redo_are_told_to_every_window(part: StoryPart, services: StoryServices, told: Told):
    changes = [{"op": "set", "field": "where", "value": "lighthouse"}]
    assert ask(part, "change", name="The letter", changes=changes)["state"]["where"] == "lighthouse"
    undone = ask(part, "undo", name="The letter")
    assert (undone["state"]["where"], undone["stepped"], undone["can_redo"]) == ("", ["where: lighthouse"], True)
    assert ask(part, "redo", name="The letter")["state"]["where"] == "lighthouse"
    assert [event for event, _ in told] == [EVENT] * 3
    assert services.stories.open("The letter").log[-1].change.source == "person"


def test_a_story_is_begun_renamed_told_with_others_and_deleted(part: StoryPart):
    ask(part, "new", name="One", profiles=["mira"])
    assert ask(part, "use", name="One", new_name="Two", books=["coast"])["books"] == ["coast"]
    assert ask(part, "one", name="Two")["profiles"] == ["mira"]
    assert ask(part, "delete", name="Two")["stories"] == []
    with pytest.raises(StoryError, match="no story 'Two' any more"):
        ask(part, "one", name="Two")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"op": "set", "field": "weather", "value": "x"}, "no 'weather'"),
        ({"op": "set", "field": "outfit", "value": "cloak"}, "say whose"),
        ({"op": "set", "field": "where", "value": "x" * 400}, "300 are the most"),
    ],
)
def test_a_change_that_means_nothing_is_refused_and_nothing_is_changed(
    part: StoryPart, services: StoryServices, change: dict[str, str], why: str
):
    good = {"op": "set", "field": "when", "value": "dawn"}
    with pytest.raises(StoryError, match=why):
        ask(part, "change", name="The letter", changes=[good, change])
    assert services.stories.open("The letter").state.when == ""
