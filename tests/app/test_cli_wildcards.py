"""orchestrator wildcards: list, search, show and check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_core.config import data_folder
from tests.app.conftest import Cli


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_list_names_values_and_files(cli: Cli, wildcards: Path):
    done = cli("wildcards", "list", "--wildcards", wildcards)
    assert done.status == 0
    assert rows(done.out) == [
        ["name", "values", "file"],
        ["animals/birds", "1", "animals.yaml"],
        ["animals/cats", "2", "animals.yaml"],
        ["colors/warm", "2", "colors/warm.txt"],
    ]
    assert "3 wildcards with 5 values" in done.err


def test_the_bundled_wildcards_are_there_and_ones_own_win(cli: Cli):
    own = data_folder() / "wildcards"
    (own / "colors").mkdir(parents=True)
    (own / "colors" / "warm.txt").write_text("my own red\n")
    done = cli("wildcards", "list")
    (warm,) = [row for row in rows(done.out) if row[0] == "colors/warm"]
    assert warm[1:3] == ["1", "colors/warm.txt"]
    assert warm[3].endswith(str(Path("wildcards", "colors", "warm.txt")))  # what it hides
    assert cli("prompt", "__colors/warm__").out == "my own red\n"
    assert cli("prompt", "__colors/warm__", "--wildcards", "bundled").out != "my own red\n"


def test_list_as_json(cli: Cli, wildcards: Path):
    found = json.loads(cli("wildcards", "list", "--json", "--wildcards", wildcards).out)
    assert found[0] == {"name": "animals/birds", "values": 1, "file": "animals.yaml", "hides": ""}
    assert len(found) == 3


def test_the_table_in_colour_has_the_same_rows(cli: Cli, wildcards: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rich")
    plain = rows(cli("wildcards", "list", "--wildcards", wildcards).out)
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = cli("wildcards", "list", "--wildcards", wildcards).out
    assert "\x1b[1m" in coloured
    assert rows(coloured)[1:] == plain[1:]


def test_search_finds_names_and_values(cli: Cli, wildcards: Path):
    done = cli("wildcards", "search", "warm", "--wildcards", wildcards)
    assert rows(done.out)[1] == ["colors/warm", "2", "colors/warm.txt"]
    assert "a __colors/warm__ cat  animals/cats  animals.yaml:2" in done.out
    assert "crimson  colors/warm  colors/warm.txt:2" in cli("wildcards", "search", "crim", "--wildcards", wildcards).out


def test_search_tells_how_much_more_there_is(cli: Cli):
    done = cli("wildcards", "search", "a", "--limit", 3)
    assert "values more" in done.err


def test_search_for_nothing_that_is_there(cli: Cli, wildcards: Path):
    done = cli("wildcards", "search", "zebra", "--wildcards", wildcards)
    assert (done.status, done.out) == (1, "")
    assert "Nothing holds 'zebra'" in done.err


@pytest.mark.parametrize("name", ["colors/warm", "__colors/warm__"])
def test_show_has_chances_and_places(cli: Cli, wildcards: Path, name: str):
    done = cli("wildcards", "show", name, "--wildcards", wildcards)
    assert rows(done.out)[1:] == [
        ["crimson", "1", "25", "%", "colors/warm.txt:2"],
        ["amber", "3", "75", "%", "colors/warm.txt:3"],
    ]


def test_show_a_glob_and_only_so_many(cli: Cli, wildcards: Path):
    done = cli("wildcards", "show", "*/*", "--limit", 2, "--wildcards", wildcards)
    assert len(rows(done.out)) == 3
    assert "5 values, the first 2 shown" in done.err
    assert len(rows(cli("wildcards", "show", "*/*", "--limit", 0, "--wildcards", wildcards).out)) == 6


def test_show_a_name_that_is_not_there_tells_what_is_near(cli: Cli, wildcards: Path):
    done = cli("wildcards", "show", "colours/warm", "--wildcards", wildcards)
    assert (done.status, done.out) == (2, "")
    assert "Near it: colors/warm" in done.err


def test_check_is_content_with_what_is_bundled(cli: Cli):
    done = cli("wildcards", "check", "--wildcards", "bundled")
    assert (done.status, done.out) == (0, "Nothing is wrong.\n")


def test_check_names_each_problem_with_its_place(cli: Cli, wildcards: Path):
    (wildcards / "x.txt").write_text("fine\n__y__\n")
    (wildcards / "y.txt").write_text("__x__\n{a|b\n__nope__\n")
    (wildcards / "binary.txt").write_bytes(b"\0\1\2\3")
    (wildcards / "colors.yaml").write_text("colors: {warm: [hidden]}\n")
    done = cli("wildcards", "check", "--wildcards", wildcards)
    assert done.status == 1
    lines = done.out.splitlines()
    for place, message in (
        ("x.txt:2", "x → y → x"),
        ("y.txt:2", "never closed"),
        ("y.txt:3", "no wildcard 'nope'"),
        ("binary.txt", "NUL"),
        ("colors.yaml", "hidden by"),
    ):
        at = lines.index(str(Path("wildcards", place)))
        assert message in lines[at + 1]
    assert "    __nope__" in done.out
    assert ["1", "cycle"] in [row[:2] for row in rows(done.out)]
    assert "5 problems, 0 notes" in done.out
    assert cli("wildcards", "check", "--wildcards", wildcards, "--lenient").status == 0


def test_check_takes_what_may_be_meant_for_a_note(cli: Cli, wildcards: Path):
    (wildcards / "x.txt").write_text("__warm__\n")
    done = cli("wildcards", "check", "--wildcards", wildcards)
    assert done.status == 0
    assert "note: " in done.out
    assert "0 problems, 1 note" in done.out
