"""What a regular expression says, as a tree, and the same in Python's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

LAST = 0x10FFFF
Range: TypeAlias = tuple[int, int]  # of code points, both ends included
DIGITS: tuple[Range, ...] = ((48, 57),)
WORD: tuple[Range, ...] = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACES: tuple[Range, ...] = (
    *((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
LINE_ENDS: tuple[Range, ...] = ((10, 10), (13, 13), (0x2028, 0x2029))


_MANY_LENGTHS = 10


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these ranges, or (``negated``) of no one of them."""

    ranges: tuple[Range, ...]
    negated: bool = False

    def has(self, char: str, ignore_case: bool) -> bool:
        codes = {ord(char)}
        if ignore_case:
            codes |= {ord(other) for other in (char.lower(), char.upper()) if len(other) == 1}
        return any(low <= code <= high for code in codes for low, high in self.ranges) != self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``most`` None: as often as can be."""

    item: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place between characters: "start", "end", "line_start", "line_end", "word" (a boundary) or "inside"."""

    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    """A place before which (``ahead``), or behind which, the item is, or (``negated``) is not."""

    item: Node
    ahead: bool
    negated: bool


Node: TypeAlias = Chars | Sequence | Either | Repeat | Place | Look


def ways(node: Node) -> float:
    """In how many ways, at the most, a backtracking search may try it from one place; infinite for what has no end."""
    if isinstance(node, Sequence):
        product = 1.0
        for item in node.items:
            product *= ways(item)
        return product
    if isinstance(node, Either):
        return sum(map(ways, node.items))
    if isinstance(node, Repeat):
        if node.most is None or node.most > 100:
            return float("inf")
        one = ways(node.item)
        return sum(one**times for times in range(node.least, node.most + 1)) if one < 10 else float("inf")
    return float("inf") if isinstance(node, Look) else 1.0


def gaps_and_ways(node: Node) -> tuple[int, float]:
    """(how many parts of it, as ``.*``, may be of many lengths; in how many ways all else may be tried)."""
    items = node.items if isinstance(node, Sequence) else (node,)
    gaps = [item for item in items if _is_gap(item)]
    return len(gaps), ways(Sequence(tuple(item for item in items if item not in gaps)))


def _is_gap(node: Node) -> bool:
    if not (isinstance(node, Repeat) and isinstance(node.item, Chars)):
        return False
    return node.most is None or node.most - node.least >= _MANY_LENGTHS


def text_before(node: Node) -> str:
    """What everything begins with that the expression finds; "" if it begins in more than one way."""
    found = ""
    for item in node.items if isinstance(node, Sequence) else (node,):
        code = _single(item)
        if code is None and not isinstance(item, Place):
            break
        found += "" if code is None else chr(code)
    return found


def _single(node: Node) -> int | None:
    """The one character that it is."""
    if (
        isinstance(node, Chars)
        and len(node.ranges) == 1
        and not node.negated
        and node.ranges[0][0] == node.ranges[0][1]
    ):
        return node.ranges[0][0]
    return None


def size(node: Node) -> int:
    """How many states it takes."""
    if isinstance(node, Sequence | Either):
        return 1 + sum(map(size, node.items))
    if isinstance(node, Repeat):
        return 1 + (size(node.item) + 1) * max(node.least + (node.most is None), node.most or 0, 1)
    return 1 + (size(node.item) if isinstance(node, Look) else 0)


def text_within(node: Node) -> str:
    """The longest text of which it is plain that whatever the expression finds has it; "" for none."""
    runs = [""]
    for item in node.items if isinstance(node, Sequence) else (node,):
        code = _single(item)
        if code is not None:
            runs[-1] += chr(code)
        elif not isinstance(item, Place | Look):  # which take no room between two characters
            runs.append(text_within(item) if isinstance(item, Sequence) else "")
            runs.append("")
    return max(runs, key=len)


def backward(node: Node) -> Node:
    """What finds the same, read from its end."""
    if isinstance(node, Sequence):
        return Sequence(tuple(map(backward, reversed(node.items))))
    if isinstance(node, Either):
        return Either(tuple(map(backward, node.items)))
    return Repeat(backward(node.item), node.least, node.most) if isinstance(node, Repeat) else node


_WORD_CLASS = "[0-9A-Za-z_]"
_ENDS = "[\\n\\r\\u2028\\u2029]"
_PLACES = {
    "start": "\\A",
    "end": "\\Z",
    "line_start": f"(?:\\A|(?<={_ENDS}))",
    "line_end": f"(?:\\Z|(?={_ENDS}))",
    "word": "(?a:\\b)",
    "inside": f"(?-i:(?<={_WORD_CLASS})(?={_WORD_CLASS})|(?<!{_WORD_CLASS})(?!{_WORD_CLASS}))",
}


def in_python(node: Node) -> str:
    """The expression for ``re``, whatever ``re`` would have made of the original. There is no Look in it."""
    if isinstance(node, Chars):
        return _class(node)
    if isinstance(node, Sequence):
        return "".join(map(in_python, node.items))
    if isinstance(node, Either):
        return f"(?:{'|'.join(map(in_python, node.items))})"
    if isinstance(node, Repeat):
        return f"(?:{in_python(node.item)}){{{node.least},{'' if node.most is None else node.most}}}"
    assert isinstance(node, Place)
    return _PLACES[node.kind]


def _class(chars: Chars) -> str:
    if not chars.ranges:
        return "[\\s\\S]" if chars.negated else "(?!)"
    inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in chars.ranges)
    return f"[{'^' if chars.negated else ''}{inside}]"
