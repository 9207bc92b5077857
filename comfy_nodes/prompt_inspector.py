"""Prompt Inspector: shows in the node where each word of a prompt came from, and how many tokens it is."""

from __future__ import annotations

from typing import Any

from orchestrator_core.prompt import Component, Origin, PromptDraft

from .drawn import drawn_as_json
from .host import io
from .sockets import DraftSocket
from .tokens import count_tokens

INSPECTOR = "OrchestratorPromptInspector"


class PromptInspector(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=INSPECTOR,
            display_name="Prompt Inspector",
            category="orchestrator",
            description="Shows where each word of a prompt came from, what else could have been drawn, and how many "
            "tokens it is to the text encoder.",
            inputs=[
                DraftSocket.Input("draft", optional=True, tooltip="A drawn prompt."),
                io.String.Input("text", optional=True, force_input=True, tooltip="Any text, in place of a draft."),
                io.Clip.Input("clip", optional=True, tooltip="The text encoder that is to count the tokens."),
            ],
            outputs=[
                DraftSocket.Output("draft_out", display_name="draft"),
                io.String.Output("text_out", display_name="text"),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, draft: PromptDraft | None = None, text: str | None = None, clip: Any = None) -> io.NodeOutput:
        shown = draft if isinstance(draft, PromptDraft) else PromptDraft(())
        if text is not None and text != shown.positive:
            shown = PromptDraft((Component(text, Origin.user),) if text else ())
        drawn = drawn_as_json(shown)
        ui = {
            "orchestrator_words": drawn["words"],
            "orchestrator_negative_words": drawn["negative_words"],
            "orchestrator_decisions": drawn["decisions"],
            "orchestrator_negative_decisions": drawn["negative_decisions"],
            "orchestrator_tokens": count_tokens(clip, shown.positive) if clip is not None else [],
        }
        return io.NodeOutput(draft, shown.positive, ui=ui)
