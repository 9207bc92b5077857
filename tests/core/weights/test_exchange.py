"""What was learned as a file: it comes back as it was, and a poisoned file is refused as a whole."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.exchange import exported, fitting, imported, keys_in, read_export
from orchestrator_core.weights.learner import Event, State, folded
from orchestrator_core.weights.observation import MOST, Observation, logit
from orchestrator_core.weights.plots import trend_svg
from orchestrator_core.weights.tables import TABLES, as_csv
from orchestrator_core.weights.trends import trends_of

NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="#"), min_size=1, max_size=20)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    slot, value = draw(NAMES), draw(NAMES)
    number = draw(st.floats(-MOST, MOST))
    kind: Any = draw(st.sampled_from(["score", "mark", "global"]))
    weight, options, steered = draw(st.floats(0, 100)), draw(st.integers(0, 1000)), draw(st.booleans())
    return Observation(
        draw(NAMES), draw(NAMES), draw(NAMES), slot, f"{slot}#{value}", number, kind, "x", weight, options, steered
    )


def state_of(*told: Observation) -> State:
    state = State()
    state._seen.update({one.identity: one for one in told})
    return state


@given(st.lists(observations(), max_size=5, unique_by=lambda one: one.identity))
def test_what_goes_out_comes_back(told: list[Observation]):
    assert list(imported(exported(state_of(*told)))) == told


def test_what_a_sure_scorer_told_comes_back_too():
    sure = [Observation("r", f"{share}.png", "||", "colors", "colors#red", logit(share)) for share in (0.0, 1.0)]
    assert [one.value for one in imported(exported(state_of(*sure)))] == [-MOST, MOST]


def test_what_an_earlier_version_rounded_beyond_the_edge_comes_back_at_the_edge():
    (_, edge) = imported(file_of(value=4.000000000000001))
    assert edge.value == MOST


GOOD = {"run_id": "r", "image": "a.png", "context": "||", "slot": "colors", "key": "colors#red", "value": 1.0}


def file_of(**changes: Any) -> str:
    return json.dumps({"schema_version": 1, "observations": [GOOD, {**GOOD, **changes}]})


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "nothing", "[" * 100_000, '{"schema_version": 2, "observations": []}'),
        *(file_of(value=number) for number in (float("nan"), float("inf"), 1e9, "1.0", True, None)),
        *(file_of(weight=number) for number in (-1, 1e6, float("nan"))),
        *(file_of(options=number) for number in (-1, 10**9, 2.5)),
        *(
            file_of(slot="animals"),
            file_of(key="colors"),
            file_of(kind="set"),
            file_of(steered=1),
            file_of(more=1),
            file_of(run_id=""),
        ),
    ],
)
def test_a_file_with_anything_wrong_in_it_is_refused(text: str):
    with pytest.raises(FormatError):
        imported(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str):
    with suppress(FormatError):
        imported(text)


def test_a_table_holds_no_formula():
    told = Observation("r", "=cmd()", "||", "a", 'a#@one, "two"', 1.0)
    _, row = list(csv.reader(io.StringIO(as_csv([told]))))
    assert (row[1], row[4]) == ("'=cmd()", '\'@one, "two"')


def test_a_plot_is_xml_whatever_values_are_called():
    told = tuple(Observation(f"r{n}", "a", "||", "s", f"s#<b>&{n % 2}", 1.0 - n % 2) for n in range(12))
    trends = trends_of(folded([Event(1, "observe", told)]).observations, "||", "s")
    drawn = ElementTree.fromstring(trend_svg(trends, "<s>"))
    assert len(drawn.findall("{*}polyline")) == 2
    assert "<b>&0" in [text.text for text in drawn.findall("{*}text")]
    assert trend_svg([]) == ""


def test_what_no_wildcard_here_has_is_left_out_and_told_and_what_may_come_is_kept(tmp_path: Path):
    (tmp_path / "colors.txt").write_text("red\n3::dark blue\n", encoding="utf-8")
    told = [
        Observation("r", "a", "||", key.partition("#")[0], key, 1.0)
        for key in ("colors#red", "colors#dark blue", "colors#ghost", "gone#owl", "inline:1f#fox", "lora#abc")
    ]
    found = fitting(told, keys_in(Wildcards([tmp_path])))
    assert [one.key for one in found.observations] == [one.key for one in told if one.key != "colors#ghost"]
    left, later = found.remarks
    assert "colors#ghost" in left
    assert "gone" in later
    with pytest.raises(FormatError, match="Nothing of this file fits: no wildcard here has colors#ghost"):
        fitting(told[2:3], keys_in(Wildcards([tmp_path])))


def test_a_file_of_a_gigabyte_is_refused_unread_and_one_that_is_no_text_too(tmp_path: Path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1_000_000_000)  # a hole: it takes no room on the disk
    with pytest.raises(FormatError, match=r"huge\.json has 1,000,000,000 bytes"):
        read_export(tmp_path / "huge.json")
    (tmp_path / "image.json").write_bytes(b"\x89PNG\xff")
    with pytest.raises(FormatError, match="no text in UTF-8"):
        read_export(tmp_path / "image.json")


def test_every_table_has_a_line_for_each_thing_and_as_many_cells_as_names():
    told = [
        Observation(f"r{n}", "a", "||", slot, f"{slot}#{(n + n // 3 * turn) % 3}", 3.0 if n % 5 else -3.0, scorer="=x")
        for n in range(40)
        for turn, slot in enumerate(("s", "t"))
    ]
    state = folded([Event(1, "observe", tuple(told))])
    tables = {name: list(csv.reader(io.StringIO(make(state)))) for name, make in TABLES.items()}
    for rows in tables.values():
        assert {len(row) for row in rows} == {len(rows[0])}
    assert {name: len(rows) - 1 for name, rows in tables.items()} == {
        "scores": 80, "values": 6, "pairs": 9, "effect": 1, "trends": 120,
    }  # fmt: skip
    assert tables["effect"][1][:5] == ["||", "'=x", "score", "40", "0.771544"]
