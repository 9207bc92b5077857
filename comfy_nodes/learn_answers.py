"""What ``/orchestrator/learning…`` and ``/orchestrator/marks`` answer: what was learned, and what a person says to it.

As in routes_answers.py, each method takes what was asked, as JSON has it, and is called from several threads at once.
Every change answers with all that is learned then, and is told to all windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from .learn_part import Ledger, Marking

EVENT = "orchestrator.learning"
_KEY = 1_000  # characters of a slot's name, or a value's key
_MOST_PIN = 1_000.0

Tell = Callable[[str, Mapping[str, Any]], None]
PathOf = Callable[[str, str, str], "Path | None"]  # (filename, subfolder, type) of an image that is there


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Set(_Asked):
    """One thing: the mode, something of a slot, or something of a value."""

    mode: Literal["off", "careful", "fast"] | None = None
    slot: str | None = Field(None, min_length=1, max_length=_KEY)
    direction: Literal["report", "prefer"] | None = None
    on: bool | None = None
    key: str | None = Field(None, min_length=1, max_length=_KEY)
    pin: float | None = Field(None, ge=0, le=_MOST_PIN, allow_inf_nan=False)
    off: bool | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> _Set:
        given = self.model_fields_set
        if given not in ({"mode"}, {"slot", "direction"}, {"slot", "on"}, {"key", "pin"}, {"key", "off"}):
            raise ValueError("give mode; or slot with direction or on; or key with pin or off")
        return self


class _Undo(_Asked):
    to: int = Field(ge=0, le=2**53)


class _Reset(_Asked):
    slot: str | None = Field(None, min_length=1, max_length=_KEY)


class _Table(_Asked):
    name: Literal["scores", "values", "pairs", "effect", "trends"]


class _File(_Asked):
    text: str


class _Mark(_Asked):
    filename: str = Field(min_length=1, max_length=500)
    subfolder: str = Field("", max_length=1_000)
    type: Literal["output", "temp", "input"] = "output"
    favourite: bool = False
    reject: bool = False
    stars: int = Field(0, ge=0, le=5)


class LearnAnswers:
    """``path_of`` finds the image of a mark."""

    def __init__(self, ledger: Ledger, marking: Marking, path_of: PathOf, tell: Tell) -> None:
        self._ledger, self._marking, self._path_of, self._tell = ledger, marking, path_of, tell

    def all(self, query: dict[str, Any]) -> dict[str, Any]:
        _Asked.model_validate(query)
        return self._ledger.view().as_json()

    def mode(self, query: dict[str, Any]) -> dict[str, Any]:
        _Asked.model_validate(query)
        return {"mode": self._ledger.mode()}

    def set(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = _Set.model_validate(body)
        if asked.mode is not None:
            self._ledger.set_mode(asked.mode)
        elif asked.slot is not None:
            self._ledger.set_slot(asked.slot, direction=asked.direction, on=asked.on)
        elif "pin" in asked.model_fields_set:
            self._ledger.pin(str(asked.key), asked.pin)
        else:
            self._ledger.set_off(str(asked.key), off=bool(asked.off))
        return self._told()

    def undo(self, body: dict[str, Any]) -> dict[str, Any]:
        self._ledger.undo(_Undo.model_validate(body).to)
        return self._told()

    def reset(self, body: dict[str, Any]) -> dict[str, Any]:
        self._ledger.reset(_Reset.model_validate(body).slot)
        return self._told()

    def time(self, query: dict[str, Any]) -> dict[str, Any]:
        """What learned odds have brought, and which values go together."""
        _Asked.model_validate(query)
        return self._ledger.over_time().as_json()

    def export(self, query: dict[str, Any]) -> dict[str, Any]:
        """A file, as its name and its text."""
        _Asked.model_validate(query)
        return {"name": "learned.json", "text": self._ledger.exported()}

    def table(self, query: dict[str, Any]) -> dict[str, Any]:
        name = _Table.model_validate(query).name
        return {"name": f"{name}.csv", "text": self._ledger.table(name)}

    def take_in(self, body: dict[str, Any]) -> dict[str, Any]:
        """With ``remarks``: what was taken in, and what was not."""
        remarks = self._ledger.take_in(_File.model_validate(body).text)
        return {**self._told(), "remarks": list(remarks)}

    def mark(self, body: dict[str, Any]) -> dict[str, Any]:
        """``{"words": "favourite"}``; "" where the image has no marks any more."""
        asked = _Mark.model_validate(body)
        path = self._path_of(asked.filename, asked.subfolder, asked.type)
        if path is None:
            raise ConfigError(f"There is no image {asked.filename} any more where ComfyUI saved it.")
        words = self._marking.mark(path, favourite=asked.favourite, reject=asked.reject, stars=asked.stars)
        self._tell(EVENT, {})
        return {"words": words}

    def _told(self) -> dict[str, Any]:
        self._tell(EVENT, {})
        return self.all({})
