"""Headers of LoRAs: what is decoded, whether a file is all there, and what strange files may not do."""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.header import read_header
from tests.core.loras.lora_files import KOHYA, XL, header_of, tensors, unet, write_lora, write_raw

SHAPES = {"a": [2, 3], "b": [4], "c": []}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers") / "foo.safetensors"


@given(metadata=st.dictionaries(st.text(), st.text()), spaced=st.booleans(), first=st.booleans())
def test_any_metadata_is_read_back(place: Path, metadata: dict[str, str], spaced: bool, first: bool):
    header, payload = header_of(SHAPES, metadata)
    if not first:
        header["__metadata__"] = header.pop("__metadata__")
    text = json.dumps(header, separators=None if spaced else (",", ":"), ensure_ascii=False)
    write_raw(place, text.encode("utf-8", "surrogatepass"), payload)
    found = read_header(str(place))
    assert (found.state, found.problem) == ("complete", "")
    assert found.metadata == metadata


@given(data=st.binary(max_size=200), length=st.one_of(st.none(), st.integers(0, 2**64 - 1)))
def test_bytes_of_any_kind_never_raise(place: Path, data: bytes, length: int | None):
    write_raw(place, data, 3, length)
    assert read_header(str(place)).state in ("incomplete", "unreadable", "complete")


@given(
    value=st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=8,
    )
)
def test_metadata_of_any_type_never_raises(place: Path, value: object):
    header, payload = header_of(SHAPES, metadata=value)
    write_raw(place, json.dumps(header).encode(), payload)
    found = read_header(str(place))
    strings = value is None or (isinstance(value, dict) and all(isinstance(item, str) for item in value.values()))
    assert found.state == ("complete" if strings else "unreadable")


@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    order=st.randoms(use_true_random=False),
    shuffled=st.booleans(),
    change=st.integers(-30, 4),
)
def test_completeness_is_what_the_safetensors_library_says(place: Path, sizes, order, shuffled, change):
    safetensors = pytest.importorskip("safetensors")
    header, payload = header_of({f"t{index:02}": [size] for index, size in enumerate(sizes)}, {"format": "pt"})
    names = [name for name in header if name != "__metadata__"]
    if shuffled:
        order.shuffle(names)
    text = json.dumps({"__metadata__": {"format": "pt"}, **{name: header[name] for name in names}})
    write_raw(place, text.encode(), max(0, payload + change))
    try:
        with safetensors.safe_open(str(place), "np"):
            whole = True
    except safetensors.SafetensorError:
        whole = False
    assert (read_header(str(place)).state == "complete") == whole


def test_a_file_cut_between_two_tensors_is_incomplete_even_if_the_last_entry_ends_there(tmp_path: Path):
    header, payload = header_of({f"t{index:03}": [1] for index in range(2000)})
    names = sorted(header, reverse=True)  # so that the last entry of the header is the first tensor
    text = json.dumps({name: header[name] for name in names}, separators=(",", ":")).encode()
    assert read_header(str(write_raw(tmp_path / "cut.safetensors", text, 2))).state == "incomplete"
    assert read_header(str(write_raw(tmp_path / "whole.safetensors", text, payload))).state == "complete"


@pytest.mark.parametrize("missing", [1, 2, 200])
def test_a_file_that_ends_too_early_is_incomplete_and_says_by_how_much(tmp_path: Path, missing: int):
    path = write_lora(tmp_path / "foo.safetensors", metadata={"ss_output_name": "foo"})
    whole = path.stat().st_size
    os.truncate(path, whole - missing)
    found = read_header(str(path))
    assert found.state == "incomplete"
    assert f"{whole - missing:,}" in found.problem
    assert f"{whole:,}" in found.problem
    assert found.metadata == {"ss_output_name": "foo"}


@pytest.mark.parametrize(("more", "said"), [(1, "1 byte more"), (2000, "2,000 bytes more")])
def test_a_file_longer_than_its_header_says_is_refused_and_not_waited_for(tmp_path: Path, more: int, said: str):
    path = write_lora(tmp_path / "foo.safetensors")
    path.write_bytes(path.read_bytes() + bytes(more))
    found = read_header(str(path))
    assert found.state == "unreadable"
    assert f"It has {said} than its header speaks of" in found.problem


@pytest.mark.parametrize("places", [[(-5, 4)], [(-5, 4), (4, 8)], [(0, 4), (-5, 8)]])
def test_a_tensor_before_the_beginning_of_the_data_is_refused(tmp_path: Path, places: list[tuple[int, int]]):
    header = {f"t{at}": {"dtype": "U8", "shape": [4], "data_offsets": place} for at, place in enumerate(places)}
    path = write_raw(tmp_path / "foo.safetensors", json.dumps(header).encode(), places[-1][1])
    found = read_header(str(path))
    assert found.state == "unreadable"
    assert "before the beginning of the data" in found.problem


@pytest.mark.parametrize("length", [0, 4, 8, 9, 1000])
def test_a_file_that_ends_within_its_header_is_incomplete(tmp_path: Path, length: int):
    path = write_lora(tmp_path / "foo.safetensors")
    os.truncate(path, length)
    assert read_header(str(path)).state == "incomplete"


def test_a_download_that_has_only_reserved_its_space_is_incomplete(tmp_path: Path):
    path = tmp_path / "foo.safetensors"
    path.write_bytes(bytes(5000))
    assert read_header(str(path)).state == "incomplete"


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 100_000_001])
def test_a_length_that_no_loader_takes_is_refused_without_reading(tmp_path: Path, length: int):
    path = write_raw(tmp_path / "foo.safetensors", b'{"a":1}', 100, length)
    found = read_header(str(path))
    assert found.state == "unreadable"
    assert f"{length:,}" in found.problem


@pytest.mark.parametrize(
    "header",
    [
        b"not json at all",
        b"[1, 2]",
        b'{"a": NaN}',
        b"{" * 5000,
        b'{"__metadata__": {"a": "b"',
        b'{"__metadata__": {"a": "\xff"}, "x": 1}',
        b'{"x": ' + b"9" * 5000 + b"}",
        b'{"x":{"data_offsets":[0,' + b"9" * 5000 + b"]}}",
        b"{}",
    ],
)
def test_what_is_no_header_is_unreadable_and_never_raises(tmp_path: Path, header: bytes):
    found = read_header(str(write_raw(tmp_path / "foo.safetensors", header, 0)))
    assert found.state == "unreadable"
    assert found.problem


def test_a_key_that_is_there_twice_is_read_as_its_last_value(tmp_path: Path):
    header = b'{"__metadata__":{"a":"1","a":"2"},"x":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}'
    assert read_header(str(write_raw(tmp_path / "foo.safetensors", header, 2))).metadata == {"a": "2"}


def test_values_that_are_no_text_are_left_out_and_named(tmp_path: Path):
    found = read_header(str(write_lora(tmp_path / "foo.safetensors", metadata={"good": "yes", "bad": 3})))
    assert found.state == "unreadable"
    assert found.metadata == {"good": "yes"}
    assert "bad" in found.problem


def test_metadata_longer_than_what_is_read_first_is_read_whole(tmp_path: Path):
    metadata = {"ss_tag_frequency": json.dumps({"10_foo": {f"tag {index} ü": index for index in range(20_000)}})}
    found = read_header(str(write_lora(tmp_path / "foo.safetensors", metadata=metadata)))
    assert found.metadata == metadata
    assert found.base_model.family == "SD 1.5"


def test_text_that_looks_like_the_end_of_the_metadata_does_not_end_it(tmp_path: Path):
    metadata = {"a": '"},"', "b": '{"x": "y"},', "c": '"data_offsets":[0,99999999]'}
    found = read_header(str(write_lora(tmp_path / "foo.safetensors", metadata=metadata)))
    assert (found.state, found.metadata) == ("complete", metadata)


@pytest.mark.parametrize("braces", [1, 99, 100, 101, 300])
@pytest.mark.parametrize("last", ["x", '"},"'])
def test_braces_in_values_do_not_end_the_metadata(tmp_path: Path, braces: int, last: str):
    metadata = {"a": "{x} " * braces, "z": last}
    found = read_header(str(write_lora(tmp_path / "foo.safetensors", metadata=metadata)))
    assert (found.state, found.metadata, found.base_model.family) == ("complete", metadata, "SD 1.5")


def test_a_header_of_many_megabytes_costs_little_memory_and_is_said_to_be_left_out(tmp_path: Path):
    path = tmp_path / "foo.safetensors"
    header, payload = header_of(SHAPES)
    rest = json.dumps(header, separators=(",", ":")).encode()[1:]
    length = 90_000_000
    with path.open("wb") as file:  # a hole in the middle: 90 MB that need no space
        file.write(length.to_bytes(8, "little") + b'{"__metadata__":{"tags":"')
        file.seek(8 + length - len(rest) - 3)
        file.write(b'"},' + rest + bytes(payload))
    tracemalloc.start()
    found = read_header(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.state == "complete"
    assert "too many" in found.problem
    assert peak < 4_000_000


def test_a_missing_file_a_folder_and_a_pipe_are_unreadable(tmp_path: Path):
    assert read_header(str(tmp_path / "none.safetensors")).state == "unreadable"
    assert read_header(str(tmp_path)).state == "unreadable"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.safetensors")
        assert read_header(str(tmp_path / "pipe.safetensors")).state == "incomplete"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_without_permission_says_so(tmp_path: Path):
    path = write_lora(tmp_path / "foo.safetensors")
    path.chmod(0)
    found = read_header(str(path))
    assert found.state == "unreadable"
    assert "cannot be read" in found.problem


def test_a_long_header_is_neither_read_nor_parsed_as_a_whole(tmp_path: Path):
    blocks = XL + [(f"output_blocks_{number}_1", 10) for number in range(10, 60)]
    path = write_lora(tmp_path / "foo.safetensors", tensors(unet(blocks), KOHYA), metadata={"format": "pt"})
    length = int.from_bytes(path.read_bytes()[:8], "little")
    tracemalloc.start()
    found = read_header(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.state, found.base_model.family) == ("complete", "SDXL")
    assert peak < length
