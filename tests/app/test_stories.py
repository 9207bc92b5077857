"""``orchestrator stories``, and ``--story`` of prompt and run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_app.cli import main
from orchestrator_app.rendering import untold
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.prompt import Component, PromptDraft, StoryUse
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.store import Store

MARA = """name: Mara
kind: character
appearance_tags: [1girl, silver hair]
backstory: Grew up in the harbor.
state: {outfit: red cloak, where: pier}
lore: [coast]
"""
COAST = '{"entries": {"0": {"uid": 0, "key": ["tavern"], "content": "Old Ben runs it."}}}'


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Types a command; (status, what it prints, what it remarks)."""
    (tmp_path / "cast").mkdir()
    (tmp_path / "cast" / "mara.yaml").write_text(MARA)
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "coast.json").write_text(COAST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def type_(*arguments: str) -> tuple[int, str, str]:
        more = ("--profile-folder", "cast", "--lore-folder", "books") if arguments[0] in ("prompt", "run") else ()
        status = main([*arguments, *more])
        said = capsys.readouterr()
        return status, said.out, said.err

    return type_


def test_each_prompt_of_a_batch_goes_on_where_the_last_one_ends(typed) -> None:
    typed("stories", "new", "Letter", "--profiles", "mara")
    template = "{Mara in the old tavern|she waits}"
    _, prompts, told = typed("prompt", template, "--story", "letter", "--method", "combinatorial")
    assert prompts.splitlines() == [
        "Mara in the old tavern, 1girl, silver hair, red cloak",
        "she waits, 1girl, silver hair, red cloak, old tavern",
    ]
    assert "[1] scene 1 of Letter: Mara is there; Mara's outfit: red cloak; where: old tavern; lore: tavern" in told
    assert "[2] scene 2 of Letter: lore: tavern" in told
    assert json.loads(typed("stories", "list", "--json")[1])["scenes"] == 0  # to look at prompts changes nothing


def test_what_is_run_is_told_edited_and_undone(typed) -> None:
    typed("stories", "new", "Letter", "--profiles", "mara")
    run = (
        "run",
        "{Mara in the old tavern|she waits}",
        "--story",
        "Letter",
        "--no-render",
        "--method",
        "combinatorial",
    )
    assert typed(*run, "--story-outfit", "Mara: boots", "--no-lore")[0] == 0
    story = json.loads(typed("stories", "show", "letter", "--json")[1])
    assert [scene["words"] for scene in story["scenes"]] == ["Mara in the old tavern", "she waits"]
    assert story["state"]["people"] == [{"name": "Mara", "outfit": "boots", "facts": []}]
    assert story["scenes"][0]["lore"] == []
    assert "Mara: sings" in typed("stories", "change", "Letter", "fact", "sings", "--of", "Mara")[1]
    assert "Where" not in typed("stories", "change", "Letter", "where", "--op", "clear")[1]
    assert typed("stories", "undo", "Letter")[1] == "undone: where: no longer said\n"
    assert typed("stories", "redo", "Letter")[0] == 0
    assert typed("stories", "redo", "Letter")[0] == 1
    assert "Where: pier" not in typed("stories", "leave-out", "Letter", "1")[1]
    assert "left out" in typed("stories", "show", "Letter")[1]
    assert "Mara wears: boots" in typed("stories", "take-in", "Letter", "1")[1]


def test_names_and_lists_of_a_story_are_changed_and_it_is_deleted_only_on_purpose(typed) -> None:
    typed("stories", "new", "Letter", "--profiles", "mara, tom", "--books", "coast")
    typed("stories", "use", "Letter", "--profiles", "mara")
    typed("stories", "rename", "Letter", "The letter")
    assert typed("stories", "list")[1].splitlines()[1].split() == ["The", "letter", "0", "mara", "coast"]
    assert typed("stories", "delete", "the letter")[0] == 1
    assert typed("stories", "delete", "the letter", "--yes")[0] == 0
    assert "no stories yet" in typed("stories", "list")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stories", "show", "nowhere"), "no story 'nowhere'"),
        (("stories", "change", "Letter", "outfit", "cloak"), "say whose"),
        (("stories", "new", "Letter"), "'Letter' already"),
        (("prompt", "a fox", "--story-where", "pier"), "--story-where is for going on with a story"),
        (("prompt", "a fox", "--no-lore"), "--no-lore is for"),
        (("prompt", "a fox", "--story", "x" * 201), "story"),
        (("prompt", "a fox", "--story", "x", "--lore-folder", "nowhere"), "no folder nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(typed, arguments: tuple[str, ...], message: str) -> None:
    typed("stories", "new", "Letter")
    status, _, told = typed(*arguments)
    assert status == 2
    assert message in told


def test_what_is_wrong_in_a_story_is_a_warning_without_a_place_in_the_template(typed) -> None:
    typed("stories", "new", "Letter", "--profiles", "nobody")
    _, prompts, told = typed("prompt", "a fox", "--story", "Letter", "--story-outfit", "cloak")
    assert prompts == "a fox\n"
    assert "warning: Who wears 'cloak'?" in told
    assert "'nobody'" in told
    assert "character 1" not in told


def test_a_pipeline_file_with_the_stage_is_told_too(typed, tmp_path: Path) -> None:
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "Mara waits"}},
        {"id": "story", "type": "followStory", "options": {"story": "Letter", "where": "pier"}},
    ]
    (tmp_path / "pipeline.json").write_text(json.dumps({"schema_version": 1, "stages": stages}))
    assert typed("run", "pipeline.json", "-n", "2", "--story", "Other", "--story-mood", "tense")[0] == 0
    with Store.open() as store:
        story = StoryLibrary.of(store).open("Other")
    assert [scene.prompt for scene in story.scenes] == ["Mara waits, 1girl, silver hair, red cloak, pier, tense"] * 2


def test_a_prompt_that_was_not_rendered_is_kept_as_no_scene(tmp_path: Path) -> None:
    run = Run("r", PromptDraft((Component("a fox"),), story=StoryUse("Letter", 1)))
    assert untold(run).draft == PromptDraft((Component("a fox"),))
    rendered = run.replacing(images=(GeneratedImage(tmp_path / "a.png", GenerationRequest(positive="x"), "r"),))
    assert untold(rendered) is rendered


def test_an_exported_pipeline_with_the_stage_shows_the_next_scene(typed, tmp_path: Path) -> None:
    typed("run", "a fox in the tavern", "--story", "Letter", "--no-render", "-n", "1")
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}},
        {"id": "story", "type": "followStory", "options": {"story": "Letter"}},
    ]
    (tmp_path / "pipeline.json").write_text(json.dumps({"schema_version": 1, "stages": stages}))
    assert typed("export", "pipeline.json", "-o", "out.json")[0] == 0
    assert "a fox, tavern" in (tmp_path / "out.json").read_text()
