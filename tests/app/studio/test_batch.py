"""A batch: rows of files, changed, drawn, sent to their targets and written again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_app.studio import batch
from orchestrator_app.studio.batch import Edit, Row
from orchestrator_app.studio.odds import Odds
from orchestrator_core.errors import ConfigError, FormatError
from orchestrator_core.formats.prompt_file import parse_prompt_file
from orchestrator_core.prompt import Origin
from orchestrator_core.stages import dispatch
from orchestrator_core.template import Template, Wildcards
from tests.app.studio.studio_fakes import FakeHost, target

NONE = Wildcards([])
TARGETS = ("Forge", "ComfyUI")
ROWS = [
    {"template": "a {fox|owl} in {snow|fog}", "seed": 3, "target": "comfyui", "steps": 8},
    {"prompt": "a cat <lora:ink:0.5>", "negative_prompt": "dog", "seed": 4},
    {"neither": 1},
    {"prompt": "a bird", "target": "nowhere"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(ROWS))
    return path


@pytest.fixture
def rows(file: Path) -> tuple[Row, ...]:
    return batch.read_files([file], TARGETS).rows


def edit(row: Row, **changes: object) -> Edit:
    values = {"text": batch.text_of(row, NONE), "target": row.target, "seed": str(row.seed), "skip": row.skip}
    return Edit(**{**values, **changes})  # type: ignore[arg-type]


def test_a_file_becomes_rows_and_what_is_broken_in_it_is_said(file: Path):
    found = batch.read_files([file], TARGETS)
    assert [row.target for row in found.rows] == ["ComfyUI", "Forge", "Forge"]
    assert [row.place for row in found.rows] == ["prompts.json, row 1", "prompts.json, row 2", "prompts.json, row 4"]
    assert any("row 3" in problem and "neither" in problem for problem in found.problems)


def test_a_file_that_cannot_be_read_leaves_the_others(file: Path, tmp_path: Path):
    broken, pipeline = tmp_path / "broken.json", tmp_path / "pipeline.yaml"
    broken.write_text("[{")
    pipeline.write_text("stages: [{id: draw, type: generatePrompt}]\n")
    found = batch.read_files([broken, file, pipeline, tmp_path / "gone.json"], TARGETS)
    assert len(found.rows) == 3
    said = "\n".join(found.problems)
    assert "broken.json" in said
    assert "pipeline.yaml is a pipeline" in said
    assert "gone.json" in said
    assert str(tmp_path) not in said  # a page shows names, not where gradio keeps what was dropped


def test_every_format_of_prompts_is_read(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a fox\n# a remark\nan owl\n")
    (tmp_path / "b.yaml").write_text("template: a {fox|owl}\nnegative: dog\n")
    (tmp_path / "c.csv").write_text("positive_prompt,negative_prompt\na {fox|owl},\na fox,bad\n")
    found = batch.read_files([tmp_path / name for name in ("a.txt", "b.yaml", "c.csv")], TARGETS)
    assert len(found.rows) == 4
    assert found.problems == ()


def test_more_rows_than_a_batch_has_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch, "MOST", 2)
    (tmp_path / "a.txt").write_text("a\nb\nc\n")
    found = batch.read_files([tmp_path / "a.txt"], TARGETS)
    assert len(found.rows) == 2
    assert found.problems == ("One batch has at most 2 rows; 1 too many, left out.",)


def test_what_the_table_still_says_changes_nothing(rows: tuple[Row, ...]):
    for place, row in enumerate(rows):
        assert batch.edited(rows, place, edit(row), NONE) == rows


def test_a_row_that_is_not_touched_keeps_where_its_words_come_from(rows: tuple[Row, ...]):
    changed = batch.edited(rows, 0, edit(rows[0], target="Forge", skip=True), NONE)
    assert (changed[0].target, changed[0].skip, changed[0].text) == ("Forge", True, None)
    assert any(component.choices for component in batch.draft_of(changed[0], NONE).components)
    assert changed[1:] == rows[1:]


def test_another_seed_draws_a_template_anew_and_leaves_a_finished_prompt(rows: tuple[Row, ...]):
    texts = set()
    for seed in range(8):
        texts.add(batch.text_of(batch.edited(rows, 0, edit(rows[0], seed=str(seed)), NONE)[0], NONE))
    assert len(texts) == 4
    assert batch.text_of(batch.edited(rows, 2, edit(rows[2], seed="9"), NONE)[2], NONE) == "a bird"


def test_a_text_that_was_typed_is_a_template(rows: tuple[Row, ...]):
    changed = batch.edited(rows, 2, edit(rows[2], text="a {red|red} bird"), NONE)
    assert batch.draft_of(changed[2], NONE).positive == "a red bird"
    assert batch.text_of(changed[2], NONE) == "a {red|red} bird"


@pytest.mark.parametrize("seed", ["", "x", "-1", str(2**64), "1.5"])
def test_a_seed_that_is_none_is_refused(rows: tuple[Row, ...], seed: str):
    with pytest.raises(ConfigError, match="is no whole number"):
        batch.edited(rows, 0, edit(rows[0], seed=seed), NONE)


def plan(rows: tuple[Row, ...], tmp_path: Path, **defaults: object) -> batch.Plan:
    hosts = {name: target(name, FakeHost(tmp_path)) for name in TARGETS}
    return batch.plan(rows, NONE, hosts, dispatch.Options.model_validate(defaults))


def test_each_row_goes_to_its_target_with_its_own_settings_over_those_of_the_page(
    rows: tuple[Row, ...], tmp_path: Path
):
    planned = plan(batch.edited(rows, 2, edit(rows[2], skip=True), NONE), tmp_path, steps=30, cfg=5)
    first, second = planned.tasks
    assert (first.target.name, first.request.steps, first.request.cfg, first.request.seed) == ("ComfyUI", 8, 5, 3)
    assert (second.target.name, second.request.steps, second.request.seed) == ("Forge", 30, 4)
    assert second.request.negative == "dog"
    assert "<lora:ink:0.5>" in second.request.positive or second.request.loras
    assert [task.number for task in planned.tasks] == [1, 2]


def test_a_row_that_cannot_be_rendered_says_why_and_the_others_are_planned(rows: tuple[Row, ...], tmp_path: Path):
    rows = (rows[0], *batch.all_to(rows[1:2], "Elsewhere"), rows[2])
    planned = plan(rows, tmp_path)
    assert [task.number for task in planned.tasks] == [1, 3]
    assert planned.problems == {1: "There is no target 'Elsewhere'. There are: Forge, ComfyUI."}


def test_settings_that_no_target_could_use_are_named(tmp_path: Path):
    (tmp_path / "a.json").write_text('[{"prompt": "a", "steps": 5000}]')
    rows = batch.read_files([tmp_path / "a.json"], TARGETS).rows
    planned = plan(rows, tmp_path)
    assert planned.tasks == ()
    assert "steps: Input should be less than or equal to 1000" in planned.problems[0]


def test_prompts_of_the_other_page_keep_where_their_words_come_from(tmp_path: Path):
    draft = Template("a {fox|owl}").draw(NONE, 5)
    row = batch.row_of_draft(draft, "Forge")
    assert batch.draft_of(row, NONE) is draft
    changed = batch.edited((row,), 0, edit(row, seed="6"), NONE)[0]
    assert batch.draft_of(changed, NONE).seed == 6


def test_the_summary_counts_by_target(rows: tuple[Row, ...]):
    assert batch.summary(rows, TARGETS) == "3 prompts · 2 to Forge · 1 to ComfyUI"
    skipped = batch.edited(rows, 0, edit(rows[0], skip=True), NONE)
    assert batch.summary(skipped, TARGETS) == "2 prompts · 2 to Forge · 1 skipped"
    assert batch.summary((), TARGETS) == "Nothing to render yet."


def test_the_list_is_written_as_a_prompt_file_that_reads_back(rows: tuple[Row, ...], tmp_path: Path):
    rows = batch.edited(rows, 2, edit(rows[2], skip=True), NONE)
    text = batch.prompt_file_of(rows, NONE, dispatch.Options(cfg=4))
    (tmp_path / "again.json").write_text(text)
    assert len(parse_prompt_file(text.encode()).prompts) == 2
    again = batch.read_files([tmp_path / "again.json"], TARGETS)
    assert again.problems == ()
    assert [batch.text_of(row, NONE) for row in again.rows] == [batch.text_of(row, NONE) for row in rows[:2]]
    assert [(row.target, row.seed) for row in again.rows] == [("ComfyUI", 3), ("Forge", 4)]
    assert again.rows[0].wish.settings["steps"] == 8
    assert again.rows[0].wish.settings["cfg"] == 4
    origins = {component.origin for component in batch.draft_of(again.rows[0], NONE).components}
    assert origins == {Origin.template}


def test_a_row_says_what_its_template_has_to_say(tmp_path: Path):
    (tmp_path / "a.json").write_text(json.dumps([{"template": "a __nowhere__ {fox"}, {"template": "a fox"}]))
    first, second = batch.read_files([tmp_path / "a.json"], TARGETS).rows
    assert "There is no wildcard 'nowhere'" in batch.hint_of(first, NONE) + batch.hint_of(
        batch.edited((first,), 0, edit(first, text="a __nowhere__"), NONE)[0], NONE
    )
    assert batch.hint_of(first, NONE).endswith("(and 1 more)")
    assert batch.hint_of(second, NONE) == ""


def test_a_csv_without_the_columns_is_read_by_lines_and_says_so(tmp_path: Path):
    (tmp_path / "a.csv").write_text("prompt,negative\na fox,bad\n")
    found = batch.read_files([tmp_path / "a.csv"], TARGETS)
    assert [row.wish.template for row in found.rows] == ["prompt,negative", "a fox,bad"]
    (said,) = found.problems
    assert said.startswith("a.csv, row 1: not the columns positive_prompt and negative_prompt")


def test_an_empty_list_is_not_written(rows: tuple[Row, ...]):
    with pytest.raises(FormatError, match="no row to write"):
        batch.prompt_file_of((), NONE, dispatch.Options())


def test_rows_are_drawn_by_the_odds_of_the_moment_in_which_they_were_added(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a {fox|owl}\n" * 8)
    rows = batch.read_files([tmp_path / "a.txt"], TARGETS).rows
    keys = {choice.key for row in rows for part in batch.draft_of(row, NONE).components for choice in part.choices}
    owl = f"{next(iter(keys)).partition('#')[0]}#owl"
    learned = batch.with_odds(rows, lambda row: Odds({owl: 0.0}, 3))
    assert {batch.text_of(row, NONE) for row in learned} == {"a fox"}
    plan = batch.plan(learned, NONE, {name: target(name, FakeHost(tmp_path)) for name in TARGETS}, dispatch.Options())
    assert {task.run.draft.source.odds for task in plan.tasks} == {3}
