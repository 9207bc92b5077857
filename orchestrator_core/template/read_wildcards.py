"""Reads ``__2$$ and $$colors/${tone}'bright'(of=silk)__``: the name and all that may stand around it."""

from __future__ import annotations

import re

from orchestrator_core.prompt import Component
from orchestrator_core.template.parser import Parser
from orchestrator_core.template.read_variants import METHOD, header
from orchestrator_core.template.tree import Count, Method, Nodes, Text, WildcardRef

_NAME_TOKEN = re.compile(r"__|\$\{|\{|[}|<>\n('\"]")
_IMPACT_NAME = re.compile(r"[\w.\-+/*\\]+?(?=__)")
_PARENTHESIS = re.compile(r"[()]")
_COMMA = re.compile(r"[{,]")
_MAX_NAME = 400
SEPARATOR = ", "  # where a wildcard carries its own count and names no separator


def read_wildcard(parser: Parser, token: str, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
    first = start + len(token)
    read = wildcard_parts if parser.dialect.commands else impact_parts
    found = read(parser, first, end)
    if found is None:
        return None
    name, count, method, wanted, parameters, stop = found
    if isinstance(name, str) and ".." in re.split(r"[\\/]", name):
        parser.note("refused-name", f"A wildcard's name may not contain '..': {name!r} stays as it is.", start, stop)
        return None
    opening = start + len(token) - 2
    reference = WildcardRef(
        name,
        parser.source[opening:stop],
        count,
        method,
        wanted,
        parameters,
        (start, stop),
        parser.place(opening, stop, places),
    )
    if token == "__":
        return (reference,), stop
    bar = Text("|", (start, stop), Component("|", span=(start, stop)))
    return ((reference, bar) * int(token[:-3]))[:-1], stop


def impact_parts(
    parser: Parser, start: int, end: int
) -> tuple[str, None, None, str, tuple[tuple[str, Nodes], ...], int] | None:
    match = _IMPACT_NAME.match(parser.source, start, end)
    return (match.group(), None, None, "", (), match.end() + 2) if match else None


def wildcard_parts(
    parser: Parser, start: int, end: int
) -> tuple[str | Nodes, Count | None, Method | None, str | Nodes, tuple[tuple[str, Nodes], ...], int] | None:
    count, method = None, None
    if counted := header(parser, start, end, SEPARATOR):
        count, method, start = counted
    elif match := METHOD.match(parser.source, start, end):
        method, start = Method(match[1]), match.end()
    wanted: str | Nodes = ""
    parameters: tuple[tuple[str, Nodes], ...] = ()
    position, stop = start, -1  # stop: where the name ends, once that is known
    dynamic = False
    while match := _NAME_TOKEN.search(parser.source, position, min(end, start + _MAX_NAME)):
        token, position = match.group(), match.end()
        if token == "__":
            stop = match.start() if stop < 0 else stop
            name = read_name(parser, start, stop, dynamic)
            return None if name is None else (name, count, method, wanted, parameters, position)
        if token in "'\"" and stop < 0 and (close := quoted(parser, match.start(), end)):
            stop, wanted = match.start(), plain_or_tree(parser, position, close - 1)
            position = close
        elif token == "(" and (close := parameters_end(parser, match.start(), end)):
            stop = match.start() if stop < 0 else stop
            parameters, position = read_parameters(parser, position, close - 1), close
        elif token in "'\"(":
            continue  # part of the name
        elif (close := parser.pairs.get(match.end() - 1, -1)) > 0 and token in ("{", "${"):
            position, dynamic = close + 1, True
        else:
            return None
    return None


def read_name(parser: Parser, start: int, stop: int, dynamic: bool) -> str | Nodes | None:
    text = parser.source[start:stop].rstrip() if stop < len(parser.source) and parser.source[stop] == "(" else None
    text = parser.source[start:stop] if text is None else text
    if not text or text[0] in "_ \t" or text[-1].isspace():
        return None
    return parser.sequence(start, start + len(text)) if dynamic else text


def quoted(parser: Parser, start: int, end: int) -> int:
    """Where the quoted filter ends, or 0 if the quote is part of a name ("men's hats")."""
    close = parser.source.find(parser.source[start], start + 1, min(end, start + _MAX_NAME))
    return close + 1 if close > 0 and parser.source.startswith(("__", "("), close + 1) else 0


def parameters_end(parser: Parser, start: int, end: int) -> int:
    """Where ``(name=value)`` ends, or 0 if the parenthesis is part of a name."""
    depth = 0
    for match in _PARENTHESIS.finditer(parser.source, start, min(end, start + 4 * _MAX_NAME)):
        depth += {"(": 1, ")": -1}.get(match.group(), 0)
        if depth == 0:
            inner = parser.source[start + 1 : match.start()]
            return match.end() if "=" in inner and parser.source.startswith("__", match.end()) else 0
    return 0


def read_parameters(parser: Parser, start: int, end: int) -> tuple[tuple[str, Nodes], ...]:
    found = []
    for first, last in pieces(parser, start, end):
        equals = parser.source.find("=", first, last)
        if equals > 0:
            value = parser.source[equals + 1 : last]
            begin = equals + 1 + len(value) - len(value.lstrip())
            name = parser.source[first:equals].strip()
            found.append((name, parser.sequence(begin, max(begin, equals + 1 + len(value.rstrip())))))
    return tuple(found)


def pieces(parser: Parser, start: int, end: int) -> list[tuple[int, int]]:
    """The parts between commas that stand in no braces."""
    pieces, position, first = [], start, start
    while match := _COMMA.search(parser.source, position, end):
        position = match.end()
        if match.group() == "{":
            position = max(position, parser.pairs.get(match.start(), -1) + 1)
        else:
            pieces.append((first, match.start()))
            first = position
    return [*pieces, (first, end)]


def plain_or_tree(parser: Parser, start: int, end: int) -> str | Nodes:
    return parser.sequence(start, end) if "{" in parser.source[start:end] else parser.source[start:end]
