"""Image files that are sent: only what the store lists, only regular files, and only what begins as an image does.

A browser that has one already is told so (If-None-Match), and one that asks for a part of it gets that (Range).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import Answer, Head, Part
from orchestrator_core.formats.media_types import HEAD, media_type

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def opened(path: Path) -> tuple[BinaryIO, int]:
    """The file and its size in bytes. Raises OSError for what is not there, or is no regular file."""
    # Without O_NONBLOCK to open a pipe would wait for whoever writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(f"{path} is no file.")
        return os.fdopen(descriptor, "rb"), facts.st_size
    except BaseException:
        os.close(descriptor)
        raise


def image_type(path: Path) -> str:
    """Its media type; "" for what is no image. Raises OSError."""
    file, _ = opened(path)
    with file:
        return media_type(file.read(HEAD))


def opened_part(answer: Answer) -> tuple[BinaryIO, int]:
    """The answer's file, at the first byte that is sent, and how many are. Raises OSError, also where it is shorter."""
    assert answer.file is not None
    file, size = opened(answer.file)
    if answer.part is None:
        return file, size
    try:
        if answer.part.start + answer.part.length > size:
            raise OSError(f"{answer.file} has become shorter.")
        file.seek(answer.part.start)
    except BaseException:
        file.close()
        raise
    return file, answer.part.length


def file_answer(head: Head, path: Path, kind: str, tag: str, headers: Mapping[str, str]) -> Answer:
    """A file of the media type ``kind`` whose content is known as ``tag``: all, a part, or nothing new.

    Raises OSError; Refusal for a part that the file has not.
    """
    told = {**headers, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
    if is_known(head, tag):
        return Answer(304, headers=told)
    file, size = opened(path)
    file.close()
    part = _part_asked(head, tag, size)
    length = size if part is None else part.length
    if head.method == "HEAD":
        told["Content-Length"] = str(length)
    if part is None:
        return Answer(200, content_type=kind, headers=told, file=path)
    told["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    return Answer(206, content_type=kind, headers=told, file=path, part=part)


def is_known(head: Head, tag: str) -> bool:
    """Whether who asks has this content already."""
    asked = head.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in ("*", f'"{tag}"') for one in asked.split(","))


def _part_asked(head: Head, tag: str, size: int) -> Part | None:
    """None for all of it: what is no range, or several of them, or of another content, is answered with the whole."""
    found = _RANGE.fullmatch(head.headers.get("range", "").strip())
    if found is None or found[0] == "bytes=-" or head.headers.get("if-range", f'"{tag}"').strip() != f'"{tag}"':
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        told = f"The file has {size:,} bytes, and none of those that are asked for."
        raise Refusal(416, "no_such_range", told, "Range", headers={"Content-Range": f"bytes */{size}"})
    return Part(start, end - start + 1)
