"""Bytes of a wildcard file → lines of text: whatever encoding people's editors and packs left it in.

A file stays the bytes that it is on disk, with the offset of each line beside it, so one of a million lines costs
little more memory than its size and a draw from it decodes one line.
"""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Sequence
from itertools import accumulate, islice

_BLOCK = 1 << 18
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Lines(Sequence[str]):
    """Lines of UTF-8 text by number, decoded when asked for."""

    __slots__ = ("data", "starts")

    def __init__(self, data: bytes, starts: array[int]) -> None:
        self.data = data
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start = self.starts[index]
        end = self.data.find(b"\n", start)
        return (self.data[start:end] if end >= 0 else self.data[start:]).decode("utf-8").rstrip()


class NotText(ValueError):
    """The bytes are no text; the message says why that is thought."""


def to_utf8(data: bytes) -> bytes:
    """UTF-8 with "\\n" line ends and no byte order mark. Raises NotText for binary data."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if encoding != "utf-8":
                data = data.decode(encoding, "replace").encode("utf-8", "replace")
            break
    else:
        data = _unmarked(data)
    if not _is_utf8(data):
        # cp1252 leaves five bytes undefined; latin-1 reads those as control characters and never fails
        try:
            data = data.decode("cp1252").encode("utf-8")
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode("utf-8")
    if b"\0" in data:
        raise NotText("it holds NUL bytes, so it is no text file")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _unmarked(data: bytes) -> bytes:
    """UTF-16 without a mark shows by its many NUL bytes on one side."""
    sample = data[:4096]
    if sample.count(0) * 3 > len(sample) > 3:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if min(even, odd) * 10 < max(even, odd):
            encoding = "utf-16-be" if even > odd else "utf-16-le"
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    return data


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            if not block.isascii() or decoder.getstate()[0]:
                decoder.decode(block)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def line_starts(data: bytes) -> tuple[array[int], array[int] | None]:
    """Offsets of the lines that hold a value, and their 1-based numbers; None where all lines do.

    Empty lines and those that begin with # hold none.
    """
    lines = data.split(b"\n") if len(data) < _BLOCK else None
    starts = array("I" if len(data) < 1 << 32 else "Q")
    if lines is None:
        return _block_starts(data, starts)
    numbers = array("I")
    position = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and text[0] != 35:  # "#"
            starts.append(position + len(line) - len(line.lstrip()))
            numbers.append(number)
        position += len(line) + 1
    whole = len(numbers) == 0 or numbers[-1] == len(numbers)
    return starts, None if whole else numbers


def _block_starts(data: bytes, starts: array[int]) -> tuple[array[int], array[int] | None]:
    """The same for a large file, a block at a time, so that its lines never stand in memory all at once."""
    numbers = array("I")
    position, first = 0, 1
    while position < len(data):
        cut = data.find(b"\n", position + _BLOCK)
        end = len(data) if cut < 0 else cut + 1
        lines = data[position:end].split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        offsets = accumulate([len(line) + 1 for line in lines], initial=position)
        if min(lines) > b"$":  # none is empty, indented or a comment: most blocks of most files
            starts.extend(islice(offsets, len(lines)))
            numbers.extend(range(first, first + len(lines)))
        else:
            for number, line, offset in zip(range(first, first + len(lines)), lines, offsets, strict=False):
                text = line.strip()
                if text and text[0] != 35:
                    starts.append(offset if line[0] > 32 else offset + len(line) - len(line.lstrip()))
                    numbers.append(number)
        position, first = end, first + len(lines)
    whole = len(numbers) == 0 or numbers[-1] == len(numbers)
    return starts, None if whole else numbers
