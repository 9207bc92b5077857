"""Which learned odds a prompt is drawn by: those of the moment, or those of a moment that a graph names.

A graph in ComfyUI's API format may name one as ``odds`` among a Wildcard Prompt's inputs; no widget has it. It is
written there when a prompt is drawn, so the same graph gives the same prompt, however much was learned since. The page
sends none, and gets the odds of the moment in which each prompt is queued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.generate_prompt import Options

INPUT = "odds"
PROPERTY = "orchestrator_odds"  # of a node on the canvas: by which its fixed text was drawn


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``number``: of the ledger at that moment; 0: without learned odds. ``weights``: multipliers by Choice key."""

    number: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)


NONE = Snapshot()


class Odds(Protocol):
    """Where the learned odds are kept."""

    def number(self) -> int:
        """That of this moment; 0 while learning is off. Never raises."""

    def now(self, options: Options, family: str) -> Snapshot:
        """Those of this moment, for a prompt with these profiles and a model of this family.

        Never raises: without odds a prompt is drawn too.
        """

    def at(self, number: int, options: Options, family: str) -> Snapshot:
        """As ``now``, of the moment with this number; none where it is not known here."""


class NoOdds:
    """Nothing is learned."""

    def number(self) -> int:
        return 0

    def now(self, options: Options, family: str) -> Snapshot:
        return NONE

    def at(self, number: int, options: Options, family: str) -> Snapshot:
        return NONE


def snapshot_for(odds: Odds, options: Options, named: int | None, family: str = "") -> Snapshot:
    """``named``: the number that a graph names; None: that of the moment."""
    if named is None:
        return odds.now(options, family)
    return odds.at(named, options, family) if named > 0 else NONE


def named_in(inputs: Mapping[str, Any]) -> int | None:
    """The number that a node's inputs name."""
    number = inputs.get(INPUT)
    return number if type(number) is int and number >= 0 else None


def noted(inputs: dict[str, Any], draft: PromptDraft | None) -> None:
    """Puts the number of the draft's odds into a node's inputs. Without odds, nothing is there to be noted."""
    if draft is not None and draft.source.odds:
        inputs[INPUT] = draft.source.odds
    else:
        inputs.pop(INPUT, None)
