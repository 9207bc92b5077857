"""The numbers of the ranking's formula."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """benchmarks/lora_selection.py shows what they give."""

    k1: float = 1.2
    b: float = 0.15
    adding: float = 1.5  # 1 would add phrases up, infinity would take the best alone
    in_a_row: float = 0.1  # what a phrase gains if its words stand in the prompt in a row
    in_part: float = 1.0  # the most weight of a phrase of which only a part is there: half a trigger is none
    near: float = 1.0  # the most weight of a phrase that the prompt says in other words
    common: float = 0.05  # a tag that more LoRAs than this have tells nothing
    small: int = 100  # a smaller library counts as this large: that two of three LoRAs have a tag tells nothing of it
    least: float = 0.1  # of a phrase's largest value: what is less is not looked at
    alike: float = 0.5  # how alike a word must be to one that no LoRA has, by the runs of three characters they share
    alike_worth: float = 0.8  # and what it is worth then
    compound: float = 0.4  # what a compound of a word is worth: alone less than the minimum of a selection
