"""``<ppp:if>``, ``<ppp:set>``, ``<ppp:echo>`` and ``<ppp:stn>``, the commands of Prompt PostProcessor that we share.

A tag without its partner, or of another command, is literal text.
"""

from __future__ import annotations

import re

from orchestrator_core.template.conditions import NotACondition, parse_condition
from orchestrator_core.template.parser import Parser
from orchestrator_core.template.structure import Command
from orchestrator_core.template.tree import Assign, If, Node, Nodes, ToNegative, Use

_VARIABLE = re.compile(r"\s*([A-Za-z_][\w-]{0,80})\s*((?:\b(?:evaluate|ifundefined|add)\b\s*)*)")


def read_command(parser: Parser, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
    """The node of the command at ``start`` and where it ends; None where it is literal text."""
    command = parser.commands.get(start)
    if command is None or command.end > end:
        parser.note("unknown-command", "This command is not known, or never closed; it stays as it is.", start)
        return None
    here = parser.place(start, command.end, places)
    try:
        node = _READERS[command.name](parser, command, (start, command.end), here)
    except NotACondition as error:
        parser.note("not-a-condition", f"This is not read as a condition: {error}.", start, command.end)
        return None
    return (() if node is None else (node,)), command.end


def _if(parser: Parser, command: Command, span: tuple[int, int], here: int) -> Node | None:
    conditions = [
        None if number > 0 and not text.strip() else parse_condition(text)
        for number, (text, _, _) in enumerate(command.parts)
    ]
    # only now the bodies: were they read before a condition fails, their text would be read twice, at every level
    bodies = [parser.sequence(first, last) for _, first, last in command.parts]
    return If(tuple(zip(conditions, bodies, strict=True)), span, here)


def _set(parser: Parser, command: Command, span: tuple[int, int], here: int) -> Node | None:
    text, first, last = command.parts[0]
    match = _VARIABLE.fullmatch(text)
    if not match:
        raise NotACondition(f"{text.strip()!r} is no variable's name")
    how = match[2].split()
    value = parser.sequence(first, last)
    return Assign(match[1], value, "evaluate" in how, "ifundefined" in how, "add" in how, True, span, here)


def _echo(parser: Parser, command: Command, span: tuple[int, int], here: int) -> Node | None:
    text, first, last = command.parts[0]
    default = parser.sequence(first, last) if first < last else None
    return Use(text.strip(), default, parser.source[span[0] : span[1]], span, here)


def _stn(parser: Parser, command: Command, span: tuple[int, int], here: int) -> Node | None:
    position, first, last = command.parts[0]
    if re.fullmatch(r"\s*i\d\s*", position):
        return None  # an insertion point: what is sent goes to the start or the end with us
    return ToNegative(parser.sequence(first, last), position.strip() == "e", span, here)


_READERS = {"if": _if, "set": _set, "echo": _echo, "stn": _stn}
