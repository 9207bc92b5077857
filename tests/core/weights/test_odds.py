"""From what was seen to odds: what moves them, what must not, and that any moment can be had again to the last bit."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import LearningError
from orchestrator_core.weights import regression
from orchestrator_core.weights.learner import Event, State, folded
from orchestrator_core.weights.observation import Observation
from orchestrator_core.weights.odds import odds, slot_odds
from orchestrator_core.weights.posterior import Belief, Spread, Tally, chances, differs

pytest.importorskip("numpy")

VALUES = ("a", "b", "c", "d")
RATES = {"a": 3.0, "b": 0.0, "c": 0.0, "d": -1.0}
ON = (
    Event(1, "set", (), {"what": "switch", "value": True}),
    Event(2, "set", (), {"what": "direction", "slot": "s", "value": "prefer"}),
)


def seen(number: int, value: str, score: float, **others: object) -> Event:
    fields = {"run_id": "r", "image": str(number), "context": "c", "scorer": "m", "options": len(VALUES), **others}
    return Event(number, "observe", (Observation(slot="s", key=f"s#{value}", value=score, **fields),))  # type: ignore[arg-type]


def mark(number: int, image: int, value: str, said: float) -> Event:
    """A person's, of an image that has this value."""
    return seen(number, value, said, image=str(image), kind="mark", scorer="person", weight=4.0)


def images(count: int, rates: dict[str, float] = RATES, start: int = 3, **others: object) -> list[Event]:
    rng = random.Random(count)
    drawn = [(VALUES[number % len(VALUES)], number) for number in range(count)]
    return [seen(start + n, value, rates[value] + rng.gauss(0, 1), **others) for value, n in drawn]


def learned(events: Iterable[Event], *, mode: str = "fast", context: str = "c") -> dict[str, float]:
    settings = (*ON, Event(2, "set", (), {"what": "mode", "value": mode}))
    return dict(odds(folded([*settings, *events]), context).multipliers)


@pytest.mark.parametrize("mode", ["careful", "fast"])
def test_what_works_is_drawn_more_often_and_nothing_is_lost(mode: str):
    found = learned(images(80), mode=mode)
    assert max(found, key=lambda key: found[key]) == "s#a"
    assert found["s#a"] > 2
    assert all(0 < multiplier < math.inf for multiplier in found.values())


@pytest.mark.parametrize("mode", ["careful", "fast"])
def test_it_says_how_often_a_value_was_shown(mode: str):
    state = folded([*ON, Event(2, "set", (), {"what": "mode", "value": mode}), *images(80)])
    first = slot_odds(state, "c", "s").values[0]
    assert first.key == "s#a"
    assert first.why.endswith("shown in 20 of 20 images")
    assert first.low < first.mean < first.high


def test_careful_waits_until_values_surely_differ():
    even = dict.fromkeys(VALUES, 0.0)
    assert learned(images(400, even), mode="careful") == {}
    assert learned(images(12), mode="careful") == {}


def test_scores_alone_are_only_reported():
    events = [ON[0], *images(80)]
    assert odds(folded(events), "c").multipliers == {}
    assert slot_odds(folded(events), "c", "s").why.startswith("scores are only reported")


def test_what_is_only_reported_still_tells_which_value_is_probably_the_best():
    found = slot_odds(folded([ON[0], *images(80)]), "c", "s").values
    assert [one.multiplier for one in found] == [1.0] * len(found)
    assert (found[0].key, found[0].best > 0.9) == ("s#a", True)
    assert sum(one.best for one in found) == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [2.0, 0.0, 6.0])
@pytest.mark.parametrize("favourites", ["s#a", "s#a s#b", "s#a s#a s#a s#b s#b"])
def test_a_favourite_never_makes_its_value_rarer_beside_one_that_nobody_marked(favourites: str, rate: float):
    told = images(80, dict.fromkeys(VALUES, 2.0) | {"a": rate, "d": -2.0})
    marks = [mark(100 + place, place, key.removeprefix("s#"), 2.94) for place, key in enumerate(favourites.split())]
    before, after = learned(told), learned([*told, *marks])
    for key in favourites.split():
        assert after[key] / after["s#c"] >= before[key] / before["s#c"]


def test_favourites_of_one_value_alone_raise_its_odds():
    events = [ON[0], *(mark(2 + place, place, "a", 2.94) for place in range(30))]
    found = slot_odds(folded(events), "c", "s")
    assert found.moves
    assert odds(folded(events), "c").multipliers["s#a"] > 3  # beside the three that nobody marked


@pytest.mark.parametrize("values", ["abcd", "abcdefghijklmnopqr"])
def test_favourites_of_all_values_move_nothing_while_it_is_careful(values: str):
    events = [ON[0], *(mark(2 + place, place, values[place % len(values)], 2.94) for place in range(36))]
    assert odds(folded(events), "c").multipliers == {}
    assert "do not differ by more than chance" in slot_odds(folded(events), "c", "s").why
    events += [mark(50 + place, 50 + place, "b", -2.94) for place in range(10)]
    moved = odds(folded([*events, Event(99, "set", (), {"what": "mode", "value": "fast"})]), "c").multipliers
    assert moved["s#a"] > 1 > moved["s#b"]


def test_marks_that_say_neither_good_nor_bad_tell_no_value_from_another_and_that_is_said():
    events = [ON[0], *(mark(2 + place, place, "ab"[place % 2], 0.0) for place in range(30))]
    assert odds(folded(events), "c").multipliers == {}
    found = slot_odds(folded(events), "c", "s")
    assert "mark what is worse, too" in found.why
    assert {value.key: value.multiplier for value in found.values} == {"s#a": 1, "s#b": 1}  # seen, and listed


def test_nothing_is_learned_while_it_is_off():
    assert odds(folded(images(80)), "c").number == 0


def test_contexts_and_scorers_are_kept_apart():
    assert learned(images(80), context="other") == {}
    against = {"a": -3.0, "b": 0.0, "c": 0.0, "d": 3.0}
    found = learned([*images(80), *images(80, against, start=100, scorer="new")])
    assert max(found, key=lambda key: found[key]) == "s#d"


def test_a_persons_marks_move_odds_without_any_direction():
    marks = [Event(event.number, "mark", tuple(_as_mark(one) for one in event.observations)) for event in images(60)]
    found = dict(odds(folded([ON[0], Event(2, "set", (), {"what": "mode", "value": "fast"}), *marks]), "c").multipliers)
    assert max(found, key=lambda key: found[key]) == "s#a"


def _as_mark(one: Observation) -> Observation:
    return Observation(one.run_id, one.image, "c", "s", one.key, one.value, "mark", "marks:1", 4.0, one.options)


def test_a_mark_that_is_taken_back_weighs_nothing():
    mark = _as_mark(images(1)[0].observations[0])
    gone = Observation(mark.run_id, mark.image, "c", "s", mark.key, 0.0, "mark", "marks:1", 0.0, 4)
    state = folded([*ON, Event(3, "mark", (mark,)), Event(4, "mark", (gone,))])
    assert state.whole("c") is None
    assert odds(state, "c").multipliers == {}


def test_an_image_that_is_scored_again_counts_once_with_its_new_score():
    events = [seen(3, "a", 3.0), Event(4, "observe", (Observation("r", "3", "c", "s", "s#a", -3.0, scorer="m"),))]
    record = folded([*ON, *events]).record("c", "s")
    assert record is not None
    assert (record.values["s#a"].n, record.values["s#a"].mean) == (1, -3.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_teaches_nothing(value: float):
    assert folded([*ON, seen(3, "a", value)]).record("c", "s") is None


def test_a_pin_holds_and_a_value_that_is_off_is_never_drawn():
    events = [
        *images(80),
        Event(100, "set", (), {"what": "pin", "key": "s#d", "value": 5.0}),
        Event(101, "set", (), {"what": "value", "key": "s#a", "value": False}),
    ]
    found = learned(events)
    assert (found["s#d"], found["s#a"]) == (5.0, 0.0)


def test_a_slot_that_is_off_stays_as_written():
    assert learned([*images(80), Event(100, "set", (), {"what": "slot", "slot": "s", "value": False})]) == {}


def test_a_reset_forgets_what_was_seen_and_not_what_was_set():
    state = folded([*ON, *images(80), Event(100, "reset", (), {"slot": "s"})])
    assert (list(state.observations), state.settings.direction("s")) == ([], "prefer")


@given(st.integers(2, 82), st.integers(0, 20))
def test_after_an_undo_the_odds_are_those_of_that_moment_to_the_last_bit(to: int, more: int):
    events = [*ON, *images(80)]
    later = [*events, Event(90, "undo", (), {"to": to}), *images(more, start=200)]
    before = folded([event for event in events if event.number <= to])
    assert odds(folded(later[: len(events) + 1]), "c").multipliers == odds(before, "c").multipliers
    again = folded([*later, Event(300, "undo", (), {"to": 82})])
    assert odds(again, "c").multipliers == odds(folded(events), "c").multipliers


def test_there_is_no_way_back_to_a_moment_that_never_was():
    with pytest.raises(LearningError, match="no moment 77"):
        folded([*ON, Event(3, "undo", (), {"to": 77})])


def test_events_one_by_one_are_as_all_at_once():
    state = State()
    for event in (*ON, *images(80)):
        state.add(event)
    assert odds(state, "c").multipliers == odds(folded([*ON, *images(80)]), "c").multipliers


@given(st.lists(st.tuples(st.floats(-4, 4), st.floats(0.5, 4)), min_size=1), st.randoms(use_true_random=False))
def test_sums_are_the_same_in_any_order(scores: list[tuple[float, float]], rng: random.Random):
    def summed(some: list[tuple[float, float]]) -> tuple[float, float]:
        tally = Tally()
        for value, weight in some:
            tally.add(value, weight)
        return tally.n, tally.mean

    shuffled = rng.sample(scores, len(scores))
    assert summed(scores) == pytest.approx(summed(shuffled), abs=1e-9)


def test_chances_are_those_of_a_great_number_of_draws():
    import numpy as np

    beliefs = [Belief(0.0, 1.0), Belief(0.4, 0.25), Belief(-1.0, 4.0)]
    each, other = chances(beliefs, 2, Spread(0.2, 1.0, 0.5), temper=1.0)
    rng = np.random.default_rng(1)
    all_of_them = [*beliefs, Belief(0.2, 0.5), Belief(0.2, 0.5)]
    draws = np.array([rng.normal(one.mean, math.sqrt(one.variance), 200_000) for one in all_of_them])
    shares = np.bincount(draws.argmax(0)) / draws.shape[1]
    assert [*each, other, other] == pytest.approx(shares.tolist(), abs=0.005)


def test_values_without_a_difference_are_told_from_those_with_one():
    assert differs([Tally(20, 0.5, 20), Tally(20, -0.5, 20)]) < 1
    assert differs([Tally(20, 20, 30), Tally(20, -20, 30)]) > 5


def test_a_change_of_the_world_is_noticed_and_learned():
    turned = {"a": -3.0, "b": 0.0, "c": 0.0, "d": 3.0}
    found = learned([*images(200), *images(60, turned, start=500)])
    assert max(found, key=lambda key: found[key]) == "s#d"


def test_images_whose_marks_are_left_out_are_told_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "MOST", 3)
    events = [mark(3 + n, n, value, 2.0) for n, value in enumerate(("a", "b", "c", "d", "e", "a"))]
    state = folded([*ON, *events])
    assert state.left_out("c") == {("r", "3"), ("r", "4")}
    assert "; marks of 2 images left out: with them there would be more than" in slot_odds(state, "c", "s").why
    assert state.without_mark("r", "3").left_out("c") == {("r", "4")}
    taken_back = Event(20, "mark", (replace(events[1].observations[0], weight=0.0),))
    state.add(taken_back)
    assert state.left_out("c") == {("r", "4")}
    assert "; marks of 1 image left out: with it" in slot_odds(state, "c", "s").why
    assert "left out" not in slot_odds(state, "d", "s").why
