"""The widgets of CLIP Scorer and Scorer Model. Their order is part of the format, so new ones go to the end."""

from __future__ import annotations

from orchestrator_core.stages.score_images import Options
from orchestrator_core.vision.opening import ScorerSettings

from . import host_vision
from .host import io
from .option_inputs import option_input
from .score_models import INSTALLED, NODE_FIELDS
from .sockets import DraftSocket, ScorerSocket


def scorer_inputs() -> list[io.Input]:
    return [
        io.Image.Input("images", tooltip="The images that are scored."),
        DraftSocket.Input(
            "draft", optional=True, tooltip="The prompt that they were made from, with the origin of words."
        ),
        io.String.Input("text", optional=True, force_input=True, tooltip="The prompt, in place of the draft's."),
        ScorerSocket.Input("scorer", optional=True, tooltip="What looks at the images, from a Scorer Model."),
        io.ClipVision.Input(
            "clip_vision",
            optional=True,
            tooltip="A CLIP Vision model to look with, in place of the scorer's own image tower.",
        ),
        io.Float.Input(
            "until",
            default=0.5,
            min=0.0,
            max=1.0,
            step=0.01,
            optional=True,
            tooltip="From which mean over its parts an image passes.",
        ),
        *(option_input(name, Options) for name in ("style", "styles", "references")),
        io.Image.Input(
            "reference_images", optional=True, tooltip="Pictures whose look the images should have, as references."
        ),
        ScorerSocket.Input("compare", optional=True, tooltip=Options.model_fields["compare"].description),
        *(option_input(name, Options) for name in ("aesthetic", "whole", "learn")),
    ]


def model_inputs() -> list[io.Input]:
    installed = io.Combo.Input(
        INSTALLED,
        options=["", *host_vision.score_names()],
        default="",
        optional=True,
        tooltip="A model below models/clip_score. Empty: the one that model names.",
    )
    return [installed, *(option_input(name, ScorerSettings) for name in NODE_FIELDS)]
