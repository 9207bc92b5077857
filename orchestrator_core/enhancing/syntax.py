"""What in a prompt is no plain words: everything that a host, an extension or our own template engine would read.

In doubt it counts as syntax, since that only means that nobody rewrites it. Where the hosts disagree about brackets
(``\\\\(``: a literal one in ComfyUI, an opening one in A1111), or they are not balanced, all that follows counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

Place = tuple[int, int]


class Form(Enum):
    """What kind of syntax. ``words`` is none: plain words that must stay, as trigger words."""

    words = "words"
    group = "group"  # (a:1.2), [a:b:0.5], {a|b}
    network = "network"  # <lora:name:1>, and whatever else stands in < >
    divider = "divider"  # BREAK, AND, ADDCOL, …: what stands before and behind are prompts of their own
    colon = "colon"  # embedding:name, 16:9, and the weight of a whole prompt, as in "a cat :1.2 AND a dog"
    comment = "comment"  # hidden from the image model
    sign = "sign"  # __wildcards__, $names, "quoted text", escapes
    rest = "rest"  # all from a bracket that nothing closes


Found = tuple[int, int, Form]
_Read = tuple[int, int, Form | None] | None  # None: nobody can tell what this is

DIVIDERS = ("BREAK", "AND", "ADDCOMM", "ADDBASE", "ADDCOL", "ADDROW", "COUPLE", "CAT", "AVG")
SEPARATORS = ",;，、；،\n\r"
WEIGHT_AT_END = re.compile(r":\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*\Z")

_STRUCTURE = re.compile(r"\\+[()\[\]{}]?|[()\[\]{}<>]")
_NETWORK_BEGINS = re.compile(r"<\s*\w+\s*:")
_HASH = re.compile(r"#[^\n]*")
_SLASHES = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.S)
_DIVIDER = re.compile(rf"\b(?:{'|'.join(DIVIDERS)})\b")
_UNDERSCORES = re.compile(r"<\w+:[^<>\n]*>|__+")  # the name of a LoRA may hold two underscores
_NAME = re.compile(r"[^\s,](?:[^,\n]*[^\s,])?|\S*\([^()\n]*\)")
_DOLLAR = re.compile(r"[$%]+\w*")
_QUOTED = re.compile("“[^“”\n]*”|„[^„“”\n]*[“”]|«[^«»\n]*»|「[^「」\n]*」|『[^『』\n]*』|[“”„«»「」『』]")
_STRAIGHT = re.compile('"[^"\n]*"')
_BARS = re.compile(r"\|+")
_TOKEN = re.compile(rf"[^\s<>()\[\]{{}}{SEPARATORS}]+(?:(?<=:)\s*[-+]?\.?\d[\d.]*)?")
_BRACKETS = re.compile(r"\\.|[()\[\]{}<>]", re.S)
_OPENING = {")": "(", "]": "[", "}": "{", ">": "<"}


def find_syntax(text: str) -> list[Found]:
    """The places of all syntax, in order; none overlaps another."""
    comments = _comments(text)
    found: list[Found] = [(start, end, Form.comment) for start, end in comments]
    found += _structures(text, comments)
    found += _signs(text)
    return _merged(found)


def _comments(text: str) -> list[Place]:
    """``# …``, ``// …`` and ``/* … */``: Forge hides the first, the page of ComfyUI the others."""
    found = [match.span() for match in _HASH.finditer(text)] if "#" in text else []
    if "//" in text or "/*" in text:
        found += [match.span() for match in _SLASHES.finditer(text)]
    return sorted(found)


def _signs(text: str) -> Iterator[Found]:
    if "__" in text:
        yield from _wildcards(text)
    if "$" in text or "%" in text:
        yield from _all(_DOLLAR, text, Form.sign)
    if "|" in text:
        yield from _all(_BARS, text, Form.sign)
    if ":" in text:
        tokens = (match.span() for match in _TOKEN.finditer(text))
        yield from ((start, end, Form.colon) for start, end in tokens if text.find(":", start, end - 1) >= 0)
    if '"' in text:
        yield from _straight_quotes(text)
    yield from _all(_DIVIDER, text, Form.divider)
    yield from _all(_QUOTED, text, Form.sign)


def _wildcards(text: str) -> Iterator[Found]:
    """``__name__``; where it is not clear which underscores belong together, all from a line's first to its last."""
    start = 0
    for line in text.split("\n"):
        found = [match.span() for match in _UNDERSCORES.finditer(line) if match.group()[0] == "_"]
        pairs = list(zip(found[::2], found[1::2], strict=False))
        if len(found) % 2 or not all(_NAME.fullmatch(line, first[1], last[0]) for first, last in pairs):
            pairs = [(found[0], found[-1])]
        yield from ((start + first[0], start + last[1], Form.sign) for first, last in pairs)
        start += len(line) + 1


def _straight_quotes(text: str) -> Iterator[Found]:
    """What is quoted; where a line has one sign too many (``5" tall``), all from its first to its last."""
    start = 0
    for line in text.split("\n"):
        signs = line.count('"')
        if signs % 2:
            yield start + line.index('"'), start + line.rindex('"') + 1, Form.sign
        elif signs:
            yield from ((start + m.start(), start + m.end(), Form.sign) for m in _STRAIGHT.finditer(line))
        start += len(line) + 1


def _all(pattern: re.Pattern[str], text: str, form: Form) -> Iterable[Found]:
    return [(*match.span(), form) for match in pattern.finditer(text)]


class _Nesting:
    """How deep in brackets a place is, by kind, since A1111 counts round and square ones apart."""

    def __init__(self) -> None:
        self.depths = dict.fromkeys("([{", 0)
        self.start = 0  # of the outermost bracket that is open

    @property
    def is_open(self) -> bool:
        return any(self.depths.values())

    def read(self, token: str, start: int, end: int) -> _Read:
        """A bracket: where the outermost group ends, (start, end, its form); None where one has no partner."""
        if token in self.depths:
            self.depths[token] += 1
            return start, end, None
        self.depths[_OPENING[token]] -= 1
        if self.depths[_OPENING[token]] < 0:
            return None
        return (start, end, None) if self.is_open else (self.start, end, Form.group)


def _structures(text: str, comments: Sequence[Place]) -> list[Found]:
    """Brackets and escapes. From the first that is not clear, the rest of the text is one place."""
    found: list[Found] = []
    nesting = _Nesting()
    position = 0
    while match := _STRUCTURE.search(text, position):
        comment = _containing(comments, match.start())
        if not nesting.is_open:
            nesting.start = min(match.start(), comment[0]) if comment else match.start()
        place = _in_comment(text, comment, nesting) if comment else _read(text, match, nesting)
        if place is None:
            return [*found, (nesting.start, len(text), Form.rest)]
        start, position, form = place
        if form is not None:
            found.append((start, position, form))
    return [*found, (nesting.start, len(text), Form.rest)] if nesting.is_open else found


def _in_comment(text: str, comment: Place, nesting: _Nesting) -> _Read:
    """One host sees its brackets, another does not: only clear where that makes no difference."""
    return None if nesting.is_open or not is_balanced(text[slice(*comment)]) else (*comment, Form.comment)


def _read(text: str, match: re.Match[str], nesting: _Nesting) -> _Read:
    start, end = match.span()
    token = match.group()
    if token[0] == "\\":
        has_bracket = token[-1] != "\\"
        is_unclear = len(token) > 2 if has_bracket else end == len(text)  # A1111 cannot read one at the very end
        return None if is_unclear else (start, end, Form.sign)
    if token == "<":
        end = _network_end(text, start)
        return None if end < 0 else (start, end, Form.network if end > start + 1 else Form.sign)
    return (start, end, Form.sign) if token == ">" else nesting.read(token, start, end)


def _containing(places: Sequence[Place], position: int) -> Place | None:
    at = bisect_right(places, (position, position + 1)) - 1
    for start, end in places[max(0, at - 1) : at + 2]:
        if start <= position < end:
            return start, end
    return None


def _network_end(text: str, start: int) -> int:
    """Behind the ``>`` of a ``<``; behind the ``<`` where it is only a sign; -1 where nobody can tell."""
    close = text.find(">", start)
    if close < 0:
        return -1 if _NETWORK_BEGINS.match(text, start) else start + 1
    inner = text[start + 1 : close]
    if "#" in inner or "//" in inner or "/*" in inner or not is_balanced(inner.replace("<", "")):
        return -1
    return close + 1


def is_balanced(text: str) -> bool:
    """Whether each bracket has its partner, in the right order of each kind."""
    depths = dict.fromkeys("([{<", 0)
    for match in _BRACKETS.finditer(text):
        token = match.group()
        if token in depths:
            depths[token] += 1
        elif token in _OPENING:
            depths[_OPENING[token]] -= 1
            if depths[_OPENING[token]] < 0:
                return False
    return not any(depths.values())


def _merged(found: list[Found]) -> list[Found]:
    """Places that overlap become one, of the form that reaches furthest; what hides its end says what it is."""
    merged: list[Found] = []
    for start, end, form in sorted(found, key=lambda place: (place[0], -place[1])):
        if not merged or start >= merged[-1][1]:
            merged.append((start, end, form))
        elif end > merged[-1][1] or (end == merged[-1][1] and form in (Form.comment, Form.rest)):
            merged[-1] = (merged[-1][0], end, form)
    return merged
