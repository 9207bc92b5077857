"""The files beside a LoRA: which is which, read in whatever encoding they are, and one bad file spoils no other.

A sidecar is known by what follows the model's name: "foo.civitai.info" of "foo.safetensors". rgthree puts its suffix
behind the full name, so "foo.safetensors.rgthree-info.json" is one too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.loras import sidecar_tools as tools
from orchestrator_core.loras.findings import MAX_TEXT, Findings
from orchestrator_core.template.textfiles import NotText, to_utf8

MAX_BYTES = 16 * 1024 * 1024  # the largest real ones are a megabyte

Reader = Callable[[Findings, dict[str, Any], Iterable[str], str], None]
_JSON: dict[str, Reader] = {
    ".civitai.info": tools.add_civitai_info,
    ".metadata.json": tools.add_lora_manager,
    ".cm-info.json": tools.add_stability_matrix,
    ".swarm.json": tools.add_swarm,
    ".rgthree-info.json": tools.add_rgthree,
    ".json": tools.add_a1111,
    ".info": tools.add_civitai_info,
}
# Field and confidence; the first two are the same thing to A1111, and pysssss writes notes into them.
_TEXTS = {".txt": ("description", 0.6), ".description.txt": ("description", 0.62), ".md": ("notes", 0.6)}

# A1111's and Forge's order first: for each kind of image the plain name, then ".preview"; then what others write.
_IMAGES = ("png", "jpg", "jpeg", "webp", "gif", "avif", "jxl")
PREVIEWS = (
    *(f"{middle}.{kind}" for kind in _IMAGES for middle in ("", ".preview")),
    *(".thumb.jpg", ".thumb.png", ".example.0.jpeg", ".example.0.png"),
    *(".preview.mp4", ".mp4", ".preview.webm", ".webm"),
)
_PREVIEW_RANK = {suffix: rank for rank, suffix in enumerate(PREVIEWS)}


def suffix_of(sidecar: str, model: str) -> str:
    """What follows the model's name, in lower case: ".civitai.info"; "" for what is no sidecar of this model."""
    name, full = os.path.split(sidecar)[1], os.path.split(model)[1]
    stem = full.rpartition(".")[0]
    for beginning in (full, stem):
        if name.startswith(beginning + "."):
            return name[len(beginning) :].lower()
    return ""


def preview_of(sidecars: Iterable[str], model: str) -> str:
    """The image that hosts show for the model; "" where there is none."""
    ranked = [(_PREVIEW_RANK[suffix], path) for path in sidecars if (suffix := suffix_of(path, model)) in _PREVIEW_RANK]
    return min(ranked)[1] if ranked else ""


def add_sidecar(found: Findings, path: str, model: str, names: Iterable[str]) -> None:
    """Read one sidecar. Never raises: a file that cannot be used is a problem in ``found``."""
    suffix = suffix_of(path, model)
    if suffix not in _JSON and suffix not in _TEXTS and suffix != ".sha256":
        return
    try:
        data = _bytes_of(path)
        if suffix in _JSON:
            _add_json(found, data, suffix, names)
        else:
            _add_text(found, data, suffix)
    except (FormatError, NotText) as error:
        said = str(error).rstrip(".")
        found.problem(f"{os.path.split(path)[1]} is left out: {said}.", suffix)
    except OSError as error:
        found.problem(f"{os.path.split(path)[1]} cannot be read: {error.strerror or error}.", suffix)


def _bytes_of(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        size = os.fstat(handle).st_size
        if size > MAX_BYTES:
            raise FormatError(f"it has {size:,} bytes, and more than {MAX_BYTES:,} are not read.")
        data = os.read(handle, size)
        while len(data) < size and (more := os.read(handle, size - len(data))):
            data += more
        return data
    finally:
        os.close(handle)


def _add_json(found: Findings, data: bytes, suffix: str, names: Iterable[str]) -> None:
    if not data.strip():
        raise FormatError("it is empty.")
    value = _parsed(data)
    if not isinstance(value, dict):
        raise FormatError("it holds no JSON object, so no writer of such files has written it.")
    _reader(suffix, value)(found, value, names, suffix)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)  # UTF-8 with or without a mark, UTF-16 and UTF-32
    except UnicodeDecodeError:
        pass
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON ({str(error)[:200]}).") from None
    try:
        return json.loads(to_utf8(data))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON ({str(error)[:200]}).") from None


def _reader(suffix: str, value: dict[str, Any]) -> Reader:
    """Of ".json" and ".info", which several tools use, the keys tell who wrote it."""
    if suffix in (".json", ".info"):
        if "ModelId" in value and "VersionId" in value:
            return tools.add_stability_matrix
        if any(key in value for key in ("activation text", "sd version", "preferred weight")):
            return tools.add_a1111
        if "modelId" in value or "trainedWords" in value:
            return tools.add_civitai_info
    return _JSON[suffix]


def _add_text(found: Findings, data: bytes, suffix: str) -> None:
    text = to_utf8(data[: 4 * MAX_TEXT]).decode("utf-8", "replace")
    if suffix == ".sha256":
        digits = text.strip().lower()[:64]
        if len(digits) == 64 and not digits.strip("0123456789abcdef"):
            # pysssss never looks again whether the file is still the same
            found.text("sha256", digits, suffix, 0.2)
        return
    if suffix == ".md" and text.startswith("---\n"):
        text = text[4:].partition("\n---")[2] or text  # ComfyUI-Model-Manager's front matter
    field, confidence = _TEXTS[suffix]
    found.prose(field, text, suffix, confidence)
