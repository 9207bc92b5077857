"""The stage followStory in a pipeline, with stories that last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator_core.base_models import BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.pipeline import new_run, run_pipeline
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.stages.follow_story import Options, follow_story, stage
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.core.memory.story_world import FakeBooks, FakeProfiles, Story


def context(store: Store) -> StageContext:
    stories = StoryLibrary.of(store)
    return StageContext(Wildcards([]), profiles=FakeProfiles(), stories=stories, books=FakeBooks())


def pipeline(template: str, **options: object) -> PipelineSpec:
    draw = StageSpec(id="draw", type="generatePrompt", options={"template": template})
    return PipelineSpec(stages=(draw, StageSpec(id="story", type="followStory", options=options)))


def test_a_story_goes_on_from_run_to_run(sqlite_store: Store) -> None:
    StoryLibrary.of(sqlite_store).create("Harbour", ["mira"], ["coast"])
    prompts = []
    for template in ("Mira in the {old tavern}, night", "looking up", "on the beach"):
        run = run_pipeline(pipeline(template, story="harbour"), context(sqlite_store)).run
        sqlite_store.save_run(run)
        assert sqlite_store.load_run(run.id) == run
        prompts.append(run.draft.positive)
    assert prompts[1] == (
        "looking up, 1girl, silver hair, green eyes, freckles, red cloak, leather boots, old tavern, night, "
        "midnight sky, oil lamps"
    )
    story = StoryLibrary.of(sqlite_store).open("Harbour")
    assert [scene.words for scene in story.scenes] == ["Mira in the old tavern, night", "looking up", "on the beach"]
    assert (story.state.where, story.state.when) == ("on the beach", "night")


def test_drawing_alone_tells_nothing(sqlite_store: Store) -> None:
    run_pipeline(pipeline("Mira", story="Harbour"), context(sqlite_store))
    assert StoryLibrary.of(sqlite_store).list() == ()


def test_without_a_story_the_run_is_as_it_was(sqlite_store: Store) -> None:
    run = replace(new_run(), draft=PromptDraft((Component("a fox"),)))
    for options in (Options(), Options(story="x", action="off")):
        assert stage(run, StageContext(Wildcards([])), options) is run
    assert follow_story(run.draft, Story("")).draft is run.draft


def test_a_host_without_stories_says_so() -> None:
    with pytest.raises(PipelineError, match="opened none"):
        stage(Run("r", PromptDraft(())), StageContext(Wildcards([])), Options(story="x"))


def test_lore_for_another_family_of_models_is_not_told(sqlite_store: Store) -> None:
    from orchestrator_core.lore.book import Book, Entry

    class PonyBook:
        def book(self, name: str) -> Book:
            return Book(name, (Entry("1", ("fox",), "x", tags=("score_9",), families=("Pony",)),))

    StoryLibrary.of(sqlite_store).create("s", books=["pony"])
    prompts = []
    for checkpoint in (BaseModel("SDXL", "Pony"), BaseModel("Flux")):
        there = replace(context(sqlite_store), books=PonyBook(), checkpoint=checkpoint)
        prompts.append(run_pipeline(pipeline("a fox", story="s"), there).run.draft.positive)
    assert prompts == ["a fox, score_9", "a fox"]


def test_options_that_cannot_be_are_refused() -> None:
    for wrong in ({"action": "sing"}, {"story": "x" * 201}, {"lore_tokens": -1}, {"moods": "x"}):
        with pytest.raises(ValidationError):
            Options.model_validate(wrong)
    assert Options().asked().lore_tokens == 300
    assert Options(lore=False).asked().lore_tokens == 0


def test_books_are_read_from_folders_anew_when_they_change(tmp_path: Path) -> None:
    import os

    from orchestrator_core.errors import FormatError
    from orchestrator_core.memory.book_folder import BookFolder

    (tmp_path / "own" / "sea").mkdir(parents=True)
    path = tmp_path / "own" / "sea" / "Coast.json"
    text = '{"entries": {"0": {"uid": 0, "key": ["tavern"], "content": "%s"}}}'
    path.write_text(text % "Old Ben")
    (tmp_path / "own" / "odd.json").write_text("[")
    books = BookFolder([tmp_path / "nowhere", tmp_path / "own"])
    assert books.names() == ("odd", "sea/Coast")
    assert books.book("coast").entries[0].content == "Old Ben"
    assert books.book("sea\\coast") is books.book("coast")
    path.write_text(text % "Young Ben")
    os.utime(path, ns=(1, 1))
    assert books.book("coast").entries[0].content == "Young Ben"
    with pytest.raises(FormatError, match=r"odd\.json is not valid JSON"):
        books.book("odd")
    with pytest.raises(FormatError, match=r"no lore book 'Coost'.*Did you mean 'sea/Coast'"):
        books.book("Coost")


def test_later_stages_know_the_profiles_of_who_is_there(sqlite_store: Store) -> None:
    from orchestrator_core.profiles.source import used_by

    StoryLibrary.of(sqlite_store).create("Harbour", ["mira"])
    draft = run_pipeline(pipeline("waiting", story="harbour"), context(sqlite_store)).run.draft
    used = used_by(draft, FakeProfiles())
    assert used
    assert used.name == "Mira"
