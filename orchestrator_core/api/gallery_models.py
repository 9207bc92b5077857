"""What is asked of the gallery, and how its images are shown: cards in lists, whole ones alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from orchestrator_core.api.models import Asked, Line, Query, Shown, fields_of
from orchestrator_core.gallery.query import LONGEST

if TYPE_CHECKING:
    from orchestrator_core.gallery.model import GalleryImage

LARGEST = 2**53 - 1  # of whole numbers that every program takes for what they are
MOST_AT_ONCE = 1000  # images of one call; as many as outside/posting.py takes
ImageIds = Annotated[list[Annotated[int, Field(ge=1, le=LARGEST)]], Field(min_length=1, max_length=MOST_AT_ONCE)]
QueryText = Annotated[str, Field(max_length=LONGEST)]
SHORT = 500  # characters of a prompt on a card
_SAME = (
    *("id", "key", "revision", "name", "made_ms", "tool", "format", "width", "height", "run_id", "story", "profiles"),
    *("model", "seed", "score", "favourite", "reject", "rating", "broken", "missing"),
)


class Card(Shown):
    """An image in a list."""

    id: int
    key: str = Field(description='The SHA-256 of its content; "run:…" or "file:…" where nobody could read it.')
    revision: int = Field(description="Of its last change, whatever that was. If-Match takes it.")
    name: str = Field(description="Of its file.")
    made_ms: int = Field(description="Milliseconds since 1970; 0 where nobody knows.")
    tool: str = Field(description="The program that made it.")
    format: str
    width: int
    height: int
    run_id: str
    story: str
    profiles: str
    model: str
    seed: str = Field(description="As text: some have more digits than a number of JavaScript holds.")
    prompt: str = Field(description="In a list its first 500 characters.")
    score: float | None
    favourite: bool
    reject: bool
    rating: int = Field(description="1 to 5; 0: none.")
    broken: str = Field(description='Why it cannot be shown or read; "" where it can.')
    missing: bool = Field(description="Whether its file is gone.")


class LoraUsed(Shown):
    name: str
    strength: float | None


class TermShown(Shown):
    kind: str
    name: str


class Whole(Card):
    """All that is known of an image. Its texts are what a file says: show them as text, never as HTML."""

    negative: str
    template: str
    settings: dict[str, Any] = Field(description="Sampler, steps, cfg, … as far as it says.")
    loras: list[LoraUsed]
    path: str = Field(description="On this machine.")
    added_ms: int
    terms: list[TermShown] = Field(description="What it can be found by.")


class CardPage(Shown):
    """``next``: what to give as ``after`` for those that follow; null at the end."""

    images: list[Card]
    next: str | None
    revision: int = Field(description="Of the gallery before these were read: ask for changes since then.")


class Counted(Shown):
    total: int
    revision: int


class PageWanted(Query):
    q: QueryText = Field("", description="As in docs/gallery.md: words, lora:ink, score>0.7, sort:rating.")
    limit: int = Field(100, ge=1, le=500)
    offset: int = Field(0, ge=0, le=LARGEST, description="How many to pass over. Not together with after.")
    after: Line = Field("", description="next of the page before.")


class Wanted(Query):
    q: QueryText = Field("", description="As in docs/gallery.md.")


class NameCounted(Shown):
    name: str
    count: int


class FacetsShown(Shown):
    """What the found images can be narrowed by; the most frequent first."""

    total: int
    names: dict[str, list[NameCounted]] = Field(description="tool, model, lora, profile, story, wildcard.")
    marks: dict[str, int] = Field(description="favourite, reject, broken, rating1 … rating5.")


class FacetsWanted(Wanted):
    most: int = Field(30, ge=1, le=500, description="Names of each kind.")


class NamesWanted(Query):
    kind: Literal["tool", "model", "lora", "profile", "story", "wildcard"]
    part: Line = Field("", description="What is in the name, whatever its case; of a wildcard: colors/warm=cr.")
    most: int = Field(12, ge=1, le=100)


class NamesShown(Shown):
    """Those that begin with the part first, the most frequent before others."""

    names: list[NameCounted]


class SearchShown(Shown):
    name: str
    query: str


class SearchList(Shown):
    """By name."""

    searches: list[SearchShown]


class SearchAsked(Asked):
    query: QueryText


def card_of(image: GalleryImage) -> Card:
    return Card(**_shared(image), prompt=image.prompt[:SHORT])


def whole_of(image: GalleryImage, terms: Sequence[tuple[str, str]]) -> Whole:
    settings = dict(image.settings)
    return Whole(
        **_shared(image),
        prompt=image.prompt,
        negative=image.negative,
        template=image.template,
        loras=[_lora(one) for one in settings.pop("loras", ())],
        settings=settings,
        path=image.path,
        added_ms=image.added_ms,
        terms=[TermShown(kind=kind, name=name) for kind, name in terms],
    )


def _shared(image: GalleryImage) -> Mapping[str, Any]:
    known = fields_of(image)
    return {name: known[name] for name in _SAME}


def _lora(told: Sequence[Any]) -> LoraUsed:
    return LoraUsed(name=str(told[0]), strength=told[1] if len(told) > 1 else None)
