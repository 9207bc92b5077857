"""What name, folder and tags suggest where nobody said it: a category, a sub-family, the other half of a pair.

Guesses are facts of low confidence, from the sources "tags", "folder", "name" and "trained on"; any statement wins.
What the tags of the store suggest is from "user tags" and "civitai tags".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from orchestrator_core.base_models import base_model_in
from orchestrator_core.loras.findings import Findings
from orchestrator_core.loras.record import Category, Fact

# Civitai's categories are tags among others there; folders are what people call them.
_CATEGORIES: dict[str, Category] = {
    **dict.fromkeys(("character", "characters", "char", "chars", "celebrity", "celebrities"), "character"),
    **dict.fromkeys(("person", "people", "actress", "actor", "waifu"), "character"),
    **dict.fromkeys(("style", "styles", "artstyle", "art style", "artist", "artists", "art", "aesthetic"), "style"),
    **dict.fromkeys(("concept", "concepts", "background", "backgrounds", "buildings", "objects", "object"), "concept"),
    **dict.fromkeys(("vehicle", "vehicles", "animal", "animals", "action", "effect", "effects"), "concept"),
    **dict.fromkeys(("clothing", "clothes", "outfit", "outfits", "costume", "costumes", "fashion"), "clothing"),
    **dict.fromkeys(("pose", "poses", "posing"), "pose"),
    **dict.fromkeys(("accelerator", "accelerators", "speed", "lightning lora", "lcm", "distillation"), "accelerator"),
    **dict.fromkeys(("tool", "tools", "slider", "sliders", "utility", "detailer", "enhancer"), "other"),
}
# Names that only a distilled LoRA has, and words that also mean weather or a car: those need a second sign.
_SURE = re.compile(
    r"(?<![a-z])(?:lcm|dmd2?|lightx2v|causvid|accvid|fusionx|tcd|pcm|hyper[-_ ]?sd\w*)(?![a-z])|step[-_ ]?distill"
)
_STEPS = re.compile(r"(?<!\d)\d{1,2}[-_ ]?steps?(?![a-z])")
_MAYBE = re.compile(r"(?<![a-z])(?:lightning|turbo|hyper)(?![a-z])")
_FAMILY = re.compile(r"(?<![a-z])(?:sdxl|xl|sd[-_]?1|sd15|sd3|flux|wan|qwen|ltx|hunyuan|pony|illustrious)")
# "Turbo" is a part of the name of this base model, and of every LoRA for it.
_TURBO_MODEL = re.compile(r"z[-_ ]?image[-_ ]?turbo|sd(?:xl)?[-_ ]?turbo|zit(?![a-z])")
_SPLIT = re.compile(r"[^a-z0-9]+")
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOISE = re.compile(
    r"(?<![a-z])(high|low)(?:[-_ ]?(?:noise|model|lora))?(?![a-z])|(?<![a-z])([hl]n)(?![a-z])", re.IGNORECASE
)

_BY_TAGS = 0.7  # how far a category is trusted that tags name

_PONY_TAGS = frozenset(
    tag.replace("_", blank)
    for tag in ("score_9", "score_8_up", "score_7_up", "source_anime", "source_pony", "source_furry")
    for blank in "_ "
)
_ILLUSTRIOUS_TAGS = frozenset({"newest", "very aesthetic", "very awa", "absurdres", "masterpiece", "best quality"})


def add_guesses(found: Findings, name: str) -> None:
    """``name``: LoraRecord.name, with its folders."""
    facts: dict[str, list[Fact]] = {}
    for fact in found.facts:
        facts.setdefault(fact.field, []).append(fact)
    _add_category(found, name, facts)
    _add_base_model(found, name, facts)


def _add_category(found: Findings, name: str, facts: dict[str, list[Fact]]) -> None:
    folder, _, stem = name.rpartition("/")
    for fact in facts.get("tags", ()):
        _add_first(found, _tags_of(fact), "tags", _BY_TAGS)
    _add_first(found, reversed(folder.lower().split("/")), "folder", 0.5)
    if (sure := accelerator_in(stem)) > 0:
        has_words = any(fact.confidence >= 0.6 for fact in facts.get("trigger_words", ()))
        found.text("category", "accelerator", "name", 0.3 if has_words and sure < 0.8 else sure)
    else:
        _add_first(found, _SPLIT.split(_CAPITALS.sub(" ", stem).lower()), "name", 0.35)


def guesses_of_tags(facts: Iterable[Fact]) -> list[Fact]:
    """What the tags among the store's facts suggest; their sources are those of ``guess_of``."""
    found = Findings()
    for fact in facts:
        if fact.field == "tags":
            _add_first(found, _tags_of(fact), guess_of(fact.source), _BY_TAGS)
    return found.facts


def guess_of(source: str) -> str:
    """The source of what is guessed from the tags of another one."""
    return f"{source} tags"


def _tags_of(fact: Fact) -> Iterable[str]:
    return (tag.strip().lower() for tag in fact.value.split(","))


def _add_first(found: Findings, words: Iterable[str], source: str, confidence: float) -> None:
    category = next((_CATEGORIES[word] for word in words if word in _CATEGORIES), None)
    if category is not None:
        found.text("category", category, source, confidence)


def accelerator_in(stem: str) -> float:
    """How surely the name is that of a LoRA that only saves steps (Lightning, Turbo, LCM, Hyper, DMD): 0 to 0.8."""
    text = _TURBO_MODEL.sub(" ", _CAPITALS.sub("-", stem).lower())
    if _SURE.search(text) or _SURE.search(stem.lower()):
        return 0.8
    if _MAYBE.search(text):
        return 0.8 if _STEPS.search(text) else 0.6 if _FAMILY.search(text) else 0.0
    return 0.0


def _add_base_model(found: Findings, name: str, facts: dict[str, list[Fact]]) -> None:
    trained_on = facts.get("trained_on")
    sources = [(trained_on[0].value, "trained on", 0.6)] if trained_on else []
    sources += [(fact.value, fact.source, 0.5) for fact in facts.get("title", ())[:1]]
    sources += [(name, "name", 0.45)]
    for text, source, confidence in sources:
        base = base_model_in(text)
        if base.sub_family:
            found.text("sub_family", base.sub_family, source, confidence)
        if base.family and source == "name":
            found.text("base_model", base.family, source, 0.3)
    if signature := _sub_family_of_tags(found.training_tags):
        found.text("sub_family", signature, "training tags", 0.4)


def _sub_family_of_tags(tags: tuple[tuple[str, int], ...]) -> str:
    """Captions written for Pony rate with scores and sources, those for Illustrious with words of quality."""
    names = dict(tags).keys()
    if names & _PONY_TAGS:
        return "Pony"
    quality = names & _ILLUSTRIOUS_TAGS
    return "Illustrious" if ("newest" in quality and len(quality) > 1) or "very awa" in quality else ""


def noise_half(name: str) -> tuple[str, Literal["high", "low"]] | None:
    """For a Wan 2.2 LoRA that comes as two files: what both are called, and which half this is; None for others."""
    folder, _, stem = name.rpartition("/")
    found = list(_NOISE.finditer(stem))
    if len(found) != 1:
        return None
    match = found[0]
    half = (match[1] or match[2]).lower()
    key = _SPLIT.sub("", (stem[: match.start()] + stem[match.end() :]).lower())
    return f"{folder}/{key}", "high" if half in ("high", "hn") else "low"


def pair(name: str, names: Iterable[str]) -> str:
    """The name of the other half of a Wan high/low pair, out of ``names``; "" where there is none."""
    own = noise_half(name)
    if own is None:
        return ""
    wanted = (own[0], "low" if own[1] == "high" else "high")
    return next((other for other in names if noise_half(other) == wanted), "")
