"""Scorer Model: which model scores images, as a socket. Nothing is loaded until a CLIP Scorer needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .host import io
from .score_names import SCORER_MODEL
from .sockets import ScorerSocket

if TYPE_CHECKING:
    from .score_part import ScoreServices


class ScorerModel(io.ComfyNode):
    scoring: ClassVar[Callable[[], ScoreServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .score_inputs import model_inputs  # costs more than ComfyUI's start should wait for

        return io.Schema(
            node_id=SCORER_MODEL,
            display_name="Scorer Model",
            category="orchestrator",
            description="Which model a CLIP Scorer looks at images with: a CLIP or SigLIP of yours, or another one.",
            inputs=model_inputs(),
            outputs=[ScorerSocket.Output("scorer", display_name="scorer", tooltip="The model.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """Another one when the model's file is another."""
        from .score_scoring import model_fingerprint

        return model_fingerprint(cls.scoring(), values)

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        from .score_scoring import model_of

        return io.NodeOutput(model_of(cls.scoring(), values))
