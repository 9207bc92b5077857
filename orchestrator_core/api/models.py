"""What the models of requests and answers have in common."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Text = Annotated[str, Field(max_length=100_000)]
Line = Annotated[str, Field(max_length=1_000)]


class Asked(BaseModel):
    """A body: what it does not know, it refuses, and ``false`` is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Query(BaseModel):
    """What stands behind the question mark; all of it is text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """An answer. Programs that read one must let new fields pass."""

    model_config = ConfigDict(frozen=True)


class Nothing(Asked):
    """No body, or an empty object."""


class ErrorTold(Shown):
    code: str = Field(description="A word for programs; it stays the same.")
    message: str = Field(description="What, where, and what to do, for a person.")
    where: str = Field(description='The field that is wrong, as "pipeline.stages.0.type"; "" where it is none.')


class ErrorShown(Shown):
    """Every error of the API."""

    error: ErrorTold


def time_of(ms: int) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC; None for 0."""
    if not ms:
        return None
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields_of(value: Any, *but: str) -> dict[str, Any]:
    """Those of a slotted dataclass, by name."""
    return {name: getattr(value, name) for name in value.__slots__ if name not in but}


def plain(value: Any) -> Any:
    """A dataclass, or what holds some, as JSON has it."""
    return TypeAdapter(Any).dump_python(value, mode="json")
