"""What is asked about one picture, and how that is shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from orchestrator_core.api.gallery_models import Card
from orchestrator_core.api.models import Asked, Shown

MOST_AGAIN = 20


class WordShown(Shown):
    """A piece of the prompt. A client shows all of these texts as text, never as HTML."""

    text: str
    origin: str = Field(
        description="template, option (of {a|b}), wildcard, profile, memory (a story), llm, trigger_words or user."
    )
    label: str = Field(description="Where it came from, for a person.")
    wildcard: str = Field(description='What it was drawn from; "" where it was not drawn.')
    value: str
    score: float | None = Field(description="How far the image shows it, 0 to 1; null where nobody looked.")
    times: float | None = Field(description="How many times likelier it is by what was learned; null: as written.")


class WordsShown(Shown):
    """``words`` joined are the prompt. None where nothing is known of their origin."""

    words: list[WordShown]


class TaughtShown(Shown):
    slot: str
    value: str
    profile: str = Field(description="Which prompts it is of, for a person: profiles, and the family of models.")
    before: float = Field(description="The chance to be drawn, 0 to 1, without this image's marks.")
    after: float = Field(description="And with them.")
    why: str = Field(description="Why the odds are as they are, or why nothing moves.")


class TaughtAll(Shown):
    values: list[TaughtShown]
    is_learning: bool = Field(description="False: it is what would be so if learning were switched on.")
    notice: str = Field("", description="Why nothing at all was learned from its marks; empty where something was.")


class SlotShown(Shown):
    slot: str = Field(description="As the template has it; of equal ones the second ends with (2).")
    value: str = Field(description="The words that came of it.")


class SlotList(Shown):
    slots: list[SlotShown]


class AgainAsked(Asked):
    """By default the same image again."""

    target: str | None = Field(
        None, max_length=300, description="comfyui, forge, embedded or an address. Null: whichever is free."
    )
    vary: str | None = Field(
        None,
        min_length=1,
        max_length=300,
        description='A slot, which says something else then; "*": all is drawn anew. Null: the same words.',
    )
    seed: Literal["same", "new"] = Field("same", description="Of the image.")
    count: int = Field(
        1, ge=1, le=MOST_AGAIN, description="How many. Fewer come where a slot says no more; of the very same, one."
    )


class TargetShown(Shown):
    name: str = Field(description="What again takes as its target.")
    title: str
    away: str = Field("", description="Why nothing is rendered there just now: a job waits. Empty: it can be.")


class TargetList(Shown):
    targets: list[TargetShown]


class WorkflowShown(Shown):
    workflow: dict[str, Any] | None = Field(description="For ComfyUI's canvas; null where nothing says enough.")
    source: Literal["image", "run"] = Field(description="What it is of: the file, or the run in the store.")
    warnings: list[str]


class PipelineWorkflow(Shown):
    workflow: dict[str, Any]
    warnings: list[str] = Field(description="What a canvas does not do of the pipeline.")


class StoryShown(Shown):
    name: str
    images: int = Field(description="How many it has.")
    cards: list[Card] = Field(description="The last 12, in the order in which they were made.")


class StoryList(Shown):
    """The one with the newest image first."""

    stories: list[StoryShown]


class GridListed(Shown):
    id: str
    title: str
    made_ms: int = Field(description="When it was begun.")


class GridList(Shown):
    """LoRA tests, the one that was run last first."""

    grids: list[GridListed]


class GridAxes(Shown):
    loras: list[str]
    strengths: list[float]
    prompts: list[str] = Field(description="With {trigger} where each LoRA's words went.")
    seeds: list[int]


class GridCellShown(Shown):
    prompt: int = Field(description="Its place in axes.prompts; seed: in axes.seeds.")
    seed: int
    image: Card | None
    score: float | None


class GridRowShown(Shown):
    lora: str = Field(description='"": the images without any.')
    strength: float
    score: float | None = Field(description="The mean of its images'.")
    low: float | None = Field(description="Where that mean is, nine times in ten; null for fewer than two scores.")
    high: float | None
    image: Card | None = Field(description="The best one.")
    cells: list[GridCellShown]


class GridShown(Shown):
    """The best row first; rows without a score last."""

    id: str
    title: str
    made_ms: int
    axes: GridAxes
    rows: list[GridRowShown]
