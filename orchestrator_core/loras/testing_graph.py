"""A test as one ComfyUI graph: a row of the canvas for each LoRA and strength, a sampler for each prompt and seed.

The rows share the checkpoint, the negative prompt and the empty latent, so ComfyUI loads and encodes each thing once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.canvas_text import escape_canvas_text
from orchestrator_core.formats.comfy_graph import lora_inputs, model_file, text_and_loras
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import Box, workflow_from_graph
from orchestrator_core.formats.sharing_nodes import OUR_NODES, SAVE_IMAGE
from orchestrator_core.loras.testing import Cell, TestPlan, label_of
from orchestrator_core.loras.testing_note import NOTE, CellNote
from orchestrator_core.loras.trigger_mark import shown
from orchestrator_core.prompt import LoraUse, Origin

SAVE, SAVE_WITH_ORIGIN = "SaveImage", SAVE_IMAGE
_OPTIONS = {"format": "png", "quality": 92, "lossless": False, "with_workflow": True}
MOST_CELLS = 24  # more than that nobody finds the way in, and the canvas becomes slow
_LEFT, _TOP, _GAP = 100, 100, 40  # pixels
_LOADER, _TEXT, _SAMPLER, _DECODE, _SAVE = (315, 126), (400, 200), (315, 262), (210, 46), (315, 400)
_HEADER = 80  # between two rows: the frame's title
_ROW_HEIGHT = _SAVE[1] + _HEADER + _GAP

Link = list[Any]


@dataclass(slots=True)
class _Canvas:
    """Nodes, where they are, and the frames around them."""

    nodes: Graph = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    saver: str = SAVE
    saved: dict[str, Cell] = field(default_factory=dict)  # by the node that saves it

    def add(self, kind: str, title: str, box: Box, **inputs: Any) -> str:
        key = str(len(self.nodes) + 1)
        self.nodes[key] = {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
        self.boxes[key] = box
        return key


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all rows use."""

    model: Link
    clip: Link
    vae: Link
    latent: Link


def workflow_of_test(
    plan: TestPlan, object_info: Mapping[str, Any] | None = None, test: str = "", title: str = ""
) -> dict[str, Any]:
    """The canvas workflow of a plan; ``object_info`` is a server's, and is not needed.

    ``test``: an id. With it, Save Image With Origin of this pack saves the images, and says of each which it is of the
    test; without, ComfyUI's own node does.

    Raises ConfigError for more than ``MOST_CELLS`` images, FormatError where it cannot be laid out.
    """
    canvas = _canvas_of(plan, SAVE_WITH_ORIGIN if test else SAVE)
    known = {**OUR_NODES, **(object_info or {})} if test else object_info
    made = workflow_from_graph(canvas.nodes, known, note=_note(plan), groups=canvas.groups, boxes=canvas.boxes)
    for node in made["nodes"] if test else ():
        if cell := canvas.saved.get(str(node["id"])):
            node["properties"][NOTE] = _cell_note(plan, cell, test, title).as_property()
    return made


def graph_of_test(plan: TestPlan, saver: str = SAVE) -> Graph:
    """The same in the API format. Raises ConfigError as ``workflow_of_test`` does."""
    return _canvas_of(plan, saver).nodes


def _cell_note(plan: TestPlan, cell: Cell, test: str, title: str) -> CellNote:
    prompt = shown(plan.prompts[cell.prompt].positive)
    if cell.lora is None:
        return CellNote(test, title, "", "", prompt)
    record = plan.loras[cell.lora]
    words = (part.text for part in cell.draft.components if part.origin is Origin.trigger_words)
    return CellNote(
        test, title, label_of(record), lora_inputs(cell.draft.loras[-1])["lora_name"], prompt, "".join(words)
    )


def _canvas_of(plan: TestPlan, saver: str = SAVE) -> _Canvas:
    if plan.count > MOST_CELLS:
        raise ConfigError(
            f"{plan.sentence}: a workflow holds at most {MOST_CELLS}. Take fewer LoRAs, strengths, prompts or seeds."
        )
    canvas = _Canvas(saver=saver)
    shared = _shared(canvas, plan)
    rows: dict[tuple[int | None, float], list[Cell]] = {}
    for cell in plan.cells():
        rows.setdefault((cell.lora, cell.strength), []).append(cell)
    for place, cells in enumerate(rows.values()):
        _row(canvas, shared, cells, _row_title(plan, cells[0]), place)
    return canvas


def _shared(canvas: _Canvas, plan: TestPlan) -> _Shared:
    settings, left = plan.settings, _LEFT
    checkpoint = canvas.add(
        "CheckpointLoaderSimple", "checkpoint", (left, _TOP, 315, 98), ckpt_name=model_file(settings.checkpoint)
    )
    clip: Link = [checkpoint, 1]
    if settings.clip_skip > 1:
        box = (left, _TOP + 160, 315, 58)
        clip = [canvas.add("CLIPSetLastLayer", "clip skip", box, stop_at_clip_layer=-settings.clip_skip, clip=clip), 0]
    vae: Link = [checkpoint, 2]
    if settings.vae:
        vae = [canvas.add("VAELoader", "VAE", (left, _TOP + 280, 315, 58), vae_name=model_file(settings.vae)), 0]
    size = {"width": settings.width, "height": settings.height, "batch_size": 1}
    latent = canvas.add("EmptyLatentImage", "size", (left, _TOP + 400, 315, 106), **size)
    return _Shared([checkpoint, 0], clip, vae, [latent, 0])


def _row_title(plan: TestPlan, cell: Cell) -> str:
    if cell.lora is None:
        return "baseline, without LoRA"
    return f"{label_of(plan.loras[cell.lora]).rpartition('/')[2]} at {cell.strength:g}"


def _row(canvas: _Canvas, shared: _Shared, cells: list[Cell], title: str, place: int) -> None:
    """Left to right: the LoRA, for each prompt its two texts, for each seed a sampler and its image."""
    first, top = len(canvas.nodes), _TOP + place * _ROW_HEIGHT
    left = _LEFT + 315 + 2 * _GAP
    model, clip = _loaded(canvas, shared, cells[0], (left, top))
    left += _LOADER[0] + _GAP
    texts: dict[int, tuple[Link, Link]] = {}
    for cell in cells:
        if cell.prompt not in texts:
            texts[cell.prompt] = _texts(canvas, cell, clip, (left, top))
            left += _TEXT[0] + _GAP
        _image(canvas, shared, cell, model, texts[cell.prompt], (left, top), title)
        left += _SAMPLER[0] + _SAVE[0] + 2 * _GAP
    canvas.groups[title] = list(canvas.nodes)[first:]


def _loaded(canvas: _Canvas, shared: _Shared, cell: Cell, at: tuple[int, int]) -> tuple[Link, Link]:
    """The model and the text encoder with the LoRAs of this row: those of the prompt's tags, then the tested one."""
    model, clip = shared.model, shared.clip
    _, loras = text_and_loras(cell.request)
    for number, lora in enumerate(loras):
        box = (at[0], at[1] + number * (_LOADER[1] + _GAP), *_LOADER)
        key = canvas.add("LoraLoader", _lora_title(lora), box, **lora_inputs(lora), model=model, clip=clip)
        model, clip = [key, 0], [key, 1]
    return model, clip


def _lora_title(lora: LoraUse) -> str:
    return f"LoRA: {PureWindowsPath(lora.name).name}"


def _texts(canvas: _Canvas, cell: Cell, clip: Link, at: tuple[int, int]) -> tuple[Link, Link]:
    text, _ = text_and_loras(cell.request)
    height = (_SAVE[1] - _GAP) // 2
    below = (at[0], at[1] + height + _GAP)
    positive = _encoded(canvas, "positive", text, clip, (*at, _TEXT[0], height))
    return positive, _encoded(canvas, "negative", cell.request.negative, clip, (*below, _TEXT[0], height))


def _encoded(canvas: _Canvas, title: str, text: str, clip: Link, box: Box) -> Link:
    value: Any = text
    if escape_canvas_text(text) is None:  # what the canvas would change has a node of its own, beside the encoder
        half = (box[2] - _GAP) // 2
        value = [canvas.add("PrimitiveStringMultiline", f"{title} text", (*box[:2], half, box[3]), value=text), 0]
        box = (box[0] + half + _GAP, box[1], half, box[3])
    return [canvas.add("CLIPTextEncode", title, box, text=value, clip=clip), 0]


def _image(
    canvas: _Canvas,
    shared: _Shared,
    cell: Cell,
    model: Link,
    texts: tuple[Link, Link],
    at: tuple[int, int],
    title: str,
) -> None:
    request = cell.request
    sampler = canvas.add(
        "KSampler",
        f"seed {request.seed}",
        (*at, *_SAMPLER),
        seed=request.seed,
        steps=request.steps,
        cfg=request.cfg,
        sampler_name=request.sampler,
        scheduler=request.scheduler,
        denoise=request.denoise,
        model=model,
        positive=texts[0],
        negative=texts[1],
        latent_image=shared.latent,
    )
    right = (at[0] + _SAMPLER[0] + _GAP, at[1])
    image = canvas.add("VAEDecode", "decode", (*right, *_DECODE), samples=[sampler, 0], vae=shared.vae)
    prefix = f"lora_test/{_file_part(title)}_p{cell.prompt + 1}_s{request.seed}"
    below = (right[0], right[1] + _DECODE[1] + _GAP)
    box = (*below, _SAVE[0], _SAVE[1] - _DECODE[1] - _GAP)
    options = _OPTIONS if canvas.saver == SAVE_WITH_ORIGIN else {}
    key = canvas.add(canvas.saver, title, box, filename_prefix=prefix, **options, images=[image, 0])
    canvas.saved[key] = cell


def _file_part(text: str) -> str:
    """What is safe in a file's name everywhere, and means nothing to ComfyUI's own patterns in it."""
    return "".join(character if character.isalnum() or character in "-." else "_" for character in text)[:60]


def _note(plan: TestPlan) -> str:
    lines = ["### A LoRA test by Orchestrator", "", plan.sentence, "", "Each frame is a row: all else is the same."]
    if not plan.settings.checkpoint:
        lines += ["", "**Choose a model** in *checkpoint*, then press Run."]
    return "\n".join(lines)
