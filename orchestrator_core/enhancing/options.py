"""What can be set about the enhancing of a prompt: the options of the stage llmEnhance."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.prompt import MAX_SEED

Mode = Literal["append", "rewrite", "region", "tags+natural"]
StyleName = Literal["auto", "sd15", "sdxl", "pony", "illustrious", "natural"]
OnError = Literal["keep", "stop"]


class Options(BaseModel):
    """What can be set about the enhancing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Field(
        "append",
        description="append adds phrases; rewrite says the free words anew; region adds to [[expand: …]] alone; "
        "tags+natural adds phrases and writes a second text in sentences.",
    )
    style: StyleName = Field(
        "auto", description="How the model to render with wants to be spoken to; auto: as its checkpoint's family does."
    )
    amount: int = Field(6, ge=1, le=30, description="How many phrases at most are added.")
    temperature: float = Field(
        0.7, ge=0, le=2, description="How freely the language model writes: 0 is the same each time, 1 is bold."
    )
    instruction: str = Field(
        "", max_length=4000, description="What to pay attention to, in your own words: more fog, an old film look."
    )
    keep: str = Field(
        "",
        description="Words that no rewriting may touch: one a line, or separated by commas. Syntax is never touched.",
    )
    forbidden: str = Field("", description="Words that are never added: one a line, or separated by commas.")
    max_tokens: int = Field(
        0,
        ge=0,
        le=4096,
        description="The longest the prompt may become, in tokens of the text encoder. 0: what it reads at once.",
    )
    seed: int | None = Field(
        None, title="Enhancement seed", ge=0, le=MAX_SEED, description="Empty: the same as the prompt's."
    )
    refresh: int = Field(
        0, ge=0, le=MAX_SEED, description="The same prompt is answered the same for ever; another number asks anew."
    )
    on_error: OnError = Field(
        "keep", description="Where there is no usable answer: keep the prompt as it is and say so, or stop."
    )
