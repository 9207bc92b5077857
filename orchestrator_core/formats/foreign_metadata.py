"""JSON that other programs write into images: SwarmUI, Fooocus, InvokeAI, NovelAI, read as far as it is cheap.

Each format is one table from its keys to a request's fields; what a table does not name is kept as text in the fields.
Sources: SwarmUI ``T2IParamInput.ToJSON``, Fooocus ``modules/meta_parser.py``, InvokeAI ``invokeai_metadata`` and, until
version 2, ``sd-metadata`` (``ldm/invoke/pngwriter.py``), and NovelAI's ``Comment`` as Forge's ``modules/images.py``
reads it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import read_json
from orchestrator_core.formats.sampler_names import names_of_labels
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes

Foreign = tuple[GenerationRequest, ImageNotes, dict[str, str]]

_SWARM = {
    "prompt": "positive", "negativeprompt": "negative", "model": "checkpoint", "seed": "seed", "steps": "steps",
    "cfgscale": "cfg", "width": "width", "height": "height", "sampler": "sampler", "scheduler": "scheduler",
    "vae": "vae",
}  # fmt: skip
_FOOOCUS = {
    "prompt": "positive", "negative_prompt": "negative", "base_model": "checkpoint", "seed": "seed", "steps": "steps",
    "guidance_scale": "cfg", "sampler": "sampler", "scheduler": "scheduler", "clip_skip": "clip_skip",
}  # fmt: skip
_INVOKE = {
    "positive_prompt": "positive", "negative_prompt": "negative", "seed": "seed", "steps": "steps", "cfg_scale": "cfg",
    "width": "width", "height": "height", "scheduler": "sampler",
}  # fmt: skip
_NOVELAI = {
    "prompt": "positive", "uc": "negative", "seed": "seed", "steps": "steps", "scale": "cfg", "width": "width",
    "height": "height", "sampler": "sampler", "noise_schedule": "scheduler",
}  # fmt: skip
_EXAMPLE = GenerationRequest("")
_UNWANTED = re.compile(r"\[([^\[\]]*)\]")


def parse_json_parameters(text: str) -> Foreign | None:
    """Read a ``parameters`` text that is JSON; None if it is none of the formats known here."""
    value = _object(text)
    if isinstance(value.get("sui_image_params"), dict):
        return _swarm(value)
    if value.get("metadata_scheme") == "fooocus" or {"base_model", "guidance_scale"} <= value.keys():
        return _fooocus(value)
    return None


def parse_foreign_chunks(texts: Mapping[str, str]) -> Foreign | None:
    """Read the text chunks that InvokeAI or NovelAI write; None if there are none."""
    if invoke := _object(texts.get("invokeai_metadata", "")):
        return _invoke(invoke)
    if old := _object(texts.get("sd-metadata", "")):
        return _old_invoke(old)
    if texts.get("Software") == "NovelAI" and (novel := _object(texts.get("Comment", ""))):
        return _novelai({"prompt": texts.get("Description", ""), **novel})
    return None


def _object(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        value = read_json(text, "the metadata")
    except FormatError:
        return {}
    return value if isinstance(value, dict) else {}


def _swarm(value: dict[str, Any]) -> Foreign:
    values, rest = _by_table(value["sui_image_params"], _SWARM)
    params, more = value["sui_image_params"], value.get("sui_extra_data")
    values["loras"] = _loras(zip(_listed(params.get("loras")), _listed(params.get("loraweights")), strict=False))
    if layer := _coerced(params.get("clipstopatlayer"), 0):
        values["clip_skip"] = abs(layer)
    notes = ImageNotes("", template=str(more.get("original_prompt", ""))) if isinstance(more, dict) else ImageNotes("")
    rest |= {key: _as_text(item) for key, item in value.items() if key != "sui_image_params"}
    return _request(values), notes, rest


def _fooocus(value: dict[str, Any]) -> Foreign:
    values, rest = _by_table(value, _FOOOCUS)
    if size := re.fullmatch(r"\(?(\d{1,6}), ?(\d{1,6})\)?", str(value.get("resolution", ""))):
        values["width"], values["height"] = int(size[1]), int(size[2])
    loras = value.get("loras")
    values["loras"] = (
        _loras(row for row in loras if isinstance(row, list) and len(row) > 1) if isinstance(loras, list) else ()
    )
    return _request(values), ImageNotes(""), rest


def _invoke(value: dict[str, Any]) -> Foreign:
    values, rest = _by_table(value, _INVOKE)
    values["checkpoint"] = _invoke_name(value.get("model"))
    uses = value.get("loras")
    rows = [row for row in uses if isinstance(row, dict)] if isinstance(uses, list) else []
    values["loras"] = _loras((_invoke_name(row.get("model", row.get("lora"))), row.get("weight")) for row in rows)
    return _request(values), ImageNotes(""), rest


def _invoke_name(model: Any) -> str:
    return str(model.get("name") or model.get("model_name") or "") if isinstance(model, dict) else ""


def _old_invoke(value: dict[str, Any]) -> Foreign:
    """Of InvokeAI until version 2: what is unwanted stands in brackets in the prompt."""
    image = value.get("image")
    source = image if isinstance(image, dict) else {}
    values, rest = _by_table(source, _INVOKE)
    said = source.get("prompt")
    parts = [one.get("prompt") for one in said if isinstance(one, dict)] if isinstance(said, list) else [said]
    prompt = " ".join(part for part in parts if isinstance(part, str))
    values["negative"] = ", ".join(_UNWANTED.findall(prompt))
    values["positive"] = " ".join(_UNWANTED.sub(" ", prompt).split()) if values["negative"] else prompt
    values["checkpoint"] = str(value.get("model_weights") or "")
    values["sampler"] = str(source.get("sampler", "euler")).removeprefix("k_")
    return _request(values), ImageNotes(""), rest | {"app_version": _as_text(value.get("app_version", ""))}


def _novelai(value: dict[str, Any]) -> Foreign:
    values, rest = _by_table(value, _NOVELAI)
    values["sampler"] = str(values.get("sampler", "euler")).removeprefix("k_")
    for name, key in (("positive", "v4_prompt"), ("negative", "v4_negative_prompt")):
        if characters := _characters(value.get(key)):  # since version 4 each has a prompt of its own
            values[name] = " | ".join([str(values.get(name, "")), *characters])
    return _request(values), ImageNotes(""), rest


def _characters(prompt: Any) -> list[str]:
    caption = prompt.get("caption") if isinstance(prompt, dict) else None
    captions = caption.get("char_captions") if isinstance(caption, dict) else None
    rows = [row.get("char_caption") for row in captions if isinstance(row, dict)] if isinstance(captions, list) else []
    return [row for row in rows if isinstance(row, str) and row]


def _by_table(source: Mapping[str, Any], table: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(fields of a request, everything else as text)."""
    values: dict[str, Any] = {}
    rest: dict[str, str] = {}
    for key, value in source.items():
        coerced = _coerced(value, getattr(_EXAMPLE, table[key])) if key in table else None
        if coerced is None:
            rest[key] = _as_text(value)
        else:
            values[table[key]] = coerced
    return values, rest


def _coerced(value: Any, example: Any) -> Any:
    """The value as the example's type, or None where it cannot be."""
    if isinstance(example, str):
        return value if isinstance(value, str) else None
    try:
        number = float(value)
        if not math.isfinite(number):
            return None
        # A seed has up to 20 digits: more than a float keeps.
        return number if isinstance(example, float) else int(value) if number == int(number) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else str(value).split(",") if value else []


def _loras(rows: Any) -> tuple[LoraUse, ...]:
    found = []
    for name, weight, *_ in rows:
        strength = _coerced(weight, 1.0)
        if isinstance(name, str) and name:
            found.append(LoraUse(name, *([strength] * 2 if strength is not None else ())))
    return tuple(found)


def _request(values: dict[str, Any]) -> GenerationRequest:
    sampler, scheduler = names_of_labels(values.pop("sampler", "euler"), values.pop("scheduler", ""))
    return GenerationRequest(**{"positive": "", **values, "sampler": sampler, "scheduler": scheduler})


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
