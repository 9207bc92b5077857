"""The header of a ``.safetensors`` file as bytes: 8 bytes of length, then JSON, then the tensors.

Only the header is read, never the tensors, and never more than ``MAX_READ`` bytes: a file may lie about its length.
The format: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator_core.errors import FormatError

MAX_HEADER = 100_000_000  # the safetensors library refuses more
MAX_READ = 32 * 1024 * 1024  # the longest real header is below 4 MB; beyond this only its end is looked at
_TAIL = 1024 * 1024


class Unfinished(FormatError):
    """The file ends before its header does: a download that is not done, or a copy that was cut off."""


@dataclass(frozen=True, slots=True)
class RawHeader:
    """``data`` is the header's JSON as bytes; only its last mebibyte where ``cut``."""

    data: bytes
    length: int  # of the whole header, in bytes
    size: int  # of the whole file
    cut: bool = False

    @property
    def payload(self) -> int:
        """Bytes of tensor data that the file has."""
        return self.size - 8 - self.length


def read_raw_header(path: str) -> RawHeader:
    """Read a file's header.

    Raises:
        Unfinished: the file ends within it.
        FormatError: this is no safetensors file, or its header is longer than any loader takes.
        OSError: the file cannot be read.
    """
    # os.open, since the buffer and the checks of open() cost more than the reading for thousands of small headers.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        size = os.fstat(handle).st_size
        length = _length(os.read(handle, 8), size)
        if length > MAX_READ:
            os.lseek(handle, 8 + length - _TAIL, os.SEEK_SET)
            return RawHeader(_read(handle, _TAIL), length, size, cut=True)
        data = _read(handle, length)
    finally:
        os.close(handle)
    if len(data) < length:
        raise Unfinished(f"The file ends {length - len(data):,} bytes before its header does.")
    return RawHeader(data, length, size)


def _length(first: bytes, size: int) -> int:
    if len(first) < 8:
        raise Unfinished(f"The file has {size} bytes; a safetensors file has more than 8.")
    length = int.from_bytes(first, "little")
    if length == 0:
        raise Unfinished("The file begins with zeros: a download that has reserved its space and is not done.")
    if length > MAX_HEADER:
        raise FormatError(
            f"This is no safetensors file: its header would be {length:,} bytes long, and no more than"
            f" {MAX_HEADER:,} are allowed."
        )
    if length > size - 8:
        raise Unfinished(f"The file has {size:,} bytes, and its header alone has {length:,}.")
    return length


def _read(handle: int, length: int) -> bytes:
    data = os.read(handle, length)
    while len(data) < length and (more := os.read(handle, length - len(data))):  # a signal, or a network drive
        data += more
    return data
