"""What an image says of how it was made: read from PNG, JPEG, WebP and AVIF, whoever wrote it; written into the first
three.

The file is known by its first bytes, not by its name. Pixels are neither decoded nor encoded again.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.avif_text import is_avif, read_avif, with_avif_texts
from orchestrator_core.formats.comfy_graph_reader import texts_of_graph, values_of_graph
from orchestrator_core.formats.exif_text import read_jpeg, read_webp, with_jpeg_texts, with_webp_texts
from orchestrator_core.formats.foreign_metadata import parse_foreign_chunks
from orchestrator_core.formats.image_notes import parse_notes
from orchestrator_core.formats.infotext import Infotext, parse_infotext
from orchestrator_core.formats.json_text import read_bytes, read_json
from orchestrator_core.formats.png_alpha import read_alpha
from orchestrator_core.formats.png_text import SIGNATURE, Bytes, read_png, with_png_texts
from orchestrator_core.request import GenerationRequest, ImageNotes

MAX_FILE_BYTES = 4 * 1024**3
# Without one of these a PNG is looked at for a text that hides in its pixels.
_TOLD_BY = frozenset(
    ("parameters", "prompt", "workflow", "orchestrator", "invokeai_metadata", "sd-metadata", "Comment")
)
MOST_VALUES = 2_000_000  # of a text that is JSON: each takes up to a hundred bytes of memory
MAX_INFOTEXT = 1024**2  # characters: a hundred times the longest that a host writes


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """``texts`` is everything as it was found; the rest is what could be made of it.

    ``request`` comes from the infotext, or else from the graph. ``graph`` is ComfyUI's API graph, ``workflow`` its
    canvas workflow. ``software`` is a guess, "" without a sign. ``problems`` are texts that could not be read.
    """

    format: str  # "PNG", "JPEG", "WebP" or "AVIF"
    width: int  # pixels
    height: int
    texts: Mapping[str, str]
    infotext: Infotext | None = None
    request: GenerationRequest | None = None
    notes: ImageNotes | None = None
    graph: Mapping[str, Any] | None = None
    workflow: Mapping[str, Any] | None = None
    software: str = ""
    problems: tuple[str, ...] = ()


class _Format(NamedTuple):
    name: str
    read: Callable[[Bytes, str], tuple[tuple[int, int], dict[str, str]]]
    write: Callable[[bytes, Mapping[str, str], str], bytes]


def _format_of(data: Bytes, where: str) -> _Format:
    head = data[:32]
    if head.startswith(SIGNATURE):
        return _Format("PNG", read_png, with_png_texts)
    if head.startswith(b"\xff\xd8\xff"):
        return _Format("JPEG", read_jpeg, with_jpeg_texts)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _Format("WebP", read_webp, with_webp_texts)
    if is_avif(head):
        return _Format("AVIF", read_avif, with_avif_texts)
    start = head[:12].decode("latin-1").encode("unicode_escape").decode()
    raise FormatError(f'{where} is no PNG, JPEG, WebP or AVIF image, whatever its name says: it starts with "{start}".')


def read_image(path: Path) -> ImageMetadata:
    """The metadata of an image file. Raises FormatError for what is no image, or one that is cut short."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
            raise FormatError(f"{path} is no image file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not 0 < size < MAX_FILE_BYTES:
                raise FormatError(f"{path} is {size:,} bytes, which no image is.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return read_image_data(data, str(path))
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror or error}.") from None


def read_image_data(data: Bytes, where: str = "The image") -> ImageMetadata:
    """The metadata of an image's bytes. Raises FormatError as ``read_image`` does."""
    image = _format_of(data, where)
    (width, height), texts = image.read(data, where)
    if image.name == "PNG" and not texts.keys() & _TOLD_BY:
        texts = texts | read_alpha(data, where)
    return _interpret(image.name, width, height, texts)


def _interpret(name: str, width: int, height: int, texts: dict[str, str]) -> ImageMetadata:
    problems: list[str] = []
    said = _bounded(texts, problems)
    graph = _json_text(said, "prompt", problems)
    workflow = _json_text(said, "workflow", problems)
    infotext = _infotext(said, problems)
    request = infotext.request if infotext else _request_of(graph, width, height, problems)
    return ImageMetadata(
        format=name,
        width=width,
        height=height,
        texts=texts,
        infotext=infotext,
        request=request,
        notes=_notes(said, infotext),
        graph=graph,
        workflow=workflow,
        software=_software(texts, infotext, graph),
        problems=tuple(problems),
    )


def _bounded(texts: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Those that may be read as JSON: a text that was packed into kilobytes can unfold to millions of empty lists."""
    kept = {}
    for name, text in texts.items():
        if len(text) > MOST_VALUES and sum(map(text.count, "[{,")) > MOST_VALUES:
            problems.append(f'The text "{name}" has more than {MOST_VALUES:,} values, and is not read.')
        else:
            kept[name] = text
    return kept


def _json_text(texts: Mapping[str, str], name: str, problems: list[str]) -> dict[str, Any] | None:
    if name not in texts:
        return None
    try:
        value = read_json(texts[name], f'The text "{name}"')
    except FormatError as error:
        problems.append(str(error))
        return None
    return value if isinstance(value, dict) else None


def _infotext(texts: Mapping[str, str], problems: list[str]) -> Infotext | None:
    text = texts.get("parameters", "")
    if len(text) > MAX_INFOTEXT:
        problems.append(f'The text "parameters" has {len(text):,} characters; more than {MAX_INFOTEXT:,} are not read.')
        text = ""
    if text[:1] == '"':  # a stock SaveImage writes any extra text as a JSON string
        with suppress(FormatError):
            text = str(read_json(text, "parameters"))
    if text:
        return parse_infotext(text)
    foreign = parse_foreign_chunks(texts)
    return Infotext(*foreign) if foreign else None


def _request_of(
    graph: Mapping[str, Any] | None, width: int, height: int, problems: list[str]
) -> GenerationRequest | None:
    if graph is None:
        return None
    try:
        values = values_of_graph(graph)
        if not values.get("positive"):
            values |= {role: text for role, text in texts_of_graph(graph).items() if text}
    except FormatError as error:
        problems.append(str(error))
        return None
    return GenerationRequest(**{"positive": "", "width": width, "height": height, **values}) if values else None


def _notes(texts: Mapping[str, str], infotext: Infotext | None) -> ImageNotes | None:
    if infotext and infotext.notes != ImageNotes(""):
        return infotext.notes
    return parse_notes(texts["orchestrator"]) if "orchestrator" in texts else None


def _software(texts: Mapping[str, str], infotext: Infotext | None, graph: object) -> str:
    parameters = texts.get("parameters", "")
    version = infotext.fields.get("Version", "") if infotext else ""
    signs = {
        "Orchestrator": "orchestrator" in texts or "Version: Orchestrator " in parameters,
        "SwarmUI": "sui_image_params" in parameters,
        "Fooocus": "fooocus_scheme" in texts or '"metadata_scheme"' in parameters or version.startswith("Fooocus"),
        "InvokeAI": bool({"invokeai_metadata", "sd-metadata"} & texts.keys()),
        "NovelAI": texts.get("Software") == "NovelAI",
        "ComfyUI": graph is not None or "workflow" in texts,
        "Forge": version.startswith(("f", "neo")),
        "A1111": version.startswith("v"),
        "A1111 or Forge": bool(parameters),
    }
    return next((name for name, found in signs.items() if found), texts.get("Software", ""))


def metadata_texts(
    infotext: str, graph: Mapping[str, Any] | None = None, workflow: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """The texts that make an image readable everywhere: A1111's readers, and ComfyUI's own drag and drop."""
    texts = {"parameters": infotext}
    for name, value in (("prompt", graph), ("workflow", workflow)):
        if value is not None:
            texts[name] = json.dumps(value)
    return texts


def with_metadata(data: bytes, texts: Mapping[str, str], where: str = "The image") -> bytes:
    """The same image with these texts (``parameters``, ``prompt``, ``workflow``, ``orchestrator``); others stay.

    Raises:
        FormatError: it is no image, is cut short, or its format has no room for the texts.
    """
    return _format_of(data, where).write(data, texts, where)


def add_metadata(path: Path, texts: Mapping[str, str]) -> None:
    """``with_metadata`` on a file, which is replaced in one step. Raises FormatError."""
    replace_file(path, with_metadata(read_bytes(path), texts, str(path)))


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a half. Raises OSError."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        if path.exists():
            part.chmod(path.stat().st_mode)
        part.replace(path)
    except BaseException:
        with suppress(OSError, ValueError):  # which would hide why
            part.unlink()
        raise
