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
from hashlib import blake2b

from orchestrator_core.prompt import Component, Diagnostic
from orchestrator_core.template.chance import place
from orchestrator_core.template.commands import find_commands, read_command
from orchestrator_core.template.conditions import Condition, NotACondition, parse_condition
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.structure import COMMENT, TAG, find_structure
from orchestrator_core.template.tree import (
    Assign,
    Count,
    Method,
    Node,
    Nodes,
    Option,
    Text,
    Use,
    Variant,
    WildcardRef,
    Wrap,
)

_FLAGS = re.M | re.S
_SPECIAL = {
    ("dynamicprompts", True): re.compile(COMMENT + r"|\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("dynamicprompts", False): re.compile(r"\\.|\$\{|%\{|\{|__|" + TAG, _FLAGS),
    ("impact", True): re.compile(COMMENT + r"|\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
    ("impact", False): re.compile(r"\\.|\{|(?:\d{1,3}#)?__|" + TAG, _FLAGS),
}
_PLAIN_VALUE = re.compile(r"[{\\]|__|\$\{|%\{|<ppp:|\d#")
_COUNT = re.compile(
    r"\s*(?P<method>[~!@])?\s*(?P<flags>[ro]{0,2})\s*(?P<low>\d{1,6})?(?P<dash>-)?(?P<high>\d{1,6})?\s*"
    r"(?:'[^'|{}\n]*'|\"[^\"|{}\n]*\")?\s*\$\$(?:(?P<separator>[^${}\n]*)\$\$)?"
)
_METHOD = re.compile(r"\s*([~!@])")
_OPTION = re.compile(
    r"\s*(?P<include>%)?\s*(?:'(?P<labels>[^'|\n]*)'|\"(?P<more>[^\"|\n]*)\")?\s*"
    r"(?P<weight>\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})?\s*(?P<next>::|if\b)"
)
_IMPACT_OPTION = re.compile(r"\s*(?P<weight>\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})::")
_CONDITION_END = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|::")
_NAME_TOKEN = re.compile(r"__|\$\{|\{|[}|<>\n('\"]")
_IMPACT_NAME = re.compile(r"[\w.\-+/*\\]+?(?=__)")
_VARIABLE = re.compile(
    r"\s*(?P<name>[A-Za-z_-][\w-]{0,80})\s*(?:(?P<how>[?+])?=(?P<now>!)?|(?P<now2>!)=|(?P<default>:)|(?P<end>\Z))\s*"
)
_MAX_NAME = 400
PPP_SEPARATOR = ", "  # where a wildcard carries its own count and names no separator


@dataclass(frozen=True, slots=True)
class Parsed:
    nodes: Nodes
    diagnostics: tuple[Diagnostic, ...]


def parse(source: str, dialect: Dialect, where: str = "positive") -> Parsed:
    """The tree of a template. ``where`` is what its diagnostics say they are about."""
    parser = Parser(source, dialect, where, comments=True)
    nodes = parser.sequence(0, len(source))
    return Parsed(_hoisted(nodes, source), tuple(parser.diagnostics))


def parse_value(source: str, dialect: Dialect, where: str) -> Parsed | None:
    """The tree of a wildcard's value, or None where it is plain text. Values have no comments."""
    if not _PLAIN_VALUE.search(source):
        return None
    parser = Parser(source, dialect, where, comments=False)
    nodes = parser.sequence(0, len(source))
    return Parsed(_hoisted(nodes, source), tuple(parser.diagnostics))


def read_count(text: str, dialect: Dialect, separator: str = PPP_SEPARATOR) -> tuple[Count, Method | None] | None:
    """``2-3$$ and $$`` standing alone, as the first line of a wildcard file; None for anything else."""
    match = _COUNT.fullmatch(text)
    return Parser(text, dialect, "", comments=False).count(match, separator) if match else None


def split_option(text: str, dialect: Dialect) -> Option:
    """Weight, labels and condition of a line of a wildcard file. Its body is parsed only when it is drawn."""
    parser = Parser(text, dialect, "", comments=False)
    return parser.option_settings(0, len(text))[1]


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
            return self.wildcard(token, start, end, places)
        if token == "<ppp:":
            return read_command(self, start, end, places)
        brace = start + len(token) - 1
        close = self.pairs.get(brace)
        if close is None or close >= end:
            return None
        if token == "{":
            return self.variant(start, close, places), close + 1
        made = self.wrap(start, close, places) if token == "%{" else self.variable(start, close, places)
        return None if made is None else ((made,), close + 1)

    # variants

    def variant(self, start: int, close: int, places: dict[str, int]) -> Nodes:
        first = start + 1
        counted = self.header(first, close, self.dialect.separator)
        if counted:
            count, method, first = counted
        else:
            count, method = Count(separator=self.dialect.separator), None
            if self.dialect.methods and (match := _METHOD.match(self.source, first, close)):
                method, first = Method(match[1]), match.end()
        options = self.options(first, close, self.bars[start])
        if len(options) == 1 and (reference := _sole_wildcard(options[0])):
            return (self.counted_reference(reference, count if counted else None, method, (start, close + 1)),)
        key = blake2b("\x1f".join([option.text for option in options]).encode("utf-8", "replace"), digest_size=6)
        here = self.place(start, close + 1, places)
        source = self.source[start : close + 1]
        return (Variant(options, count, method, f"inline:{key.hexdigest()}", source, (start, close + 1), here),)

    def counted_reference(
        self, inner: WildcardRef, count: Count | None, method: Method | None, span: tuple[int, int]
    ) -> WildcardRef:
        """``{2$$__w__}`` draws two values of the wildcard, not one."""
        return WildcardRef(
            inner.name,
            self.source[span[0] : span[1]],
            count or inner.count,
            method or inner.method,
            inner.filter,
            inner.parameters,
            span,
            inner.place,
        )

    def header(self, start: int, end: int, separator: str) -> tuple[Count, Method | None, int] | None:
        match = _COUNT.match(self.source, start, end)
        found = self.count(match, separator) if match else None
        return (*found, match.end()) if match and found else None

    def count(self, match: re.Match[str], separator: str) -> tuple[Count, Method | None] | None:
        low, high, flags = match["low"], match["high"], match["flags"]
        if not (low or high or flags) or (match["dash"] and not (low or high)):
            return None
        if not self.dialect.methods and (flags or match["method"]):
            return None
        if match["dash"]:
            bounds = int(low or 1), int(high) if high else None
        else:
            bounds = (int(low), int(low)) if low else (1, 1)
        sorted_bounds = bounds if bounds[1] is None else (min(bounds), max(bounds))  # type: ignore[type-var]
        named = match["separator"]
        count = Count(*sorted_bounds, separator if named is None else named, "r" in flags, "o" in flags)
        return count, Method(match["method"]) if match["method"] else None

    def options(self, start: int, close: int, bars: list[int]) -> tuple[Option, ...]:
        options: list[Option] = []
        for bar in (*[bar for bar in bars if bar >= start], close):
            options.extend(self.repeated(start, bar) or [self.option(start, bar)])
            start = bar + 1
        return tuple(options)

    def repeated(self, start: int, end: int) -> list[Option] | None:
        """``3#__w__`` as an option is three options."""
        if not self.dialect.quantifiers:
            return None
        match = re.compile(r"\s*(\d{1,3})#(?=__)").match(self.source, start, end)
        return [self.option(match.end(), end)] * int(match[1]) if match else None

    def option(self, start: int, end: int) -> Option:
        if self.dialect.strips_options:
            while start < end and self.source[start].isspace():
                start += 1
        body, settings = self.option_settings(start, end)
        if settings.include:
            return settings
        return Option(
            self.sequence(body, end), self.source[body:end], settings.weight, settings.condition, settings.labels
        )

    def option_settings(self, start: int, end: int) -> tuple[int, Option]:
        """Where the option's body begins, and an option with all but the body."""
        source = self.source
        if not self.dialect.commands:
            match = _IMPACT_OPTION.match(source, start, end)
            body = match.end() if match else start
            return body, Option((), source[body:end], float(match["weight"]) if match else 1.0)
        match = _OPTION.match(source, start, end)
        if not match:
            return start, Option((), source[start:end])
        found = (match.end(), None) if match["next"] == "::" else self.condition(match.end(), end)
        if found is None:
            return start, Option((), source[start:end])
        body, condition = found
        weight = float(match["weight"]) if match["weight"] else 1.0
        labels = frozenset(
            label.strip().lower() for label in (match["labels"] or match["more"] or "").split(",") if label.strip()
        )
        included = re.compile(r"\s*include\s+(\S.*?)\s*").fullmatch(source, body, end) if match["include"] else None
        return body, Option((), source[body:end], weight, condition, labels, included[1] if included else "")

    def condition(self, start: int, end: int) -> tuple[int, Condition] | None:
        for match in _CONDITION_END.finditer(self.source, start, min(end, start + 1000)):
            if match.group() == "::":
                try:
                    return match.end(), parse_condition(self.source[start : match.start()])
                except NotACondition as error:
                    self.note("not-a-condition", f"This is not read as a condition: {error}.", start, match.start())
                    return None
        return None

    # wildcards

    def wildcard(self, token: str, start: int, end: int, places: dict[str, int]) -> tuple[Nodes, int] | None:
        first = start + len(token)
        read = self.wildcard_parts if self.dialect.commands else self.impact_parts
        found = read(first, end)
        if found is None:
            return None
        name, count, method, wanted, parameters, stop = found
        if isinstance(name, str) and ".." in re.split(r"[\\/]", name):
            self.note("refused-name", f"A wildcard's name may not contain '..': {name!r} stays as it is.", start, stop)
            return None
        opening = start + len(token) - 2
        reference = WildcardRef(
            name,
            self.source[opening:stop],
            count,
            method,
            wanted,
            parameters,
            (start, stop),
            self.place(opening, stop, places),
        )
        if token == "__":
            return (reference,), stop
        bar = Text("|", (start, stop), Component("|", span=(start, stop)))
        return ((reference, bar) * int(token[:-3]))[:-1], stop

    def impact_parts(
        self, start: int, end: int
    ) -> tuple[str, None, None, str, tuple[tuple[str, Nodes], ...], int] | None:
        match = _IMPACT_NAME.match(self.source, start, end)
        return (match.group(), None, None, "", (), match.end() + 2) if match else None

    def wildcard_parts(
        self, start: int, end: int
    ) -> tuple[str | Nodes, Count | None, Method | None, str | Nodes, tuple[tuple[str, Nodes], ...], int] | None:
        count, method = None, None
        if counted := self.header(start, end, PPP_SEPARATOR):
            count, method, start = counted
        elif match := _METHOD.match(self.source, start, end):
            method, start = Method(match[1]), match.end()
        wanted: str | Nodes = ""
        parameters: tuple[tuple[str, Nodes], ...] = ()
        position, stop = start, -1  # stop: where the name ends, once that is known
        dynamic = False
        while match := _NAME_TOKEN.search(self.source, position, min(end, start + _MAX_NAME)):
            token, position = match.group(), match.end()
            if token == "__":
                stop = match.start() if stop < 0 else stop
                name = self.name(start, stop, dynamic)
                return None if name is None else (name, count, method, wanted, parameters, position)
            if token in "'\"" and stop < 0 and (close := self.quoted(match.start(), end)):
                stop, wanted = match.start(), self.plain_or_tree(position, close - 1)
                position = close
            elif token == "(" and (close := self.parameters_end(match.start(), end)):
                stop = match.start() if stop < 0 else stop
                parameters, position = self.parameters(position, close - 1), close
            elif token in "'\"(":
                continue  # part of the name
            elif (close := self.pairs.get(match.end() - 1, -1)) > 0 and token in ("{", "${"):
                position, dynamic = close + 1, True
            else:
                return None
        return None

    def name(self, start: int, stop: int, dynamic: bool) -> str | Nodes | None:
        text = self.source[start:stop].rstrip() if stop < len(self.source) and self.source[stop] == "(" else None
        text = self.source[start:stop] if text is None else text
        if not text or text[0] in "_ \t" or text[-1].isspace():
            return None
        return self.sequence(start, start + len(text)) if dynamic else text

    def quoted(self, start: int, end: int) -> int:
        """Where the quoted filter ends, or 0 if the quote is part of a name ("men's hats")."""
        close = self.source.find(self.source[start], start + 1, min(end, start + _MAX_NAME))
        return close + 1 if close > 0 and self.source.startswith(("__", "("), close + 1) else 0

    def parameters_end(self, start: int, end: int) -> int:
        """Where ``(name=value)`` ends, or 0 if the parenthesis is part of a name."""
        depth = 0
        for match in re.compile(r"[(){]").finditer(self.source, start, min(end, start + 4 * _MAX_NAME)):
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if depth == 0:
                inner = self.source[start + 1 : match.start()]
                return match.end() if "=" in inner and self.source.startswith("__", match.end()) else 0
        return 0

    def parameters(self, start: int, end: int) -> tuple[tuple[str, Nodes], ...]:
        found = []
        for first, last in self.pieces(start, end):
            equals = self.source.find("=", first, last)
            if equals > 0:
                value = self.source[equals + 1 : last]
                begin = equals + 1 + len(value) - len(value.lstrip())
                name = self.source[first:equals].strip()
                found.append((name, self.sequence(begin, max(begin, equals + 1 + len(value.rstrip())))))
        return tuple(found)

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts between commas that stand in no braces."""
        pieces, position, first = [], start, start
        while match := re.compile(r"[{,]").search(self.source, position, end):
            position = match.end()
            if match.group() == "{":
                position = max(position, self.pairs.get(match.start(), -1) + 1)
            else:
                pieces.append((first, match.start()))
                first = position
        return [*pieces, (first, end)]

    def plain_or_tree(self, start: int, end: int) -> str | Nodes:
        return self.sequence(start, end) if "{" in self.source[start:end] else self.source[start:end]

    # variables and wraps

    def variable(self, start: int, close: int, places: dict[str, int]) -> Assign | Use | None:
        match = _VARIABLE.match(self.source, start + 2, close)
        span = (start, close + 1)
        if not match:
            self.note("not-a-variable", "This is no variable: write ${name}, ${name:default} or ${name=value}.", *span)
            return None
        here = self.place(*span, places)
        if match["default"] or match["end"] is not None:
            default = self.sequence(match.end(), close) if match["default"] else None
            return Use(match["name"], default, self.source[start : close + 1], span, here)
        how, now = match["how"], bool(match["now"] or match["now2"])
        value = self.sequence(match.end(), close)
        return Assign(match["name"], value, now, how == "?", how == "+", False, span, here)

    def wrap(self, start: int, close: int, places: dict[str, int]) -> Wrap | None:
        position, middle = start + 2, -1
        while match := re.compile(r"\{|\$\$").search(self.source, position, close):
            if match.group() == "$$":
                middle = match.start()
                break
            position = max(match.end(), self.pairs.get(match.start(), -1) + 1)
        if middle < 0:
            self.note("not-a-wrap", "A wrap needs $$ between wrapper and content: %{before ... after$$content}.", start)
            return None
        inner = middle + 2
        while inner < close and self.source[inner].isspace():
            inner += 1
        first = start + 2
        while first < middle and self.source[first].isspace():
            first += 1
        here = self.place(start, close + 1, places)
        return Wrap(self.sequence(first, middle), self.sequence(inner, close), (start, close + 1), here)


def _sole_wildcard(option: Option) -> WildcardRef | None:
    plain = len(option.body) == 1 and option.condition is None and not option.include
    node = option.body[0] if plain else None
    return node if isinstance(node, WildcardRef) else None


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
