"""The ledger as the studio uses it: marks and scores move the odds of draws, and every moment can be had again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_app.studio.learn_desk import Change
from orchestrator_app.studio.learning import StudioLearning
from orchestrator_app.studio.odds import NO_ODDS
from orchestrator_core.base_models.names import UNKNOWN
from orchestrator_core.errors import FormatError, LearningError, StoreError
from orchestrator_core.pipeline import new_run
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.weights.marking import Marks

SLOT = "colors/warm"


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    (tmp_path / "wildcards" / "colors").mkdir(parents=True)
    (tmp_path / "wildcards" / "colors" / "warm.txt").write_text("crimson\namber\n3::rust\n")
    return Wildcards([tmp_path / "wildcards"])


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], Store]:
    return lambda: Store.open(tmp_path / "store.sqlite3")


@pytest.fixture
def learning(open_store: Callable[[], Store], wildcards: Wildcards) -> StudioLearning:
    return StudioLearning(open_store, lambda: wildcards)


def scored_run(wildcards: Wildcards, seed: int) -> Run:
    """Crimson is seen nearly always, the others seldom."""
    draft, run = Template(f"a __{SLOT}__ fox").draw(wildcards, seed), new_run()
    image = GeneratedImage(Path(f"{run.id}.png"), GenerationRequest(draft.positive), run.id)
    (place, key) = next((n, part.choices[-1].key) for n, part in enumerate(draft.components) if part.choices)
    value = 0.95 if key.endswith("crimson") else 0.1
    score = Score(run.id, image.path.name, place, "fulfilment", value, scorer="fake", key=key, text=key)
    return run.replacing(draft=draft, images=(image,), scores=(score,))


def learn(learning: StudioLearning, wildcards: Wildcards, count: int = 40) -> None:
    learning.apply(Change("switch", value=True))
    learning.apply(Change("mode", value="fast"))
    learning.learn([scored_run(wildcards, seed) for seed in range(count)])


def multiplier(learning: StudioLearning, value: str) -> float:
    return learning.odds("", "", UNKNOWN).weights.get(f"{SLOT}#{value}", 1.0)


def test_nothing_is_learned_until_it_is_switched_on(learning: StudioLearning, wildcards: Wildcards):
    learning.learn([scored_run(wildcards, 1)])
    assert learning.number() == 0
    assert learning.odds("", "", UNKNOWN) == NO_ODDS
    assert learning.look().slots == ()


def test_what_works_is_drawn_more_often_once_a_slot_prefers_it(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards)
    assert multiplier(learning, "crimson") == 1.0  # it is only reported
    planned = learning.planned(Change("direction", SLOT, value="prefer"))
    assert {move.text: move.after > move.before for move in planned.moves}["crimson"]
    learning.apply(planned.change)
    assert multiplier(learning, "crimson") > 1.5 > multiplier(learning, "rust")
    assert learning.odds("", "", UNKNOWN).number == learning.number()


def test_the_page_shows_what_the_author_set_and_what_holds_now(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards)
    learning.apply(Change("direction", SLOT, value="prefer"))
    (slot,) = learning.look().slots
    values = {value.text: value for value in slot.values}
    assert (slot.direction, slot.is_on, slot.n) == ("prefer", True, 40)
    assert {text: round(value.author, 3) for text, value in values.items()} == {
        "crimson": 0.2, "amber": 0.2, "rust": 0.6,
    }  # fmt: skip
    assert values["crimson"].now > values["crimson"].author
    assert sum(value.now for value in slot.values) == pytest.approx(1)
    assert values["crimson"].mean is not None
    assert values["crimson"].mean > 0.8


def test_undo_brings_back_the_odds_of_an_earlier_moment_exactly(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards, 20)
    learning.apply(Change("direction", SLOT, value="prefer"))
    number, before = learning.number(), learning.odds("", "", UNKNOWN).weights
    learning.learn([scored_run(wildcards, seed) for seed in range(100, 110)])
    learning.apply(Change("off", SLOT, f"{SLOT}#amber"))
    assert learning.odds("", "", UNKNOWN).weights != before
    learning.apply(Change("undo", value=number))
    assert learning.odds("", "", UNKNOWN).weights == before
    assert [one.undone for one in learning.happenings(3)] == [False, True, True]


def test_a_value_is_pinned_as_it_is_and_let_go_again(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards)
    learning.apply(Change("direction", SLOT, value="prefer"))
    crimson, as_it_was = f"{SLOT}#crimson", multiplier(learning, "crimson")
    learning.apply(Change("pin", SLOT, crimson))
    learning.apply(Change("direction", SLOT, value="report"))
    assert multiplier(learning, "crimson") == as_it_was
    learning.apply(Change("unpin", SLOT, crimson))
    assert multiplier(learning, "crimson") == 1.0


def test_marks_are_kept_by_image_and_learned_from(
    learning: StudioLearning, wildcards: Wildcards, open_store: Callable[[], Store]
):
    run = scored_run(wildcards, 1)
    image = run.images[0]
    learning.set(run, image, Marks(stars=4))
    assert learning.of([image]) == {image.path: Marks(stars=4)}
    learning.set(run, image, Marks())
    assert learning.of([image, replace(image, run_id="other")]) == {}
    learning.apply(Change("switch", value=True))
    learning.set(run, image, Marks(reject=True))
    assert [slot.name for slot in learning.look().slots] == [SLOT]


def test_what_cannot_be_is_refused_and_a_store_that_is_gone_costs_no_prompt(learning: StudioLearning):
    for change in (Change("undo", value=7), Change("mode", value="wild")):
        with pytest.raises(LearningError):
            learning.apply(change)
    for text in ("{}", "[", '{"schema_version": 1, "observations": [{"run_id": NaN}]}'):
        for do in (learning.planned, learning.apply):
            with pytest.raises(FormatError):
                do(Change("import", value=text))
    assert learning.ledger.number == 0

    def gone() -> Store:
        raise StoreError("gone")

    broken = StudioLearning(gone, lambda: Wildcards([]))
    assert broken.number() == 0
    assert broken.odds("", "", UNKNOWN) == NO_ODDS


def test_what_was_learned_elsewhere_moves_the_same_odds_and_can_be_taken_back(
    learning: StudioLearning, wildcards: Wildcards, tmp_path: Path
):
    learn(learning, wildcards)
    learning.apply(Change("direction", SLOT, value="prefer"))
    text, crimson = learning.exported(), multiplier(learning, "crimson")
    other = StudioLearning(lambda: Store.open(tmp_path / "other.sqlite3"), lambda: wildcards)
    for change in (
        Change("switch", value=True),
        Change("mode", value="fast"),
        Change("direction", SLOT, value="prefer"),
    ):
        other.apply(change)
    number = other.number()
    taken = other.planned(Change("import", value=text), learning.look().context)
    assert {move.text: move.after for move in taken.moves}["crimson"] == crimson
    other.apply(taken.change)
    assert multiplier(other, "crimson") == crimson
    other.apply(Change("undo", value=number))
    assert multiplier(other, "crimson") == 1.0


def test_a_slot_that_is_off_moves_nothing_and_keeps_its_direction(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards)
    learning.apply(Change("direction", SLOT, value="prefer"))
    moved = multiplier(learning, "crimson")
    planned = learning.planned(Change("direction", SLOT, value="off"))
    assert {move.text: move.after for move in planned.moves}["crimson"] == 1.0
    learning.apply(planned.change)
    assert (multiplier(learning, "crimson"), learning.look().slots[0].direction) == (1.0, "off")
    assert learning.planned(Change("direction", SLOT, value="prefer")).moves
    learning.apply(Change("direction", SLOT, value="prefer"))
    assert (multiplier(learning, "crimson"), learning.look().slots[0].direction) == (moved, "prefer")


def test_an_undo_says_what_it_takes_back(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards, 3)
    learning.apply(Change("pin", SLOT, f"{SLOT}#amber", 2.0))
    number = learning.number()
    assert "amber: pinned at 2.0×" in learning.planned(Change("undo", value=number - 1)).remarks[0]
    assert learning.planned(Change("undo", value=2)).remarks == ("Takes back 3 scored runs and 1 mark or setting.",)


def test_values_that_the_wildcards_here_do_not_have_are_left_out_of_an_import(
    learning: StudioLearning, wildcards: Wildcards
):
    learn(learning, wildcards, 12)
    ghost = Change("import", value=learning.exported().replace("#crimson", "#ghost"))
    learning.apply(Change("reset"))
    assert "ghost" in learning.planned(ghost).remarks[0]
    learning.apply(ghost)
    assert "ghost" not in {value.text for value in learning.look().slots[0].values}


def test_a_variant_is_called_by_its_values_everywhere(learning: StudioLearning):
    run, draft = new_run(), Template("a {fox|owl}").draw(Wildcards([]), 1)
    (key,) = {part.choices[-1].key for part in draft.components if part.choices}
    score = Score(run.id, "a.png", 1, "fulfilment", 0.9, scorer="fake", key=key, text=key)
    learning.apply(Change("switch", value=True))
    learning.learn([run.replacing(draft=draft, scores=(score,))])
    slot = key.partition("#")[0]
    planned = learning.planned(Change("direction", slot, value="off"))
    learning.apply(planned.change)
    for text in (planned.title, learning.happenings(1)[0].text):
        assert "inline:" not in text
        assert "{" in text


def test_what_learned_odds_have_brought_is_told_for_each_context(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards, 20)
    found = learning.over_time(learning.look().context)
    (effect,) = found.effects
    assert (effect.n_before, effect.n_after, effect.judge) == (20, 0, "fake")
    assert "all together" in found.plot
    assert found.looked == 0
    assert learning.moment() == learning.look().number
    learning.learn([scored_run(wildcards, 99)])
    assert learning.over_time(learning.look().context).effects[0].n_before == 21


def test_how_the_scores_of_values_went_is_drawn(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards, 10)
    assert "<svg" in learning.plot(learning.look().context, SLOT)
    assert learning.plot("", "nothing") == ""


def test_the_table_holds_each_observation_and_no_formula(learning: StudioLearning, wildcards: Wildcards):
    learn(learning, wildcards, 3)
    lines = learning.table("scores").splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("run,image,context")
