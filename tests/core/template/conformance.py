"""Runs cases of peers' documented behaviour (plain data: see docs/testing.md) and says which hold."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
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
    kind, expected = case["expected_kind"], case["expected"]
    dialect = "impact" if case["dialect"] == "impact" else "dynamicprompts"
    template = Template(case["template"], case.get("negative_template", ""), dialect)
    group = case["dialect"]
    if case.get("peer_bug"):
        group += " bug"
    elif case.get("recorded_from_peer"):
        group += " recorded"
    got: Any
    holds = True
    if case["mode"] == "combinatorial":
        limit = case.get("num_prompts")
        got = []
        for draft in template.combinations(wildcards):
            got.append(draft.positive)
            if limit and len(got) >= limit:
                break
            if len(got) > 5000:
                break
        if kind == "exact":
            expected = [expected]
        if kind == "set":
            got, expected = sorted(set(got)), sorted(set(expected))
            holds = got == expected
        else:
            holds = got == expected
    elif case["mode"] == "cyclic":
        got = [template.cycle(wildcards, index).positive for index in range(len(expected))]
        holds = got == expected
    elif kind == "list":
        got = [template.draw(wildcards, seed).positive for seed in range(len(expected))]
        holds = got == expected
    else:
        drafts = [template.draw(wildcards, seed) for seed in range(DRAWS)]
        counts = Counter(_plain(draft.positive, case) for draft in drafts)
        got = sorted(counts)
        allowed = [expected] if kind == "exact" else expected
        if kind == "error":
            allowed = [expected["prompt"]] if isinstance(expected, dict) else got
        allowed = [_plain(text, case) for text in allowed]
        if not case.get("partial"):
            holds = set(counts) <= set(allowed)
            if len(allowed) <= 24 and case.get("verified_full_coverage"):
                holds = holds and set(counts) == set(allowed)
        if "expected_negative" in case and kind == "exact":
            holds = holds and drafts[0].negative_prompt == case["expected_negative"]
        for text, chance in case.get("probabilities", {}).items():
            spread = 5 * math.sqrt(chance * (1 - chance) * DRAWS) + 1
            holds = holds and abs(counts[text] - chance * DRAWS) <= spread
    return Outcome(case["id"], group, holds, got, expected)


def _plain(text: str, case: dict[str, Any]) -> str:
    return text.strip() if "strip()" in case.get("note", "") else text


def needs_more(case: dict[str, Any], data: dict[str, Any]) -> bool:
    """Whether a case uses its peer's own commands, clean-up options or things beside wildcards."""
    options = data["option_sets"].get(case.get("options", ""), {})
    cleaned = any(value is True for name, value in options.items() if name.startswith("cup_"))
    return cleaned or "needs" in case or any(command in case["template"] for command in COMMANDS)


def run_all(path: Path, folder: Path) -> list[tuple[dict[str, Any], Outcome]]:
    data = load(path)
    found = []
    for case in data["cases"]:
        root = write_wildcards(case, data["wildcard_sets"], folder)
        found.append((case, run(case, Wildcards([root]))))
    return found
