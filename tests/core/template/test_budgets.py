"""Templates and files that multiply themselves: bounded in time, memory and depth, and said so in a diagnostic."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Template
from tests.core.template.engine import NONE, kinds, wildcards_in

LONGEST = 20_000_000  # characters of a prompt that a bomb may leave


def survives(text: str, wildcards=NONE) -> set[str]:
    """Draws it in each way; what the diagnostics were about."""
    template = Template(text)
    drafts = [template.draw(wildcards, 1), template.cycle(wildcards, 1)]
    drafts += [draft for draft, _ in zip(template.combinations(wildcards), range(3), strict=False)]
    assert all(len(draft.positive) < LONGEST for draft in drafts)
    return {kind for draft in drafts for kind in kinds(draft)}


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<ppp:if true>", "<ppp:/if>"),
        ("<ppp:stn>", "<ppp:/stn>"),
        ("%{…$$", "}"),
        ("${x=!", "}"),
        ("${x:", "}"),
        ("{", "}"),
        ("{a|", "}"),
    ],
)
def test_wildcards_that_lead_back_through_deep_nesting_end(tmp_path: Path, opening: str, closing: str):
    value = opening * 19 + "__a__" + closing * 19
    assert survives("__a__", wildcards_in(tmp_path, {"a.txt": value + "\n"})) & {"cycle", "too-deep"}


def test_a_circle_is_named_by_its_chain(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"x.txt": "__y__\n", "y.txt": "__z__\n", "z.txt": "a __x__\n"})
    draft = Template("__x__").draw(wildcards, 1)
    (found,) = [found for found in draft.diagnostics if found.kind == "cycle"]
    assert any(chain in found.message for chain in ("x → y → z → x", "y → z → x → y", "z → x → y → z"))


def test_a_circle_with_a_way_out_is_none(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"x.txt": "a\n__x__ b\n"})
    drafts = [Template("__x__").draw(wildcards, seed) for seed in range(200)]
    assert {draft.positive for draft in drafts} >= {"a", "a b", "a b b"}
    assert not any(kinds(draft) for draft in drafts)


def test_a_wildcard_that_doubles_itself_ends(tmp_path: Path):
    draft = Template("__a__").draw(wildcards_in(tmp_path, {"a.txt": "__a__ __a__\n"}), 1)
    assert "too-large" in kinds(draft)
    assert len(draft.positive) < LONGEST


def test_a_variable_that_doubles_itself_ends():
    assert "too-large" in survives("${a=!xx}" + "${a+=${a}}" * 40 + "${a}")


@pytest.mark.parametrize("sign", ["=", "=!", "=!{y|z}"])
def test_variables_that_double_one_another_end(sign: str):
    text = "${a0=!{xx|y}}" + "".join(f"${{a{n + 1}{sign}${{a{n}}}${{a{n}}}}}" for n in range(40)) + "${a40}"
    survives(text)


def test_picks_of_picks_of_picks_end():
    assert "too-large" in survives("{r1000$${r1000$${r1000$$a|b}|c}|d}")


def test_long_text_that_is_repeated_ends(tmp_path: Path):
    long = "x" * 200_000
    assert "too-large" in survives("{r1000$$__a__}", wildcards_in(tmp_path, {"a.txt": long}))
    assert "too-large" in survives("${a=" + long + "}" + "${a}" * 1000)
    assert "too-large" in survives("${a=!" + long + "}" + "${a}" * 1000)
    assert "too-large" in survives("{r1000$$" + long + "|b}")
    assert "too-large" in survives("__a__" * 1000, wildcards_in(tmp_path, {"a.txt": long}))


def test_an_ordinary_long_prompt_is_not_cut(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x" * 10_000 + "\n"})
    draft = Template("__a__ {b|c} " * 1000).draw(wildcards, 1)
    assert draft.diagnostics == ()
    assert len(draft.positive) == 1000 * 10_003


def test_a_variable_that_needs_itself_ends():
    assert survives("${a=${a}}${a}") == {"too-deep"}


def test_thousands_of_slots_are_drawn_counted_and_listed():
    template = Template("{a|b} " * 3000)
    assert template.draw(NONE, 1).diagnostics == ()
    assert template.count(NONE) == 2**3000
    start = 2**3000 - 3
    assert [draft.positive[-4:] for draft in template.combinations(NONE, start)] == ["a b ", "b a ", "b b "]


def test_thousands_of_options_are_picked_from():
    options = [f"o{number}" for number in range(20_000)]
    template = Template("{1000$$" + "|".join(options) + "}")
    picks = template.draw(NONE, 1).positive.split(",")
    assert len(set(picks)) == 1000
    assert set(picks) <= set(options)
    assert len(str(template.count(NONE))[:4]) == 4
    assert next(template.combinations(NONE, 10**15)).positive.startswith("o0,o1,")


def test_more_combinations_than_can_be_counted_are_refused_but_can_be_listed():
    template = Template("{r1000$${r1000$$a|b}|c}")
    with pytest.raises(TemplateError, match="too many to count"):
        template.count(NONE)
    assert next(template.combinations(NONE)).positive
