"""Which files of a folder belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.files import File, fingerprint_of, stamp, strip_suffix, units_of
from tests.core.loras.library_files import write_lora


def units(*names: str, sizes: dict[str, int] | None = None) -> dict[str, set[str]]:
    """The siblings of each model, by names."""
    files = [File(name, (sizes or {}).get(name, 10), 1, at) for at, name in enumerate(names)]
    found = units_of("/loras", "/loras/a", files)
    return {Path(unit.path).name: {Path(path).name for path in unit.sidecars} for unit in found}


def test_a_model_has_what_lies_beside_it_under_its_stem() -> None:
    siblings = {
        *("foo.civitai.info", "foo.json", "foo.metadata.json", "foo.cm-info.json", "foo.swarm.json", "foo.info"),
        *("foo.safetensors.rgthree-info.json", "foo.txt", "foo.description.txt", "foo.sha256", "foo.md"),
        *("foo.png", "foo.preview.png", "foo.thumb.jpg", "foo.preview.mp4", "foo.example.0.jpeg"),
    }
    assert units("foo.safetensors", "bar.json", *siblings) == {"foo.safetensors": siblings}


def test_the_longest_stem_wins() -> None:
    assert units("foo.safetensors", "foo.v1.safetensors", "foo.v1.preview.png", "foo.png") == {
        "foo.safetensors": {"foo.png"},
        "foo.v1.safetensors": {"foo.v1.preview.png"},
    }


def test_two_models_of_one_stem_share_its_siblings() -> None:
    assert units("foo.safetensors", "foo.pt", "foo.json") == {"foo.safetensors": {"foo.json"}, "foo.pt": {"foo.json"}}


@pytest.mark.parametrize("suffix", [".part", ".crdownload", ".tmp", ".download", ".aria2", ".!ut", ".partial"])
def test_a_model_beside_a_download_of_its_name_is_unfinished(suffix: str) -> None:
    files = [File("foo.safetensors", 10, 1, 1), File("foo.safetensors" + suffix, 5, 1, 2), File("b.safetensors", 10)]
    found = {Path(unit.path).name: unit.unfinished for unit in units_of("/loras", "/loras", files)}
    assert found == {"foo.safetensors": True, "b.safetensors": False}


def test_a_download_alone_is_no_model() -> None:
    assert units("foo.safetensors.part", "Unconfirmed 1234.crdownload") == {}


def test_an_empty_model_is_unfinished() -> None:
    (unit,) = units_of("/loras", "/loras", [File("foo.safetensors", 0, 1, 1)])
    assert unit.unfinished


def test_a_name_is_the_path_below_the_root_without_extension() -> None:
    (unit,) = units_of("/loras", "/loras/a b/c", [File("foo v1.2.safetensors", 1, 1, 1)])
    assert unit.name == "a b/c/foo v1.2"
    assert strip_suffix("foo v1.2") == "foo v1.2"


def test_on_windows_names_have_slashes_too() -> None:
    (unit,) = units_of(r"C:\loras", r"C:\loras\a", [File("foo.safetensors", 1, 1, 1)])
    assert (unit.name, unit.path) == ("a/foo", r"C:\loras\a\foo.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"size": 11},
        {"mtime_ns": 2},
        {"inode": 9},
        {"name": "foo.yml"},
    ],
)
def test_a_change_of_any_part_changes_the_fingerprint(change: dict[str, object]) -> None:
    model, sidecar = File("foo.safetensors", 10, 1, 1), File("foo.json", 10, 1, 2)
    before = fingerprint_of([model, sidecar])
    assert fingerprint_of([sidecar, model]) == before
    assert fingerprint_of([model, sidecar._replace(**change)]) != before  # type: ignore[arg-type]
    assert fingerprint_of([model]) != before


@given(st.lists(st.text(min_size=1, max_size=20), max_size=8, unique=True))
def test_any_names_give_units_that_hold_each_sibling_once(names: list[str]) -> None:
    files = [File(name, 1, 1, at) for at, name in enumerate([*names, "foo.safetensors", "foo.json"])]
    for unit in units_of("/loras", "/loras", files):
        assert len(set(unit.sidecars)) == len(unit.sidecars)
        assert unit.path not in unit.sidecars
    assert fingerprint_of(files) == fingerprint_of(files[::-1])


def test_a_stamp_is_of_the_content_wherever_it_is(tmp_path: Path) -> None:
    first = write_lora(tmp_path / "a.safetensors", content=b"x" * 9000)
    other = write_lora(tmp_path / "b.safetensors", content=b"x" * 8999 + b"y")
    size = first.stat().st_size
    before = stamp(str(first), size)
    assert stamp(str(first.rename(tmp_path / "c.safetensors")), size) == before
    assert stamp(str(other), size) != before
    assert stamp(str(tmp_path / "gone.safetensors"), size) == ""
