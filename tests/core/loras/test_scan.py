"""One look at the folders: roots, links, loops, and folders that cannot be read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator_core.loras.scan import Disk, scan
from tests.core.loras.library_files import write_lora

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")


def paths(disk: Disk) -> set[str]:
    return {unit.path for place in disk.folders for unit in disk.units(place, "")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    folder.mkdir()
    return folder


def test_roots_and_nested_folders_and_equal_names_are_all_seen(root: Path, tmp_path: Path) -> None:
    made = {
        str(write_lora(path))
        for path in (root / "foo.safetensors", root / "a" / "b" / "foo.safetensors", tmp_path / "two" / "foo.pt")
    }
    assert paths(scan([str(root), str(tmp_path / "two")])) == made


def test_hidden_files_and_folders_are_not_seen(root: Path) -> None:
    write_lora(root / ".foo.safetensors")
    write_lora(root / ".trash" / "foo.safetensors")
    assert paths(scan([str(root)])) == set()


def test_a_root_inside_of_another_is_seen_once(root: Path) -> None:
    path = write_lora(root / "sub" / "foo.safetensors")
    disk = scan([str(root), str(root / "sub")])
    assert paths(disk) == {str(path)}
    assert disk.links == {str(root / "sub"): str(root / "sub")}


def test_a_linked_folder_is_shown_by_the_link(root: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "elsewhere" / "foo.safetensors")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert paths(scan([str(root)])) == {str(root / "link" / "foo.safetensors")}


def test_a_folder_and_a_link_to_it_are_one(root: Path) -> None:
    path = write_lora(root / "z" / "foo.safetensors")
    (root / "a").symlink_to(root / "z")
    disk = scan([str(root)])
    assert paths(disk) == {str(path)}
    assert disk.links == {str(root / "a"): str(root / "z")}


def test_circles_of_links_end(root: Path) -> None:
    path = write_lora(root / "sub" / "foo.safetensors")
    (root / "sub" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "other").symlink_to(root / "sub")
    assert paths(scan([str(root)])) == {str(path)}


def test_a_link_to_a_file_that_is_there_is_its_other_name(root: Path) -> None:
    path = write_lora(root / "sub" / "foo.safetensors")
    (root / "alias.safetensors").symlink_to(path)
    disk = scan([str(root)])
    assert paths(disk) == {str(path)}
    assert disk.links == {str(root / "alias.safetensors"): str(path)}


def test_of_two_links_to_a_file_elsewhere_one_is_shown(root: Path, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "foo.safetensors")
    for name in ("a.safetensors", "b.safetensors"):
        (root / name).symlink_to(path)
    disk = scan([str(root)])
    assert len(paths(disk)) == 1
    assert {*paths(disk), *disk.links} == {str(root / "a.safetensors"), str(root / "b.safetensors")}


def test_a_link_to_nothing_is_left_out(root: Path) -> None:
    (root / "foo.safetensors").symlink_to(root / "gone.safetensors")
    assert paths(scan([str(root)])) == set()


def test_a_root_that_is_not_there_is_offline(root: Path, tmp_path: Path) -> None:
    path = write_lora(root / "foo.safetensors")
    disk = scan([str(tmp_path / "unplugged"), str(root)])
    assert disk.offline == {str(tmp_path / "unplugged")}
    assert paths(disk) == {str(path)}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
def test_a_folder_without_permission_says_so_and_the_rest_goes_on(root: Path) -> None:
    write_lora(root / "closed" / "foo.safetensors")
    path = write_lora(root / "open" / "foo.safetensors")
    for folder in [root, *root.parents][:-1]:
        folder.chmod(folder.stat().st_mode | 0o555)
    (root / "closed").chmod(0)
    os.seteuid(65534)
    try:
        disk = scan([str(root)])
    finally:
        os.seteuid(0)
        (root / "closed").chmod(0o755)
    assert paths(disk) == {str(path)}
    assert disk.problems == {str(root / "closed"): "Permission denied"}
    assert not disk.covers(str(root / "closed" / "foo.safetensors"))
    assert disk.covers(str(root / "open" / "foo.safetensors"))


def test_with_hints_only_what_they_name_is_looked_at(root: Path) -> None:
    for name in ("a/foo", "a/deep/foo", "b/foo", "D.v1/sub/foo"):
        write_lora(root / f"{name}.safetensors")
    disk = scan([str(root)], {str(root / "a" / "foo"), str(root / "D")})
    assert set(disk.folders) == {
        (str(root), str(root / "a")),
        (str(root), str(root)),
        (str(root), str(root / "D.v1")),
        (str(root), str(root / "D.v1" / "sub")),
    }
    assert disk.covers(str(root / "a" / "foo.v2.safetensors"))
    assert disk.covers(str(root / "D.v1" / "sub" / "foo.safetensors"))
    assert not disk.covers(str(root / "a" / "bar.safetensors"))
    assert not disk.covers(str(root / "b" / "foo.safetensors"))


def test_a_hint_about_a_root_is_one_about_all_in_it(root: Path, tmp_path: Path) -> None:
    path = write_lora(root / "a" / "foo.safetensors")
    write_lora(tmp_path / "two" / "foo.safetensors")
    assert paths(scan([str(root), str(tmp_path / "two")], {str(root)})) == {str(path)}


def test_a_name_that_is_no_text_is_seen(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.safetensors")
    try:
        path = write_lora(root / name, content=b"x")
    except OSError:
        pytest.skip("this file system has only names that are text")
    assert paths(scan([str(root)])) == {str(path)}
