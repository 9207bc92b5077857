"""LoRAs are learned as values are, and the selection takes what was learned."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.lora_learning import STRENGTHS, learned_strength
from orchestrator_core.weights.overlay import overlay

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
    assert learned_strength(ledger.state(), "||", LoraUse("good", sha256="aa")) is None
    ledger.change("direction", slot=f"{STRENGTHS}aa", value="prefer")
    assert learned_strength(ledger.state(), "||", LoraUse("good", sha256="aa")) == 0.8
