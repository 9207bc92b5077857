"""Server-sent events: the ``data`` of each, out of bytes that come in any pieces.

Source: the event stream format of the HTML standard (9.2.6). Lines end with CR, LF or both; a blank one ends an event;
lines that begin with a colon are comments, by which servers keep a connection open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator_core.errors import LanguageModelError

MOST_LINE = 1024 * 1024  # bytes; an event is a piece of a text
_BOM = b"\xef\xbb\xbf"


def data_of_events(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yields the data of each event, also of a last one without a blank line: llama.cpp's old servers end so.

    Raises LanguageModelError for a line without an end.
    """
    data: list[str] = []
    for line in _lines(pieces):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data"):
            name, _, value = line.partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))
    if data:
        yield "\n".join(data)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    is_first = True
    for piece in pieces:
        rest += piece
        if is_first and len(rest) < len(_BOM) and _BOM.startswith(rest):
            continue
        if is_first:
            rest, is_first = rest.removeprefix(_BOM), False
        # A CR at the end may be half of a CRLF: it waits for what follows.
        whole, rest = _cut(rest)
        yield from (line.decode("utf-8", "replace") for line in whole)
        if len(rest) > MOST_LINE:
            raise LanguageModelError(f"The answer has a line of more than {MOST_LINE:,} bytes, so it is not a stream.")
    yield from (line.decode("utf-8", "replace") for line in _split(rest))


def _cut(text: bytes) -> tuple[list[bytes], bytes]:
    end = len(text) - 1 if text.endswith(b"\r") else len(text)
    at = max(text.rfind(b"\n", 0, end), text.rfind(b"\r", 0, end)) + 1
    return _split(text[:at]), text[at:]


def _split(text: bytes) -> list[bytes]:
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return lines if lines[-1] else lines[:-1]
