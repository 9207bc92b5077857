"""The grammar of A1111's infotext: prompt lines, ``Negative prompt:`` lines, and one line of ``Key: value`` pairs.

The rules are those of ``modules/infotext_utils.py`` in A1111 and Forge, so that the hosts and we read the same:
the last line counts as parameters only with at least three pairs, and a value with ``,``, ``:`` or a newline is quoted
as a JSON string. Two things are added: Civitai's unquoted JSON values are taken whole, and time is linear in any text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

# The hosts have these in one expression, which tries each character of a long text as the beginning of a key. That here
# a key has 100 characters at most changes nothing in a text that a program wrote.
_RUN = re.compile(r"([\w \-/]{2,})(:?)")
_VALUE = re.compile(r'\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # which matches anywhere
_KEY = re.compile(r"\w[\w \-/]{1,99}")
_OLD_TEMPLATE = re.compile(r"\n(?=(?:Negative )?Template:)")
# Written without quotes, and last.
JSON_KEYS = frozenset({"Hashes", "Civitai resources", "Civitai metadata"})


def quote(value: str) -> str:
    """The value as it is written after ``Key: ``."""
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",\n:") else value


def unquote(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def is_key(text: str) -> bool:
    """Can this be a pair's key?"""
    return _KEY.fullmatch(text) is not None


def read_pairs(line: str) -> Iterator[tuple[str, str]]:
    """The pairs of a parameter line, values unquoted."""
    position = 0
    while found := _next_pair(line, position):
        key, match = found
        value, position = match[1], match.end()
        if key in JSON_KEYS and value[:1] in ("{", "["):
            value, position = _whole_json(line, match.start(1), value, position)
        yield key, unquote(value)
        if position >= len(line):
            return


def _next_pair(line: str, position: int) -> tuple[str, re.Match[str]] | None:
    """The first key from there on that a colon follows, and its value."""
    while run := _RUN.search(line, position):
        position = run.end()
        key = run[1][-100:].lstrip(" -/")
        if run[2] and len(key) > 1 and (value := _VALUE.match(line, position)):
            return key, value
    return None


def _whole_json(line: str, start: int, value: str, position: int) -> tuple[str, int]:
    try:
        end = json.JSONDecoder().raw_decode(line, start)[1]
    except (ValueError, RecursionError):
        return value, position
    return line[start:end], end


def is_parameter_line(line: str) -> bool:
    position = 0
    for _ in range(3):
        if (found := _next_pair(line, position)) is None:
            return False
        position = found[1].end()
    return True


def split_infotext(text: str) -> tuple[str, str, str]:
    """(positive, negative, parameter line); the last is "" in a text that has none."""
    *lines, last = text.strip().split("\n")
    if not is_parameter_line(last):
        lines.append(last)
        last = ""
    positive: list[str] = []
    negative: list[str] = []
    target = positive
    for line in lines:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            target, line = negative, line.removeprefix("Negative prompt:").strip()
        # As the hosts do it: an empty line before any text adds nothing.
        if line or target:
            target.append(line)
    return "\n".join(positive), "\n".join(negative), last


def split_old_templates(text: str) -> tuple[str, dict[str, str]]:
    """The infotext and the ``Template:`` lines that sd-dynamic-prompts before 2023-06 wrote behind it."""
    text = text.strip()
    if is_parameter_line(text.rpartition("\n")[2]):
        return text, {}
    infotext, *parts = _OLD_TEMPLATE.split(text)
    if not is_parameter_line(infotext.rpartition("\n")[2]):
        return text, {}
    pairs = (part.partition(":") for part in parts)
    return infotext, {key: value.strip() for key, _, value in pairs}
