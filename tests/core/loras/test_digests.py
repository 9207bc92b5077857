"""Hashes of LoRAs, checked against hashlib over the same bytes, and how they are compared."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.loras.digests import BLOCK, digests, hash_text, matches
from orchestrator_core.loras.record import LoraRecord
from tests.core.loras.lora_files import write_lora, write_raw


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digests") / "foo.safetensors"


@settings(max_examples=15)
@given(
    header=st.integers(1, BLOCK + 10),
    payload=st.sampled_from([0, 1, BLOCK - 20, BLOCK, 2 * BLOCK + 3]),
)
def test_one_pass_gives_what_three_would(place: Path, header: int, payload: int):
    write_raw(place, b"{" + b" " * header, payload)
    data = place.read_bytes()
    found = digests(str(place))
    assert found.sha256 == sha(data)
    assert found.tensor_sha256 == sha(data[9 + header :])
    assert found.autov1 == sha(data[0x100000:0x110000])[:8]


def test_the_tensor_hash_survives_an_edit_of_the_metadata(tmp_path: Path):
    before = digests(str(write_lora(tmp_path / "a.safetensors")))
    after = digests(str(write_lora(tmp_path / "b.safetensors", metadata={"modelspec.title": "new"})))
    assert before.tensor_sha256 == after.tensor_sha256
    assert before.sha256 != after.sha256


@pytest.mark.parametrize("data", [b"", b"abc", b"\x80\x02pickle" * 100, bytes(100), b"\xff" * 64])
def test_what_is_no_safetensors_file_has_no_tensor_hash(tmp_path: Path, data: bytes):
    path = tmp_path / "foo.pt"
    path.write_bytes(data)
    found = digests(str(path))
    assert (found.sha256, found.tensor_sha256) == (sha(data), "")


def test_it_pauses_before_each_block_and_tells_how_far_it_is(tmp_path: Path):
    path = write_raw(tmp_path / "foo.safetensors", b"{}", 3 * BLOCK)
    seen: list[str | int] = []
    digests(str(path), lambda: seen.append("pause"), seen.append)
    size = path.stat().st_size
    assert seen == ["pause", BLOCK, "pause", 2 * BLOCK, "pause", 3 * BLOCK, "pause", size, "pause"]


def test_a_missing_file_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        digests(str(tmp_path / "none"))


RECORD = LoraRecord("foo", "/foo", sha256="ab" * 32, tensor_sha256="cd" * 32, autov1="01234567", autov3="fedcba987654")


@pytest.mark.parametrize(
    "text",
    [
        "ab" * 32,
        ("ab" * 32).upper(),
        "0x" + "cd" * 32,
        "ab" * 5,  # AutoV2
        "cd" * 6,  # A1111's "Lora hashes"
        "ab" * 6,  # Forge's
        "abababab",
        "01234567",
        "FEDCBA987654",
        " 0xFEDCBA9876 ",
    ],
)
def test_every_usual_kind_and_length_of_hash_matches(text: str):
    assert matches(RECORD, text)


@pytest.mark.parametrize("text", ["", "abab", "ab" * 33, "ac" * 5, "xyz", "zzzzzzzz", "01234567ff", "e3b0c44298fc"])
def test_other_hashes_do_not(text: str):
    assert not matches(RECORD, text)


@pytest.mark.parametrize("length", [8, 10, 12, 64])
def test_the_hash_of_nothing_matches_nothing(length: int):
    empty = sha(b"")[:length]
    assert hash_text(empty) == ""
    assert not matches(LoraRecord("foo", "/foo", autov1=empty, autov3=empty), empty)


def test_a_record_that_is_not_hashed_yet_matches_nothing():
    assert not matches(LoraRecord("foo", "/foo"), "ab" * 32)
