"""The sidecars that tools write for themselves: A1111 and Forge, LoRA-Manager, Stability Matrix, SwarmUI, rgthree.

One function for each, all alike: (found, parsed JSON, names of the file, source) → facts. The confidences are the order
of trust: Civitai's own words before what a tool made of them, before the file's own header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from orchestrator_core.loras.findings import Findings, finite_number
from orchestrator_core.loras.header_facts import add_modelspec
from orchestrator_core.loras.sidecar_civitai import add_civitai_version

CIVITAI, CIVITAI_COPY, TOOL, HAND = 0.9, 0.85, 0.8, 0.82
_RANGE = re.compile(r"\s*(-?[\d.]+)\s*(?:-|–|to|~)\s*(-?[\d.]+)\s*")


def add_civitai_info(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """Civitai-Helper's and others' copy of Civitai's answer."""
    add_civitai_version(found, data, names, source, CIVITAI)


def add_a1111(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """The user metadata of A1111 and Forge, mostly typed by a person."""
    found.prose("description", data.get("description"), source, TOOL)
    found.text("base_model", data.get("sd version"), source, TOOL)
    groups = data.get("activation text groups")
    words = [", ".join(group) if _texts(group) else group for group in groups] if isinstance(groups, list) else []
    text = data.get("activation text")
    found.words("trigger_words", words or ([text] if isinstance(text, str) else None), source, HAND)
    # 0 is the default of the form, and means the setting of the host.
    found.number("preferred_strength", data.get("preferred weight"), source, CIVITAI, zero=False)
    found.text("negative", data.get("negative text"), source, HAND)
    found.prose("notes", data.get("notes"), source, HAND)


def add_lora_manager(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """LoRA-Manager's ``.metadata.json``, which holds Civitai's whole answer and what a person changed in it."""
    add_civitai_version(found, data.get("civitai"), names, source, CIVITAI_COPY)
    found.text("title", data.get("model_name"), source, TOOL)
    found.text("base_model", data.get("base_model"), source, HAND)
    found.words("trigger_words", data.get("trainedWords"), source, HAND)
    found.words("tags", data.get("tags"), source, TOOL)
    found.prose("description", data.get("modelDescription"), source, TOOL)
    found.prose("notes", data.get("notes"), source, HAND)
    found.text("sha256", str(data.get("sha256") or "").lower(), source, 0.3)
    found.flag("favourite", data.get("favorite") or None, source, HAND)
    found.flag("excluded", data.get("exclude") or None, source, HAND)
    _add_usage_tips(found, data.get("usage_tips"), source)


def _add_usage_tips(found: Findings, tips: Any, source: str) -> None:
    try:
        tips = json.loads(tips) if isinstance(tips, str) and tips.strip() else tips
    except (ValueError, RecursionError):
        found.problem(f"The usage_tips in {source} are not JSON; they are left out.", source)
        return
    if not isinstance(tips, dict):
        return
    found.number("preferred_strength", tips.get("strength"), source, 0.85, zero=False)
    found.number("preferred_clip_strength", tips.get("clip_strength"), source, 0.85, zero=False)
    add_range(found, tips.get("strength_range"), tips.get("strength_min"), tips.get("strength_max"), source)


def add_range(found: Findings, text: Any, low: Any, high: Any, source: str) -> None:
    """A range of strengths, given as "0.3-0.8" or as two numbers."""
    match = _RANGE.fullmatch(text) if isinstance(text, str) else None
    first = finite_number(match[1] if match else low)
    last = finite_number(match[2] if match else high)
    if first is not None and last is not None and first < last:
        found.text("strength_range", f"{first:g}-{last:g}", source, TOOL)


def add_stability_matrix(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """Stability Matrix's ``.cm-info.json``."""
    title = data.get("UserTitle") or data.get("ModelName")
    found.text("title", title, source, CIVITAI_COPY)
    found.text("base_model", data.get("BaseModel"), source, CIVITAI_COPY)
    found.words("trigger_words", data.get("TrainedWords"), source, CIVITAI_COPY)
    found.words("tags", data.get("Tags"), source, CIVITAI_COPY)
    found.prose("description", data.get("ModelDescription"), source, CIVITAI_COPY)
    found.text("model_id", data.get("ModelId"), source, CIVITAI_COPY)
    found.text("version_id", data.get("VersionId"), source, CIVITAI_COPY)
    found.flag("nsfw", data.get("Nsfw"), source, CIVITAI_COPY)
    hashes = data.get("Hashes")
    if isinstance(hashes, dict) and isinstance(hashes.get("SHA256"), str):
        found.text("sha256", hashes["SHA256"].lower(), source, 0.3)


def add_swarm(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """SwarmUI's ``.swarm.json``: ModelSpec keys, and its own default weight."""
    add_modelspec(found, {key: value for key, value in data.items() if isinstance(value, str)}, source, TOOL)
    for key in ("modelspec.lora_default_weight", "lora_default_weight"):
        found.number("preferred_strength", data.get(key), source, TOOL, zero=False)


def add_rgthree(found: Findings, data: dict[str, Any], names: Iterable[str], source: str) -> None:
    """rgthree's info: trigger words from three sources, and Civitai's answer as it came."""
    raw = data.get("raw")
    add_civitai_version(found, raw.get("civitai") if isinstance(raw, dict) else None, names, source, CIVITAI_COPY)
    found.text("title", data.get("name"), source, TOOL)
    found.text("base_model", data.get("baseModel"), source, TOOL)
    listed = data.get("trainedWords")
    words = [word for word in listed if isinstance(word, dict)] if isinstance(listed, list) else []
    for key, confidence in (("user", 0.88), ("civitai", TOOL)):
        found.words("trigger_words", [word.get("word") for word in words if word.get(key)], source, confidence)
    found.text("sha256", str(data.get("sha256") or "").lower(), source, 0.3)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
