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

from orchestrator_core.prompt import Component, Diagnostic
from orchestrator_core.template.chance import place
from orchestrator_core.template.commands import find_commands, read_command
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.read_variables import read_variable, read_wrap
from orchestrator_core.template.read_variants import COUNT, option_settings, read_bounds, read_variant
from orchestrator_core.template.read_wildcards import SEPARATOR, read_wildcard
from orchestrator_core.template.structure import COMMENT, TAG, find_structure
from orchestrator_core.template.tree import Assign, Count, Node, Nodes, Option, Text

_FLAGS = re.M | re.S
_SPECIAL = {
    ("dynamicprompts", True): re.compile(COMMENT + r"|\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("dynamicprompts", False): re.compile(r"\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("impact", True): re.compile(COMMENT + r"|\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
    ("impact", False): re.compile(r"\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
}
_PLAIN_VALUE = re.compile(r"[{\\\n]|__|<ppp:|\d#")


@dataclass(frozen=True, slots=True)
class Parsed:
    nodes: Nodes
    diagnostics: tuple[Diagnostic, ...]


def parse(source: str, dialect: Dialect, where: str = "positive") -> Parsed:
    """The tree of a template. ``where`` is what its diagnostics say they are about."""
    parser = Parser(source, dialect, where, comments=True)
    nodes = parser.sequence(0, len(source))
    return Parsed(_hoisted(nodes, source), tuple(parser.diagnostics))


def is_syntax(value: str) -> bool:
    """Whether a wildcard's value could be anything but plain text."""
    return _PLAIN_VALUE.search(value) is not None


def parse_value(source: str, dialect: Dialect, where: str) -> Parsed | None:
    """The tree of a wildcard's value, or None where it is plain text. Only a value of several lines has comments."""
    if not is_syntax(source):
        return None
    parser = Parser(source, dialect, where, comments="\n" in source)
    nodes = parser.sequence(0, len(source))
    return Parsed(_hoisted(nodes, source), tuple(parser.diagnostics))


def read_count(text: str, dialect: Dialect, separator: str = SEPARATOR) -> tuple[Count | None] | None:
    """``2-3$$ and $$`` standing alone, as the first line of a wildcard file; None for anything else.

    A line that holds nothing but ``'a description'$$`` sets nothing, yet is no value either.
    """
    match = COUNT.fullmatch(text)
    if not match:
        return None
    found = read_bounds(Parser(text, dialect, "", comments=False), match, separator)
    return (found[0],) if found else (None,) if match["description"] else None


def split_option(text: str, dialect: Dialect) -> Option:
    """Weight, labels and condition of a line of a wildcard file. Its body is parsed only when it is drawn."""
    parser = Parser(text, dialect, "", comments=False)
    return option_settings(parser, 0, len(text))[1]


class Parser:
    """Recursive descent over the positions that find_structure has paired, so every character is looked at once."""

    def __init__(self, source: str, dialect: Dialect, where: str, comments: bool) -> None:
        self.source = source
        self.dialect = dialect
        self.where = where
        self.diagnostics: list[Diagnostic] = []
        structure = find_structure(source, comments)
        self.pairs, self.bars = structure.pairs, structure.bars
        self.commands = find_commands(source) if dialect.commands and "<ppp:" in source else {}
        self.special = _SPECIAL[dialect.name, comments]
        for position in structure.unclosed:
            self.note("unclosed-variant", "This { is never closed; it stays as it is. Close it with }.", position)
        if structure.too_deep:
            position = structure.too_deep[0]
            self.note("too-deep", "Braces are nested too deep from here; they stay as they are.", position)

    def note(self, kind: str, message: str, start: int, end: int | None = None) -> None:
        self.diagnostics.append(Diagnostic(kind, message, start, start + 1 if end is None else end, self.where))

    def sequence(self, start: int, end: int) -> Nodes:
        nodes: list[Node] = []
        places: dict[str, int] = {}
        position = run = start  # run: where the literal text that is being passed began
        tag_end = -1
        while match := self.special.search(self.source, position, end):
            token, position = match.group(), match.end()
            if token[0] == "\\":
                continue
            if token[0] == "<" and token != "<ppp:":
                tag_end = max(tag_end, self.pairs.get(match.start(), -1))
                continue
            if token.endswith("__") and match.start() < tag_end:
                continue  # the name of a LoRA may hold two underscores
            found = self.node(token, match.start(), end, places)
            if found is None:
                position = match.start() + 1 if token == "__" else position
                continue
            made, position = found
            nodes.extend(self.text(run, match.start()))
            nodes.extend(made)
            run = position
        nodes.extend(self.text(run, end))
        return tuple(nodes)

    def text(self, start: int, end: int) -> Nodes:
        if start >= end:
            return ()
        text = self.source[start:end]
        return (Text(text, (start, end), Component(text, span=(start, end))),)

    def place(self, start: int, end: int, places: dict[str, int]) -> int:
        source = self.source[start:end]
        occurrence = places[source] = places.get(source, -1) + 1
        return place(source, occurrence)

    def node(self, token: str, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
        """What begins at ``start``, and where it ends; None for literal text."""
        if token.lstrip(" \t").startswith("#"):
            return (), start + len(token)
        if token.endswith("__"):
            return read_wildcard(self, token, start, end, places)
        if token == "<ppp:":
            return read_command(self, start, end, places)
        brace = start + len(token) - 1
        close = self.pairs.get(brace)
        if close is None or close >= end:
            return None
        if token == "{":
            return read_variant(self, start, close, places), close + 1
        made = (read_wrap if token == "%{" else read_variable)(self, start, close, places)
        return None if made is None else ((made,), close + 1)


def _hoisted(nodes: Nodes, source: str) -> Nodes:
    """A variable may be used before it is given its value: those assignments are done first."""
    early: list[Node] = []
    seen: set[str] = set()
    for node in nodes:
        if isinstance(node, Assign) and node.name not in seen:
            seen.add(node.name)
            if f"${{{node.name}" in source[: node.span[0]]:
                early.append(node)
    return (*early, *[node for node in nodes if node not in early]) if early else nodes
