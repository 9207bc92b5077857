"""Parser: one template's characters, and the walk over them. parse.py knows what each token begins."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from orchestrator_core.prompt import Component, Diagnostic
from orchestrator_core.template.chance import place
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.structure import COMMENT, TAG, Command, find_commands, find_structure
from orchestrator_core.template.tree import Node, Nodes, Text

_MAX_NESTED = 60  # sequences inside one another: braces, commands and parameters taken together
_MAX_NOTES = 100
_FLAGS = re.M | re.S
_SPECIAL = {
    ("dynamicprompts", True): re.compile(COMMENT + r"|\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("dynamicprompts", False): re.compile(r"\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("impact", True): re.compile(COMMENT + r"|\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
    ("impact", False): re.compile(r"\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
}

_PARENTHESIS = re.compile(r"[()]")
_COMMENT = re.compile(COMMENT, re.M)
_COMMENTED = re.compile(r"\s*^[ \t]*#[^\n]*\n?", re.M)

Reader = Callable[["Parser", str, int, int, dict[str, int]], "tuple[Nodes, int] | None"]


class Parser:
    """Recursive descent over the positions that find_structure has paired, so every character is looked at once."""

    def __init__(self, source: str, dialect: Dialect, where: str, comments: bool, read: Reader) -> None:
        self.read = read  # what begins at a token, and where it ends; None for literal text
        self.source = source
        self.dialect = dialect
        self.where = where
        self.comments = comments
        self.diagnostics: list[Diagnostic] = []
        structure = find_structure(source, comments)
        self.pairs, self.bars = structure.pairs, structure.bars
        self.commands: dict[int, Command] = find_commands(source) if dialect.commands and "<ppp:" in source else {}
        self.special = _SPECIAL[dialect.name, comments]
        self.nested = 0
        for position in structure.unclosed:
            self.note("unclosed-variant", "This { is never closed; it stays as it is. Close it with }.", position)
        if structure.too_deep:
            position = structure.too_deep[0]
            self.note("too-deep", "Braces are nested too deep from here; they stay as they are.", position)

    def note(self, kind: str, message: str, start: int, end: int | None = None) -> None:
        if len(self.diagnostics) < _MAX_NOTES:
            self.diagnostics.append(Diagnostic(kind, message, start, start + 1 if end is None else end, self.where))

    def behind_comments(self, start: int, end: int) -> int:
        """``start``, or where what follows some comment lines begins."""
        while self.comments and (match := _COMMENTED.match(self.source, start, end)):
            start = match.end()
        return start

    def without_comments(self, start: int, end: int) -> str:
        text = self.source[start:end]
        if not self.comments or "#" not in text:
            return text
        pieces = []
        for match in _COMMENT.finditer(self.source, start, end):
            pieces.append(self.source[start : match.start()])
            start = match.end()
        return "".join([*pieces, self.source[start:end]])

    def sequence(self, start: int, end: int) -> Nodes:
        """The nodes between two positions. What is nested too deep is text."""
        if self.nested >= _MAX_NESTED:
            self.note("too-deep", "This is nested too deep; it stays as it is.", start, end)
            return self.text(start, end)
        self.nested += 1
        nodes = self.nodes(start, end)
        self.nested -= 1
        return nodes

    def nodes(self, start: int, end: int) -> Nodes:
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
            found = self.read(self, token, match.start(), end, places)
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

    @cached_property
    def parentheses(self) -> dict[int, int]:
        """Opening → closing position of ( that are closed."""
        found: dict[int, int] = {}
        stack: list[int] = []
        for match in _PARENTHESIS.finditer(self.source):
            if match.group() == "(":
                stack.append(match.start())
            elif stack:
                found[stack.pop()] = match.start()
        return found

    def place(self, start: int, end: int, places: dict[str, int]) -> int:
        source = self.source[start:end]
        occurrence = places[source] = places.get(source, -1) + 1
        return place(source, occurrence)
