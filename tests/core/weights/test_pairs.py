"""Pairs of values: what surely goes together or not is found, and chance is not taken for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator_core.weights.observation import Observation, logit
from orchestrator_core.weights.pairs import pairs_of
from orchestrator_core.weights.settings import LORA_STRENGTHS

SHOWN = {"red": 0.95, "blue": 0.6, "gold": 0.9, "fox": 0.9, "owl": 0.4, "cat": 0.95, "ink": 0.8, "oil": 0.5, "wax": 0.9}
SLOTS = {"color": ("red", "blue", "gold"), "animal": ("fox", "owl", "cat"), "style": ("ink", "oil", "wax")}


def images(count: int, seed: int, spoilt: tuple[str, str] | None = None) -> Iterator[Observation]:
    """As scorers see them: each part nearly surely shown, or nearly surely not."""
    chance = random.Random(seed)
    for number in range(count):
        drawn = {slot: chance.choice(values) for slot, values in SLOTS.items()}
        is_spoilt = spoilt is not None and set(spoilt) <= set(drawn.values())
        for slot, value in drawn.items():
            shown = chance.random() < (0.05 if is_spoilt and value in (spoilt or ()) else SHOWN[value])
            score = logit(chance.uniform(0.9, 0.99) if shown else chance.uniform(0.01, 0.1))
            yield Observation(f"r{number}", "a.png", "||", slot, f"{slot}#{value}", score, scorer="x")


def test_two_values_that_spoil_one_another_are_found_and_the_surest():
    found = pairs_of(images(300, 1, ("gold", "cat")), "||")
    first = found.found[0]
    assert {first.first, first.second} == {"color#gold", "animal#cat"}
    assert first.sure > 0.99
    assert first.seen < 0.3 < 0.8 < first.expected
    assert first.n > 20
    assert found.looked == 27


def test_where_values_do_as_each_alone_would_chance_is_hardly_ever_taken_for_more():
    assert sum(bool(pairs_of(images(150, seed), "||").sure) for seed in range(20)) <= 1


def test_three_odd_images_are_no_proof():
    told = [*images(60, 3), *images(0, 0)]
    odd = [replace(one, run_id=f"odd{n}", key=key, value=-4.0, slot=key.partition("#")[0])
           for n in range(3) for one, key in ((told[0], "color#red"), (told[0], "animal#cat"))]  # fmt: skip
    assert pairs_of([*told, *odd], "||").sure == ()


def test_other_contexts_other_scorers_and_what_was_taken_back_are_not_mixed_in():
    plain = list(images(100, 5))
    alone = pairs_of(plain, "||")
    more = [replace(one, context="mira||") for one in images(50, 6, ("red", "fox"))]
    more += [replace(one, scorer="y", value=-4.0) for one in plain[:60]]
    more += [replace(one, kind="mark", weight=0.0, value=0.0) for one in plain]
    assert pairs_of([*plain, *more], "||") == alone
    assert pairs_of(plain, "gone").looked == 0


def test_what_always_stands_together_cannot_be_told_apart():
    told = [
        Observation(f"r{n}", "a", "||", slot, f"{slot}#{n % 2}", 3.0 if n % 2 else -3.0, scorer="x")
        for n in range(60) for slot in ("a", "b")
    ]  # fmt: skip
    assert pairs_of(told, "||").looked == 0


def test_a_strength_is_not_set_against_its_own_lora():
    told = [one for one in images(60, 7) if one.slot != "style"]
    strengths = [
        replace(one, slot=f"{LORA_STRENGTHS}x", key=f"{LORA_STRENGTHS}x#0.8") for one in told if one.slot == "color"
    ]
    assert pairs_of([*told, *strengths], "||") == pairs_of(told, "||")


def test_scores_that_never_vary_are_no_finding():
    told = [replace(one, value=2.0) for one in images(80, 8)]
    found = pairs_of(told, "||")
    assert found.sure == ()
    assert all(pair.seen == pytest.approx(pair.expected) for pair in found.found)
