"""How learned odds are made: two modes, each with its reasons, and what a person has set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["careful", "fast"]
Direction = Literal["report", "prefer"]
LORAS, LORA_STRENGTHS = "lora", "lora strength of "  # the slot of all LoRAs, and how those of strengths begin


@dataclass(frozen=True, slots=True)
class Rules:
    """``floor``: the share of draws that stay as the author weighted them, so that what was unlucky comes back.
    ``cap``: no value becomes more likely than so many times its author's odds. ``sure``: how sure it must be that the
    values of a slot differ at all (standard deviations) before its odds move; 0: at once. ``least``: images before
    that."""

    floor: float
    cap: float
    sure: float = 0.0
    least: int = 0


# careful: after 400 images, fewer than one slot in twenty of which no value is better may have moved by mistake;
# benchmarks/learning.py counts them. fast: the floor is what keeps it from a dead end.
RULES: Mapping[Mode, Rules] = {
    "careful": Rules(floor=0.05, cap=16.0, sure=1.7, least=16),
    "fast": Rules(floor=0.001, cap=1e6, least=4),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person has set. Nothing is learned until it is switched on, and what models say moves nothing unless the
    person has a slot prefer what works: a low score may mean a value that is hard to draw, not a bad one."""

    on: bool = False
    mode: Mode = "careful"
    directions: Mapping[str, Direction] = field(default_factory=dict)  # by slot
    off_slots: frozenset[str] = frozenset()  # nothing moves in these, whatever was seen
    pins: Mapping[str, float] = field(default_factory=dict)  # multipliers, by key
    off_values: frozenset[str] = frozenset()  # keys that are never drawn

    @property
    def rules(self) -> Rules:
        return RULES[self.mode]

    def direction(self, slot: str) -> Direction:
        """The slot's own; of a LoRA's strengths, where it has none, that of LoRAs; else that of all slots."""
        all_slots = self.directions.get("*", "report")
        like = self.directions.get(LORAS, all_slots) if slot.startswith(LORA_STRENGTHS) else all_slots
        return self.directions.get(slot, like)
