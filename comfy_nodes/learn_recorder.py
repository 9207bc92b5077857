"""Feedback Recorder: keeps the scores of a prompt's images, and lets the next prompts be drawn by what was learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from .host import io
from .score_names import FEEDBACK_RECORDER
from .score_types import Scored
from .sockets import SavedImages, SavedSocket, ScoredSocket

if TYPE_CHECKING:
    from .learn_part import LearnServices


class FeedbackRecorder(io.ComfyNode):
    learning: ClassVar[Callable[[], LearnServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=FEEDBACK_RECORDER,
            display_name="Feedback Recorder",
            category="orchestrator",
            description="Keeps a prompt, its images and their scores on this machine, and, where learning is on, lets "
            "the next prompts be drawn by what was learned.",
            inputs=[
                ScoredSocket.Input("scored", tooltip="Scores, from a CLIP Scorer."),
                SavedSocket.Input("saved", optional=True, tooltip="The same images, from Save Image With Origin."),
            ],
            outputs=[
                io.String.Output("run_id", display_name="run id", tooltip="Under which the run is kept."),
                io.String.Output(
                    "report", display_name="report", tooltip="What was kept and learned, in lines for a person."
                ),
            ],
            hidden=[io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, scored: Scored, saved: SavedImages | None = None) -> io.NodeOutput:
        from .learn_feedback import recorded

        told = recorded(cls.learning(), scored, saved, cls.hidden.prompt)
        return io.NodeOutput(told.run_id, told.report, ui={"orchestrator_feedback": [told.as_json()]})
