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
from orchestrator_core.formats.comfy_links import check_graph, upstream
from orchestrator_core.formats.image_metadata import replace_file, with_metadata
from orchestrator_core.formats.image_notes import notes_as_json, parse_notes
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, notes_for
from orchestrator_core.run import new_run_id

from .image_info import NOTES

FORMATS = ("png", "webp", "jpeg")
_WITH_PARAMETERS = ("parameters",)
_WITH_ORIGIN = (*_WITH_PARAMETERS, NOTES)
_WITH_WORKFLOW = ("prompt", "workflow", *_WITH_ORIGIN)


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
    node_id: str = ""  # of the node that saves: of several prompts in a graph its own counts
    run_id: str = field(default_factory=new_run_id)
    notes: list[str] = field(default_factory=list)

    def save(self, image: Any, first: int, number: int) -> GeneratedImage:
        """``image``: a tensor of height × width × channels, 0–1. ``number``: its place in the batch, from 0."""
        request = self._request(number)
        data = _encoded(image, self.format, self.quality, self.lossless)
        if self.with_metadata:
            data = self._described(data, request)
        path = self._free_path(first + number, number)
        replace_file(path, data)
        return GeneratedImage(path, request, self.run_id)

    def _free_path(self, counter: int, number: int) -> Path:
        """ComfyUI's name for it. Its counter does not know of %batch_num%: no older image is written over."""
        stem = self.stem.replace("%batch_num%", str(number))
        suffix = "jpg" if self.format == "jpeg" else self.format
        while (path := self.folder / f"{stem}_{counter:05}_.{suffix}").exists():
            counter += 1
        return path

    def _request(self, number: int) -> GenerationRequest:
        try:
            request = request_from_graph(self._own_graph())
        except FormatError:  # a graph without a sampler that we know
            request = GenerationRequest("")
        if self.draft is not None and (not request.positive or self.draft.story or self.draft.enhanced):
            # Of nodes that add words in the run, the graph has only what they were given.
            there = {use.name for use in request.loras}
            loras = (*request.loras, *(use for use in self.draft.loras if use.name not in there))
            texts = {"positive": self.draft.positive, "negative": self.draft.negative_prompt}
            request = request.replacing(**texts, loras=loras)
        if request.batch_size > 1 and "batch_index" not in request.extra:
            request = request.replacing(extra={**request.extra, "batch_index": number})
        return request

    def _own_graph(self) -> Mapping[str, Any]:
        """What the images come from."""
        if self.node_id not in self.prompt:
            return self.prompt
        graph = check_graph(self.prompt)
        return {key: graph[key] for key in upstream(graph, self.node_id)} or graph

    def _image_notes(self) -> ImageNotes:
        if self.draft is not None:
            return notes_for(self.run_id, self.draft)
        told = parse_notes(json.dumps(self.info[NOTES])) if NOTES in self.info else None
        if told is None:
            return ImageNotes(self.run_id)
        return replace(told, run_id=self.run_id)

    def _described(self, data: bytes, request: GenerationRequest) -> bytes:
        """The image with its texts; with fewer where there is no room or no name for them. No image is lost by it."""
        wanted = self._texts(request)
        problem = ""
        for names in (list(wanted), _WITH_WORKFLOW, _WITH_ORIGIN, _WITH_PARAMETERS):
            texts = {name: wanted[name] for name in names if name in wanted}
            try:
                described = with_metadata(data, texts, "The image")
            except FormatError as error:
                problem = problem or str(error)
                continue
            if problem:
                self._note(f"Saved without {', '.join(sorted(wanted.keys() - texts.keys()))}. {problem}")
            return described
        self._note(f"Saved without metadata. {problem}")
        return data

    def _texts(self, request: GenerationRequest) -> dict[str, str]:
        notes = self._image_notes()
        ours = {"parameters": format_infotext(request, notes), NOTES: json.dumps(notes_as_json(notes))}
        if not self.with_workflow:
            return ours
        # Other packs put into the info what they like, also what JSON has no form for.
        hosts = {name: json.dumps(value, default=str) for name, value in {**self.info, "prompt": self.prompt}.items()}
        return {**hosts, **ours}

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


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
