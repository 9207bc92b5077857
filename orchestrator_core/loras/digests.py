"""The hashes by which sites, images and recipes name a LoRA, all from one reading of the file.

sha256 is Civitai's, and AutoV2 its first 10 digits; the tensor hash is A1111's "addnet" hash, of all that follows the
header; AutoV1 is of 64 KiB in the middle. AutoV3 is written within the file, so the header's reader has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from orchestrator_core.base_models.safetensors import MAX_HEADER
from orchestrator_core.loras.record import LoraRecord

if TYPE_CHECKING:
    pass

BLOCK = 1024 * 1024  # stays in the processor's cache for the second hash
_AUTOV1 = (0x100000, 0x110000)
EMPTY = hashlib.sha256(b"").hexdigest()  # what repackers write for "no hash", and AutoV1 of a small file


@dataclass(frozen=True, slots=True)
class Digests:
    """Lower-case hex digits: 64, 64 and 8. ``tensor_sha256`` is empty for what is no safetensors file."""

    sha256: str
    tensor_sha256: str
    autov1: str


def digests(
    path: str, pause: Callable[[], None] = lambda: None, on_progress: Callable[[int], None] = lambda done: None
) -> Digests:
    """Hash a file in one pass.

    ``pause`` is called before each mebibyte, and may wait as long as the machine has better things to do;
    ``on_progress`` is told the bytes that are done. Raises OSError.
    """
    whole, tensors, middle = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    position, start = 0, -1
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - unbuffered, into our own buffer
        while True:
            pause()
            block = buffer[: _fill(file, buffer)]
            if not block:
                break
            if start < 0:
                start = _data_start(block)
            whole.update(block)
            tensors.update(_overlap(block, position, start, None))
            middle.update(_overlap(block, position, *_AUTOV1))
            position += len(block)
            on_progress(position)
    tensor = tensors.hexdigest() if 8 <= start <= position else ""
    return Digests(whole.hexdigest(), tensor, middle.hexdigest()[:8])


def _fill(file: BinaryIO, buffer: memoryview) -> int:
    filled = 0
    while filled < len(buffer) and (count := file.readinto(buffer[filled:])):  # type: ignore[attr-defined]
        filled += count
    return filled


def _data_start(block: memoryview) -> int:
    """Where the tensors begin; beyond every end for what has no safetensors header."""
    length = int.from_bytes(block[:8], "little")
    looks_right = len(block) > 8 and 0 < length <= MAX_HEADER and bytes(block[8:9]) in (b"{", b" ")
    return 8 + length if looks_right else 1 << 62


def _overlap(block: memoryview, position: int, start: int, end: int | None) -> memoryview:
    """The part of the block that lies between two places of the file."""
    last = len(block) if end is None else max(0, min(len(block), end - position))
    return block[max(0, start - position) : last]


def hash_text(text: str) -> str:
    """A hash as it is compared: lower case, without "0x"; "" for what is none, or is that of nothing at all."""
    digits = text.strip().lower().removeprefix("0x")
    if not 8 <= len(digits) <= 64 or digits.strip("0123456789abcdef") or EMPTY.startswith(digits):
        return ""
    return digits


def hashes_of(record: LoraRecord) -> tuple[str, ...]:
    """The hashes of a record that a given one can be the beginning of."""
    known = (record.sha256, record.tensor_sha256, record.autov1, record.autov3)
    return tuple(digest for text in known if (digest := hash_text(text)))


def matches(record: LoraRecord, text: str) -> bool:
    """Whether a hash, of any usual kind and length (8, 10, 12, 64), is one of this LoRA's."""
    wanted = hash_text(text)
    return bool(wanted) and any(digest.startswith(wanted) for digest in hashes_of(record))
