"""Learning as the nodes use it, on a real store: the odds that prompts are drawn by are what the scores predict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.drawing_odds import NONE
from comfy_nodes.learn_images import run_of
from comfy_nodes.learn_store import StoreLearning, open_store
from comfy_nodes.services import Services
from orchestrator_core.config import DATABASE_NAME, data_folder
from orchestrator_core.errors import ConfigError, FormatError, LearningError
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GenerationRequest, ImageNotes, notes_for
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.crediting import observations_of
from orchestrator_core.weights.learner import Event, folded
from orchestrator_core.weights.odds import odds

WILDCARDS = Wildcards([])
OPTIONS = Options(template="a {red|blue|green|ochre} fox")


def scored(number: int, draft: PromptDraft) -> Run:
    """Red is seldom fulfilled, the others mostly."""
    run_id = f"{number:032x}"
    (choice,) = [choice for part in draft.components for choice in part.choices]
    value = 0.2 if choice.key.endswith("#red") else 0.9
    return Run(
        run_id, draft, (), (Score(run_id, "0.png", 1, "fulfilment", value, 0.3, 0.1, 1.0, True, "red:1", choice.key),)
    )


def slot() -> str:
    draft = generate(OPTIONS, WILDCARDS)
    return next(choice.key.partition("#")[0] for part in draft.components for choice in part.choices)


@pytest.fixture
def learning() -> StoreLearning:
    services = Services(WILDCARDS, lambda *_: None)
    return StoreLearning(lambda path: run_of(path, services), WILDCARDS)


@pytest.fixture
def preferring(learning: StoreLearning) -> Iterator[StoreLearning]:
    learning.set_mode("fast")
    learning.set_slot(slot(), direction="prefer", on=None)
    yield learning


def test_a_look_makes_no_database(learning: StoreLearning):
    assert (learning.mode(), learning.number()) == ("off", 0)
    assert learning.view().slots == ()
    assert learning.over_time().effects == ()
    assert "observations" in learning.exported()
    assert learning.now(OPTIONS, "") is NONE
    assert not (data_folder() / DATABASE_NAME).exists()


def test_while_learning_is_off_nothing_is_learned(learning: StoreLearning):
    told = learning.learn(scored(1, generate(OPTIONS, WILDCARDS)), {})
    assert (told.mode, told.count) == ("off", 0)
    assert learning.now(OPTIONS, "") is NONE


def test_the_odds_move_as_the_same_scores_predict(preferring: StoreLearning):
    runs = []
    for number in range(40):
        snapshot = preferring.now(OPTIONS, "")
        draft = generate(OPTIONS.model_copy(update={"seed": number}), WILDCARDS, snapshot.weights, odds=snapshot.number)
        runs.append(scored(number, draft))
        assert preferring.learn(runs[-1], {}).count == 1
    found = preferring.now(OPTIONS, "")
    settings = [
        Event(1, "set", (), {"what": "mode", "value": "fast"}),
        Event(2, "set", (), {"what": "switch", "value": True}),
        Event(3, "set", (), {"what": "direction", "slot": slot(), "value": "prefer"}),
    ]
    seen = [Event(4 + number, "observe", observations_of(run)) for number, run in enumerate(runs)]
    expected = odds(folded([*settings, *seen]), "||")
    assert found.weights == expected.multipliers
    assert found.weights[f"{slot()}#red"] < 1
    assert found.number == 43
    early = preferring.at(20, OPTIONS, "")
    assert early.weights == odds(folded([*settings, *seen][:20]), "||").multipliers  # a prompt of then is drawn as then
    preferring.undo(20)
    assert preferring.now(OPTIONS, "").weights == early.weights


def test_the_same_run_recorded_twice_counts_once(preferring: StoreLearning):
    run = scored(1, generate(OPTIONS, WILDCARDS))
    preferring.learn(run, {})
    before = preferring.number()
    preferring.learn(run, {})
    assert preferring.number() == before


def test_what_a_person_says_is_shown_and_undone_step_by_step(preferring: StoreLearning):
    preferring.learn(scored(1, generate(OPTIONS, WILDCARDS)), {})
    key = preferring.view().slots[0].values[0].key
    preferring.pin(key, 3.0)
    preferring.set_off(key, off=True)
    value = preferring.view().slots[0].values[0]
    assert (value.pinned, value.off) == (3.0, True)
    assert preferring.now(OPTIONS, "").weights == {key: 0.0}
    for _ in range(2):
        preferring.undo(preferring.view().history[0].number - 1)
    value = preferring.view().slots[0].values[0]
    assert (value.pinned, value.off) == (None, False)
    preferring.set_mode("off")
    assert (preferring.mode(), preferring.now(OPTIONS, "")) == ("off", NONE)
    with pytest.raises(LearningError, match="no moment 999"):
        preferring.undo(999)


def test_what_was_learned_goes_out_and_in_again_and_a_poisoned_file_changes_nothing(preferring: StoreLearning):
    for number in range(30):
        draft = generate(OPTIONS.model_copy(update={"seed": number}), WILDCARDS)
        preferring.learn(scored(number, draft), {})
    text, odds_then = preferring.exported(), preferring.now(OPTIONS, "").weights
    preferring.reset(None)
    assert preferring.now(OPTIONS, "").weights == {}
    number = preferring.number()
    for poison in (
        text.replace('"weight": 1.0', '"weight": 1e999', 1),
        text.replace('"schema_version": 1', '"schema_version": 9'),
        text[:-9],
    ):
        with pytest.raises(FormatError):
            preferring.take_in(poison)
    assert preferring.number() == number
    assert preferring.take_in(text) == ("Taken in: 30 observations.",)
    assert preferring.take_in(text) == ("Nothing in it is new.",)
    assert preferring.now(OPTIONS, "").weights == odds_then


def test_what_learned_odds_have_brought_is_told(learning: StoreLearning, preferring: StoreLearning):
    for number in range(24):
        snapshot = preferring.now(OPTIONS, "")
        options = OPTIONS.model_copy(update={"seed": number})
        draft = generate(options, WILDCARDS, snapshot.weights, odds=snapshot.number)
        preferring.learn(scored(number, draft), {})
    (effect,) = preferring.over_time().effects
    assert effect.n_before + effect.n_after == 24
    assert 0 < effect.n_before < 24
    assert effect.after > effect.before
    assert len(preferring.table("scores").splitlines()) == 25


def test_a_slot_of_an_inline_choice_is_named_by_its_values(preferring: StoreLearning):
    for seed in range(12):
        preferring.learn(scored(seed, generate(OPTIONS.model_copy(update={"seed": seed}), WILDCARDS)), {})
    (found,) = preferring.view().slots
    assert found.name == "{blue|green|ochre|red}"
    assert (found.direction, preferring.view().scores) == ("prefer", 12)


def test_an_image_that_says_nothing_of_a_prompt_cannot_be_marked(preferring: StoreLearning, tmp_path: Path):
    image: Any = pytest.importorskip("PIL.Image")
    image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(ConfigError, match="could teach nothing"):
        preferring.mark(tmp_path / "plain.png", favourite=True, reject=False, stars=0)


def test_a_broken_database_is_told_and_stops_no_prompt(preferring: StoreLearning, monkeypatch: pytest.MonkeyPatch):
    with open_store() as store:
        assert store.place
    (data_folder() / DATABASE_NAME).write_bytes(b"no database" * 1000)
    told = preferring.learn(scored(1, generate(OPTIONS, WILDCARDS)), {})
    assert told.lines[0].startswith("Not learned:")
    assert StoreLearning(lambda path: (scored(1, generate(OPTIONS, WILDCARDS)), ""), WILDCARDS).number() == 0


def saved(folder: Path, request: GenerationRequest, notes: ImageNotes) -> Path:
    """An image with its metadata."""
    image: Any = pytest.importorskip("PIL.Image")
    image.new("RGB", (8, 8)).save(folder / "plain.png")
    texts = {"parameters": format_infotext(request, notes), "orchestrator": json.dumps(notes_as_json(notes))}
    path = folder / "marked.png"
    path.write_bytes(with_metadata((folder / "plain.png").read_bytes(), texts, "The image"))
    return path


def test_an_image_that_names_no_seed_of_its_prompt_was_drawn_by_its_own(preferring: StoreLearning, tmp_path: Path):
    first = generate(OPTIONS, WILDCARDS)
    seeds = (OPTIONS.model_copy(update={"seed": seed}) for seed in range(1, 50))
    draft = next(draft for one in seeds if (draft := generate(one, WILDCARDS)).positive != first.positive)
    notes = replace(notes_for("8" * 32, draft), prompt_seed=None)  # as Forge writes them
    path = saved(tmp_path, GenerationRequest(draft.positive, seed=draft.seed), notes)
    run, _ = run_of(path, Services(WILDCARDS, lambda *_: None, odds=preferring))
    assert run.draft.components == draft.components


def test_an_image_that_was_not_recorded_tells_itself_what_its_mark_is_credited_to(
    preferring: StoreLearning, tmp_path: Path
):
    preferring.pin(f"{slot()}#blue", 500.0)  # the image was drawn by odds, and says by which
    snapshot = preferring.now(OPTIONS, "SDXL")
    draft = generate(OPTIONS, WILDCARDS, snapshot.weights, odds=snapshot.number)
    request = GenerationRequest(draft.positive, checkpoint="sd_xl_base_1.0.safetensors", seed=3)
    notes = notes_for("7" * 32, draft)
    path = saved(tmp_path, request, notes)
    services = Services(WILDCARDS, lambda *_: None, odds=preferring)
    learning = StoreLearning(lambda place: run_of(place, services), WILDCARDS)
    assert learning.mark(path, favourite=False, reject=False, stars=5) == "5 stars"
    assert learning.mark(path, favourite=True, reject=False, stars=0) == "favourite"  # by now it is recorded
    view = learning.view()
    assert view.marks == 1
    assert [value.text for value in view.slots[0].values] == ["blue"]
    with open_store() as store:
        assert store.load_run("7" * 32).draft.components == draft.components
