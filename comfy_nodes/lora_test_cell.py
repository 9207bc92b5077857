"""An image of a LoRA test on the canvas: the run that is kept of it, and its place in the gallery's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run

from .canvas import find_node
from .recording import Recording

if TYPE_CHECKING:
    from orchestrator_core.loras.testing_note import CellNote

_NOTE = "orchestrator_lora_test"  # testing_note.NOTE, which is imported only where there is one


@dataclass(frozen=True, slots=True)
class TestCell:
    """What the node that saves an image notes of the test."""

    __test__ = False

    note: CellNote

    def keep(self, recording: Recording, draft: PromptDraft | None, image: GeneratedImage) -> str:
        """Keep its run, and put it into the grid; what is said of it. Nothing stops a queue."""
        told = recording.record(Run(image.run_id, draft or _draft(self.note, image.request), (image,)))
        strength = self._strength(image.request)
        if strength is None:
            return f"{told} It is not in the LoRA test: {self.note.lora} was not loaded."
        try:
            from orchestrator_core.gallery.grids import NewImage, add
            from orchestrator_core.store import Store

            new = NewImage(self.note.lora, strength, self.note.prompt, image.request.seed, image.run_id)
            with Store.open(wait_s=5.0) as store:
                add(store, self.note.test, self.note.title, new)
        except (OrchestratorError, OSError, ImportError) as error:
            return f"{told} It is not in the LoRA test: {error}"
        return told

    def _strength(self, request: GenerationRequest) -> float | None:
        """At which the graph has loaded the LoRA; None where it has not."""
        if not self.note.lora:
            return 0.0
        found = [use.strength_model for use in request.loras if use.name == self.note.file]
        return found[-1] if found else None


def cell_of(info: Any, node_id: str) -> TestCell | None:
    """``info``: ComfyUI's extra_pnginfo."""
    node = find_node(info.get("workflow"), node_id) if isinstance(info, dict) else None
    properties = node.get("properties") if node is not None else None
    if not isinstance(properties, dict) or _NOTE not in properties:
        return None
    from orchestrator_core.loras.testing_note import note_of

    note = note_of(node)
    return TestCell(note) if note is not None else None


def _draft(note: CellNote, request: GenerationRequest) -> PromptDraft:
    """The texts that were rendered; of the LoRA's own words, where they can be told, it is said that they are."""
    before, words, after = request.positive.rpartition(note.trigger) if note.trigger else ("", "", request.positive)
    parts = ((before, Origin.user), (words, Origin.trigger_words), (after, Origin.user))
    negative = (Component(request.negative, Origin.user),) if request.negative else ()
    positive = tuple(Component(text, origin) for text, origin in parts if text)
    return PromptDraft(positive, negative, request.loras, request.seed)
