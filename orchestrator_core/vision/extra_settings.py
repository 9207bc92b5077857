"""ExtraSettings: what can be asked of images beside fulfilment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

AUTO = "auto"  # the style that the prompt asks for


class ExtraSettings(BaseModel):
    """The descriptions are the tooltips. Nothing of it is learned from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: str = Field(
        "",
        description="Style accuracy: the style that images should have, as oil painting; auto: the one that the prompt "
        "asks for. Empty: not measured.",
    )
    styles: str = Field(
        "",
        description="The styles that it is compared with: one a line, or separated by commas. Empty: the usual ones.",
    )
    references: str = Field(
        "",
        description="Likeness to the pictures of LoRAs or profiles, against your own images: names, separated by "
        "commas. Needs a CLIP or SigLIP model.",
    )
    compare: str = Field(
        "",
        description="What else is in the images, by a tagger or a model that writes captions (its folder, or a "
        "server's address and model): it tells what is fulfilled, missing and unasked.",
    )
    aesthetic: str = Field(
        "",
        description="Aesthetic rating, for information: a head's file (.safetensors, .pth), trained with the scorer's "
        "CLIP.",
    )
    whole: bool = Field(
        False, description="The cosine with the whole prompt, for information: it is nearly noise against people."
    )
