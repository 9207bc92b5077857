"""Puts a language model's words into a draft's components, around the person's own words and never in their place.

What stays keeps its component (origin, choices, strength, span); what is new is ``Origin.llm``. All new text is made
harmless here once more (neutral.py), so that no caller can forget it. The marks of marks.py go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from orchestrator_core.enhancing.marks import unmarked
from orchestrator_core.enhancing.neutral import neutral
from orchestrator_core.enhancing.placing import has_letter, insertion, is_gap, main_part
from orchestrator_core.enhancing.spans import Kind, Layout, Span, layout
from orchestrator_core.enhancing.syntax import SEPARATORS
from orchestrator_core.prompt import Component, Origin, render

Components = tuple[Component, ...]
_COMPARED = 250_000  # pairs of words; above that a rewritten run is new as a whole


@dataclass(frozen=True, slots=True)
class Edit:
    """Components that come in the place of a text from ``start`` to ``end``."""

    start: int
    end: int
    components: Components = ()


def unmarked_components(components: Iterable[Component]) -> Components:
    """The components without marks, and nothing else changed."""
    components = tuple(components)
    return edited(components, [Edit(start, end) for start, end in unmarked(render(components)).removed])


def appended(
    components: Iterable[Component],
    phrases: Iterable[str],
    joiner: str = ", ",
    protected_words: Iterable[str] = (),
) -> Components:
    """The components with new phrases behind the words of the main part, in front of what must stay at its end.

    The main part is the first that has words of its own between ``BREAK``, ``AND`` and the like.
    """
    plain, found = _laid_out(components, protected_words)
    text = _joined(phrases, joiner)
    return edited(plain, [_added(found, main_part(found.spans), text, joiner)]) if text else plain


def regions(components: Iterable[Component], protected_words: Iterable[str] = ()) -> dict[str, str]:
    """What stands in each ``[[expand: …]]``, keyed "0", "1", …"""
    _, found = _laid_out(components, protected_words)
    return {str(number): found.text[slice(*place)] for number, place in enumerate(found.regions)}


def expanded(
    components: Iterable[Component],
    answers: Mapping[str, Iterable[str]],
    joiner: str = ", ",
    protected_words: Iterable[str] = (),
) -> Components:
    """The components with new phrases behind the words of each region. ``answers``: by the keys of ``regions``."""
    plain, found = _laid_out(components, protected_words)
    edits = []
    for number, (start, end) in enumerate(found.regions):
        text = _joined(answers.get(str(number), ()), joiner)
        spans = [span for span in found.spans if span.region and start <= span.start and span.end <= end]
        if text:
            edits.append(_added(found, spans or [Span(Kind.separator, "", start)], text, joiner))
    return edited(plain, edits)


def runs(
    components: Iterable[Component], protected_words: Iterable[str] = (), *, only_regions: bool = False
) -> dict[str, str]:
    """The free text between protected spans, keyed "0", "1", …: what a language model may be asked to rewrite."""
    _, found = _laid_out(components, protected_words)
    places = _run_places(found.spans, only_regions)
    return {str(number): found.text[start:end] for number, (start, end) in enumerate(places)}


def rewritten(
    components: Iterable[Component],
    answers: Mapping[str, str],
    protected_words: Iterable[str] = (),
    *,
    only_regions: bool = False,
) -> Components:
    """The components with free runs rewritten. ``answers``: by the keys of ``runs``; a run without one stays.

    Words of a run that the answer repeats in their order keep their component.
    """
    plain, found = _laid_out(components, protected_words)
    edits = []
    for number, (start, end) in enumerate(_run_places(found.spans, only_regions)):
        answer = neutral(answers.get(str(number), "")).strip(f" {SEPARATORS}")
        is_weight = found.text[:start].rstrip().endswith(":") and not answer[:1].isalpha()
        if answer and not is_weight:
            edits.append(Edit(start, end, _with_provenance(_slice(plain, start, end), answer)))
    return edited(plain, edits)


def edited(components: Iterable[Component], edits: Iterable[Edit]) -> Components:
    """Edits in order, none overlapping another. A component that no edit cuts stays the same object."""
    pieces: list[Component] = []
    components = tuple(components)
    last = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += _slice(components, last, edit.start)
        pieces += edit.components
        last = edit.end
    return (*pieces, *_slice(components, last, None)) if last or pieces else components


def _laid_out(components: Iterable[Component], protected_words: Iterable[str]) -> tuple[Components, Layout]:
    components = tuple(components)
    found = layout(render(components), protected_words)
    return edited(components, [Edit(start, end) for start, end in found.marks]), found


def _slice(components: Sequence[Component], start: int, end: int | None) -> list[Component]:
    """The components of a piece of their text; those at its ends may be cut."""
    pieces: list[Component] = []
    position = 0
    for component in components:
        first, position = position, position + len(component.text)
        if end is not None and first >= end:
            break
        if position <= start:
            continue
        text = component.text[max(0, start - first) : None if end is None else end - first]
        if text:
            pieces.append(component if text == component.text else replace(component, text=text))
    return pieces


def _joined(phrases: Iterable[str], joiner: str) -> str:
    clean = (neutral(phrase).strip(f" {SEPARATORS}") for phrase in phrases)
    return joiner.join(phrase for phrase in clean if phrase)


def _added(found: Layout, spans: Sequence[Span], text: str, joiner: str) -> Edit:
    place, text = insertion(found, spans, text, joiner)
    return Edit(place, place, (Component(text, Origin.llm),))


def _run_places(spans: Sequence[Span], only_regions: bool) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    run: list[Span] = []
    for span in (*spans, Span(Kind.protected, "")):
        if _is_rewritable(span, only_regions):
            run.append(span)
            continue
        text = "".join([piece.text for piece in run])
        if has_letter(text):
            words = [at for at, character in enumerate(text) if not is_gap(character)]
            places.append((run[0].start + words[0], run[0].start + words[-1] + 1))
        run = []
    return places


def _is_rewritable(span: Span, only_regions: bool) -> bool:
    """The end of a line is not: it ends comments, quotes and wildcards."""
    return span.kind in (Kind.free, Kind.separator) and "\n" not in span.text and (span.region or not only_regions)


def _with_provenance(run: Sequence[Component], answer: str) -> Components:
    """The answer, with the run's components where its words are the run's."""
    old, new = _words(render(run)), _words(answer)
    if len(old) * len(new) > _COMPARED:
        return (Component(answer, Origin.llm),)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    starts = _starts(old)
    pieces: list[Component] = []
    for tag, first, last, new_first, new_last in matcher.get_opcodes():
        if tag == "equal":
            pieces += _slice(run, starts[first], starts[last])
        elif new_last > new_first:
            pieces.append(Component("".join(new[new_first:new_last]), Origin.llm))
    return tuple(pieces)


def _words(text: str) -> list[str]:
    """Words and what stands between them, so that joined they are the text again."""
    bounds = [0, *(at for at in range(1, len(text)) if text[at].isalnum() != text[at - 1].isalnum()), len(text)]
    return [text[first:last] for first, last in pairwise(bounds) if last > first]


def _starts(words: Sequence[str]) -> list[int]:
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return starts
