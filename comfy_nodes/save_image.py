"""Save Image With Origin: like Save Image, and the file says to every gallery what it was made from."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run

from .host import io, is_inside_output, save_place, wants_metadata
from .image_info import of_this_draft
from .lora_test_cell import cell_of
from .recording import Recording
from .saving import FORMATS, Saving
from .sockets import DraftSocket, SavedImages, SavedSocket

_PREFIX = "orchestrator"
_LONGEST = 200  # bytes of a name; file systems take 255, and a number and an ending are added

SAVE_IMAGE = "OrchestratorSaveImage"


class SaveImageWithOrigin(io.ComfyNode):
    recording: ClassVar[Recording]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=SAVE_IMAGE,
            display_name="Save Image With Origin",
            category="orchestrator",
            description="Saves images with prompt, template, seed and workflow in a form that galleries, Forge and "
            "ComfyUI read.",
            inputs=_inputs(),
            outputs=[SavedSocket.Output("saved", tooltip="The saved files, for Run Recorder.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        """Refuses, before anything is rendered, what cannot be a file's name. A linked one is None: not known yet."""
        return True if filename_prefix is None else _problem_of(filename_prefix) or True

    @classmethod
    def execute(cls, images: Any, draft: PromptDraft | None = None, **options: Any) -> io.NodeOutput:
        height, width = int(images[0].shape[0]), int(images[0].shape[1])
        node_id = str(cls.hidden.unique_id)
        prompt, info = of_this_draft(cls.hidden.prompt, cls.hidden.extra_pnginfo, node_id, draft)
        options, notes = _usable(options)
        place = save_place(options.pop("filename_prefix"), width, height)
        saving = Saving(
            place.folder, place.stem, prompt, info, draft, with_metadata=wants_metadata(), notes=notes,
            node_id=node_id, run_id=cls.recording.run_id_of(draft), **options,
        )  # fmt: skip
        saved = [saving.save(image, place.counter, number) for number, image in enumerate(images)]
        if draft is not None and draft.story is not None:  # a scene that was rendered happened
            saving.notes.append(cls.recording.record(Run(saving.run_id, draft, tuple(saved))))
        if cell := cell_of(info, node_id):
            saving.notes.append(cell.keep(cls.recording, draft, saved[0]))
        shown = [{"filename": image.path.name, "subfolder": place.subfolder, "type": "output"} for image in saved]
        ui = {"images": shown, "text": list(saving.notes)}
        return io.NodeOutput(SavedImages(saving.run_id, tuple(saved)), ui=ui)


def _usable(options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The options with a default for what no image could be saved by, and a note of each.

    A linked prefix is known only now, and ComfyUI lets a program ask for any format: the image is rendered already.
    """
    notes = []
    prefix = str(options["filename_prefix"])
    if problem := _problem_of(prefix):
        notes.append(f'Saved as "{_PREFIX}". {problem}')
        prefix = _PREFIX
    if options["format"] not in FORMATS:
        notes.append(f'Saved as PNG. There is no format "{str(options["format"])[:40]}": {", ".join(FORMATS)}.')
        options = {**options, "format": FORMATS[0]}
    return {**options, "filename_prefix": prefix}, notes


def _problem_of(prefix: str) -> str:
    try:
        if not is_inside_output(prefix):
            return f"{prefix!r} leads out of the output folder. Give a name, or a folder inside it and a name."
        longest = max(len(part) for part in os.fsencode(prefix).split(b"/"))
    except ValueError:  # a NUL, or half a character
        return f"{prefix!r} holds characters that no file name can have."
    return f"The name has {longest} bytes; {_LONGEST} are the most." if longest > _LONGEST else ""


def _inputs() -> list[io.Input]:
    return [
        io.Image.Input("images", tooltip="What is saved."),
        DraftSocket.Input("draft", optional=True, tooltip="The drawn prompt; its template goes into the images."),
        io.String.Input(
            "filename_prefix",
            default=_PREFIX,
            tooltip="The beginning of the file names, with a folder if you like; %year% and the like work.",
        ),
        io.Combo.Input("format", options=list(FORMATS), default="png", tooltip="The kind of file."),
        io.Int.Input("quality", default=92, min=1, max=100, tooltip="Of JPEG and lossy WebP."),
        io.Boolean.Input("lossless", default=False, tooltip="WebP without loss."),
        io.Boolean.Input("with_workflow", default=True, tooltip="Put the workflow into the image, to drop it back."),
    ]
