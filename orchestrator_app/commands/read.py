"""``orchestrator read``: what images say of how they were made, whichever program wrote it into them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import description
from orchestrator_app.console import heading, problem, say

if TYPE_CHECKING:
    from orchestrator_core.formats.image_metadata import ImageMetadata

SCHEMA_VERSION = 1
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
_LABEL = 10  # characters


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="show the metadata of images", description=description(__doc__))
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, WebP or AVIF files, or folders of them")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with everything that is known")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 if a file could not be read, or a folder holds no image."""
    from orchestrator_core.errors import FormatError
    from orchestrator_core.formats.image_metadata import read_image

    broken = 0
    for path in _files(arguments.images):
        if path.is_dir():
            broken += 1
            problem("error", f"No PNG, JPEG, WebP or AVIF in {path}.")
            continue
        try:
            metadata = read_image(path)
        except FormatError as error:
            broken += 1
            problem("error", str(error))
            continue
        if arguments.json:
            import json

            say(json.dumps(as_json(path, metadata), ensure_ascii=False))
        else:
            _show(path, metadata)
    return 1 if broken else 0


def _files(given: Sequence[str]) -> Iterator[Path]:
    """The files, and the images in folders and theirs by name; a folder itself, if none is in it.

    A pattern that the shell left alone (on Windows) is expanded.
    """
    for path in _paths(given):
        if path.is_dir():
            yield from _images_below(path) or [path]
        else:
            yield path


def _paths(given: Sequence[str]) -> Iterator[Path]:
    for text in given:
        path = Path(text)
        if os.name == "nt" and any(sign in text for sign in "*?") and not path.exists():
            yield from sorted(path.parent.glob(path.name))
        else:
            yield path


def _images_below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGES and file.is_file())


def _show(path: Path, metadata: ImageMetadata) -> None:
    made_by = f" · {metadata.software}" if metadata.software else ""
    heading(f"{path}  {metadata.format}, {metadata.width} × {metadata.height}{made_by}")
    pairs = list(_pairs(metadata))
    if not pairs:
        say("  says nothing of how it was made")
    for label, value in pairs:
        indented = str(value).replace("\n", "\n" + " " * (_LABEL + 4))
        say(f"  {label:<{_LABEL}}  {indented}")
    for text in metadata.problems:
        problem("warning", f"{path}: {text}")
    say()


def _pairs(metadata: ImageMetadata) -> Iterator[tuple[str, Any]]:
    request, notes = metadata.request, metadata.notes
    found: list[tuple[str, Any]] = []
    if request is not None:
        settings = f"{request.steps} steps, {request.sampler} ({request.scheduler}), cfg {request.cfg:g}"
        found += [("prompt", request.positive), ("negative", request.negative)]
        found += [("seed", request.seed), ("settings", settings), ("model", request.checkpoint), ("vae", request.vae)]
        found += [("LoRA", _lora(lora)) for lora in request.loras]
    if notes is not None:
        drawn = notes.prompt_seed if request is None or notes.prompt_seed != request.seed else None
        found += [
            ("template", notes.template),
            ("", notes.negative_template and f"negative: {notes.negative_template}"),
        ]
        found += [("drawn with", drawn), ("run", notes.run_id)]
    found.append(("holds", ", ".join(_holds(metadata))))
    yield from ((label, value) for label, value in found if value not in ("", None))


def _lora(lora: Any) -> str:
    clip = "" if lora.strength_clip == lora.strength_model else f", clip {lora.strength_clip:g}"
    return f"{lora.name} {lora.strength_model:g}{clip}"


def _holds(metadata: ImageMetadata) -> list[str]:
    parts = {"ComfyUI workflow": metadata.workflow, "API graph": metadata.graph, "infotext": metadata.infotext}
    return [name for name, value in parts.items() if value is not None]


def as_json(path: Path, metadata: ImageMetadata) -> dict[str, Any]:
    """Everything that is known of an image; docs/cli.md describes each field."""
    from dataclasses import asdict

    return {
        "schema_version": SCHEMA_VERSION,
        "file": str(path),
        "format": metadata.format,
        "width": metadata.width,
        "height": metadata.height,
        "software": metadata.software,
        "request": None if metadata.request is None else asdict(metadata.request),
        "notes": None if metadata.notes is None else asdict(metadata.notes),
        "fields": dict(metadata.infotext.fields) if metadata.infotext else {},
        "graph": metadata.graph,
        "workflow": metadata.workflow,
        "texts": dict(metadata.texts),
        "problems": list(metadata.problems),
    }
