"""generatePrompt with profiles and a genre, from the options to the metadata of an image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.formats.image_notes import notes_as_json, parse_notes
from orchestrator_core.formats.infotext import format_infotext, parse_infotext
from orchestrator_core.pipeline import new_run, run_pipeline
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import Origin, PromptDraft
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.spec import pipeline_from
from orchestrator_core.stages.generate_prompt import Options, generate, kept, options_from_widgets
from orchestrator_core.template import Wildcards

NONE = Wildcards([])
TEMPLATE = "a {fox|owl|hen}, __colors__"


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    (tmp_path / "colors.txt").write_text("red\nblue\ngreen\n")
    return Wildcards([tmp_path])


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileLibrary:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "mira.yaml").write_text("appearance_tags: auburn hair\nwildcard_weights: {colors: {red: 0}}\n")
    (folder / "noir.yaml").write_text(
        "kind: genre\ntemplate: '{still|frame} of {prompt}'\nnegative: color\nwildcard_weights: {colors: {blue: 0}}"
    )
    return ProfileLibrary([folder])


def test_without_profiles_a_draw_is_what_it_was(wildcards: Wildcards, profiles: ProfileLibrary):
    for seed in range(30):
        options = Options(template=TEMPLATE, seed=seed)
        assert generate(options, wildcards, profiles=profiles) == generate(options, wildcards)


def test_profiles_and_genre_are_in_the_prompt_and_in_the_odds(wildcards: Wildcards, profiles: ProfileLibrary):
    for seed in range(20):
        options = Options(template=TEMPLATE, seed=seed, profiles="mira", genre="noir")
        draft = generate(options, wildcards, profiles=profiles)
        assert draft.positive.split(" of ")[0] in ("still", "frame")
        assert draft.positive.endswith(", green, auburn hair")
        assert draft.negative_prompt == "color"
        assert (draft.source.profiles, draft.source.genre, draft.source.template) == ("mira", "noir", TEMPLATE)


def test_learned_weights_go_on_counting(wildcards: Wildcards, profiles: ProfileLibrary):
    options = Options(template="__colors__", profiles="mira")
    assert generate(options, wildcards, {"colors#green": 0.0}, profiles=profiles).positive.startswith("blue")


@pytest.mark.parametrize("method", ["random", "combinatorial", "cyclical"])
def test_each_method_draws_the_own_words_as_without(method: str, profiles: ProfileLibrary):
    for seed in range(6):
        options = Options(template="a {fox|owl} {in|on}", method=method, seed=seed)
        own = generate(options, NONE).positive
        dressed = generate(options.model_copy(update={"genre": "noir", "profiles": "mira"}), NONE, profiles=profiles)
        assert dressed.positive.endswith(f" of {own}, auburn hair")


def test_a_profile_that_is_not_there_is_told_and_the_prompt_is_drawn(profiles: ProfileLibrary):
    draft = generate(Options(template="a fox", profiles="mirra, mira"), NONE, profiles=profiles)
    assert draft.positive == "a fox, auburn hair"
    assert ["Did you mean 'mira'?" in note.message for note in draft.diagnostics] == [True]
    alone = generate(Options(template="a fox", profiles="mira"), NONE)
    assert (alone.positive, alone.diagnostics[0].kind) == ("a fox", "missing-profile")


def test_the_stage_finds_them_in_its_context(profiles: ProfileLibrary):
    pipeline = pipeline_from(
        [{"id": "d", "type": "generatePrompt", "options": {"template": "a fox", "profiles": "mira"}}]
    )
    draft = run_pipeline(pipeline, StageContext(NONE, profiles=profiles), new_run()).run.draft
    assert draft.positive == "a fox, auburn hair"
    assert [background.title for background in draft.background] == ["mira"]


def test_a_kept_text_knows_the_words_of_its_profile(profiles: ProfileLibrary):
    options = Options(template="a fox", profiles="mira")
    draft = kept(options, "a fox, auburn hair, snow", "", NONE, profiles)
    assert {"auburn hair"} == {c.text.strip(", ") for c in draft.components if c.origin is Origin.profile}
    assert draft.positive == "a fox, auburn hair, snow"


def test_an_image_says_what_it_was_drawn_with(profiles: ProfileLibrary):
    draft = generate(Options(template="a fox", profiles="mira", genre="noir", seed=3), NONE, profiles=profiles)
    notes = notes_for("r1", draft)
    assert parse_notes(json.dumps(notes_as_json(notes))) == notes
    assert parse_infotext(format_infotext(GenerationRequest(draft.positive), notes)).notes == notes
    again = Options(template=notes.template, seed=3, profiles=notes.profiles, genre=notes.genre)
    assert generate(again, NONE, profiles=profiles) == draft


def test_an_image_without_profiles_says_nothing_of_them():
    notes = notes_for("r1", PromptDraft(()))
    assert not {"profiles", "genre"} & notes_as_json(notes).keys()
    assert "genre" not in format_infotext(GenerationRequest("a fox"), notes)


def test_widgets_give_both():
    options = options_from_widgets({"template": "a", "profiles": "mira, \ud800", "genre": "noir"})
    assert (options.profiles, options.genre) == ("mira, ?", "noir")
