"""Story Memory: a prompt becomes the next scene of a story, with all that stays: who, where, when, their clothes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .host import io
from .sockets import DraftSocket

if TYPE_CHECKING:
    from .story_part import StoryServices

STORY_MEMORY = "OrchestratorStoryMemory"


class StoryMemory(io.ComfyNode):
    story_services: ClassVar[Callable[[], StoryServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .story_scene import inputs  # costs more than ComfyUI's start should wait for

        return io.Schema(
            node_id=STORY_MEMORY,
            display_name="Story Memory",
            category="orchestrator",
            description="Makes a prompt the next scene of a story: looks, clothes, place and time stay from picture to "
            "picture, by plain rules, without a language model.",
            inputs=inputs(),
            outputs=[
                DraftSocket.Output("draft_out", display_name="draft", tooltip="The scene, with the origin of words."),
                io.String.Output("positive", display_name="positive", tooltip="The prompt with what stays."),
                io.String.Output("negative", display_name="negative", tooltip="The negative prompt, with theirs."),
                io.String.Output(
                    "background", display_name="background", tooltip="What a language model is told of the story."
                ),
                io.String.Output("report", display_name="report", tooltip="Which scene it is, and what it changes."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """Another one as soon as the story could go on otherwise: with each scene that was kept, each edit."""
        from .story_scene import fingerprint

        return fingerprint(cls.story_services(), values)

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        from .story_scene import told

        return told(cls.story_services(), cls.hidden, values)
