"""Peers' documented behaviour, as far as it is ours too. The cases come by path: see docs/testing.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator_core.template import Wildcards
from tests.core.template.conformance import Outcome, load, needs_more, run, write_wildcards

PATH = os.environ.get("ORCHESTRATOR_CONFORMANCE", "")
# id → the row of docs/dialects.md that it follows from
DEVIATIONS = {"dp.common.wc_in_wc.cyc": 14, "ppp.test_ch_cyclical_multiple_constructs": 19}

pytestmark = pytest.mark.skipif(not PATH, reason="ORCHESTRATOR_CONFORMANCE names no file with cases")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, object], Outcome]]:
    folder = tmp_path_factory.mktemp("conformance")
    data = load(Path(PATH))
    found = {}
    for case in data["cases"]:
        root = write_wildcards(case, data["wildcard_sets"], folder)
        found[case["id"]] = {**case, "more": needs_more(case, data)}, run(case, Wildcards([root]))
    return found


@pytest.mark.parametrize("dialect", ["dynamicprompts", "impact"])
def test_a_dialect_holds_what_its_peer_documents(
    outcomes: dict[str, tuple[dict[str, object], Outcome]], dialect: str
) -> None:
    own = [outcome for _, outcome in outcomes.values() if outcome.group == dialect]
    failing = [outcome.id for outcome in own if not outcome.holds]
    assert len(own) >= 15
    assert len(failing) <= 0.05 * len(own)
    assert set(failing) <= set(DEVIATIONS)


def test_what_needs_none_of_a_third_peers_commands_holds_too(
    outcomes: dict[str, tuple[dict[str, object], Outcome]],
) -> None:
    plain = [outcome for case, outcome in outcomes.values() if case["dialect"] == "ppp" and not case["more"]]
    assert len(plain) >= 15
    assert {outcome.id for outcome in plain if not outcome.holds} <= set(DEVIATIONS)


def test_the_mistakes_of_peers_are_not_repeated(outcomes: dict[str, tuple[dict[str, object], Outcome]]) -> None:
    bugs = {case_id: outcome for case_id, (case, outcome) in outcomes.items() if case.get("peer_bug")}
    assert bugs
    # an error of the peer's counts as not repeated when we give any text at all
    repeated = [i for i, outcome in bugs.items() if outcome.holds and outcome.got and outcome.got == outcome.expected]
    assert not repeated


def test_few_behaviours_differ_on_purpose(outcomes: dict[str, tuple[dict[str, object], Outcome]]) -> None:
    assert len(set(DEVIATIONS) & set(outcomes)) <= 0.03 * len(outcomes)
