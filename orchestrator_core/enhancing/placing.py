"""Where new words go into a prompt, and what joins them to it.

Behind the words of the part that they belong to, and before what must stay at its end: LoRAs, a note, the weight of the
whole part, or a bracket that nobody closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_core.enhancing.spans import Kind, Layout, Span
from orchestrator_core.enhancing.syntax import SEPARATORS, WEIGHT_AT_END, Form

_CLOSED = (Form.group, Form.words)  # a full stop behind them is one, and no part of a name or a number
_SKIPPED = (Form.network, Form.comment, Form.rest)  # new words come before them where they end a prompt


def main_part(spans: Sequence[Span]) -> list[Span]:
    """The first part between dividers that has free words; else the first with anything in it; else the first."""
    parts: list[list[Span]] = [[]]
    for span in spans:
        if span.form is Form.divider:
            parts.append([span])
        else:
            parts[-1].append(span)
    for part in parts:
        if any(span.kind is Kind.free and has_letter(span.text) for span in part):
            return part
    return next((part for part in parts if _content_end(part, True) is not None), parts[0])


def _content_end(spans: Sequence[Span], is_end: bool) -> int | None:
    """How many of the spans come before new words; None if no words are among them. ``is_end``: of a whole part."""
    at, last = len(spans), -1
    while at != last:
        last = at
        at = _without_tail(spans, at)
        at = _without_weight(spans, at) if is_end else at
    return at if at and spans[at - 1].form is not Form.divider else None


def _without_tail(spans: Sequence[Span], at: int) -> int:
    while at and (spans[at - 1].kind is Kind.separator or spans[at - 1].form in _SKIPPED):
        at -= 1
    is_glued = 0 < at < len(spans) and spans[at - 1].kind is Kind.protected and spans[at].form is not Form.network
    is_cut = is_glued and spans[at].kind is Kind.protected  # the ":" of ":)" and the "C" of "C#" are no words
    return _phrase_start(spans, at) if is_cut else at


def _without_weight(spans: Sequence[Span], at: int) -> int:
    """Before the weight of a whole prompt, as ``:1.2`` at its end; before the phrase where it is glued to a word."""
    if not at or spans[at - 1].form is not Form.colon or not WEIGHT_AT_END.search(spans[at - 1].text):
        return at
    at -= 1
    is_apart = spans[at].text.startswith(":") and at and spans[at - 1].kind is Kind.separator
    return at if is_apart else _phrase_start(spans, at)


def _phrase_start(spans: Sequence[Span], at: int) -> int:
    """How many of the spans come before the phrase that holds the last of them."""
    while at and spans[at - 1].form is not Form.divider:
        if spans[at - 1].kind is Kind.separator and set(spans[at - 1].text) & set(SEPARATORS):
            break
        at -= 1
    return at


def insertion(found: Layout, spans: Sequence[Span], text: str, joiner: str) -> tuple[int, str]:
    """(where new words go behind the words of these spans, the words with what joins them)"""
    at = _content_end(spans, _is_end(found, spans))
    if at is not None and (place := spans[at - 1].end) == _outside(found, place):
        before = _joiner_behind(spans[at - 1], joiner, text)
        return place, before + text + _joiner_before(found, place, False)
    is_behind_divider = at is None and bool(spans) and spans[0].form is Form.divider
    if at is None:
        place = 0 if not spans else spans[0].end if is_behind_divider else spans[0].start
    place = _outside(found, place)
    before = " " if is_behind_divider else "" if is_gap(found.text[:place][-1:]) else ", "
    return place, before + text + _joiner_before(found, place, True)


def _is_end(found: Layout, spans: Sequence[Span]) -> bool:
    """Whether nothing but what ends a prompt stands between these spans and the next divider."""
    behind = (span for span in found.spans if span.start >= spans[-1].end) if spans else iter(())
    first = next((s for s in behind if s.kind is not Kind.separator and s.form not in _SKIPPED), None)
    return first is None or first.form is Form.divider or first.form is Form.colon


def _outside(found: Layout, place: int) -> int:
    """The place, or one before it that is in no span and in none of the words that must stay together."""
    whole = [*found.kept, *((span.start, span.end) for span in found.spans if span.is_syntax)]
    while inside := [start for start, end in whole if start < place < end]:
        place = min(inside)
    return place


def _joiner_behind(span: Span, joiner: str, text: str) -> str:
    """Behind most protected spans only a comma or white space keeps their meaning; behind a sentence none stands."""
    if span.text.endswith(":") and not text[0].isalpha():
        return ", "  # a number behind a colon would be a weight
    if span.kind is Kind.protected:
        is_end = joiner == ". " and span.form in _CLOSED and (span.text[-1].isalnum() or span.text[-1] in ")]")
        return joiner if is_end or joiner[:1] in (",", " ", "\n") else ", "
    return " " if span.text.endswith((".", "!", "?", ":", "。", "！", "？")) and "\n" not in joiner else joiner


def _joiner_before(found: Layout, place: int, is_first: bool) -> str:
    """Between new words and what follows them. What stood without a space before it gets none.

    ComfyUI knows ``embedding:name`` by the space.
    """
    if is_gap(found.text[place : place + 1]):
        return ""
    after = next((span for span in found.spans if span.start == place and span.text), None)
    if after and (after.form is Form.colon or is_first) and after.form not in (Form.divider, Form.network):
        return ", " if place == 0 or found.text[place - 1].isspace() else ","
    return " "


def is_gap(character: str) -> bool:
    return not character or character.isspace() or character in SEPARATORS


def has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)
