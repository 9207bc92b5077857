"""check: what is wrong in wildcard files, each with its file and line, and nothing where all is well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.template import Wildcards
from orchestrator_core.template.check import Finding, check
from orchestrator_core.template.circles import circles
from orchestrator_core.template.dialects import IMPACT

BUNDLED = Path(__file__).parents[3] / "wildcards"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wildcards"


def write(folder: Path, **files: str | bytes) -> Wildcards:
    """``colors__warm_txt="red"`` writes colors/warm.txt."""
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        path = folder / f"{stem.replace('__', '/')}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Wildcards([folder])


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_the_bundled_wildcards_are_in_order():
    assert check(Wildcards([BUNDLED])) == []


def test_a_broken_line_is_found_with_its_place_and_text(folder: Path):
    found = only(check(write(folder, animals_txt="fox\n# a comment\nthe {red|grey wolf\n")))
    assert (found.kind, Path(found.file).name, found.line) == ("broken-line", "animals.txt", 3)
    assert found.text[slice(*found.span)] == "{"
    assert found.serious


def test_a_missing_name_is_found_wherever_it_stands(folder: Path):
    values = ["{a|b __no1__}", "${x=__no2__}${x}", "%{…$$__no3__}", "${y:__no4__}", "__w(a=__no5__)__"]
    values += ["<ppp:if a>__no6__<ppp:/if>", "<ppp:stn>__no7__<ppp:/stn>"]
    found = check(write(folder, all_txt="\n".join(values), w_txt="${a}"))
    assert [(f.kind, f.line) for f in found] == [("missing-wildcard", line) for line in range(1, 8)]
    assert [f.text[slice(*f.span)] for f in found] == [f"__no{number}__" for number in range(1, 8)]


def test_a_missing_name_is_reported_once_for_each_file_and_counted(folder: Path):
    found = check(write(folder, a_txt="__no__\n__no__ and __no__\n", b_txt="__no__\n"))
    assert [(Path(f.file).name, f.line, f.also) for f in found] == [("a.txt", 1, 2), ("b.txt", 1, 0)]


def test_a_near_name_is_suggested(folder: Path):
    found = only(check(write(folder, a_txt="__colrs/warm__", colors__warm_txt="red")))
    assert "'colrs/warm'" in found.message
    assert "'colors/warm'?" in found.message


def test_a_name_that_leads_elsewhere_may_be_meant(folder: Path):
    found = only(check(write(folder, a_txt="__warm__", colors__warm_txt="red")))
    assert (found.kind, found.serious) == ("other-wildcard", False)
    assert "colors/warm" in found.message


def test_names_made_of_variables_are_left_alone(folder: Path):
    assert check(write(folder, a_txt="${c=!{warm|cold}}__colors/${c}__")) == []


def test_an_entry_that_includes_a_missing_wildcard_is_found(folder: Path):
    found = only(check(write(folder, a_yaml='a:\n  - red\n  - "%include nope::"\n  - "% ::include nope"\n')))
    assert (found.kind, found.line) == ("missing-wildcard", 4)


def test_a_circle_is_named_by_its_chain_at_its_first_step(folder: Path):
    found = only(check(write(folder, x_txt="a\nb __y__\n", y_txt="c __z__\n", z_txt="__x__\n")))
    assert (found.kind, Path(found.file).name, found.line) == ("cycle", "x.txt", 2)
    assert "x → y → z → x" in found.message


def test_a_wildcard_in_itself_and_one_by_a_glob_are_circles(folder: Path):
    found = check(write(folder, me_txt="__me__", c__all_txt="__c/*__", c__red_txt="red"))
    assert [f.message.split(": ")[1].split(". ")[0] for f in found] == ["c/all → c/* → c/all", "me → me"]


def test_a_circle_that_only_a_hidden_file_would_close_is_none(tmp_path: Path):
    write(tmp_path / "1", x_txt="plain", y_txt="__x__")
    write(tmp_path / "2", x_txt="__y__")
    found = only(check(Wildcards([tmp_path / "1", tmp_path / "2"])))
    assert found.kind == "shadowed"


def test_hidden_names_are_serious_inside_one_folder_only(tmp_path: Path):
    write(tmp_path / "1", x_txt="a", x_yaml="x: [b]")
    write(tmp_path / "2", x_txt="c")
    found = check(Wildcards([tmp_path / "1", tmp_path / "2"]))
    assert [(f.kind, Path(f.file).relative_to(tmp_path).as_posix(), f.serious) for f in found] == [
        ("shadowed", "1/x.yaml", True),
        ("shadowed", "2/x.txt", False),
    ]


def test_files_that_cannot_be_read_are_found_and_take_nothing_down(folder: Path):
    found = check(write(folder, bin_txt=b"a\0b\0\1\2", broken_yaml="a: [1", empty_txt="# nothing", good_txt="__no__"))
    assert [(f.kind, Path(f.file).name) for f in found] == [
        ("unreadable", "bin.txt"),
        ("unreadable", "broken.yaml"),
        ("unreadable", "empty.txt"),
        ("missing-wildcard", "good.txt"),
    ]


def test_the_dialect_decides_what_is_a_reference(folder: Path):
    wildcards = write(folder, a_txt="${x:__no__}")
    assert [f.span for f in check(wildcards)] == [(4, 10)]
    assert [f.text[slice(*f.span)] for f in check(wildcards, IMPACT)] == ["__no__"]


def test_so_many_missing_names_end_the_search_and_not_the_check(folder: Path):
    lines = "\n".join(f"__no{number}__" for number in range(2100))
    found = check(write(folder, a_txt=lines, x_txt="__x__"))
    kinds = [f.kind for f in found]
    assert (kinds.count("missing-wildcard"), kinds.count("not-checked"), kinds.count("cycle")) == (2000, 100, 1)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=4)))
def test_circles_are_found_exactly_where_there_are_any(graph: dict[str, list[str]]):
    def reaches(start: str, goal: str) -> bool:
        seen: set[str] = set()
        waiting = list(graph.get(start, ()))
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += graph.get(node, ())
        return goal in seen

    found = list(circles(graph))
    for circle in found:
        assert all(after in graph[node] for node, after in zip(circle, [*circle[1:], circle[0]], strict=True))
    assert {node for node in graph if reaches(node, node)} == {
        node
        for node in graph
        for circle in found
        if node == circle[0] or (reaches(node, circle[0]) and reaches(circle[0], node))
    }


def test_a_chain_of_any_length_is_walked():
    graph = {str(number): [str(number + 1)] for number in range(5000)} | {"5000": ["0"]}
    assert [len(circle) for circle in circles(graph)] == [5001]
