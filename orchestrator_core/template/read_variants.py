"""Reads ``{2$$, $$fox|2::owl|'rare' 1 if night::lynx}``: counts, options, weights, labels and conditions."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import blake2b

from orchestrator_core.template.conditions import Condition, NotACondition, parse_condition
from orchestrator_core.template.parser import Parser
from orchestrator_core.template.tree import Count, Method, Nodes, Option, Span, Variant, WildcardRef

# each optional part takes the white space behind it: were that optional on its own, a run of it could be split
# between the parts in so many ways that a few thousand spaces took hours
COUNT = re.compile(
    r"\s*(?:(?P<method>[~!@])\s*)?(?:(?P<flags>[ro]{1,2})\s*)?"
    r"(?:(?=[\d-])(?P<low>\d{1,6})?(?P<dash>-)?(?P<high>\d{1,6})?\s*)?"
    r"(?:(?P<description>'[^'|{}\n]*'|\"[^\"|{}\n]*\")\s*)?\$\$(?:(?P<separator>[^${}\n]*)\$\$)?"
)
METHOD = re.compile(r"\s*([~!@])")
_OPTION = re.compile(
    r"\s*(?:(?P<include>%)\s*)?(?:(?:'(?P<labels>[^'|\n]*)'|\"(?P<more>[^\"|\n]*)\")\s*)?"
    r"(?:(?P<weight>\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})\s*)?(?P<next>::|if\b)"
)
_IMPACT_OPTION = re.compile(r"\s*(?P<weight>\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})::")
_CONDITION_END = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|::")
_QUANTIFIER = re.compile(r"\s*(\d{1,3})#(?=__)")


def read_variant(parser: Parser, start: int, close: int, places: dict[str, int]) -> Nodes:
    first = parser.behind_comments(start + 1, close)
    counted = header(parser, first, close, parser.dialect.separator)
    if counted:
        count, method, first = counted
    else:
        count, method = Count(separator=parser.dialect.separator), None
        if parser.dialect.methods and (match := METHOD.match(parser.source, first, close)):
            method, first = Method(match[1]), match.end()
    options = read_options(parser, first, close, parser.bars[start])
    if len(options) == 1 and (reference := _sole_wildcard(options[0])):
        return (counted_reference(reference, count if counted else None, method, (start, close + 1)),)
    texts = tuple([option.text for option in options])
    key = blake2b("\x1f".join(texts).encode("utf-8", "replace"), digest_size=6)
    here = parser.place(start, close + 1, places)
    source = parser.source[start : close + 1]
    return (Variant(options, count, method, f"inline:{key.hexdigest()}", source, (start, close + 1), here, texts),)


def counted_reference(inner: WildcardRef, count: Count | None, method: Method | None, span: Span) -> WildcardRef:
    """``{2$$__w__}`` draws two values of the wildcard, not one."""
    return replace(inner, count=count or inner.count, method=method or inner.method, span=span)


def header(parser: Parser, start: int, end: int, separator: str) -> tuple[Count, Method | None, int] | None:
    match = COUNT.match(parser.source, start, end)
    found = read_bounds(parser, match, separator) if match else None
    return (*found, match.end()) if match and found else None


def read_bounds(parser: Parser, match: re.Match[str], separator: str) -> tuple[Count, Method | None] | None:
    low, high, flags = match["low"], match["high"], match["flags"] or ""
    if not (low or high or flags) or (match["dash"] and not (low or high)):
        return None
    if not parser.dialect.methods and (flags or match["method"]):
        return None
    first = int(low or 1)
    last = first if not match["dash"] else int(high) if high else None
    bounds = (first, None) if last is None else (min(first, last), max(first, last))
    named = match["separator"]
    named = separator if named is None else named
    count = Count(bounds[0], bounds[1], named, "r" in flags, "o" in flags)
    return count, Method(match["method"]) if match["method"] else None


def read_options(parser: Parser, start: int, close: int, bars: list[int]) -> tuple[Option, ...]:
    options: list[Option] = []
    for bar in (*[bar for bar in bars if bar >= start], close):
        options.extend(read_repeated(parser, start, bar) or [read_option(parser, start, bar)])
        start = bar + 1
    return tuple(options)


def read_repeated(parser: Parser, start: int, end: int) -> list[Option] | None:
    """``3#__w__`` as an option is three options."""
    if not parser.dialect.quantifiers:
        return None
    match = _QUANTIFIER.match(parser.source, start, end)
    return [replace(read_option(parser, match.end(), end), copy=n) for n in range(int(match[1]))] if match else None


def read_option(parser: Parser, start: int, end: int) -> Option:
    start = parser.behind_comments(start, end)
    if parser.dialect.strips_options:
        while start < end and parser.source[start].isspace():
            start += 1
    body, settings = option_settings(parser, start, end)
    if settings.include:
        return settings
    text = parser.without_comments(body, end)
    return Option(parser.sequence(body, end), text, settings.weight, settings.condition, settings.labels)


def option_settings(parser: Parser, start: int, end: int) -> tuple[int, Option]:
    """Where the option's body begins, and an option with all but the body."""
    source = parser.source
    if not parser.dialect.commands:
        match = _IMPACT_OPTION.match(source, start, end)
        body = match.end() if match else start
        return body, Option((), source[body:end], float(match["weight"]) if match else 1.0)
    match = _OPTION.match(source, start, end)
    if not match or not source[start : match.end()].strip(" ").strip(":"):
        return start, Option((), source[start:end])
    found = (match.end(), None) if match["next"] == "::" else read_condition(parser, match.end(), end)
    if found is None:
        return start, Option((), source[start:end])
    body, condition = found
    weight = float(match["weight"]) if match["weight"] else 1.0
    labels = frozenset(
        label.strip().lower() for label in (match["labels"] or match["more"] or "").split(",") if label.strip()
    )
    included = source[body:end].split(None, 1) if match["include"] else []
    name = included[1].rstrip() if len(included) == 2 and included[0] == "include" else ""
    return body, Option((), source[body:end], weight, condition, labels, name)


def read_condition(parser: Parser, start: int, end: int) -> tuple[int, Condition] | None:
    for match in _CONDITION_END.finditer(parser.source, start, min(end, start + 1000)):
        if match.group() == "::":
            try:
                return match.end(), parse_condition(parser.source[start : match.start()])
            except NotACondition as error:
                parser.note("not-a-condition", f"This is not read as a condition: {error}.", start, match.start())
                return None
    return None


def _sole_wildcard(option: Option) -> WildcardRef | None:
    plain = len(option.body) == 1 and option.condition is None and not option.include
    node = option.body[0] if plain else None
    # braces of its own around it make it one option: {2$${__w__}} is one value
    return node if isinstance(node, WildcardRef) and not option.text.startswith("{") else None
