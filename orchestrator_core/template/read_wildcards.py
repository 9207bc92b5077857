"""Reads ``__2$$ and $$colors/${tone}'bright'(of=silk)__``: the name and all that may stand around it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator_core.prompt import Component
from orchestrator_core.template.parser import Parser
from orchestrator_core.template.read_variants import METHOD, header
from orchestrator_core.template.tree import Count, Method, Node, Nodes, Span, Text, WildcardRef

_NAME_TOKEN = re.compile(r"__|\$\{|\{|[}|<>\n('\"]")
_IMPACT_NAME = re.compile(r"[\w.\-+/*\\]+?(?=__)")
_COMMA = re.compile(r"[{,]")
_MAX_NAME = 400
SEPARATOR = ", "  # where a wildcard carries its own count and names no separator


def read_wildcard(parser: Parser, token: str, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
    first = start + len(token)
    found = (wildcard_parts if parser.dialect.commands else impact_parts)(parser, first, end)
    if found is None:
        if _begins_a_name(parser.source, start, first, end):
            message = "This is no wildcard: __ is not closed on its line. Close it with __, or write \\__ for the text."
            parser.note("unclosed-wildcard", message, start, first)
        return None
    written, stop = parser.source[found.name[0] : found.name[1]], found.stop
    if ".." in re.split(r"[\\/]", written):
        parser.note("refused-name", f"A wildcard's name may not contain '..': {written!r} stays as it is.", start, stop)
        return None
    # nothing inside is read before this is known to be a reference: else its text would be read twice, at every level
    name = parser.sequence(*found.name) if found.dynamic else written
    wanted = plain_or_tree(parser, *found.filter) if found.filter else ""
    parameters = read_parameters(parser, *found.parameters) if found.parameters else ()
    opening = start + len(token) - 2
    reference = WildcardRef(
        name,
        parser.source[opening:stop],
        found.count,
        found.method,
        wanted,
        parameters,
        (start, stop),
        parser.place(opening, stop, places),
    )
    if token == "__":
        return (reference,), stop
    bar = Text("|", (start, stop), Component("|", span=(start, stop)))
    nodes: list[Node] = []
    for _ in range(int(token[:-3])):  # each in a place of its own, so that they are drawn apart
        nodes += [replace(reference, place=parser.place(opening, stop, places)), bar]
    return tuple(nodes[:-1]), stop


def _begins_a_name(source: str, start: int, first: int, end: int) -> bool:
    """Whether somebody seems to have meant a wildcard: ``a __fox``, but neither ``snake__case`` nor ``__ __``."""
    before = source[start - 1] if start else " "
    return first < end and source[first].isalnum() and not (before.isalnum() or before == "_")


@dataclass(slots=True)
class _Written:
    """Where the parts of a reference stand in the source."""

    name: Span
    stop: int  # behind the closing __
    count: Count | None = None
    method: Method | None = None
    filter: Span | None = None
    parameters: Span | None = None
    dynamic: bool = False  # the name holds variables or variants


def impact_parts(parser: Parser, start: int, end: int) -> _Written | None:
    match = _IMPACT_NAME.match(parser.source, start, end)
    return _Written(match.span(), match.end() + 2) if match else None


def wildcard_parts(parser: Parser, start: int, end: int) -> _Written | None:
    if parser.source.startswith("_", start):
        return None
    found = _Written((start, -1), -1)
    if counted := header(parser, start, end, SEPARATOR):
        found.count, found.method, start = counted
    elif match := METHOD.match(parser.source, start, end):
        found.method, start = Method(match[1]), match.end()
    position, stop = start, -1  # stop: where the name ends, once that is known
    while match := _NAME_TOKEN.search(parser.source, position, min(end, start + _MAX_NAME)):
        token, position = match.group(), match.end()
        if token == "__":
            found.name, found.stop = name_span(parser, start, match.start() if stop < 0 else stop), position
            return found if found.name[0] < found.name[1] else None
        if token in "'\"" and stop < 0 and (close := quoted(parser, match.start(), end)):
            stop, found.filter, position = match.start(), (position, close - 1), close
        elif token == "(" and (close := parameters_end(parser, match.start(), end)):
            stop = match.start() if stop < 0 else stop
            found.parameters, position = (position, close - 1), close
        elif token in "'\"(":
            continue  # part of the name
        elif (close := parser.pairs.get(match.end() - 1, -1)) > 0 and token in ("{", "${"):
            position, found.dynamic = close + 1, True
        else:
            return None
    return None


def name_span(parser: Parser, start: int, stop: int) -> Span:
    """Empty for what is no name. White space is allowed before parameters only."""
    text = parser.source[start:stop]
    if parser.source.startswith("(", stop):
        text = text.rstrip()
    if not text or text[0] in "_ \t" or text[-1].isspace():
        return (start, start)
    return (start, start + len(text))


def quoted(parser: Parser, start: int, end: int) -> int:
    """Where the quoted filter ends, or 0 if the quote is part of a name ("men's hats")."""
    close = parser.source.find(parser.source[start], start + 1, min(end, start + _MAX_NAME))
    return close + 1 if close > 0 and parser.source.startswith(("__", "("), close + 1) else 0


def parameters_end(parser: Parser, start: int, end: int) -> int:
    """Where ``(name=value)`` ends, or 0 if the parenthesis is part of a name."""
    close = parser.parentheses.get(start, -1)
    if not start < close < min(end, start + 4 * _MAX_NAME) or not parser.source.startswith("__", close + 1):
        return 0
    return close + 1 if parser.source.find("=", start, close) > 0 else 0


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
