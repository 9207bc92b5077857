"""The header of a ``.safetensors`` file as bytes: 8 bytes of length, then JSON, then the tensors.

Of the header its two ends are read, the rest only when asked for and never more than ``MAX_READ`` bytes: a file may lie
about its length. The tensors are never read.
The format: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from orchestrator_core.errors import FormatError

MAX_HEADER = 100_000_000  # the safetensors library refuses more
MAX_READ = 32 * 1024 * 1024  # the longest real header is below 4 MB; beyond this only its ends are looked at
_HEAD = 64 * 1024
_TAIL = 4 * 1024


class Unfinished(FormatError):
    """The file ends before its header does: a download that is not done, or a copy that was cut off."""


@dataclass(frozen=True, slots=True)
class RawHeader:
    """The ends of a header's JSON as bytes, which tell nearly everything; ``whole()`` is read when it is needed."""

    path: str
    head: bytes  # all of it where it is short
    tail: bytes
    length: int  # of the whole header, in bytes
    size: int  # of the whole file

    @property
    def payload(self) -> int:
        """Bytes of tensor data that the file has."""
        return self.size - 8 - self.length

    @property
    def is_whole(self) -> bool:
        """Whether ``head`` is all there is."""
        return len(self.head) == self.length

    def whole(self) -> RawHeader:
        """The same with all of the header in ``head``. Raises OSError, Unfinished, or FormatError beyond MAX_READ."""
        if self.is_whole:
            return self
        if self.length > MAX_READ:
            raise FormatError(f"Its header has {self.length:,} bytes, more than are read.")
        handle = _open(self.path)
        try:
            os.lseek(handle, 8, os.SEEK_SET)
            return replace(self, head=_read(handle, self.length))
        finally:
            os.close(handle)


def read_raw_header(path: str) -> RawHeader:
    """Read the ends of a file's header.

    Raises:
        Unfinished: the file ends within it.
        FormatError: this is no safetensors file, or its header is longer than any loader takes.
        OSError: the file cannot be read.
    """
    handle = _open(path)
    try:
        size = os.fstat(handle).st_size
        first = _read(handle, 8 + _HEAD, required=0)
        length = _length(first, size)
        if length <= _HEAD:
            head = first[8 : 8 + length]
            return RawHeader(path, head, head[-_TAIL:], length, size)
        os.lseek(handle, 8 + length - _TAIL, os.SEEK_SET)
        return RawHeader(path, first[8:], _read(handle, _TAIL), length, size)
    finally:
        os.close(handle)


def _open(path: str) -> int:
    # os.open, since the buffer and the checks of open() cost more than the reading for thousands of small headers.
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))


def _length(first: bytes, size: int) -> int:
    if len(first) < 8:
        raise Unfinished(f"The file has {size} bytes; a safetensors file has more than 8.")
    length = int.from_bytes(first[:8], "little")
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


def _read(handle: int, length: int, required: int | None = None) -> bytes:
    """Bytes from where the file stands. Raises Unfinished where there are fewer than ``required``."""
    data = os.read(handle, length)
    while len(data) < length and (more := os.read(handle, length - len(data))):  # a signal, or a network drive
        data += more
    if len(data) < (length if required is None else required):
        raise Unfinished(f"The file ended {length - len(data):,} bytes too early while its header was read.")
    return data
