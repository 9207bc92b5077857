"""Run Recorder: keeps a drawn prompt and its images in the store, which learns from them."""

from __future__ import annotations

import logging

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run, new_run_id

from .host import io
from .sockets import DraftSocket, SavedImages, SavedSocket

_WAIT_S = 5.0  # for another program's lock: the queue stands still meanwhile
_log = logging.getLogger("orchestrator")


class RunRecorder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="OrchestratorRunRecorder",
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
        run = Run(saved.run_id if saved else new_run_id(), draft, saved.images if saved else ())
        return io.NodeOutput(run.id, ui={"text": [record(run)]})


def record(run: Run) -> str:
    """Store the run; what is said of it. A database that cannot be used never stops a queue."""
    try:
        from orchestrator_core.store import Store

        with Store.open(wait_s=_WAIT_S) as store:
            store.save_run(run)
    except (OrchestratorError, OSError, ImportError) as error:  # ImportError: requirements.txt was not installed
        _log.warning("Orchestrator: the run is not kept: %s", error)
        return f"Not kept: {error}"
    count = len(run.images)
    return f"Kept as {run.id} with {count} image{'' if count == 1 else 's'}."
