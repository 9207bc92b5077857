"""What the elements of stories, profiles and enhancing hold as options, and what the pages do with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio import batch
from orchestrator_app.studio.drawing import draw
from orchestrator_app.studio.environment import Settings, StudioEnvironment
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.remembering import StudioAnswers, saver
from orchestrator_core.errors import ConfigError
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.pipeline import new_run
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import Component, Origin, PromptDraft, StoryUse
from orchestrator_core.stages import generate_prompt
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.retrying import Options as RetryOptions
from tests.app.studio.studio_fakes import KeptSettings, environment

NONE = Wildcards([])
MIRA = "name: Mira\nkind: character\nappearance_tags: [red hair]\n"


@pytest.fixture
def library(tmp_path: Path) -> ProfileLibrary:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mira.yaml").write_text(MIRA)
    (tmp_path / "profiles" / "ink.yaml").write_text("name: Ink\nkind: genre\nstyle: [ink wash]\n")
    return ProfileLibrary([tmp_path / "profiles"])


def store_in(folder: Path) -> Any:
    return lambda: Store.open(folder / "store.db")


# what the elements hold


@pytest.fixture
def page(tmp_path: Path, library: ProfileLibrary) -> Iterator[Any]:
    gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")
    from orchestrator_app.studio.pages.generate import GeneratePage
    from orchestrator_app.studio.session import Session

    studio = replace(environment(tmp_path), profiles=library, stories=StoryLibrary(store_in(tmp_path)))
    with gr.Blocks(analytics_enabled=False), gr.Tab("Generate") as tab:
        yield GeneratePage(LiveEnvironment(studio), gr.State(Session()), tab)


def values(page: Any, **given: Any) -> list[Any]:
    """What the elements hold at first, but for those of these ids."""
    elements = page.inputs[3:]
    ids = {element.elem_id.removeprefix("orchestrator_"): at for at, element in enumerate(elements)}
    held = [element.value for element in elements]
    for name, value in given.items():
        held[ids[name]] = value
    return held


def test_prompts_are_tried_again_only_where_somebody_wants_it(page: Any):
    assert page.asked(1, "Forge", values(page, retry_tries=0)).rendering.retry is None  # what is off may hold anything
    wanted = page.asked(1, "Forge", values(page, retry=True, retry_until=0.9, retry_change="seed")).rendering.retry
    assert wanted == RetryOptions(until=0.9, change="seed")
    with pytest.raises(ConfigError):
        page.asked(1, "Forge", values(page, retry=True, retry_tries=0))


def test_at_first_no_story_is_told_and_nothing_enhanced(page: Any):
    asked = page.asked(1, "Forge", values(page))
    assert not asked.wishes.is_any
    assert (asked.draw.profiles, asked.draw.genre) == ("", "")


def test_profiles_are_a_list_and_none_is_no_name(page: Any):
    held = values(
        page,
        generate_prompt_profiles=["mira", "ink"],
        generate_prompt_genre="(none)",
        follow_story_story="Tale",
        enhance_on=True,
    )
    asked = page.asked(1, "Forge", held)
    assert (asked.draw.profiles, asked.draw.genre) == ("mira, ink", "")
    assert asked.wishes.story.story == "Tale"
    assert asked.wishes.tells
    assert asked.wishes.enhance is not None


def test_what_is_off_may_hold_anything(page: Any):
    held = values(page, llm_enhance_max_tokens=-1, follow_story_lore_tokens=-1)
    assert not page.asked(1, "Forge", held).wishes.is_any
    with pytest.raises(ConfigError, match="Max tokens"):
        page.asked(1, "Forge", values(page, llm_enhance_max_tokens=-1, enhance_on=True))
    with pytest.raises(ConfigError, match="Lore tokens"):
        page.asked(1, "Forge", values(page, follow_story_lore_tokens=-1, follow_story_story="Tale"))


def test_the_lists_are_those_of_the_library_and_keep_what_was_chosen(page: Any):
    profiles, genre, story = page._on_names(["gone"], "ink", "Tale")
    assert profiles["choices"] == ["mira", "gone"]
    assert genre["choices"] == ["(none)", "ink"]
    assert story["choices"] == ["(none)", "Tale"]
    assert "value" not in profiles


# profiles


def test_what_a_page_draws_has_the_words_of_its_profiles(library: ProfileLibrary):
    options = generate_prompt.Options(template="a fox", profiles="mira")
    (drawn,) = draw(options, 1, NONE, profiles=library).drafts
    assert drawn.positive == "a fox, red hair"
    (without,) = draw(options, 1, NONE).drafts
    assert "No profiles are open here" in str(without.diagnostics[0])


def test_a_row_is_drawn_anew_with_its_profiles(library: ProfileLibrary):
    (drawn,) = draw(generate_prompt.Options(template="a fox", profiles="mira"), 1, NONE, profiles=library).drafts
    row = replace(batch.row_of_draft(drawn, "Forge"), draft=None)
    assert batch.text_of(row, NONE, library) == "a fox, red hair"


def test_a_row_holds_what_it_was_enhanced_to_and_the_template_that_was_typed():
    row = replace(batch.row_of_draft(PromptDraft((Component("old"),)), "Forge"), text="a {fox|fox}")
    enhanced = PromptDraft((Component("a fox"), Component(", mist", Origin.llm)))
    (kept, other) = batch.with_drafts([row, row], {0: enhanced})
    assert batch.draft_of(kept, NONE) == enhanced
    assert (kept.text, kept.wish.template) == (None, "a {fox|fox}")
    assert other is row
    anew = batch.edited([kept], 0, batch.Edit("a fox, mist", "Forge", "7", False), NONE)[0]
    assert batch.draft_of(anew, NONE).positive == "a fox"


# what is remembered


def live(folder: Path, *, remembers: bool) -> LiveEnvironment:
    kept = KeptSettings()
    kept.save(Settings(remember_runs=remembers))
    return LiveEnvironment(StudioEnvironment(lambda _: (), lambda _: NONE, kept, store_in(folder)))


def test_a_scene_is_kept_where_nothing_else_is(tmp_path: Path):
    save = saver(live(tmp_path, remembers=False))
    draft = PromptDraft((Component("a fox"),))
    save(new_run().replacing(draft=draft))
    scene = new_run().replacing(draft=draft.replacing(story=StoryUse("Tale", 1)))
    save(scene)
    with store_in(tmp_path)() as store:
        assert [brief.scenes for brief in StoryLibrary.of(store).list()] == [1]


def test_answers_are_kept_in_the_store_where_a_person_wants_it(tmp_path: Path):
    answers = StudioAnswers(store_in(tmp_path))
    answers.of(Settings()).put("key", "tiny", "{}")
    assert StudioAnswers(store_in(tmp_path)).of(Settings()).get("key") == "{}"
    forgetful = Settings(remember_runs=False)
    answers.of(forgetful).put("other", "tiny", "{}")
    assert answers.of(forgetful).get("other") == "{}"
    assert StudioAnswers(store_in(tmp_path)).of(Settings()).get("other") is None
    assert StudioAnswers(None).of(Settings()).get("key") is None
