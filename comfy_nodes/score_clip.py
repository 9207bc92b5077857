"""CLIP Scorer: how far each image of a batch shows each part of its prompt, and which of them shows most of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .host import io
from .score_names import CLIP_SCORER
from .sockets import DraftSocket, ScoredSocket

if TYPE_CHECKING:
    from .score_part import ScoreServices


class ClipScorer(io.ComfyNode):
    scoring: ClassVar[Callable[[], ScoreServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .score_inputs import scorer_inputs  # costs more than ComfyUI's start should wait for

        return io.Schema(
            node_id=CLIP_SCORER,
            display_name="CLIP Scorer",
            category="orchestrator",
            description="Says of each image how surely it shows each part of the prompt, sorts the batch by that, and "
            "parts it into images that pass and images that fail.",
            inputs=scorer_inputs(),
            outputs=[
                ScoredSocket.Output("scored", display_name="scored", tooltip="For Feedback Recorder and Retry Until."),
                io.Image.Output("best_image", display_name="best image", tooltip="The image that shows most of it."),
                io.Image.Output("sorted_images", display_name="sorted", tooltip="All images, the best first."),
                io.Image.Output(
                    "passed_images", display_name="passed", tooltip="Those that pass; without any, nothing runs."
                ),
                io.Image.Output(
                    "failed_images", display_name="failed", tooltip="Those that fail; without any, nothing runs."
                ),
                io.Float.Output(
                    "scores",
                    display_name="scores",
                    is_output_list=True,
                    tooltip="The value of each image, 0 to 1; -1: not measured.",
                ),
                io.String.Output("report", display_name="report", tooltip="Lines for a person."),
                io.String.Output("json", display_name="json", tooltip="All numbers, for programs."),
                DraftSocket.Output("draft_out", display_name="draft", tooltip="The prompt, as it came in."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,  # the bars are worth running for
        )

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        from .score_scoring import scored

        return scored(cls.scoring(), values, cls.hidden)
