"""A1111's infotext: the text under an image that galleries, Civitai, Forge and people read and paste.

What the format cannot say of a request (a positive prompt with a line "Negative prompt:", a LoRA in a sub-folder) is
written once more in the JSON of the ``Orchestrator`` key. It holds exactly the fields that come back different when
the rest is read, so ``parse_infotext(format_infotext(...))`` returns what was given, whatever the prompt is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import PureWindowsPath  # which knows both separators
from typing import Any

from orchestrator_core import __version__
from orchestrator_core.formats.extra_networks import extract_loras, format_number, lora_tag, parse_number
from orchestrator_core.formats.foreign_metadata import parse_json_parameters
from orchestrator_core.formats.image_notes import OWN_NOTES, SCHEMA_VERSION, checked_fields, own_notes
from orchestrator_core.formats.infotext_pairs import (
    JSON_KEYS,
    is_key,
    quote,
    read_pairs,
    split_infotext,
    split_old_templates,
)
from orchestrator_core.formats.sampler_names import names_of_labels, sampler_label, scheduler_label
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes

MODEL_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".sft", ".gguf")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_OURS = "Orchestrator"
_EMPTY_REQUEST = GenerationRequest("")
_EMPTY_NOTES = ImageNotes("")


@dataclass(frozen=True, slots=True)
class Infotext:
    """What an infotext says. ``fields`` are the pairs that are not in ``request`` or ``notes``, in their order."""

    request: GenerationRequest
    notes: ImageNotes = _EMPTY_NOTES
    fields: Mapping[str, str] = field(default_factory=dict)


def format_infotext(request: GenerationRequest, notes: ImageNotes, more: Mapping[str, str] | None = None) -> str:
    """The infotext of an image; ``more`` are further pairs, such as an ``Infotext.fields`` that was read.

    Images are given away: of ``extra["images"]`` the files' names are written, and not where they are.
    """
    wanted = Infotext(_without_folders(request), notes, dict(more or {}))
    prompts = _prompt_lines(request)
    pairs = dict(_pairs(wanted))
    if ours := what_is_missing(wanted, _join(prompts, pairs)):
        pairs[_OURS] = ours
    return _join(prompts, pairs)


def what_is_missing(wanted: Infotext, text: str) -> str:
    """The value of the ``Orchestrator`` key that an infotext needs to say all of this; "" if it does already."""
    notes = wanted.notes
    found = _parse(text)
    own = {name: getattr(notes, name) for name in OWN_NOTES}
    ours = own_notes(notes) | _differences(wanted, replace(found, notes=replace(found.notes, **own)))
    return (
        json.dumps({"schema_version": SCHEMA_VERSION, **ours}, separators=(",", ":"), default=_as_json) if ours else ""
    )


def _without_folders(request: GenerationRequest) -> GenerationRequest:
    images = request.extra.get("images")
    if not isinstance(images, Mapping):
        return request
    names = {place: PureWindowsPath(str(file)).name for place, file in images.items()}
    return replace(request, extra={**request.extra, "images": names})


def _prompt_lines(request: GenerationRequest) -> str:
    tags = "".join(lora_tag(replace(lora, name=_plain_name(lora.name))) for lora in request.loras)
    positive = f"{request.positive} {tags}" if tags and request.positive else request.positive + tags
    negative = f"\nNegative prompt: {request.negative}" if request.negative else ""
    return _writable(positive + negative)


def _plain_name(name: str) -> str:
    """A model's name as A1111 shows it: no folder, no suffix."""
    path = PureWindowsPath(name)
    return re.sub("[<>:]", "", path.stem if path.suffix.lower() in MODEL_SUFFIXES else path.name)


def _writable(text: str) -> str:
    # A lone surrogate cannot be written to a file; the reader sees "?", and the JSON has the original as an escape.
    return text.encode("utf-8", "replace").decode()


def _pairs(info: Infotext) -> Iterator[tuple[str, str]]:
    """The parameter line's pairs. A reader takes the last of two of one key, so ``fields`` never repeat ours."""
    request, notes = info.request, info.notes
    yield "Steps", str(request.steps)
    yield "Sampler", sampler_label(request.sampler)
    yield "Schedule type", scheduler_label(request.scheduler)
    yield "CFG scale", format_number(request.cfg)
    yield "Seed", str(request.seed)
    yield "Size", f"{request.width}x{request.height}"
    optional = {
        "Model": _plain_name(request.checkpoint),
        "VAE": PureWindowsPath(request.vae).name,
        "Denoising strength": format_number(request.denoise) if request.denoise != 1 else "",
        "Clip skip": str(request.clip_skip) if request.clip_skip != 1 else "",
        **_derived(request),
        "Template": notes.template,
        "Negative Template": notes.negative_template,
    }
    taken = {"Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", _OURS, *optional} - {"Version"}
    optional |= {key: value for key, value in info.fields.items() if is_key(key) and key not in taken}
    yield from ((key, value) for key, value in optional.items() if value)


def _derived(request: GenerationRequest) -> dict[str, str]:
    """Pairs that follow from the request or from this program, and so are not read back as fields."""
    # The first ten digits of a file's SHA-256 are what Civitai calls AutoV2.
    hashes = ", ".join(f"{_plain_name(lora.name)}: {lora.sha256[:10]}" for lora in request.loras if lora.sha256)
    return {"Lora hashes": hashes, "Version": f"{_OURS} {__version__}"}


def _join(prompts: str, pairs: Mapping[str, str]) -> str:
    # Readers stop understanding the line at a value of unquoted JSON, so those go last.
    raw = [key for key, value in pairs.items() if key in JSON_KEYS and value[:1] in ("{", "[")]
    order = [key for key in pairs if key not in raw] + raw
    line = ", ".join(f"{key}: {pairs[key] if key in raw else quote(_writable(pairs[key]))}" for key in order)
    return f"{prompts}\n{line}".strip()


def _differences(wanted: Infotext, found: Infotext) -> dict[str, Any]:
    """The fields of ``wanted`` that reading the visible text did not give back."""
    changes: dict[str, Any] = {}
    for part in ("request", "notes"):
        before, after = getattr(wanted, part), getattr(found, part)
        names = [item.name for item in fields(before)]
        if lost := {name: getattr(before, name) for name in names if getattr(before, name) != getattr(after, name)}:
            changes[part] = lost
    if dict(wanted.fields) != dict(found.fields):
        changes["fields"] = dict(wanted.fields)
    return changes


def _as_json(value: Any) -> Any:
    if isinstance(value, LoraUse):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


def parse_infotext(text: str) -> Infotext:
    """Read what A1111, Forge, Civitai, sd-dynamic-prompts, SwarmUI, Fooocus or we wrote. Any text is accepted."""
    if text.lstrip()[:1] == "{" and (foreign := parse_json_parameters(text)):
        return Infotext(*foreign)
    return _parse(text)


def _parse(text: str) -> Infotext:
    text, old_templates = split_old_templates(text)
    positive, negative, line = split_infotext(text)
    pairs: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for key, value in read_pairs(line):
        pairs[_unused(key, pairs, numbers)] = value
    pairs |= old_templates
    ours = pairs.pop(_OURS, "")
    values, rest = _request_values(pairs)
    stripped, loras = extract_loras(positive)
    positive = stripped.strip() if loras else positive
    notes = replace(
        _EMPTY_NOTES, template=rest.pop("Template", ""), negative_template=rest.pop("Negative Template", "")
    )
    info = Infotext(GenerationRequest(positive, negative, loras, **values), notes, rest)
    return _without_derived(_with_ours(info, ours))


def _unused(key: str, pairs: Mapping[str, str], numbers: dict[str, int]) -> str:
    """The key, numbered if it was there before: nothing that is written is lost. ``numbers`` has the last by key."""
    name = key
    while name in pairs:
        numbers[key] = numbers.get(key, 1) + 1
        name = f"{key} {numbers[key]}"
    return name


def _request_values(pairs: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(fields of a request, the other pairs)."""
    rest = dict(pairs)
    values: dict[str, Any] = {}
    for key, (name, read) in _READERS.items():
        if key in rest and (value := read(rest[key])) is not None and not (key in _HIRES and _is_hires(pairs)):
            values[name] = value
            del rest[key]
    if size := _SIZE.fullmatch(rest.get("Size", "")):
        values["width"], values["height"] = int(size[1]), int(size[2])
        del rest["Size"]
    if sampler := rest.get("Sampler"):
        values["sampler"], values["scheduler"] = names_of_labels(sampler, rest.get("Schedule type", ""))
        labels = {"Sampler": sampler_label(values["sampler"]), "Schedule type": scheduler_label(values["scheduler"])}
        for key, label in labels.items():  # a label that ours does not stand for stays readable: "Automatic", "Uniform"
            if rest.get(key) == label:
                del rest[key]
    return values, rest


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _name(text: str) -> str | None:
    return text or None


_READERS: dict[str, tuple[str, Any]] = {
    "Steps": ("steps", _integer),
    "CFG scale": ("cfg", parse_number),
    "Seed": ("seed", _integer),
    "Model": ("checkpoint", _name),
    "VAE": ("vae", _name),
    "Denoising strength": ("denoise", parse_number),
    "Clip skip": ("clip_skip", _integer),
}
_HIRES = ("Denoising strength",)  # beside a hires fix it is that pass's, not the image's


def _is_hires(pairs: Mapping[str, str]) -> bool:
    return any(key.startswith("Hires ") for key in pairs)


def _with_ours(info: Infotext, text: str) -> Infotext:
    """``info`` with what the Orchestrator key adds; a key that is not ours, or damaged, stays among the fields."""
    try:
        ours = json.loads(text) if text else {}
        request = replace(info.request, **checked_fields(_EMPTY_REQUEST, ours.get("request", {})))
        own = {name: ours[name] for name in OWN_NOTES if name in ours}
        notes = checked_fields(_EMPTY_NOTES, {**own, **ours.get("notes", {})})
        more = ours.get("fields", info.fields)
        if not all(isinstance(value, str) for value in more.values()):
            raise TypeError("fields hold texts")
        return Infotext(request, replace(info.notes, **notes), dict(more))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return replace(info, fields={**info.fields, _OURS: text})


def _without_derived(info: Infotext) -> Infotext:
    derived = _derived(info.request)
    kept = {key: value for key, value in info.fields.items() if derived.get(key) != value}
    return replace(info, fields=kept)
