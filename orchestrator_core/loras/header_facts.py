"""What the ``__metadata__`` of a LoRA says: kohya's trainer (``ss_*``), ModelSpec and additional-networks (``ssmd_*``).

All values there are text, some of it JSON. Of the training tags only the most frequent are kept: they are what is
searched, and the whole table of one file can be larger than all else that is known of a thousand.
"""

from __future__ import annotations

import json
import re
from typing import Any

from orchestrator_core.loras.findings import Findings, finite_number, storable

TOP_TAGS = 100
LONG_TABLE = 16_000  # characters: five hundred tags
MOST = 10**9  # of a tag; more counts no pictures, and of thousands of digits JSON cannot write it again
SENTENCES = 60  # of captions that are sentences, so many of the most frequent are split into words
MODELSPEC, KOHYA, ADDNET, GUESS = 0.7, 0.65, 0.6, 0.4
_WEIGHT = re.compile(r"(?:weight|strength)\D{0,15}?(\d(?:\.\d+)?)(?:\s*(?:-|–|to|~)\s*(\d(?:\.\d+)?))?", re.IGNORECASE)
_NOT_IN_WORDS = re.compile(r"[^-_\w'\n]+")
_BLANKED = {code: " " for code in range(128) if _NOT_IN_WORDS.match(chr(code))}
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{12,64})")


def add_metadata(found: Findings, metadata: dict[str, str]) -> None:
    """All that the header's metadata says."""
    if "ss_network_module" in metadata or "ss_base_model_version" in metadata or "ss_tag_frequency" in metadata:
        add_kohya(found, metadata)
    add_modelspec(found, metadata, "modelspec", MODELSPEC)
    add_addnet(found, metadata)
    _add_autov3(found, metadata)


def add_kohya(found: Findings, metadata: dict[str, str]) -> None:
    """The trainer's record: base model, checkpoint, rank, tags, and the class token as a guess of the trigger."""
    version = metadata.get("ss_base_model_version", "")
    if not version and "ss_v2" in metadata:
        version = "sd_v2" if metadata["ss_v2"] == "True" else ""
    found.text("base_model", _said(version), "kohya", KOHYA)
    found.text("title", _said(metadata.get("ss_output_name")), "kohya", 0.5)
    found.text("trained_on", _said(metadata.get("ss_sd_model_name")), "kohya", KOHYA)
    found.number("rank", metadata.get("ss_network_dim"), "kohya", KOHYA, zero=False)
    found.prose("notes", _said(metadata.get("ss_training_comment")), "kohya", GUESS)
    found.training_tags = top_tags(_tag_tables(metadata.get("ss_tag_frequency", "")))
    found.words("trigger_words", _class_tokens(metadata), "kohya", GUESS)


def _said(text: str | None) -> str:
    return "" if text is None or text == "None" else text


def loads(text: Any) -> Any:
    """JSON within a text; None where it is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _tag_tables(text: str) -> dict[str, Any]:
    """``ss_tag_frequency`` parsed; of a long one the beginning of each folder's table.

    A trainer counts caption after caption, so a tag that is frequent is met early, and the tail is what occurs once.
    """
    tables = loads(text if len(text) <= LONG_TABLE else _shortened(text))
    if not isinstance(tables, dict) and len(text) > LONG_TABLE:
        tables = loads(text)  # there are braces in its tags
    return tables if isinstance(tables, dict) else {}


def _shortened(text: str) -> str:
    parts, position = ["{"], 1
    while (start := text.find("{", position)) > 0:
        end = text.find("}", start)
        table = text[start : min(end, start + LONG_TABLE)]
        if len(table) == LONG_TABLE:
            table = table[: table.rfind(', "')]
        parts += [text[position:start], table, "}"]
        position = end + 1 if end > 0 else len(text)
    return "".join([*parts, "}"])


def top_tags(tables: dict[str, Any], limit: int = TOP_TAGS) -> tuple[tuple[str, int], ...]:
    """``ss_tag_frequency`` (folder → tag → count) → the most frequent tags with their counts over all folders.

    Where the captions are sentences, they are split into words: A1111's rule (``ui_edit_user_metadata.py``) is that
    the mean "tag" is 16 characters long or longer. The counts of words are then those in the frequent sentences.
    """
    counts: dict[str, int] = {}
    for table in tables.values():
        if isinstance(table, dict):
            counts = _added(counts, table)
    sentences = bool(counts) and sum(map(len, counts)) >= 16 * len(counts)
    counts = _most_frequent(counts, SENTENCES if sentences else limit)
    if sentences:
        counts = _most_frequent(_words_of(counts), limit)
    if next(iter(counts.values()), 0) > MOST:  # the first is the most frequent
        counts = {tag: min(count, MOST) for tag, count in counts.items()}
    together = "".join(counts)
    if together.isascii() and "\0" not in together and "" not in counts:
        return tuple(counts.items())
    return tuple((clean, count) for tag, count in counts.items() if (clean := storable(tag.strip())))


def _most_frequent(counts: dict[str, int], limit: int) -> dict[str, int]:
    # Sorted by a look-up: pairs and a function for their second part would take twice as long.
    return {tag: counts[tag] for tag in sorted(counts, key=counts.__getitem__, reverse=True)[:limit]}


def _added(counts: dict[str, int], table: dict[str, Any]) -> dict[str, int]:
    if set(map(type, table.values())) != {int} or min(table.values()) < 1:
        table = {tag: count for tag, count in table.items() if type(count) is int and count > 0}
    if not counts:  # nearly always there is one folder, and its table is taken as it is
        return table
    for tag, count in table.items():
        counts[tag] = counts.get(tag, 0) + count
    return counts


def _words_of(sentences: dict[str, int]) -> dict[str, int]:
    """Each word with the sum of the counts of its sentences."""
    # Split at blanks, with all else blanked before: several times as fast as matching words one by one.
    text = "\n".join(sentences)
    if text.count("\n") >= len(sentences):
        text = "\n".join([sentence.replace("\n", " ") for sentence in sentences])
    text = text.translate(_BLANKED) if text.isascii() else _NOT_IN_WORDS.sub(" ", text)
    lines = text.split("\n")
    words: dict[str, int] = {}
    for line, count in zip(lines, sentences.values(), strict=True):
        for word in line.split():
            if word in words:
                words[word] += count
            else:
                words[word] = count
    return {word: count for word, count in words.items() if len(word) > 2}


def _class_tokens(metadata: dict[str, str]) -> list[str]:
    """DreamBooth tokens: of the datasets' subsets, else of the folders' names ("10_foo style")."""
    datasets = loads(metadata.get("ss_datasets"))
    tokens = [
        subset.get("class_tokens")
        for dataset in (datasets if isinstance(datasets, list) else ())
        if isinstance(dataset, dict) and isinstance(dataset.get("subsets"), list)
        for subset in dataset["subsets"]
        if isinstance(subset, dict)
    ]
    if not any(tokens):
        folders = loads(metadata.get("ss_dataset_dirs"))
        tokens = [name.partition("_")[2] for name in folders if name[:1].isdigit()] if isinstance(folders, dict) else []
    return [token for token in tokens if isinstance(token, str)]


def add_modelspec(found: Findings, metadata: dict[str, str], source: str, confidence: float) -> None:
    """Stability's ModelSpec 1.0, which SwarmUI writes too (https://github.com/Stability-AI/ModelSpec)."""
    spec = {key[10:]: value for key, value in metadata.items() if key.startswith("modelspec.")}
    if not spec:
        return
    found.text("title", spec.get("title"), source, confidence - 0.05)
    found.text("base_model", spec.get("architecture"), source, confidence)
    trigger = spec.get("trigger_phrase", "")
    found.words("trigger_words", [trigger] if trigger else None, source, confidence)
    found.words("tags", spec.get("tags"), source, confidence)
    found.prose("description", spec.get("description"), source, confidence)
    _add_usage_hint(found, spec.get("usage_hint", ""), source)
    if len(spec.get("thumbnail") or spec.get("preview_image") or "") > 32:
        found.embedded_preview = True


def _add_usage_hint(found: Findings, hint: str, source: str) -> None:
    """A sentence for people; a weight in it is worth reading: "weight 0.8", "Strength: 0.6-0.9"."""
    found.prose("notes", hint, source, 0.5)
    match = _WEIGHT.search(hint)
    if match is None:
        return
    low = finite_number(match[1])
    high = finite_number(match[2]) if match[2] else None
    if low is not None and high is not None and low < high <= 2:
        found.text("strength_range", f"{low:g}-{high:g}", source, GUESS)
        low = round((low + high) / 2, 3)
    if low is not None and 0 < low <= 2:
        found.number("preferred_strength", low, source, GUESS)


def add_addnet(found: Findings, metadata: dict[str, str]) -> None:
    """What a person typed into the additional-networks extension."""
    found.text("title", metadata.get("ssmd_display_name"), "addnet", ADDNET)
    found.words("trigger_words", metadata.get("ssmd_keywords"), "addnet", ADDNET)
    found.prose("description", metadata.get("ssmd_description"), "addnet", ADDNET)
    found.words("tags", metadata.get("ssmd_tags"), "addnet", ADDNET)
    if len(metadata.get("ssmd_cover_images") or "") > 32:  # a list of images as base64 text; "[]" where there is none
        found.embedded_preview = True


def _add_autov3(found: Findings, metadata: dict[str, str]) -> None:
    """Civitai's AutoV3: the first 12 digits of the hash within the file, unless it is that of an empty file."""
    for key in ("sshs_model_hash", "modelspec.hash_sha256"):
        match = _HEX.fullmatch(metadata.get(key, "").strip())
        digits = match[1][:12].lower() if match else "e3b0c44298fc"
        if digits != "e3b0c44298fc":
            found.text("autov3", digits, "header", 0.9)
            return
