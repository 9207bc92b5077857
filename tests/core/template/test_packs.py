"""Real wildcard packs, supplied by path: nothing in them is lost, and nothing that they define is left undrawn."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator_core.template import Template, Wildcards

PACKS = os.environ.get("ORCHESTRATOR_PACKS", "")
DRAWS = 1000

pytestmark = pytest.mark.skipif(
    not PACKS, reason="ORCHESTRATOR_PACKS names no folders with wildcard packs (see docs/testing.md)"
)


def folders() -> list[Path]:
    return [Path(part) for part in PACKS.split(os.pathsep) if part]


def expected_counts(folder: Path) -> dict[str, int]:
    """Values by wildcard name, counted without the engine."""
    found: dict[str, int] = {}

    def walk(data: Any, path: tuple[str, ...]) -> None:
        if isinstance(data, dict):
            for key, child in data.items():
                walk(child, (*path, *str(key).split("/")))
        elif isinstance(data, list):
            found["/".join(path)] = sum(1 for entry in data if entry is not None and entry != "")
        elif data is not None and data != "":
            found["/".join(path)] = 1

    for path in folder.rglob("*.yaml"):
        walk(yaml.load(path.read_text("utf-8"), yaml.CSafeLoader), path.relative_to(folder).parts[:-1])
    for path in folder.rglob("*.txt"):
        lines = [line.strip() for line in path.read_text("utf-8-sig").split("\n")]
        name = path.relative_to(folder).with_suffix("").as_posix()
        found[name] = sum(1 for line in lines if line and not line.startswith("#"))
    return found


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_every_value_of_a_pack_is_there(folder: Path) -> None:
    wildcards = Wildcards([folder])
    expected = expected_counts(folder)
    assert sum(expected.values()) > 1000
    got = {name: len(wildcards.values(name) or ()) for name in expected}
    assert got == expected


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_draws_leave_nothing_behind_that_a_pack_defines(folder: Path) -> None:
    wildcards = Wildcards([folder])
    chance = random.Random(3)
    names = wildcards.names()
    for seed in range(DRAWS):
        picks = [f"__{name}__" for name in chance.sample(names, 4)]
        template = Template("a {}, {{x|2::{}|y}}, {{2$$ and $${}}} with {}".format(*picks))
        draft = template.draw(wildcards, seed)
        kinds = {note.kind for note in draft.diagnostics}
        assert not kinds & {"cycle", "too-deep", "too-large", "no-value"}, draft.diagnostics
        for left in re.findall(r"__(?=\S)([^{}|\n]*?\S)__", draft.positive):
            assert not wildcards.values(left), (left, draft.positive)
        assert not re.search(r"(?<![$\\])\{[^{}]*(?<!\\)\}", draft.positive), draft.positive
