"""A prompt as spans: what nobody may touch, what a language model may rewrite, and what only separates.

``"".join(span.text for span in split(text)) == text`` for every text. What the hosts, extensions or our own template
engine would read is protected (syntax.py), and so are words that are named, the usual words of quality, and whatever
stands so close to protected text that other words there would change it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from orchestrator_core.enhancing.marks import Unmarked, unmarked
from orchestrator_core.enhancing.syntax import SEPARATORS, Form, Found, Place, find_syntax

_QUALITY = re.compile(
    r"\bscore_\d+(?:_up)?\b|\b(?:source|rating)_\w+|\b(?:masterpiece|absurdres|highres|lowres|amazing quality|"
    r"(?:best|high|great|good|normal|low|worst) quality|very aesthetic|very awa|newest)\b",
    re.I,
)
_GAPS = re.compile(rf"[\s{SEPARATORS}]+")
_GAP = frozenset(SEPARATORS)


class Kind(Enum):
    """What may be done with a span. A ``mark`` (``[[expand:``) is taken out, and everything else stays or is free."""

    protected = "protected"
    free = "free"
    separator = "separator"
    mark = "mark"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a prompt, from ``start`` on. ``region``: inside ``[[expand: …]]``. ``form``: of protected ones."""

    kind: Kind
    text: str
    start: int = 0
    region: bool = False
    form: Form | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_syntax(self) -> bool:
        """Whether it is more than words that must stay."""
        return self.form not in (None, Form.words)


@dataclass(frozen=True, slots=True)
class Layout:
    """A text without its marks, its spans, and the places of ``[[expand: …]]`` and of words that must stay in it."""

    text: str
    spans: tuple[Span, ...]
    regions: tuple[Place, ...] = ()
    kept: tuple[Place, ...] = ()  # whole, though syntax may overlap them
    marks: tuple[Place, ...] = ()  # in the text that still had them


def split(text: str, protected_words: Iterable[str] = ()) -> tuple[Span, ...]:
    """The spans of a text, marks included. ``protected_words``: words and phrases that must stay, in any case."""
    found = layout(text, protected_words)
    return _with_marks(found, text) if found.marks else found.spans


def layout(text: str, protected_words: Iterable[str] = ()) -> Layout:
    """The same without the marks, as it is verified and assembled."""
    return _layout(text, tuple(protected_words))


@lru_cache(maxsize=32)  # asking, assembling and verifying look at the same few texts
def _layout(text: str, words: tuple[str, ...]) -> Layout:
    plain = unmarked(text)
    syntax, kept = find_syntax(plain.text), _kept(plain, words)
    protected = list(_glued(plain.text, _clipped(syntax, kept)))
    spans = tuple(_spans(plain.text, protected))
    regions = tuple(place for place in plain.expand if not _cuts(place, plain.text, protected))
    return Layout(plain.text, _in_regions(spans, regions), regions, tuple(kept), plain.removed)


def words_pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds words and phrases as wholes, in any case and with any white space."""
    parts = [parts for word in words if (parts := word.split())]
    if not parts:
        return None
    return _pattern(tuple(sorted((" ".join(part) for part in parts), key=lambda word: (-len(word), word))))


@lru_cache(maxsize=64)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_whole, phrases)), re.I)


def _whole(phrase: str) -> str:
    """Bounds only where letters are ASCII: Chinese and Japanese words stand without spaces."""
    before = r"(?<!\w)" if phrase[0].isascii() and phrase[0].isalnum() else ""
    after = r"(?!\w)" if phrase[-1].isascii() and phrase[-1].isalnum() else ""
    return before + r"\s+".join(map(re.escape, phrase.split())) + after


def _kept(plain: Unmarked, words: tuple[str, ...]) -> list[Place]:
    """The words that must stay, in order: those of quality, what the person marked, and those that are named."""
    places = [match.span() for match in _QUALITY.finditer(plain.text)]
    places += [place for place in plain.keep if place[1] > place[0]]
    if (pattern := words_pattern(words)) is not None:
        places += [match.span() for match in pattern.finditer(plain.text)]
    return _united(places)


def _united(places: list[Place]) -> list[Place]:
    united: list[Place] = []
    for start, end in sorted(places):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _clipped(syntax: list[Found], words: list[Place]) -> list[Found]:
    """Both in order, the words without what is syntax already: they take nothing from it."""
    found = list(syntax)
    ends = [end for _, end, _ in syntax]
    for start, end in words:
        at = bisect_right(ends, start)
        while at < len(syntax) and syntax[at][0] < end:
            if start < syntax[at][0]:
                found.append((start, syntax[at][0], Form.words))
            start, at = syntax[at][1], at + 1
        if start < end:
            found.append((start, end, Form.words))
    return sorted(found, key=lambda place: place[0])


def _glued(text: str, places: list[Found]) -> Iterator[Found]:
    """With the text that stands right before or behind each: other words there would change what it means."""
    last = 0
    for number, (start, end, form) in enumerate(places):
        first = start
        while first > last and not _is_gap(text[first - 1]):
            first -= 1
        if first < start:
            yield first, start, Form.words
        yield start, end, form
        limit = places[number + 1][0] if number + 1 < len(places) else len(text)
        last = end
        while last < limit and not _is_gap(text[last]):
            last += 1
        if last > end:
            yield end, last, Form.words


def _is_gap(character: str) -> bool:
    return character.isspace() or character in _GAP


def _spans(text: str, protected: list[Found]) -> Iterator[Span]:
    last = 0
    for start, end, form in protected:
        yield from _free(text, last, start)
        yield Span(Kind.protected, text[start:end], start, False, form)
        last = end
    yield from _free(text, last, len(text))


def _free(text: str, start: int, end: int) -> Iterator[Span]:
    """Words, and between them commas and line breaks; white space at either end separates too."""
    if start == end:
        return
    gap = text[start:end]
    last = 0
    for match in _GAPS.finditer(gap):
        is_at_end = match.start() == 0 or match.end() == len(gap)
        if not is_at_end and _GAP.isdisjoint(match.group()):
            continue
        if match.start() > last:
            yield Span(Kind.free, gap[last : match.start()], start + last)
        yield Span(Kind.separator, match.group(), start + match.start())
        last = match.end()
    if last < len(gap):
        yield Span(Kind.free, gap[last:], start + last)


def _cuts(place: Place, text: str, protected: list[Found]) -> bool:
    """Whether new words in a region would part something, as in ``(a [[expand: b]]:1.2)`` or ``BR[[expand:]]EAK``."""
    first, last = place
    is_in_word = first == last and 0 < first < len(text) and not (_is_gap(text[first - 1]) or _is_gap(text[first]))
    begin = bisect_left(protected, first, key=lambda found: found[1])
    end = bisect_right(protected, last, key=lambda found: found[0])
    return is_in_word or any(_parts(place, found) for found in protected[begin:end])


def _parts(place: Place, found: Found) -> bool:
    """Whether it holds an edge of the region or all of it, or touches it so that it would be read otherwise."""
    start, end, form = found
    if start < place[0] < end or start < place[1] < end:
        return True
    if form is Form.words or (start, end) == place:
        return False
    touches = start == place[1] and form is not Form.network
    return touches or (end == place[0] and form is Form.divider) or (start <= place[0] and place[1] <= end)


def _in_regions(spans: tuple[Span, ...], regions: tuple[Place, ...]) -> tuple[Span, ...]:
    """Spans cut at the edges of the regions, and those inside marked as such."""
    if not regions:
        return spans
    cut = _cut(spans, sorted({edge for region in regions for edge in region}))
    places = _united(list(regions))
    return tuple(replace(span, region=True) if _is_inside(span, places) else span for span in cut)


def _is_inside(span: Span, places: list[Place]) -> bool:
    at = bisect_right(places, span.start, key=lambda place: place[0]) - 1
    return at >= 0 and span.end <= places[at][1]


def _cut(spans: Iterable[Span], places: list[int]) -> list[Span]:
    pieces: list[Span] = []
    for span in spans:
        rest = span
        for place in places[bisect_right(places, span.start) : bisect_left(places, span.end)]:
            at = place - rest.start
            pieces.append(replace(rest, text=rest.text[:at]))
            rest = replace(rest, text=rest.text[at:], start=place)
        pieces.append(rest)
    return pieces


def _with_marks(found: Layout, text: str) -> tuple[Span, ...]:
    """The spans at their places in the text that has the marks, and the marks."""
    offsets, gone = [], 0
    for start, end in found.marks:
        offsets.append(start - gone)
        gone += end - start
    pieces = _cut(found.spans, sorted(set(offsets)))
    marked: list[Span] = []
    at = shift = 0
    for piece in pieces:
        while at < len(offsets) and offsets[at] <= piece.start:
            marked.append(_mark_span(found.marks[at], text))
            shift += len(marked[-1].text)
            at += 1
        marked.append(replace(piece, start=piece.start + shift))
    marked += [_mark_span(place, text) for place in found.marks[at:]]
    return tuple(span for span in marked if span.text)


def _mark_span(place: Place, text: str) -> Span:
    return Span(Kind.mark, text[slice(*place)], place[0])
