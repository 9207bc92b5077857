"""What was learned as a file, and back. A file from elsewhere is checked as a whole before anything of it counts.

The file is JSON: ``{"schema_version": 1, "observations": [{run_id, image, context, slot, key, value, kind, scorer,
weight, options, steered}, …]}``, where ``value`` is in clipped log-odds. What a person has set is not in it.
Observations that are there already count once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator_core.errors import FormatError, WildcardError
from orchestrator_core.spec import problems_of
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import INLINE, MOST, Observation, slot_of
from orchestrator_core.weights.settings import LORA_STRENGTHS, LORAS

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

SCHEMA_VERSION = 1
MOST_BYTES = 200_000_000
_ROUNDED = 1e-9  # beyond ±MOST: ledgers of earlier versions have 4.000000000000001
_MOST_WEIGHT = 100.0
_MOST_OPTIONS = 1_000_000
_NO_WILDCARDS = (INLINE, LORAS, LORA_STRENGTHS)  # slots that no file of wildcards has
_NAMED = 3

KeysOf = Callable[[str], "Collection[str] | None"]  # those of a slot; None where its wildcard is not here


class _Observation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    run_id: str = Field(min_length=1, max_length=200)
    image: str = Field(min_length=1, max_length=1000)
    context: str = Field(max_length=1000)
    slot: str = Field(min_length=1, max_length=10_000)
    key: str = Field(min_length=3, max_length=20_000)
    value: float = Field(ge=-MOST - _ROUNDED, le=MOST + _ROUNDED, allow_inf_nan=False)
    kind: Literal["score", "mark", "global"] = "score"
    scorer: str = Field("", max_length=1000)
    weight: float = Field(1.0, ge=0, le=_MOST_WEIGHT, allow_inf_nan=False)
    options: int = Field(0, ge=0, le=_MOST_OPTIONS)
    steered: bool = False

    @model_validator(mode="after")
    def _of_its_slot(self) -> _Observation:
        if "#" not in self.key or slot_of(self.key) != self.slot:
            raise ValueError(f"the key {self.key[:80]!r} is not of the slot {self.slot[:80]!r}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Literal[1]
    observations: list[_Observation]


def exported(state: State) -> str:
    """What counts at this moment, as JSON."""
    names = tuple(_Observation.model_fields)
    rows = [{name: getattr(one, name) for name in names} for one in state.observations]
    return json.dumps({"schema_version": SCHEMA_VERSION, "observations": rows}, ensure_ascii=False, indent=1) + "\n"


def imported(text: str) -> tuple[Observation, ...]:
    """Raises FormatError, which says what is wrong and where, for a file of which anything is not as it should be."""
    if len(text) > MOST_BYTES:
        raise FormatError(f"This file has {len(text):,} characters: nobody has learned as much as that.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"This is no JSON: {error}") from error
    try:
        found = _File.model_validate(data)
    except ValidationError as error:
        raise FormatError(f"This is no export of what was learned: {problems_of(error)}") from None
    return tuple(Observation(**{**dict(one), "value": _clipped(one.value)}) for one in found.observations)


def _clipped(value: float) -> float:
    return min(max(value, -MOST), MOST)


def read_export(path: Path) -> str:
    """A file's text, for ``imported``. Raises FormatError for one that is too large or no text, and OSError."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise FormatError(f"{path.name} has {size:,} bytes: nobody has learned as much as that. Nothing was taken in.")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: this is no text in UTF-8. Nothing was taken in.") from error


@dataclass(frozen=True, slots=True)
class Fitting:
    """What of a file can count here, and what a person is told of the rest."""

    observations: tuple[Observation, ...]
    remarks: tuple[str, ...] = ()


def fitting(observations: Iterable[Observation], keys_of: KeysOf) -> Fitting:
    """Without values that their wildcard does not have here, since the odds of the others would go to them in vain.

    Of wildcards that are not here at all nothing moves; it is taken in, and counts once they are. Raises FormatError
    where nothing is left.
    """
    kept: list[Observation] = []
    gone: dict[str, None] = {}
    away: dict[str, None] = {}
    known: dict[str, Collection[str] | None] = {}
    for one in observations:
        keys = known[one.slot] if one.slot in known else known.setdefault(one.slot, _keys(one.slot, keys_of))
        if keys is not None and one.key not in keys:
            gone[one.key] = None
            continue
        if keys is None and not one.slot.startswith(_NO_WILDCARDS):
            away[one.slot] = None
        kept.append(one)
    if gone and not kept:
        raise FormatError(f"Nothing of this file fits: no wildcard here has {_some(gone)}. Nothing was taken in.")
    remarks = [f"Left out, as no wildcard here has them: {_some(gone)}."] if gone else []
    remarks += [f"Counts once these wildcards are here: {_some(away)}."] if away else []
    return Fitting(tuple(kept), tuple(remarks))


def _keys(slot: str, keys_of: KeysOf) -> Collection[str] | None:
    return None if slot.startswith(_NO_WILDCARDS) else keys_of(slot)


def _some(names: Collection[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(name[:60] for name in list(names)[:_NAMED]) + more


def keys_in(wildcards: Wildcards) -> KeysOf:
    """For ``fitting``."""
    from orchestrator_core.template.values import value_key

    def keys_of(slot: str) -> Collection[str] | None:
        try:
            values = wildcards.values(slot.replace("%23", "#"))
        except WildcardError:
            return None
        return None if values is None else {value_key(value.name, value.text) for value in values}

    return keys_of
