"""What is asked of images, and how they are shown."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from orchestrator_core.api.models import Asked, Line, Query, Shown
from orchestrator_core.weights.marking import MOST_STARS

_BOTH: dict[str, Any] = {
    "properties": {"favourite": {"const": True}, "reject": {"const": True}},
    "required": ["favourite", "reject"],
}


class LoraShown(Shown):
    name: str
    strength_model: float
    strength_clip: float
    sha256: str


class ScoreShown(Shown):
    """``component``: the number of the part of the prompt that it is of; null for the whole image."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    component: int | None
    key: str
    text: str
    scorer: str


class MarksShown(Shown):
    favourite: bool = False
    reject: bool = False
    stars: int = Field(0, description="0: none were given.")


class ImageShown(Shown):
    id: str = Field(description="Its run's id and its place in it.")
    run_id: str
    name: str = Field(description="Of its file.")
    path: str = Field(description="On the machine that rendered it.")
    file: str = Field(description="Where its bytes can be had from this server.")
    is_there: bool = Field(description="Whether this server can read the file.")
    width: int | None
    height: int | None
    sha256: str | None
    created: str | None
    positive: str
    negative: str
    template: str
    negative_template: str
    seed: int
    checkpoint: str
    sampler: str
    scheduler: str
    steps: int
    cfg: float
    loras: list[LoraShown]
    scores: list[ScoreShown]
    marks: MarksShown


class ImageList(Shown):
    """Newest first. ``next``: what to give as ``after`` for those that follow; null at the end."""

    images: list[ImageShown]
    next: str | None


class ImagesWanted(Query):
    text: str = Field("", max_length=500, description="In prompts and templates.")
    run: str = Field("", max_length=200, description="The id of a run: only its images.")
    after: Line = Field("", description="The id of an image: those that come after it.")
    limit: int = Field(50, ge=1, le=200)


class MarksAsked(Asked):
    """All that is said of the image from now on; an empty object takes its marks away."""

    model_config = ConfigDict(json_schema_extra={"not": _BOTH})

    favourite: bool = False
    reject: bool = False
    stars: int = Field(0, ge=0, le=MOST_STARS, description="0: none.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> MarksAsked:
        if self.favourite and self.reject:
            raise ValueError("an image cannot be a favourite and rejected at once")
        return self


class Marked(Shown):
    marks: MarksShown
    observations: int = Field(description="Of how many values it tells how they did.")
    is_learning: bool = Field(description="Whether these move the odds now; if not, they count once learning is on.")
