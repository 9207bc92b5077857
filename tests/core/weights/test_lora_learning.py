"""LoRAs are learned as values are, and the selection takes what was learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.loras.record import Fact, LoraRecord
from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.select_loras import Options, select
from orchestrator_core.store import Store
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.lora_learning import STRENGTHS, identity_of, learned_strengths
from orchestrator_core.weights.overlay import overlay
from orchestrator_core.weights.settings import Settings

RED = Choice("colors#red", "colors", options=2)


def a_run(number: int, use: LoraUse, value: float) -> Run:
    draft = PromptDraft((Component("red", Origin.wildcard, (RED,)),), loras=(use,))
    return Run(f"r{number}", draft, scores=(Score(f"r{number}", "a", 0, "fulfilment", value, key=RED.key, scorer="x"),))


def test_a_lora_that_works_is_preferred_at_the_strength_that_works(tmp_path: Path):
    ledger = Ledger(lambda: Store.open(tmp_path / "learning.sqlite"))
    ledger.change("switch", value=True)
    ledger.change("mode", value="fast")
    for number in range(24):
        good, strength = number % 2 == 0, 0.8 if number % 4 == 0 else 1.4
        use = LoraUse("good" if good else "bad", strength, strength, "aa" if good else "bb")
        ledger.learn(a_run(number, use, (0.95 if strength == 0.8 else 0.7) if good else 0.1))
    assert not any(key.startswith("lora") for key in overlay(ledger).weights)  # only reported
    ledger.change("direction", slot="lora", value="prefer")
    weights = overlay(ledger).weights
    assert weights["lora:aa"] > 5 * weights["lora:bb"]
    assert learned_strengths(weights) == {"aa": 0.8}  # of the other, one strength alone was seen
    record = LoraRecord("good", "good.safetensors", sha256="aa", trigger_words=("inkword",), preferred_strength=0.5)
    draft = PromptDraft((Component("a hill, inkword"),))
    found = select(draft, [record], options=Options(variety=0), weights=weights)
    assert found.draft.loras[0].strength_model == 0.8
    assert "earlier images did best with 0.8 of it" in found.report
    ledger.undo()
    assert select(draft, [record], options=Options(variety=0), weights=overlay(ledger).weights).draft.loras[
        0
    ].strength_model == pytest.approx(0.5)


def test_the_strengths_of_a_lora_follow_all_loras_unless_one_is_told_otherwise():
    told = Settings(directions={"lora": "prefer", f"{STRENGTHS}bb": "report"})
    slots = ("lora", f"{STRENGTHS}aa", f"{STRENGTHS}bb", "colors")
    assert [told.direction(slot) for slot in slots] == ["prefer", "prefer", "report", "report"]
    everywhere = Settings(directions={"*": "prefer", "lora": "report"})
    assert [everywhere.direction(slot) for slot in slots] == ["report", "report", "report", "prefer"]


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_of_a_lora_whose_strength_is_no_number_nothing_is_learned(strength: float, tmp_path: Path):
    ledger = Ledger(lambda: Store.open(tmp_path / "learning.sqlite"))
    ledger.change("switch", value=True)
    assert ledger.learn(a_run(1, LoraUse("a", strength, 1.0), 0.9)) == 1  # of the value beside it


@pytest.mark.parametrize("nonsense", ["often", "nan", "inf", "1e9", "-40", ""])
def test_what_is_no_strength_is_never_taken_for_one(nonsense: str):
    weights = {f"{STRENGTHS}aa#{nonsense}": 5.0, f"{STRENGTHS}aa#0.4": 0.01, f"{STRENGTHS}bb#0.8": 9.0}
    assert learned_strengths(weights) == {}
    assert learned_strengths({**weights, f"{STRENGTHS}bb#0.2": 0.1}) == {"bb": 0.8}


WEIGHTS = {f"{STRENGTHS}aa#0.8": 1.9, f"{STRENGTHS}aa#1.4": 0.1}
OWN = (Fact("preferred_strength", "0.5", "user", 1.0),)


@pytest.mark.parametrize(
    ("weights", "facts", "include", "strength"),
    [
        (WEIGHTS, (), "", 0.8),
        (WEIGHTS, OWN, "", 0.5),  # what a person wrote into the library
        (WEIGHTS, (), "good:1.2", 1.2),  # and what one asks for now
        (WEIGHTS, (), "good", 0.8),
        ({f"{STRENGTHS}aa#0.8": 1.4, f"{STRENGTHS}aa#1.4": 0.6}, (), "", 0.5),  # not surely
        ({f"{STRENGTHS}aa#0.8": 1.9}, (), "", 0.5),  # nothing to compare it with
    ],
)
def test_a_persons_strength_comes_before_a_learned_one_and_that_before_the_files(
    weights: dict[str, float], facts: tuple[Fact, ...], include: str, strength: float
):
    record = LoraRecord(
        "good", "good.safetensors", sha256="aa", trigger_words=("inkword",), preferred_strength=0.5, facts=facts
    )
    options = Options(variety=0, include=include)
    found = select(PromptDraft((Component("inkword"),)), [record], options=options, weights=weights)
    assert found.draft.loras[0].strength_model == strength


def test_a_lora_without_a_hash_is_known_by_its_name_whatever_that_is():
    use = LoraUse("odd #1", 0.8)
    name = identity_of(use)
    weights = {f"{STRENGTHS}{name}#0.8": 2.0, f"{STRENGTHS}{name}#0.4": 0.0}
    assert learned_strengths(weights) == {"odd #1": 0.8}
