"""What was learned as a file, and back. A file from elsewhere is checked as a whole before anything of it counts.

The file is JSON: ``{"schema_version": 1, "observations": [{run_id, image, context, slot, key, value, kind, scorer,
weight, options, steered}, …]}``, where ``value`` is in clipped log-odds. What a person has set is not in it.
Observations that are there already count once.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator_core.errors import FormatError
from orchestrator_core.spec import problems_of
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import MOST, Observation, slot_of, value_of

SCHEMA_VERSION = 1
MOST_BYTES = 200_000_000
_MOST_WEIGHT = 100.0
_MOST_OPTIONS = 1_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would work out what begins so


class _Observation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    run_id: str = Field(min_length=1, max_length=200)
    image: str = Field(min_length=1, max_length=1000)
    context: str = Field(max_length=1000)
    slot: str = Field(min_length=1, max_length=10_000)
    key: str = Field(min_length=3, max_length=20_000)
    value: float = Field(ge=-MOST, le=MOST, allow_inf_nan=False)
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
    return tuple(Observation(**dict(one)) for one in found.observations)


def as_csv(observations: Iterable[Observation]) -> str:
    """A line for each, for a spreadsheet, in which no text is taken for a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("run", "image", "context", "slot", "value", "log_odds", "kind", "scorer", "weight"))
    for one in observations:
        texts = [_plain(text) for text in (one.run_id, one.image, one.context, one.slot, value_of(one.key))]
        writer.writerow((*texts, f"{one.value:.6g}", one.kind, _plain(one.scorer), f"{one.weight:g}"))
    return written.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
