"""What is kept of Civitai's answer about a model version: the parts that are read, of the right types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.loras.findings import MAX_EXAMPLES, MAX_TEXT

_VERSION: Mapping[str, type] = {"id": int, "modelId": int, "name": str, "baseModel": str, "description": str}
_MODEL: Mapping[str, type] = {"name": str, "type": str, "nsfw": bool, "description": str}
_META: Mapping[str, type] = {"prompt": str}
_MOST_WORDS = 200


def reduced(data: Any, sha256: str) -> dict[str, Any] | None:
    """The answer without what is not read, a few kilobytes; None where it says that the file is not known.

    Raises FormatError for what is no answer about a model version.
    """
    if isinstance(data, dict) and "id" not in data and "not found" in str(data.get("error", "")).lower():
        return None
    if not isinstance(data, dict) or type(data.get("id")) is not int:
        raise FormatError(f"Civitai's answer about {sha256[:10]}… is no model version; it is left out.")
    found = _of_types(data, _VERSION)
    model = data.get("model")
    model = model if isinstance(model, dict) else {}
    found["model"] = _of_types(model, _MODEL) | {"tags": _texts(model.get("tags"))}
    found["trainedWords"] = _texts(data.get("trainedWords"))
    # Of the several files of a version the one that was asked for; where none has its hash, none is believed to be it.
    found["files"] = [file for file in map(_file, _objects(data.get("files"))) if file["hashes"]["SHA256"] == sha256]
    found["images"] = [image for image in map(_image, _objects(data.get("images"))) if image["meta"]][:MAX_EXAMPLES]
    return found


def _of_types(data: dict[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    # type() and not isinstance: true is an int
    return {name: _cut(data[name]) for name, kind in types.items() if type(data.get(name)) is kind}


def _cut(value: Any) -> Any:
    return value[: 4 * MAX_TEXT] if isinstance(value, str) else value


def _texts(value: Any) -> list[str]:
    texts = [text[:MAX_TEXT] for text in value if isinstance(text, str)] if isinstance(value, list) else []
    return texts[:_MOST_WORDS]


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _file(file: dict[str, Any]) -> dict[str, Any]:
    hashes = file.get("hashes")
    hashes = hashes if isinstance(hashes, dict) else {}
    kept = {name: str(hashes.get(name) or "").lower()[:64] for name in ("SHA256", "AutoV3")}
    return {"name": str(file.get("name") or "")[:500], "hashes": {"SHA256": kept["SHA256"], **_if_any(kept, "AutoV3")}}


def _if_any(values: dict[str, str], name: str) -> dict[str, str]:
    return {name: values[name]} if values[name] else {}


def _image(image: dict[str, Any]) -> dict[str, Any]:
    """Its prompt, and the strengths of the LoRAs that it was made with."""
    meta = image.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    inner = meta.get("meta")
    meta = inner if isinstance(inner, dict) and inner else meta  # newer answers wrap it once more
    kept: dict[str, Any] = _of_types(meta, _META)
    if not kept:
        return {"meta": {}}
    resources = [
        {"modelVersionId": entry["modelVersionId"], "weight": entry.get("weight")}
        for entry in _objects(meta.get("civitaiResources"))
        if type(entry.get("modelVersionId")) is int and isinstance(entry.get("weight"), int | float | None)
    ]
    return {"meta": kept | ({"civitaiResources": resources[:50]} if resources else {})}
