"""The one pass over a template's characters that finds what closes what. Linear in its length, whatever it holds.

Inside ``{…}`` the bars of ``[a|b]`` and of ``<tag:…>`` belong to those brackets, if they are closed; if not, they are
ordinary characters and the bars separate options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 40  # levels of braces; deeper ones are left literal. Keeps recursion far from Python's limit

COMMENT = r"^[ \t]*#[^\n]*\n?"
TAG = r"<[A-Za-z]\w{0,40}:(?=[^<>\n]{0,400}>)"
_IN_VALUES = re.compile(r"\\.|[{}\[\]|>]|" + TAG, re.S)
_IN_PROMPTS = re.compile(COMMENT + r"|\\.|[{}\[\]|>]|" + TAG, re.M | re.S)
_OPENERS = {"]": "[", ">": "<"}

_COMMAND_TAG = re.compile(r"<ppp:(?P<close>/?)(?P<name>if|elif|else|set|echo|stn)\b(?P<rest>[^<>]{0,400})>")
_MAX_COMMANDS = 20


@dataclass(slots=True)
class Structure:
    """``pairs``: opening → closing position, of {, [ and <tag:. ``bars``: opening { → its own bars."""

    pairs: dict[int, int] = field(default_factory=dict)
    bars: dict[int, list[int]] = field(default_factory=dict)
    unclosed: list[int] = field(default_factory=list)  # positions of {
    too_deep: list[int] = field(default_factory=list)


def find_structure(source: str, comments: bool) -> Structure:
    found = Structure()
    stack: list[tuple[str, int, int]] = []  # opener, position, how many bars were pending then
    pending: list[int] = []
    braces = ignored = 0
    for match in (_IN_PROMPTS if comments else _IN_VALUES).finditer(source):
        kind, position = match.group()[0], match.start()
        if kind in "\\# \t":  # an escape or a comment
            continue
        if kind == "|":
            pending.append(position)
        elif kind == "{" and braces >= MAX_DEPTH:
            ignored += 1
            found.too_deep.append(position)
        elif kind in "{[<":
            braces += kind == "{"
            stack.append((kind, position, len(pending)))
        elif kind == "}":
            if ignored:
                ignored -= 1
            elif braces:
                braces -= 1
                _close_brace(found, stack, pending, position)
        elif stack and stack[-1][0] == _OPENERS[kind]:
            _, opened, count = stack.pop()
            found.pairs[opened] = position
            del pending[count:]  # they belong to this bracket
    found.unclosed = [position for kind, position, _ in stack if kind == "{"]
    return found


def _close_brace(found: Structure, stack: list[tuple[str, int, int]], pending: list[int], position: int) -> None:
    while True:
        kind, opened, count = stack.pop()  # unclosed [ and < inside are ordinary characters
        if kind == "{":
            break
    found.pairs[opened] = position
    found.bars[opened] = pending[count:]
    del pending[count:]


@dataclass(slots=True)
class Command:
    """``parts``: (text after the name, start of the body, end of the body) of the command and of each elif and else."""

    name: str
    end: int = 0
    parts: list[tuple[str, int, int]] = field(default_factory=list)


def find_commands(source: str) -> dict[int, Command]:
    """Commands by the position of their opening tag. Linear in the length of the source."""
    found: dict[int, Command] = {}
    stack: list[tuple[int, Command, str, int]] = []  # start, command, text and body start of the open part
    for match in _COMMAND_TAG.finditer(source):
        name, rest = match["name"], match["rest"].rstrip()
        is_empty, rest = rest.endswith("/"), rest.removesuffix("/")
        if match["close"]:
            if stack and stack[-1][1].name == name:
                start, command, text, body = stack.pop()
                command.parts.append((text, body, match.start()))
                command.end = match.end()
                found[start] = command
        elif name in ("elif", "else"):
            if stack and stack[-1][1].name == "if":
                start, command, text, body = stack.pop()
                command.parts.append((text, body, match.start()))
                stack.append((start, command, rest if name == "elif" else "", match.end()))
        elif is_empty and name in ("echo", "stn"):
            found[match.start()] = Command(name, match.end(), [(rest, match.end(), match.end())])
        elif len(stack) < _MAX_COMMANDS:
            stack.append((match.start(), Command(name), rest, match.end()))
    return found
