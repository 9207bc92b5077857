"""Run Recorder: keeps a drawn prompt and its images in the store, which learns from them."""

from __future__ import annotations

from typing import ClassVar

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run

from .host import io
from .recording import Recording
from .sockets import DraftSocket, SavedImages, SavedSocket

RECORDER = "OrchestratorRunRecorder"


class RunRecorder(io.ComfyNode):
    recording: ClassVar[Recording]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=RECORDER,
            display_name="Run Recorder",
            category="orchestrator",
            description="Keeps the prompt, where its words came from, and the saved images in Orchestrator's store on "
            "this machine.",
            inputs=[
                DraftSocket.Input("draft", tooltip="The drawn prompt."),
                SavedSocket.Input("saved", optional=True, tooltip="The images, from Save Image With Origin."),
            ],
            outputs=[io.String.Output("run_id", tooltip="Under which the run is kept.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, draft: PromptDraft, saved: SavedImages | None = None) -> io.NodeOutput:
        run_id = cls.recording.run_id_of(draft, saved.run_id if saved else "")
        run = Run(run_id, draft, saved.images if saved else ())
        return io.NodeOutput(run.id, ui={"text": [cls.recording.record(run)]})
