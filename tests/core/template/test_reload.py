"""Wildcard folders that change while they are in use, and caches that do."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_core.template import Template, Wildcards
from tests.core.template.engine import drawn, kinds, wildcards_in, write

not_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


class Eager(Wildcards):
    """Two seconds go by before each look at the disk."""

    def look(self) -> None:
        self._next_look = 0.0
        super().look()
        for loaded in list(self._files.values()):
            loaded.checked = 0.0
        for found in list(self._found.values()):
            found.good_until = 0.0


def folder(tmp_path: Path) -> Path:
    return tmp_path / "wildcards"


def test_a_file_that_is_gone_when_it_is_read_is_a_problem_not_an_error(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x", "p.yaml": "b: [y]", "c.txt": "z"})
    assert drawn("__c__", wildcards) == "z"
    (folder(tmp_path) / "a.txt").unlink()
    (folder(tmp_path) / "p.yaml").unlink()
    draft = Template("__a__ __b__ __c__").draw(wildcards, 1)
    assert draft.positive == "__a__ __b__ z"
    assert kinds(draft) == ["missing-wildcard", "missing-wildcard"]
    assert {problem.path for problem in wildcards.problems} == {"a.txt", "p.yaml"}


@not_windows
def test_a_pipe_that_has_taken_a_files_place_is_not_waited_for(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x", "p.yaml": "b: [y]"})
    wildcards.look()
    for name in ("a.txt", "p.yaml"):
        (folder(tmp_path) / name).unlink()
        os.mkfifo(folder(tmp_path) / name)
    assert drawn("__a__ __b__", wildcards) == "__a__ __b__"
    assert all("no regular file" in problem.message for problem in wildcards.problems)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_told_and_passed_over(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x"})
    Path(os.fsdecode(os.fsencode(folder(tmp_path)) + b"/caf\xe9.txt")).write_text("y")
    wildcards.refresh()
    assert wildcards.names() == ["a"]
    assert [str(problem) for problem in wildcards.problems] == ["caf\\udce9.txt: This name is not in UTF-8; rename it."]


@not_windows
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x", "b.txt": "y"})
    (folder(tmp_path) / "a.txt").chmod(0)
    assert drawn("__a__ __b__", wildcards) == "__a__ y"
    assert [problem.path for problem in wildcards.problems] == ["a.txt"]


def test_a_file_that_a_second_folder_has_too_steps_in_when_the_first_goes(tmp_path: Path):
    first, second = write(tmp_path / "1", {"a.txt": "one"}), write(tmp_path / "2", {"a.txt": "two"})
    wildcards = Eager([first, second])
    assert drawn("__a__", wildcards) == "one"
    (first / "a.txt").unlink()
    assert drawn("__a__", wildcards) == "two"
    write(first, {"a.txt": "three"})
    assert drawn("__a__", wildcards) == "three"


def test_a_file_added_in_the_very_tick_of_the_look_is_seen_at_the_next(tmp_path: Path):
    wildcards = Eager([write(folder(tmp_path), {"a.txt": "x"})])
    assert drawn("__b__", wildcards) == "__b__"
    before = folder(tmp_path).stat()
    write(folder(tmp_path), {"b.txt": "y"})
    os.utime(folder(tmp_path), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert drawn("__b__", wildcards) == "y"


def test_a_renamed_file_and_a_renamed_folder_are_seen(tmp_path: Path):
    wildcards = Eager([write(folder(tmp_path), {"deep/a.txt": "x"})])
    assert drawn("__deep/a__", wildcards) == "x"
    (folder(tmp_path) / "deep" / "a.txt").rename(folder(tmp_path) / "deep" / "b.txt")
    assert drawn("__deep/b__ __deep/a__", wildcards) == "x __deep/a__"
    (folder(tmp_path) / "deep").rename(folder(tmp_path) / "other")
    assert drawn("__other/b__", wildcards) == "x"


def test_a_name_that_comes_into_a_yaml_file_is_found_by_name_and_by_glob(tmp_path: Path):
    wildcards = Eager([write(folder(tmp_path), {"p.yaml": "colors: {warm: [red]}"})])
    assert drawn("__colors/cold__ __colors/*__", wildcards) == "__colors/cold__ red"
    write(folder(tmp_path), {"p.yaml": "colors: {cold: [blue]}"})
    assert drawn("__colors/cold__ __colors/*__ __colors/warm__", wildcards) == "blue blue __colors/warm__"


def test_an_edit_is_seen_through_an_include_a_filter_and_an_anonymous_list(tmp_path: Path):
    pack = "a: ['%1::include b']\nc: [[{}]]\n"
    wildcards = Eager([write(folder(tmp_path), {"p.yaml": pack.format("x"), "b.txt": "one"})])
    assert drawn("__a__ __c__ __b'0'__", wildcards) == "one x one"
    write(folder(tmp_path), {"p.yaml": pack.format("longer"), "b.txt": "other"})
    assert drawn("__a__ __c__ __b'0'__", wildcards) == "other longer other"


def test_between_two_looks_the_disk_is_left_alone(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "old"})
    assert drawn("__a__", wildcards) == "old"
    write(folder(tmp_path), {"a.txt": "newer"})
    assert drawn("__a__", wildcards) == "old"
    wildcards.refresh()
    assert drawn("__a__", wildcards) == "newer"


def repeat(action: Callable[[], None], stop: threading.Event, failures: list[BaseException]) -> None:
    try:
        while not stop.is_set():
            action()
    except BaseException as error:  # noqa: BLE001 - it is raised in the test's own thread
        failures.append(error)
        stop.set()


def test_drawing_while_files_change_never_fails(tmp_path: Path):
    root = write(folder(tmp_path), {f"{n}.txt": f"v{n}\n" for n in range(20)} | {"p.yaml": "y: [a, b]"})
    wildcards = Eager([root])
    template = Template(" ".join(f"__{n}__" for n in range(20)) + " __y__ __*__ __nothing__")
    stop = threading.Event()
    failures: list[BaseException] = []

    def edit() -> None:
        for number in range(0, 20, 3):
            write(
                root, {f"{number}.txt": f"v{number}\n" * (1 + number % 2), f"new{number}.txt": "x", "p.yaml": "y: [c]"}
            )
            (root / f"new{number}.txt").unlink()

    def draw() -> None:
        text = template.draw(wildcards, 1).positive
        assert text.startswith(("v0 ", "__0__ "))

    def ask() -> None:
        assert "1" in wildcards.names()
        assert isinstance(wildcards.problems, list)
        wildcards.refresh()

    threads = [threading.Thread(target=repeat, args=(action, stop, failures)) for action in (edit, draw, draw, ask)]
    for thread in threads:
        thread.start()
    stop.wait(1.0)
    stop.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# the cache of parsed files


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        "{}",
        "\x00",
        '{"own_name": "p", "entries": 5}',
        '{"own_name": "p", "entries": [[1, 2, 3, 4, 5]]}',
        '{"own_name": "p", "entries": [["a", ["x"], [1], {"x": 5}, null]]}',
        "[" * 100_000,
    ],
    ids=lambda kept: kept[:30],
)
def test_a_broken_cache_is_written_anew(tmp_path: Path, kept: str):
    root, cache = write(folder(tmp_path), {"p.yaml": "a: [one]"}), tmp_path / "cache"
    assert drawn("__a__", Wildcards([root], cache)) == "one"
    (file,) = cache.iterdir()
    whole = file.read_text("utf-8")
    file.write_text(kept, "utf-8")
    assert drawn("__a__", Wildcards([root], cache)) == "one"
    assert file.read_text("utf-8") == whole


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path):
    root = write(folder(tmp_path), {"p.yaml": "a: [one]"})
    (tmp_path / "file").write_text("x")
    assert drawn("__a__", Wildcards([root], tmp_path / "file" / "cache")) == "one"
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert drawn("__a__", Wildcards([root], locked)) == "one"
    locked.chmod(stat.S_IRWXU)


def test_one_cache_serves_files_of_the_same_content_under_other_names(tmp_path: Path):
    root = write(folder(tmp_path), {"a.yaml": "[one, two]", "deep/b.yaml": "[one, two]"})
    for _ in range(2):
        wildcards = Wildcards([root], tmp_path / "cache")
        assert wildcards.names() == ["a", "deep/b"]


def test_an_edited_file_is_not_taken_from_the_cache(tmp_path: Path):
    root, cache = write(folder(tmp_path), {"p.yaml": "a: [one]"}), tmp_path / "cache"
    assert drawn("__a__", Wildcards([root], cache)) == "one"
    write(root, {"p.yaml": "a: [two]"})
    assert drawn("__a__", Wildcards([root], cache)) == "two"


def test_the_digest_is_another_when_any_file_is_and_the_next_draw_has_its_new_values(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x", "deep/b.txt": "y"})
    before = wildcards.digest()
    assert drawn("__a__", wildcards) == "x"
    assert wildcards.digest() == before
    (folder(tmp_path) / "a.txt").write_text("another", "utf-8")  # in place: the folder's own time stays
    after = wildcards.digest()
    assert after != before
    assert drawn("__a__", wildcards) == "another"  # at once: what was drawn by the old file is not kept as the new
    (folder(tmp_path) / "deep" / "b.txt").unlink()
    assert wildcards.digest() not in (before, after)
