"""Ledger: what was observed and set lasts, in one order for all hosts, and any moment of it can be had again."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import LearningError
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.store import Store
from orchestrator_core.store.learning import LearningLog, NewEntry
from orchestrator_core.store.marks import ImageMarks
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.learner import Event, State, folded
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.marking import Marks
from orchestrator_core.weights.observation import Observation
from orchestrator_core.weights.odds import odds as odds_of
from orchestrator_core.weights.overlay import overlay

NOWHERE = "||"


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], Store]:
    return lambda: Store.open(tmp_path / "learning.sqlite")


@pytest.fixture
def ledger(open_store: Callable[[], Store]) -> Ledger:
    made = Ledger(open_store)
    made.change("switch", value=True)
    made.change("mode", value="fast")
    made.change("direction", slot="colors", value="prefer")
    return made


def a_run(number: int, color: str) -> Run:
    choice = Choice(f"colors#{color}", "colors", options=2)
    scores = (
        Score(f"r{number}", "a.png", 0, "fulfilment", 0.9 if color == "red" else 0.1, key=choice.key, scorer="x"),
    )
    return Run(f"r{number}", PromptDraft((Component(color, Origin.wildcard, (choice,)),)), scores=scores)


def taught(ledger: Ledger, count: int = 20) -> None:
    for number in range(count):
        ledger.learn(a_run(number, "red" if number % 2 else "blue"))


def test_nothing_is_learned_until_it_is_switched_on(open_store: Callable[[], Store]):
    ledger = Ledger(open_store)
    assert ledger.learn(a_run(1, "red")) == 0
    assert (ledger.number, ledger.odds(NOWHERE).multipliers) == (0, {})


def test_what_works_is_drawn_more_often_and_another_host_sees_it(ledger: Ledger, open_store: Callable[[], Store]):
    taught(ledger)
    odds = ledger.odds(NOWHERE)
    assert odds.multipliers["colors#red"] > 10 * odds.multipliers["colors#blue"]
    assert Ledger(open_store).odds(NOWHERE) == odds


def test_nothing_is_left_of_a_database_that_another_took_the_place_of(ledger: Ledger, tmp_path: Path):
    taught(ledger)
    moment = ledger.number
    assert ledger.odds(NOWHERE, moment).multipliers
    for file in tmp_path.glob("learning.sqlite*"):
        file.unlink()
    assert ledger.number == 0
    with pytest.raises(LearningError, match=f"no moment {moment}"):
        ledger.odds(NOWHERE, moment)


def test_the_same_run_counts_once(ledger: Ledger):
    ledger.learn(a_run(1, "red"))
    number = ledger.number
    ledger.learn(a_run(1, "red"))
    assert ledger.number == number


def test_after_a_reset_the_same_run_counts_again(ledger: Ledger):
    taught(ledger)
    before = ledger.odds(NOWHERE).multipliers
    ledger.reset()
    assert ledger.odds(NOWHERE).multipliers == {}
    taught(ledger)
    assert ledger.odds(NOWHERE).multipliers == before


def test_an_undo_restores_the_exact_odds_of_an_earlier_moment(ledger: Ledger):
    taught(ledger)
    moment, odds = ledger.number, ledger.odds(NOWHERE).multipliers
    for number in range(20, 30):
        ledger.learn(a_run(number, "blue"))
    ledger.change("pin", key="colors#blue", value=5.0)
    assert ledger.odds(NOWHERE).multipliers != odds
    assert ledger.odds(NOWHERE, moment).multipliers == odds
    later = ledger.number
    ledger.undo(moment)
    assert ledger.odds(NOWHERE).multipliers == odds
    ledger.undo(later)  # and the undo is undone
    assert ledger.state().images == ledger.at(later).images


def test_the_history_says_what_was_taken_back(ledger: Ledger):
    ledger.change("pin", key="colors#red", value=2.0)
    ledger.undo()
    newest, pin, *_ = ledger.history()
    assert (newest.words, newest.undone) == ("back to moment 3", False)
    assert (pin.words, pin.undone) == ("colors#red: pinned at 2.0×", True)


@pytest.mark.parametrize("to", [-1, 99])
def test_a_moment_that_is_not_there_is_told(ledger: Ledger, to: int):
    with pytest.raises(LearningError, match="no moment"):
        ledger.undo(to)


def test_what_cannot_be_set_is_not_kept(ledger: Ledger):
    with pytest.raises(LearningError):
        ledger.change("pin", key="colors#red", value=float("nan"))
    assert ledger.number == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"what": "pin", "key": "colors#red", "value": 1e9}, "from 0 to 1,000,000"),
        ({"what": "pin", "key": "red", "value": 2.0}, "write its slot before it"),
        ({"what": "value", "key": "red", "value": False}, "write its slot before it"),
        ({"what": "direction", "slot": "colors#red", "value": "prefer"}, "for a whole slot: 'colors'"),
    ],
)
def test_what_would_move_nothing_is_refused_with_what_to_do(ledger: Ledger, change: dict[str, Any], told: str):
    with pytest.raises(LearningError, match=told):
        ledger.change_all([change])
    assert ledger.number == 3


def test_a_setting_of_a_newer_version_is_told_each_time_and_passed_over_never(
    ledger: Ledger, open_store: Callable[[], Store]
):
    taught(ledger, 2)
    with open_store() as store:
        LearningLog(store).append([NewEntry("set", "x", {"what": "mode", "value": "wise"})])
    ledger.reset()
    for _ in range(2):
        with pytest.raises(LearningError, match="Entry 6 of the ledger is of a newer version"):
            ledger.state()
    assert overlay(ledger).problem


def test_another_ledger_in_the_place_of_the_first_is_never_mixed_with_it(tmp_path: Path):
    place = tmp_path / "a.sqlite"
    ledger, other = Ledger(lambda: Store.open(place)), Ledger(lambda: Store.open(tmp_path / "b.sqlite"))
    ledger.change("switch", value=True)
    ledger.change("pin", key="colors#red", value=2.0)
    assert ledger.settings.pins
    for name in ("blue", "green", "grey"):
        other.change("pin", key=f"colors#{name}", value=3.0)
    (tmp_path / "b.sqlite").replace(place)
    assert not ledger.settings.on
    assert set(ledger.settings.pins) == {"colors#blue", "colors#green", "colors#grey"}


@pytest.mark.parametrize("number", [-1, 10**30])
def test_a_prompt_of_a_moment_that_no_ledger_has_is_drawn_and_says_so(ledger: Ledger, number: int):
    assert "There is no moment" in overlay(ledger, number=number).problem


def test_a_dry_run_keeps_nothing(ledger: Ledger):
    taught(ledger)
    number = ledger.number
    before, after = ledger.preview(NOWHERE, {"what": "reset", "slot": ""})
    assert before.multipliers
    assert not after.multipliers
    assert ledger.number == number


def test_a_mark_is_kept_and_learned_from(ledger: Ledger, open_store: Callable[[], Store]):
    run = a_run(1, "red")
    assert ledger.mark(run, "a.png", Marks(stars=5)) == 1
    with open_store() as store:
        assert ImageMarks(store).of_run("r1")["a.png"].stars == 5
    ledger.mark(run, "a.png", Marks())
    with open_store() as store:
        assert ImageMarks(store).of_run("r1") == {}


def test_a_mark_that_was_made_while_learning_was_off_counts_once_it_is_switched_on(open_store: Callable[[], Store]):
    ledger = Ledger(open_store)
    ledger.change("mode", value="fast")
    for number in range(20):
        run = a_run(number, "red" if number % 2 else "blue")
        assert ledger.learn(run) == 0
        assert ledger.mark(run, "a.png", Marks(favourite=bool(number % 2), reject=not number % 2)) == 1
    ledger.mark(a_run(3, "red"), "a.png", Marks())  # taken back while it is off, too
    assert ledger.odds(NOWHERE).multipliers == {}
    now, then = ledger.preview(NOWHERE, {"what": "switch", "value": True})
    ledger.change("switch", value=True)
    assert ledger.odds(NOWHERE).multipliers == then.multipliers != now.multipliers
    assert then.multipliers["colors#red"] > 2 * then.multipliers["colors#blue"]
    seen = list(ledger.state().observations)
    assert (len(seen), sum(not one.weight for one in seen), {one.kind for one in seen}) == (20, 1, {"mark"})


def test_several_things_are_set_at_once_or_none(ledger: Ledger):
    number = ledger.number
    turn = {"what": "slot", "slot": "colors", "value": False}
    with pytest.raises(LearningError):
        ledger.change_all([turn, {"what": "direction", "slot": "colors", "value": "sideways"}])
    assert ledger.number == number
    assert ledger.change_all([turn, {**turn, "value": True}]) == number + 2


def test_what_a_prompt_was_drawn_by_is_known_of_all_that_is_seen_of_it(ledger: Ledger):
    for number, odds in ((1, 0), (2, 7)):
        run = a_run(number, "red")
        run = run.replacing(draft=run.draft.replacing(source=replace(run.draft.source, odds=odds)))
        ledger.learn(run)
        ledger.mark(run, "a.png", Marks(stars=4))
    assert [one.steered for one in ledger.state().observations] == [False, False, True, True]


def test_after_500_images_an_undo_restores_the_exact_odds_of_any_earlier_moment(ledger: Ledger):
    ledger.change("direction", slot="*", value="prefer")
    chance, moments = random.Random(6), {}
    for batch in range(20):
        ledger.observe(one for image in range(25) for one in scores_of(f"r{25 * batch + image}", chance))
        if batch == 9:
            ledger.change("pin", key="s1#2", value=2.5)
        moments[ledger.number] = ledger.odds(NOWHERE).multipliers
    assert len(ledger.state().images) == 500
    assert len({tuple(sorted(odds.items())) for odds in moments.values()}) == 20
    for number in (*moments, 7, 5):  # forwards as well: what was undone is there still
        ledger.undo(number)
        assert ledger.odds(NOWHERE).multipliers == moments[number]


def scores_of(run_id: str, chance: random.Random) -> Iterator[Observation]:
    """Of three slots; what each value is worth is hidden in noise."""
    for slot in ("s1", "s2", "s3"):
        value = chance.randrange(6)
        score = max(-4.0, min(4.0, chance.gauss(value / 4, 1.5)))
        yield Observation(run_id, "a.png", NOWHERE, slot, f"{slot}#{value}", score, scorer="x", options=6)


def test_a_clock_that_is_set_back_changes_neither_the_order_nor_the_odds(open_store: Callable[[], Store]):
    times = iter((5_000, 4_000, 9_000, 1, 3_000, 2_000))
    straight, twisted = Ledger(open_store), []
    straight.change("switch", value=True)
    with open_store() as store:
        log = LearningLog(store, lambda: next(times))
        for number in range(2, 7):
            change = {"what": "pin", "slot": "", "key": "colors#red", "value": float(number)}
            log.append([NewEntry("set", f"pin {number}", change)])
            twisted.append(straight.odds(NOWHERE).multipliers["colors#red"])
    assert twisted == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert [one.number for one in straight.history()] == [6, 5, 4, 3, 2, 1]
    straight.undo(3)
    assert straight.odds(NOWHERE).multipliers == {"colors#red": 3.0}


def test_one_who_looks_later_holds_the_same_as_one_who_saw_every_mark_come_and_go(
    ledger: Ledger, open_store: Callable[[], Store]
):
    chance = random.Random(5)
    for number in range(40):
        run = a_run(chance.randrange(12), "red" if number % 2 else "blue")
        if number == 25:
            ledger.reset("colors")
        marks = chance.choice([Marks(favourite=True), Marks(reject=True), Marks(stars=2), Marks()])
        ledger.mark(run, "a.png", marks)
        ledger.learn(run)
        ledger.odds(NOWHERE)
    assert Ledger(open_store).odds(NOWHERE) == ledger.odds(NOWHERE)
    assert repr(Ledger(open_store).state().record(NOWHERE, "colors")) == repr(ledger.state().record(NOWHERE, "colors"))


def test_what_was_said_again_of_many_images_is_summed_up_once():
    looked: list[Observation] = []

    class Watched(State):
        def _take(self, observations: Iterable[Observation]) -> None:
            told = list(observations)
            looked.extend(told)
            super()._take(told)

    told = [Observation(f"r{n}", "a", NOWHERE, "colors", f"colors#{n % 3}", 1.0, "mark", "x") for n in range(200)]
    Watched().add(*(Event(number, "mark", (one,)) for number, one in enumerate([*told, *told], 1)))
    assert len(looked) == 200


def test_two_hosts_that_learn_at_once_hold_the_same_and_lose_nothing(ledger: Ledger, open_store: Callable[[], Store]):
    hosts = [Ledger(open_store), Ledger(open_store)]

    def work(host: Ledger, first: int) -> None:
        for number in range(first, first + 20):  # half of the runs are told by both
            host.learn(a_run(number, "red" if number % 2 else "blue"))

    threads = [threading.Thread(target=work, args=(host, 10 * place)) for place, host in enumerate(hosts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hosts[0].odds(NOWHERE) == hosts[1].odds(NOWHERE) == ledger.odds(NOWHERE)
    assert {run for run, _ in ledger.state().images} == {f"r{number}" for number in range(30)}
    assert ledger.number == 3 + 30


def test_the_same_seed_by_the_same_moment_draws_the_same_prompt(ledger: Ledger, tmp_path: Path):
    (tmp_path / "colors.txt").write_text("red\nblue\n", encoding="utf-8")
    wildcards = Wildcards([tmp_path])
    taught(ledger)
    first = overlay(ledger)
    drawn = [_drawn(seed, wildcards, first.weights, first.number) for seed in range(40)]
    assert sum(draft.positive == "red" for draft in drawn) > 30
    assert {draft.source.odds for draft in drawn} == {first.number}
    ledger.reset()
    again = overlay(ledger, number=first.number)
    assert [_drawn(seed, wildcards, again.weights, again.number) for seed in range(40)] == drawn


def _drawn(seed: int, wildcards: Wildcards, weights: object, number: int) -> PromptDraft:
    return generate(Options(template="__colors__", seed=seed), wildcards, weights, odds=number)  # type: ignore[arg-type]


def test_a_prompt_is_drawn_without_odds_where_the_store_cannot_be_read(tmp_path: Path):
    found = overlay(Ledger(lambda: Store.open(tmp_path)), weights={"colors#red": 2.0})
    assert (found.weights, found.number) == ({"colors#red": 2.0}, 0)
    assert "folder" in found.problem


def test_two_hosts_that_tell_at_once_lose_nothing(tmp_path: Path):
    path = tmp_path / "shared.sqlite"
    with Store.open(path) as store:
        code = (
            "import sys; from orchestrator_core.store import Store; "
            "from orchestrator_core.store.learning import LearningLog, NewEntry; "
            "store = Store.open(sys.argv[1]); log = LearningLog(store); "
            "[log.append([NewEntry('set', f'{sys.argv[2]}{n}', {}), NewEntry('set', f'both{n}', {})])"
            " for n in range(20)]"
        )
        hosts = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("a", "b")]
        assert [host.wait(60) for host in hosts] == [0, 0]
        numbers = [entry.number for entry in LearningLog(store).entries()]
    assert numbers == list(range(1, 61))  # 20 of each host, and 20 that both told


def test_models_of_a_family_are_learned_together_and_found_while_there_is_one(ledger: Ledger):
    def rendered(number: int, checkpoint: str) -> Run:
        request = GenerationRequest("red", checkpoint=checkpoint)
        run = a_run(number, "red" if number % 2 else "blue")
        return run.replacing(images=(GeneratedImage(Path("a.png"), request, run.id),))

    for number in range(20):
        ledger.learn(rendered(number, "juggernautXL.safetensors" if number < 10 else "ponySDXL_v6.safetensors"))
    assert ledger.state().contexts() == ["||sdxl"]
    assert overlay(ledger).weights == overlay(ledger, family="SDXL").weights != {}
    assert overlay(ledger, family="Flux.1").weights == {}
    ledger.learn(rendered(20, "flux1-dev.safetensors"))
    assert overlay(ledger).weights == {}


def test_without_an_image_s_marks_is_what_would_hold_if_nobody_had_given_them():
    chance = random.Random(3)

    def event(number: int) -> Event:
        kind = chance.choice(["observe", "mark", "mark", "reset" if number % 17 == 0 else "mark"])
        run = f"r{chance.randrange(9)}"
        seen = tuple(
            Observation(
                *(run, "a.png", f"||{chance.choice(['sdxl', 'pony'])}", slot, f"{slot}#{chance.randrange(3)}"),
                chance.gauss(0, 1),
                *(("score", "clip") if kind == "observe" else ("mark", "marks:1")),
                options=3,
            )
            for slot in ("colour", "animal")
        )
        return Event(number, kind, () if kind == "reset" else seen, {"slot": "colour"})

    events = [event(number) for number in range(1, 80)]
    others = [
        replace(one, observations=tuple(each for each in one.observations if each.run_id != "r3" or one.kind != "mark"))
        for one in events
    ]
    on = Event(80, "set", change={"what": "switch", "value": True})
    fast = Event(81, "set", change={"what": "mode", "value": "fast"})
    state = folded([*events, on, fast])
    before = deepcopy(state)
    found, wanted = state.without_mark("r3", "a.png"), folded([*others, on, fast])
    for context in ("||sdxl", "||pony"):
        assert odds_of(found, context).multipliers == odds_of(wanted, context).multipliers != {}
        assert odds_of(state, context) == odds_of(before, context) != odds_of(found, context)
    assert odds_of(state.without_mark("r3", "other.png"), "||sdxl") == odds_of(state, "||sdxl")
