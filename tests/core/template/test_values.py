"""Values that are views on those of other wildcards: a filtered part, a glob, an include."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.prompt import Choice
from orchestrator_core.template import Template, Wildcards
from tests.core.template.engine import wildcards_in

FILES = {
    "hair.yaml": "hair:\n  - {text: red, negative: strawberries, weight: 3, labels: [warm]}\n  - black\n",
    "fur.txt": "grey\n",
    "coat.txt": "white\n%2::include hair\n",
}
PROMPTS = {"__hair'warm'__": {"red"}, "__[fh]*__": {"red", "black", "grey"}, "__coat__": {"white", "red", "black"}}


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    return wildcards_in(tmp_path, FILES)


@pytest.mark.parametrize("text", PROMPTS)
def test_a_value_keeps_its_negative_in_every_view(wildcards: Wildcards, text: str) -> None:
    template = Template(text)
    drawn = {template.draw(wildcards, seed) for seed in range(60)}
    listed = set(template.combinations(wildcards))
    for drafts in (drawn, listed):
        negatives = {draft.positive: draft.negative_prompt for draft in drafts}
        assert negatives == {value: "strawberries" if value == "red" else "" for value in PROMPTS[text]}


def test_a_value_keeps_its_key_place_and_weight_in_every_view(wildcards: Wildcards) -> None:
    found = {}
    for name in ("coat", "[fh]*"):
        values = wildcards.values(name)
        assert values is not None
        found[name] = {values.text(index): values.choice(index) for index in range(len(values))}
    assert found["coat"]["red"] == Choice("hair#red", "coat", "hair.yaml", 2, 6.0, 6 / 9, 3)
    assert found["[fh]*"]["red"] == Choice("hair#red", "[fh]*", "hair.yaml", 2, 3.0, 3 / 5, 3)
    assert found["[fh]*"]["grey"] == Choice("fur#grey", "[fh]*", "fur.txt", 1, 1.0, 1 / 5, 3)
