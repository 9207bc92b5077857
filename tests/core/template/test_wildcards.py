import os
import sys
from pathlib import Path

import pytest

from orchestrator_core.errors import WildcardError
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.dialects import IMPACT
from tests.core.template.engine import drawn, kinds, outcomes, wildcards_in, write

not_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def texts(wildcards: Wildcards, name: str) -> list[str]:
    return [value.text for value in wildcards.values(name) or ()]


def test_the_first_folder_wins_and_the_others_are_listed(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", {"a.txt": "one"}), write(tmp_path / "2", {"a.txt": "two", "b.txt": "three"})
    wildcards = Wildcards([first, second])
    assert texts(wildcards, "a") == ["one"]
    assert texts(wildcards, "b") == ["three"]
    assert wildcards.shadowed() == [("a", first / "a.txt", second / "a.txt")]


def test_a_yaml_of_an_earlier_folder_wins_over_a_text_of_a_later_one(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", {"p.yaml": "a: [one]"}), write(tmp_path / "2", {"a.txt": "two"})
    assert texts(Wildcards([first, second]), "a") == ["one"]


def test_values_know_their_file_and_line(tmp_path: Path) -> None:
    files = {
        "warm.txt": "# colours\n\nred\n  amber\n# more\n2::gold\n",
        "p.yaml": "cold:\n  - blue\n  - {text: teal, weight: 3}\n",
        "q.json": '{"grey": [\n "ash",\n "slate"]}',
    }
    wildcards = wildcards_in(tmp_path, files)
    found = {
        name: [(v.text, v.line, v.weight, v.file) for v in wildcards.values(name) or ()]
        for name in ("warm", "cold", "grey")
    }
    assert found["warm"] == [("red", 3, 1, "warm.txt"), ("amber", 4, 1, "warm.txt"), ("gold", 6, 2, "warm.txt")]
    assert found["cold"] == [("blue", 2, 1, "p.yaml"), ("teal", 3, 3, "p.yaml")]
    assert found["grey"] == [("ash", 2, 1, "q.json"), ("slate", 3, 1, "q.json")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("colors/warm", ["red"]),
        ("Colors/WARM", ["red"]),
        ("two words", ["spaced"]),
        ("Two-Words", ["spaced"]),
        ("colors/*", ["blue", "red"]),
        ("*/warm", ["red"]),
        ("*/colors", ["blue", "red"]),
        ("warm", ["red"]),
        ("colors", ["blue", "red"]),
        ("col*", ["blue", "red"]),
        ("colors\\warm", ["red"]),
        ("/colors//warm/", ["red"]),
        ("colors/[vw]*", ["red"]),
        ("nothing", []),
        ("colors/../colors/warm", []),
    ],
)
def test_names_are_found_as_people_write_them(tmp_path: Path, name: str, expected: list[str]) -> None:
    files = {"colors/warm.txt": "red", "colors/cold.txt": "blue", "two words.txt": "spaced"}
    assert sorted(texts(wildcards_in(tmp_path, files), name)) == sorted(expected)


def test_a_glob_of_the_impact_dialect_matches_the_beginning_of_a_name(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"colors/warm/a.txt": "red", "colors/cold.txt": "blue"})
    assert len(wildcards.values("colors/w*", IMPACT) or ()) == 1
    assert outcomes("__colors/*__", wildcards, dialect="impact") == {"red", "blue"}


def test_taking_another_wildcard_than_the_named_one_is_said(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"deep/inside/animals.txt": "fox"})
    draft = Template("a __animals__").draw(wildcards, 0)
    assert draft.positive == "a fox"
    assert kinds(draft) == ["other-wildcard"]


def test_a_missing_wildcard_stays_with_a_diagnostic_that_points_at_it(tmp_path: Path) -> None:
    draft = Template("a __nope__ b").draw(Wildcards([tmp_path]), 0)
    assert draft.positive == "a __nope__ b"
    (note,) = draft.diagnostics
    assert (note.kind, note.start, note.end) == ("missing-wildcard", 2, 10)


@not_windows
def test_a_link_out_of_the_folders_is_refused_and_one_between_them_is_not(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"secret.txt": "hidden"})
    root, other = write(tmp_path / "root", {}), write(tmp_path / "other", {"b.txt": "fine"})
    (root / "leak.txt").symlink_to(secret / "secret.txt")
    (root / "leaks").symlink_to(secret)
    (root / "shared").symlink_to(other)
    (root / "circle").symlink_to(root)
    wildcards = Wildcards([root, other])
    assert wildcards.names() == ["b", "shared/b"]
    assert {problem.path for problem in wildcards.problems} >= {"leak.txt", "leaks"}


@not_windows
def test_a_pipe_or_a_device_is_no_wildcard_and_stops_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.txt": "fine"})
    os.mkfifo(root / "pipe.txt")
    wildcards = Wildcards([root])
    assert wildcards.names() == ["a"]
    assert [problem.path for problem in wildcards.check()] == ["pipe.txt"]


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "lpt9"])
def test_names_that_windows_reserves_are_refused(tmp_path: Path, name: str) -> None:
    wildcards = wildcards_in(tmp_path, {f"{name}.txt": "x", "fine.txt": "y"})
    assert wildcards.names() == ["fine"]


def test_one_bad_file_takes_down_no_other(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "good.txt": "fine",
        "bad.yaml": "a: [unclosed",
        "bad.json": "{",
        "binary.txt": b"\x00\x01\xff" * 99,
        "empty.txt": "",
    }
    wildcards = wildcards_in(tmp_path, files)
    assert drawn("__good__", wildcards) == "fine"
    assert {problem.path for problem in wildcards.check()} == {"bad.yaml", "bad.json", "binary.txt", "empty.txt"}
    assert any("line 1" in str(problem) for problem in wildcards.problems)


def test_a_file_in_place_of_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(WildcardError, match="folder"):
        Wildcards([tmp_path / "a.txt"])


def test_search_puts_names_that_begin_so_first(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"warm.txt": "x", "colors/warm.txt": "x", "cold.txt": "x"})
    assert wildcards.search("warm") == ["warm", "colors/warm"]


# reloading


def test_a_changed_added_and_removed_file_is_seen_and_named(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"a.txt": "old", "gone.txt": "x"})
    assert drawn("__a__", wildcards) == "old"
    root = tmp_path / "wildcards"
    (root / "a.txt").write_text("newer")
    (root / "gone.txt").unlink()
    write(root, {"deep/new.txt": "added"})
    changes = wildcards.refresh()
    assert (changes.added, changes.changed, changes.removed) == (("deep/new",), ("a",), ("gone",))
    assert drawn("__a__ __deep/new__ __gone__", wildcards) == "newer added __gone__"
    assert not wildcards.refresh()


class Clock(Wildcards):
    """Looks at the disk at every draw, as if two seconds had gone by."""

    def look(self) -> None:
        self._next_look = 0.0
        super().look()
        for loaded in self._files.values():
            loaded.checked = 0.0
        for found in self._found.values():
            found.good_until = 0.0


@pytest.mark.parametrize("name", ["a.txt", "pack.yaml"])
def test_an_edit_reaches_the_next_draw_by_itself(tmp_path: Path, name: str) -> None:
    content = "{}" if name == "a.txt" else "a: [{}]"
    root = write(tmp_path / "w", {name: content.format("one")})
    wildcards = Clock([root])
    assert drawn("__a__", wildcards) == "one"
    (root / name).write_text(content.format("three"))
    assert drawn("__a__", wildcards) == "three"
    write(root, {"b.txt": "new"})
    assert drawn("__a__ __b__", wildcards) == "three new"
    (root / name).unlink()
    assert drawn("__a__", wildcards) == "__a__"


def test_a_folder_that_comes_later_is_seen(tmp_path: Path) -> None:
    wildcards = Clock([tmp_path / "later"])
    assert drawn("__a__", wildcards) == "__a__"
    write(tmp_path / "later", {"a.txt": "here"})
    assert drawn("__a__", wildcards) == "here"


def test_what_a_cache_keeps_is_what_the_file_says(tmp_path: Path) -> None:
    root = write(tmp_path / "w", {"p.yaml": "a:\n  - one\n  - {text: two, weight: 3, labels: [x]}\n"})
    cold = list(Wildcards([root], tmp_path / "cache").values("a") or ())
    warm = list(Wildcards([root], tmp_path / "cache").values("a") or ())
    assert cold == warm
    for kept in (tmp_path / "cache").iterdir():
        kept.write_text("broken")
    assert list(Wildcards([root], tmp_path / "cache").values("a") or ()) == cold
