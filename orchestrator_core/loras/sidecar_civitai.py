"""What Civitai's API says of a model version, read from the files of several tools that hold its answer.

Example prompts come from here too: with the ``<lora:…>`` tag of their own image they show the strength that people use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.loras.findings import Findings, finite_number

_NOT_A_LETTER = re.compile(r"[\W_]+")


def add_civitai_version(found: Findings, data: Any, names: Iterable[str], source: str, confidence: float) -> None:
    """``data``: the answer of ``/model-versions/by-hash``; ``names``: what a ``<lora:…>`` tag may call this file."""
    if not isinstance(data, dict):
        return
    model = _object(data.get("model"))
    found.text("title", _title(model.get("name"), data.get("name")), source, confidence)
    found.text("base_model", data.get("baseModel"), source, confidence)
    found.words("trigger_words", data.get("trainedWords"), source, confidence)
    found.words("tags", model.get("tags") or data.get("tags"), source, confidence)
    found.prose("description", _joined(model.get("description"), data.get("description")), source, confidence)
    found.text("model_id", data.get("modelId"), source, confidence)
    found.text("version_id", data.get("id"), source, confidence)
    found.flag("nsfw", model.get("nsfw"), source, confidence)
    file = _own_file(data.get("files"), names)
    _add_hashes(found, file, source)
    own_names = {*names, str(file.get("name", "")).rsplit(".", 1)[0]}
    _add_examples(found, data.get("images"), own_names, str(data.get("id", "")))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _title(model: Any, version: Any) -> str:
    if not isinstance(model, str):
        return ""
    return f"{model} - {version}" if isinstance(version, str) and version else model


def _joined(*texts: Any) -> str:
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def _own_file(files: Any, names: Iterable[str]) -> dict[str, Any]:
    """The entry of this very file: by its name, else the primary one."""
    entries = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    known = {_key(name) for name in names}
    for file in entries:
        if _key(str(file.get("name", "")).rsplit(".", 1)[0]) in known:
            return file
    primary = [file for file in entries if file.get("primary") is True] or entries
    return primary[0] if primary else {}


def _add_hashes(found: Findings, file: dict[str, Any], source: str) -> None:
    hashes = file.get("hashes")
    if isinstance(hashes, dict):
        # Of the file that Civitai has: low, since the file on disk may have been edited or replaced since.
        for name, field in (("SHA256", "sha256"), ("AutoV3", "autov3")):
            if isinstance(value := hashes.get(name), str):
                found.text(field, value.lower(), source, 0.3)


def _add_examples(found: Findings, images: Any, names: set[str], version: str) -> None:
    keys = {_key(name) for name in names if name}
    for image in images if isinstance(images, list) else ():
        meta = _object(_object(image).get("meta"))
        meta = _object(meta.get("meta")) or meta  # newer answers wrap it once more
        prompt = meta.get("prompt")
        if isinstance(prompt, str) and prompt.strip():
            found.example(prompt.strip(), _strength_in(prompt, keys, meta, version))


def _strength_in(prompt: str, keys: set[str], meta: dict[str, Any], version: str) -> float | None:
    """The strength of this LoRA in one image: of its tag, else of its entry among the resources."""
    loras = extract_loras(prompt)[1] if "<l" in prompt else ()
    own = [lora.strength_model for lora in loras if _key(lora.name) in keys]
    if own or len(loras) == 1:
        return own[0] if own else loras[0].strength_model
    for entry in meta.get("civitaiResources") or () if isinstance(meta.get("civitaiResources"), list) else ():
        if isinstance(entry, dict) and version and str(entry.get("modelVersionId")) == version:
            return finite_number(entry.get("weight"))
    return None


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """Names are compared by their letters and digits: sites and people change the rest."""
    return _NOT_A_LETTER.sub("", name.replace("\\", "/").rsplit("/", 1)[-1]).lower()
