"""A wildcard that is not there: what stands in its place in each way of drawing, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Template
from tests.core.template.engine import NONE, drawn, kinds, listed, wildcards_in


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a __missing__ b", "a __missing__ b"),
        ("__missing(x=1)__", "__missing(x=1)__"),
        ("{2$$, $$__missing__}", "__missing__"),
        ("__2$$missing__", "__2$$missing__"),
        ("__colors-${tone}__", "__colors-tone__"),
        ("${tone=warm}__colors-${tone}__", "__colors-warm__"),
        ("__colors-${tone:cold}__", "__colors-cold__"),
        ("__../outside__", "__../outside__"),
        ("__a/../b__", "__a/../b__"),
        ("__/etc/passwd__", "__/etc/passwd__"),
        ("__\\\\server\\share__", "__\\\\server\\share__"),
    ],
)
def test_its_name_stays_in_every_way_of_drawing(text: str, left: str):
    template = Template(text)
    assert template.draw(NONE, 1).positive == left
    assert template.cycle(NONE, 1).positive == left
    assert [draft.positive for draft in template.combinations(NONE)] == [left]
    assert template.count(NONE) == 1
    assert kinds(template.draw(NONE, 1)) in (["missing-wildcard"], ["refused-name"])


@pytest.mark.parametrize("text", ["a __missing__ b", "a {2$$__missing__} b", "${x=y}a __missing-${x}__ b"])
def test_it_can_be_left_out_in_every_way_of_drawing(text: str):
    template = Template(text, missing="remove")
    assert template.draw(NONE, 1).positive == "a  b"
    assert template.cycle(NONE, 1).positive == "a  b"
    assert [draft.positive for draft in template.combinations(NONE)] == ["a  b"]


def test_it_can_be_an_error_in_every_way_of_drawing():
    template = Template("a __missing__ b", missing="error")
    for act in (
        lambda: template.draw(NONE, 1),
        lambda: template.cycle(NONE, 1),
        lambda: list(template.combinations(NONE)),
    ):
        with pytest.raises(TemplateError, match="missing"):
            act()


def test_a_missing_wildcard_among_options_takes_one_place_in_a_listing_that_ends():
    assert listed("{__missing__|x}") == ["__missing__", "x"]
    assert listed("{a|b} __missing__") == ["a __missing__", "b __missing__"]


def test_one_that_is_not_drawn_is_no_matter(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"w.txt": "x\n0::__missing__\n"})
    assert kinds(Template("__w__").draw(wildcards, 1)) == []
    assert drawn("__w__", wildcards) == "x"


def test_the_diagnostic_points_at_the_name():
    (found,) = Template("a __missing__ b").draw(NONE, 1).diagnostics
    assert "a __missing__ b"[found.start : found.end] == "__missing__"
    assert "'missing'" in found.message
    assert str(found).startswith("in the template, character 3: There is no wildcard")


@pytest.mark.parametrize("text", ["__colors/wram__", "{a|%1::include colors/wram}"])
def test_the_name_that_was_meant_is_said(text: str, tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"colors/warm.txt": "red", "animals.txt": "fox"})
    (found,) = Template(text).draw(wildcards, 1).diagnostics
    assert found.message.endswith("Did you mean colors/warm?")
    assert "Did you mean" not in Template("__zebra__").draw(wildcards, 1).diagnostics[0].message


def test_the_name_that_was_meant_is_that_of_the_files_of_today(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"colors/warm.txt": "red"})
    assert wildcards.similar("colors/wram") == "colors/warm"
    (wildcards.roots[0] / "colors/warm.txt").unlink()
    wildcards.refresh()
    assert wildcards.similar("colors/wram") == ""
