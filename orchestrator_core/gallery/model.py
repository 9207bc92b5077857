"""What the gallery says: frozen values, without a database or a web framework."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import FormatError
from orchestrator_core.weights.marking import Marks

if TYPE_CHECKING:
    from orchestrator_core.store.rows import Stored

FIELDS = ("favourite", "reject", "rating")
MOST_A_PAGE = 500
_LARGEST = 2**63  # beyond a database's whole numbers


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """A picture by its content. ``key``: the SHA-256 of it; "run:…" or "file:…" where nobody could read it.

    ``path``: of one of its files, which is there unless ``missing``. ``broken``: why it cannot be shown or read; "".
    ``revision``: of the last change, whatever it was. ``settings``: sampler, steps, …, ``loras``: [[name, strength]].
    """

    id: int
    key: str
    revision: int
    name: str
    path: str
    missing: bool = False
    made_ms: int = 0
    added_ms: int = 0
    tool: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    run_id: str = ""
    run_image: str = ""
    story: str = ""
    profiles: str = ""
    model: str = ""
    seed: str = ""
    prompt: str = ""
    negative: str = ""
    template: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    score: float | None = None
    broken: str = ""
    favourite: bool = False
    reject: bool = False
    rating: int = 0

    @property
    def marks(self) -> Marks:
        return Marks(self.favourite, self.rating, self.reject)


@dataclass(frozen=True, slots=True)
class Page:
    """``after``: what to ask for to see the next page; "" where this is the last."""

    images: tuple[GalleryImage, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after a revision, in that order. Ask again from ``revision`` while there is ``more``."""

    images: tuple[GalleryImage, ...]
    revision: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """``step``: what to give to ``undo``; 0 where all was so already. ``taught``: values that learned from it."""

    images: tuple[GalleryImage, ...]
    step: int
    taught: int = 0


@dataclass(frozen=True, slots=True)
class Facets:
    """Of each kind (tool, model, lora, profile, story, wildcard) names with counts, the most frequent first."""

    names: Mapping[str, tuple[tuple[str, int], ...]]
    marks: Mapping[str, int]  # favourite, reject, broken, rating1 … rating5
    total: int


@dataclass(frozen=True, slots=True)
class SavedSearch:
    name: str
    query: str


def image_of(row: Stored) -> GalleryImage:
    plain = {name: row[name] for name in GalleryImage.__dataclass_fields__ if name in row}
    plain |= {name: bool(row[name]) for name in ("missing", "favourite", "reject")}
    score = row["score"]
    return GalleryImage(
        **plain | {"settings": json.loads(row["settings"] or "{}"), "score": score if score >= 0 else None}
    )


def fields_of(fields: Mapping[str, Any]) -> dict[str, int]:
    """Marks to be set, checked. Raises FormatError."""
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown or not fields:
        raise FormatError(f"There is no mark {unknown[0] if unknown else ''!r}. Use: {', '.join(FIELDS)}.")
    for name in ("favourite", "reject"):
        if name in fields and type(fields[name]) is not bool:
            raise FormatError(f"{name} is true or false, and not {fields[name]!r}.")
    Marks(bool(fields.get("favourite")), fields.get("rating", 0), bool(fields.get("reject")))
    return {name: int(value) for name, value in fields.items()}


def written_cursor(sort: str, backwards: bool, place: list[Any]) -> str:
    text = json.dumps([sort, backwards, place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str, sort: str, backwards: bool) -> list[Any]:
    """Raises FormatError for what no page of this order gave."""
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        asked_sort, asked_backwards, place = value
    except (ValueError, TypeError, RecursionError):
        raise FormatError("This page cannot be found. Begin with the first one.") from None
    is_right = asked_sort == sort and asked_backwards == backwards and isinstance(place, list)
    if (
        not is_right
        or len(place) != (2 if sort == "date" else 3)
        or any(type(one) not in (int, float) or not abs(one) < _LARGEST for one in place)
    ):
        raise FormatError("This page is of another order. Begin with the first one.")
    return list(place)
