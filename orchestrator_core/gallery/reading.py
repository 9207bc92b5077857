"""What one image file says: its content's hash, and what its metadata tells of how it was made. Never changes a file.

The file is read once, whole and into memory: a mapped file that another program makes shorter meanwhile would end the
process. Of a PNG that is too large for that all but the pixels is read.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.image_metadata import MAX_FILE_BYTES, ImageMetadata, read_image_data
from orchestrator_core.formats.pixels import pixel_digest
from orchestrator_core.formats.png_text import MOST_CHUNKS, SIGNATURE
from orchestrator_core.gallery.disk import open_image
from orchestrator_core.request import GenerationRequest, ImageNotes

if TYPE_CHECKING:
    from orchestrator_core.store.gallery_images import Told

VERSION = "2"  # of what is read: another one reads all files anew
MOST_BYTES = 32 * 2**20  # of a file that is held in memory
MOST_PIXELS = 8192 * 8192
LONGEST = 20_000  # characters of a prompt or a template that are kept
MOST_NAMES = 200  # that one image can be found by
_BLOCK = 2**20
_OF_A_CHUNK = 100  # bytes of memory beside its own


@dataclass(frozen=True, slots=True)
class Facts:
    """``sha256`` is "" where nobody could read the file. ``broken``: why it cannot be shown; "" where it can.

    ``pixels``: the digest of what it shows; "" where that is not known.
    """

    sha256: str
    metadata: ImageMetadata | None = None
    broken: str = ""
    pixels: str = ""


def read_facts(path: Path) -> Facts:
    """What is wrong with the file is part of what is known of it. Raises FileNotFoundError alone: it is gone."""
    try:
        with open_image(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size >= MAX_FILE_BYTES:  # it may be sparse: to hash a terabyte of nothing takes an hour
                return Facts("", broken=f"{size:,} bytes are more than an image has.")
            digest, data = _contents(file, size)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Facts("", broken=f"It cannot be read: {error.strerror or error}.")
    if data is None:
        return Facts(digest, broken=f"{size:,} bytes are more than is read of an image.")
    return _interpreted(digest, data, path)


def _contents(file: BinaryIO, size: int) -> tuple[str, bytes | None]:
    """The SHA-256 of all, and what its metadata is to be read from; None where that is too much."""
    if size <= MOST_BYTES:
        data = file.read()
        return hashlib.sha256(data).hexdigest(), data
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest(), _without_pixels(file)


def _without_pixels(file: BinaryIO) -> bytes | None:
    """A PNG with its pixels left out. Where it is cut short it ends there too, so that whoever reads it says so."""
    kept = [file.read(len(SIGNATURE))]
    if kept[0] != SIGNATURE:
        return None
    room = MOST_BYTES
    for _ in range(MOST_CHUNKS):
        if len(head := file.read(8)) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            end = file.tell() + length + 4
            if file.seek(0, 2) < end:
                break
            file.seek(end)
            continue
        room -= length + _OF_A_CHUNK
        if room < 0:
            return None
        kept += [head, file.read(length + 4)]
        if kind == b"IEND":
            break
    else:
        return None
    return b"".join(kept)


def _interpreted(digest: str, data: bytes, path: Path) -> Facts:
    if not data:
        return Facts(digest, broken="The file is empty.")
    try:
        metadata = read_image_data(data, path.name)
    except FormatError as error:
        return Facts(digest, broken=str(error))
    except (ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        return Facts(digest, broken=f"Its metadata cannot be read: {type(error).__name__}: {error}")
    if metadata.format == "JPEG" and b"\xff\xd9" not in data:
        return Facts(digest, metadata, "The JPEG is cut short.")
    return Facts(digest, metadata, _broken(metadata), pixel_digest(data))


def _broken(metadata: ImageMetadata) -> str:
    width, height = metadata.width, metadata.height
    if width * height > MOST_PIXELS:
        return f"{width:,} × {height:,} pixels are more than are shown: {MOST_PIXELS:,} at most."
    if not width * height:
        return "It says no size."
    return " ".join(metadata.problems)


def told_of(path: Path, facts: Facts, mtime_ns: int) -> Told:
    """As the gallery keeps it."""
    from orchestrator_core.store.gallery_images import Told
    from orchestrator_core.store.gallery_runs import request_values, terms_of
    from orchestrator_core.store.gallery_search import folded

    metadata = facts.metadata
    request = metadata.request if metadata and metadata.request else GenerationRequest("", seed=0)
    request = replace(request, loras=request.loras[:MOST_NAMES])
    notes = metadata.notes if metadata and metadata.notes else ImageNotes("")
    values = request_values(request)
    if metadata is None or metadata.request is None:
        values |= {"seed": "", "settings": "{}"}
    values |= {
        "prompt": request.positive[:LONGEST],
        "negative": request.negative[:LONGEST],
        "template": notes.template[:LONGEST],
        "made_ms": mtime_ns // 1_000_000,
        "tool": metadata.software if metadata else "",
        "format": metadata.format if metadata else "",
        "width": metadata.width if metadata else 0,
        "height": metadata.height if metadata else 0,
        "run_id": notes.run_id[:200],
        "run_image": path.name if notes.run_id else "",
        "own": 0,
        "story": "",
        "profiles": notes.profiles[:LONGEST],
        "score": -1.0,
        "broken": facts.broken[:1000],
    }
    values["search_text"] = folded(values["prompt"], values["negative"], values["template"])
    key = facts.sha256 or "file:" + hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()
    return Told(key, values, str(path), tuple(terms_of(values, request))[:MOST_NAMES])
