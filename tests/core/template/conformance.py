"""Runs cases of peers' documented behaviour (plain data: see docs/testing.md) and says which hold."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator_core.template import Template, Wildcards

DRAWS = 400
COMMANDS = ("<ppp:",)


@dataclass(frozen=True)
class Outcome:
    id: str
    group: str  # dialect, with "recorded" or "bug" behind it
    holds: bool
    got: Any = None
    expected: Any = None


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def write_wildcards(case: dict[str, Any], sets: dict[str, Any], folder: Path) -> Path:
    files = case["wildcards"]
    if isinstance(files, str):
        folder = folder / files.lstrip("@")
        files = sets[files.lstrip("@")]
    else:
        folder = folder / case["id"].replace("/", "_").replace("*", "_").replace("|", "_").replace("$", "_")
    for name, content in files.items():
        target = folder / ("inline.yaml" if name.startswith("(") else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            target.write_bytes(content["text"].encode(content["encoding"]))
        else:
            target.write_bytes(content.encode())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(case: dict[str, Any], wildcards: Wildcards) -> Outcome:
    """One case, drawn in the way that it names."""
    dialect = "impact" if case["dialect"] == "impact" else "dynamicprompts"
    template = Template(case["template"], case.get("negative_template", ""), dialect)
    by_mode = {"combinatorial": _listed, "cyclic": _in_turn}
    if case["mode"] in by_mode or case["expected_kind"] != "list":
        holds, got, expected = by_mode.get(case["mode"], _at_random)(case, template, wildcards)
    else:
        expected = case["expected"]
        got = [template.draw(wildcards, seed).positive for seed in range(len(expected))]
        holds = got == expected
    kind = " bug" if case.get("peer_bug") else " recorded" if case.get("recorded_from_peer") else ""
    return Outcome(case["id"], case["dialect"] + kind, holds, got, expected)


def _listed(case: dict[str, Any], template: Template, wildcards: Wildcards) -> tuple[bool, Any, Any]:
    limit = case.get("num_prompts") or 5000
    got = [draft.positive for draft in islice(template.combinations(wildcards), limit)]
    expected = [case["expected"]] if case["expected_kind"] == "exact" else case["expected"]
    if case["expected_kind"] == "set":
        got, expected = sorted(set(got)), sorted(set(expected))
    return got == expected, got, expected


def _in_turn(case: dict[str, Any], template: Template, wildcards: Wildcards) -> tuple[bool, Any, Any]:
    got = [template.cycle(wildcards, index).positive for index in range(len(case["expected"]))]
    return got == case["expected"], got, case["expected"]


def _at_random(case: dict[str, Any], template: Template, wildcards: Wildcards) -> tuple[bool, Any, Any]:
    expected = case["expected"]
    drafts = [template.draw(wildcards, seed) for seed in range(DRAWS)]
    counts = Counter(_plain(draft.positive, case) for draft in drafts)
    allowed = {_plain(text, case) for text in _allowed(case)}
    if case["expected_kind"] == "error" and not isinstance(expected, dict):
        allowed = set(counts)  # where the peer raises, any text will do
    holds = bool(case.get("partial")) or set(counts) <= allowed
    if case.get("verified_full_coverage") and len(allowed) <= 24:
        holds = holds and set(counts) == allowed
    if "expected_negative" in case and case["expected_kind"] == "exact":
        holds = holds and drafts[0].negative_prompt == case["expected_negative"]
    for text, chance in case.get("probabilities", {}).items():
        spread = 5 * math.sqrt(chance * (1 - chance) * DRAWS) + 1
        holds = holds and abs(counts[text] - chance * DRAWS) <= spread
    return holds, sorted(counts), expected


def _allowed(case: dict[str, Any]) -> list[str]:
    expected = case["expected"]
    if case["expected_kind"] == "error":
        return [expected["prompt"]] if isinstance(expected, dict) else []
    return [expected] if case["expected_kind"] == "exact" else expected


def _plain(text: str, case: dict[str, Any]) -> str:
    return text.strip() if "strip()" in case.get("note", "") else text


def needs_more(case: dict[str, Any], data: dict[str, Any]) -> bool:
    """Whether a case uses its peer's own commands, clean-up options or things beside wildcards."""
    options = data["option_sets"].get(case.get("options", ""), {})
    cleaned = any(value is True for name, value in options.items() if name.startswith("cup_"))
    return cleaned or "needs" in case or any(command in case["template"] for command in COMMANDS)
