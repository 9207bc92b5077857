"""Text → tree. Never raises on anything a person could type: what is no syntax stays literal, with a diagnostic.

    template  = (literal | variant | wildcard | variable | wrap | command)*
    variant   = "{" [method] [count "$$" [separator "$$"]] option ("|" option)* "}"
    option    = [["%"] ["'" labels "'"] [weight] ["if" condition] "::"] template
    count     = ["r"] ["o"] (n | n "-" | "-" m | n "-" m)
    wildcard  = "__" [method] [count "$$" [separator "$$"]] name ["'" filter "'"] ["(" name "=" template, … ")"] "__"
    variable  = "${" name ["?" | "+"] "=" ["!"] template "}"  |  "${" name [":" template] "}"
    wrap      = "%{" template "$$" template "}"
    method    = "~" random | "!" combinatorial | "@" cyclical

A line that starts with "#" is a comment. A backslash makes the next character literal and stays in the text, since
the hosts' own prompt syntax needs it. Inside ``<tag:…>`` only variants and variables are read. The impact dialect has
variants, wildcards and ``3#__name__``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator_core.prompt import Diagnostic
from orchestrator_core.template.commands import read_command
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.parser import Parser
from orchestrator_core.template.read_variables import read_variable, read_wrap
from orchestrator_core.template.read_variants import COUNT, option_settings, read_bounds, read_variant
from orchestrator_core.template.read_wildcards import SEPARATOR, read_wildcard
from orchestrator_core.template.tree import Assign, Count, Nodes, Option

_USE = re.compile(r"\$\{\s*([A-Za-z_-][\w-]*)")
_PLAIN_VALUE = re.compile(r"[{\\\n]|__|<ppp:|\d#")


@dataclass(frozen=True, slots=True)
class Parsed:
    nodes: Nodes
    diagnostics: tuple[Diagnostic, ...]


def parse(source: str, dialect: Dialect, where: str = "positive", comments: bool = True) -> Parsed:
    """The tree of a template. ``where`` is what its diagnostics say they are about."""
    parser = Parser(source, dialect, where, comments, _read)
    nodes = parser.sequence(0, len(source))
    return Parsed(_hoisted(nodes, source), tuple(parser.diagnostics))


def is_syntax(value: str) -> bool:
    """Whether a wildcard's value could be anything but plain text."""
    return _PLAIN_VALUE.search(value) is not None


def parse_value(source: str, dialect: Dialect, where: str) -> Parsed | None:
    """The tree of a wildcard's value, or None where it is plain text. Only a value of several lines has comments."""
    return parse(source, dialect, where, comments="\n" in source) if is_syntax(source) else None


def read_count(text: str, dialect: Dialect, separator: str = SEPARATOR) -> tuple[Count | None] | None:
    """``2-3$$ and $$`` standing alone, as the first line of a wildcard file; None for anything else.

    A line that holds nothing but ``'a description'$$`` sets nothing, yet is no value either.
    """
    match = COUNT.fullmatch(text)
    if not match:
        return None
    found = read_bounds(Parser(text, dialect, "", False, _read), match, separator)
    return (found[0],) if found else (None,) if match["description"] else None


def split_option(text: str, dialect: Dialect) -> Option:
    """Weight, labels and condition of a line of a wildcard file. Its body is parsed only when it is drawn."""
    parser = Parser(text, dialect, "", False, _read)
    return option_settings(parser, 0, len(text))[1]


def _read(parser: Parser, token: str, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
    """What begins at ``start``, and where it ends; None for literal text."""
    if token.lstrip(" \t").startswith("#"):
        return (), start + len(token)
    if token.endswith("__"):
        return read_wildcard(parser, token, start, end, places)
    if token == "<ppp:":
        return read_command(parser, start, end, places)
    brace = start + len(token) - 1
    close = parser.pairs.get(brace)
    if close is None or close >= end:
        return None
    if token == "{":
        return read_variant(parser, start, close, places), close + 1
    made = (read_wrap if token == "%{" else read_variable)(parser, start, close, places)
    return None if made is None else ((made,), close + 1)


def _hoisted(nodes: Nodes, source: str) -> Nodes:
    """A variable may be used before it is given its value: those assignments are done first."""
    first: dict[str, Assign] = {}
    for node in nodes:
        if isinstance(node, Assign):
            first.setdefault(node.name, node)
    if not first:
        return nodes
    used: dict[str, int] = {}
    for match in _USE.finditer(source):
        used.setdefault(match[1], match.start())
    early = [node for name, node in first.items() if used.get(name, len(source)) < node.span[0]]
    moved = {id(node) for node in early}
    return (*early, *[node for node in nodes if id(node) not in moved]) if early else nodes
