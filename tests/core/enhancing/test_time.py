"""Whatever is repeated in a prompt or an answer, reading it takes time in proportion to its length."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from orchestrator_core.enhancing.asking import plain_text
from orchestrator_core.enhancing.assembling import runs
from orchestrator_core.enhancing.budget import room
from orchestrator_core.enhancing.drift import things_in
from orchestrator_core.enhancing.neutral import neutral
from orchestrator_core.enhancing.reading import phrases_in
from orchestrator_core.enhancing.spans import split
from orchestrator_core.enhancing.styles import STYLES
from orchestrator_core.enhancing.verifying import problems
from orchestrator_core.memory.saying import said_in
from orchestrator_core.prompt import Component, Origin

LONG = 20_000  # characters; what grows with their square took two to sixty seconds


def verified(text: str) -> object:
    return problems(text, f"{text}, soft light")


def rewritable(text: str) -> object:
    return runs([Component(text, Origin.template)])


@pytest.mark.parametrize(
    ("read", "pattern"),
    [
        (plain_text, " "),
        (plain_text, "> "),
        (rewritable, " "),
        (lambda text: room(text, STYLES["sdxl"], 0), " "),
        (split, "[[expand: a]] "),
        (verified, "[[keep:"),
        (verified, "# ("),
        (verified, "(a"),
        (verified, "<a:b"),
        (neutral, "\n"),
        (neutral, "\nnote {"),
        (lambda text: phrases_in(f'{{"add": ["{text}', "tags"), '\\"'),
        (things_in, "year old "),
        (lambda text: said_in(text, {"Mira": "Mira"}, ["Mira"]), "< "),
    ],
)
def test_repetition_costs_no_more_than_its_length(read: Callable[[str], object], pattern: str) -> None:
    text = f"a cat{(pattern * LONG)[:LONG]}dog"
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 2
