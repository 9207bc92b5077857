"""What a draft's profiles want of LoRAs: some always, some never, some more or less likely than by the prompt alone.

A person's own options have the say: who is named there is left to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from orchestrator_core.loras.candidates import lora_key
from orchestrator_core.loras.composing import Candidate
from orchestrator_core.loras.naming import LoraNames, Named
from orchestrator_core.loras.reasons import Reason
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.profiles.model import Profile, ProfileLora


@dataclass(slots=True)
class Wishes:
    """What to pin, what to leave out (paths), multipliers of scores, given strengths by path, and what is wrong."""

    pins: list[Named] = field(default_factory=list)
    excluded: set[str] = field(default_factory=set)
    weights: dict[str, float] = field(default_factory=dict)
    strengths: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _reasons: dict[str, Reason] = field(default_factory=dict)  # of the pins, by path

    def told(self, pins: Iterable[Candidate]) -> list[Candidate]:
        """Pinned candidates; those that a profile wants say so."""
        return [
            replace(pin, reasons=(self._reasons[pin.record.path], *pin.reasons[1:]))
            if pin.record.path in self._reasons
            else pin
            for pin in pins
        ]

    def strengthened(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Found candidates, with the strength that a profile gives."""
        return [
            replace(candidate, given=self.strengths.get(candidate.record.path, candidate.given))
            for candidate in candidates
        ]

    def add(self, lora: ProfileLora, record: LoraRecord, owner: str) -> None:
        if lora.is_unwanted:
            self.excluded.add(record.path)
        elif lora.required:
            self.pins.append(Named(record.name, lora.strength))
            self._reasons[record.path] = Reason("pinned", f"the profile '{owner}' has it always")
        else:
            if lora.strength is not None:
                self.strengths[record.path] = lora.strength
            self.weights[lora_key(record)] = lora.weight


def wishes_of(profile: Profile | None, names: LoraNames, named: Iterable[Named]) -> Wishes:
    """The wishes of a profile. ``named``: what a person's options name, which is left to these."""
    wishes = Wishes()
    if profile is None or not profile.loras:
        return wishes
    own = {record.path for name in named for record in names.matching(name.name)[0]}
    for lora in profile.loras:
        record, problem = names.find(lora.name)
        owner = _owner(lora, profile)
        if record is not None and record.path not in own:
            wishes.add(lora, record, owner)
        elif record is None and lora.required:
            wishes.problems.append(f"The profile '{owner}' needs a LoRA: {problem}")
    return wishes


def _owner(lora: ProfileLora, profile: Profile) -> str:
    """Who of a combination wants it."""
    return next((member.name for member in reversed(profile.members) if lora in member.loras), profile.name)
