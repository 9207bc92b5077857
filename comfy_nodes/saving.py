"""Writes one image after the other, each with what it was made from. Pillow and numpy are the host's."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.image_metadata import metadata_texts, replace_file, with_metadata
from orchestrator_core.formats.infotext import format_infotext, notes_as_json, parse_notes
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, notes_for
from orchestrator_core.run import new_run_id

FORMATS = ("png", "webp", "jpeg")
_NO_ROOM = "The workflow is too large for a JPEG; it has the prompt and its origin only."


@dataclass(slots=True)
class Saving:
    """The images of one run. ``info`` is ComfyUI's extra_pnginfo, ``notes`` what a person should know."""

    folder: Path
    stem: str
    prompt: Mapping[str, Any]
    info: Mapping[str, Any]
    draft: PromptDraft | None
    format: str = "png"
    quality: int = 92
    lossless: bool = False
    with_workflow: bool = True
    with_metadata: bool = True
    run_id: str = field(default_factory=new_run_id)
    notes: list[str] = field(default_factory=list)

    def save(self, image: Any, first: int, number: int) -> GeneratedImage:
        """``image``: a tensor of height × width × channels, 0–1. ``number``: its place in the batch, from 0."""
        request = self._request(number)
        data = _encoded(image, self.format, self.quality, self.lossless)
        if self.with_metadata:
            data = self._described(data, request)
        path = self.folder / f"{self.stem}_{first + number:05}_.{'jpg' if self.format == 'jpeg' else self.format}"
        replace_file(path, data)
        return GeneratedImage(path, request, self.run_id)

    def _request(self, number: int) -> GenerationRequest:
        try:
            request = request_from_graph(self.prompt)
        except FormatError:  # a graph without a sampler that we know
            request = GenerationRequest("")
        if self.draft is not None and not request.positive:
            request = request.replacing(positive=self.draft.positive, negative=self.draft.negative_prompt)
        if request.batch_size > 1 and "batch_index" not in request.extra:
            request = request.replacing(extra={**request.extra, "batch_index": number})
        return request

    def _image_notes(self) -> ImageNotes:
        if self.draft is not None:
            return notes_for(self.run_id, self.draft)
        told = parse_notes(json.dumps(self.info.get("orchestrator"))) if "orchestrator" in self.info else None
        if told is None:
            return ImageNotes(self.run_id)
        return replace(told, run_id=self.run_id)

    def _described(self, data: bytes, request: GenerationRequest) -> bytes:
        notes = self._image_notes()
        infotext = format_infotext(request, notes)
        texts = {"parameters": infotext}
        if self.with_workflow:
            texts = metadata_texts(infotext, self.prompt, None)
            texts |= {key: json.dumps(value) for key, value in self.info.items() if key != "parameters"}
        texts["orchestrator"] = json.dumps(notes_as_json(notes))
        try:
            return with_metadata(data, texts, f"The {self.format} image")
        except FormatError:
            if _NO_ROOM not in self.notes:
                self.notes.append(_NO_ROOM)
            return with_metadata(data, {"parameters": infotext}, f"The {self.format} image")


def _encoded(image: Any, kind: str, quality: int, lossless: bool) -> bytes:
    import numpy
    from PIL import Image

    pixels = numpy.clip(255.0 * image.cpu().numpy(), 0, 255).astype(numpy.uint8)
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    options: dict[str, Any] = {"compress_level": 4}
    if kind != "png":
        options = {"quality": quality} | ({"lossless": lossless} if kind == "webp" else {"optimize": True})
    if kind == "jpeg" and picture.mode != "RGB":
        picture = picture.convert("RGB")
    file = io.BytesIO()
    picture.save(file, kind.upper(), **options)
    return file.getvalue()
