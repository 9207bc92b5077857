"""Whether a prompt still is what it was, and more: the check before anything that a language model touched is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_core.enhancing.assembling import unmarked_components
from orchestrator_core.enhancing.second_look import differences
from orchestrator_core.enhancing.spans import Kind, Layout, Span, layout
from orchestrator_core.prompt import Component, Origin

_SHOWN = 60  # characters


def problems(before: str, after: str, protected_words: Iterable[str] = ()) -> tuple[str, ...]:
    """What is lost, new or out of order in ``after``; nothing for a prompt that is fine.

    Syntax must be the same, in the same order and number; words that must stay must be there in their order. A second
    reader that shares no code with the first has to agree.
    """
    words = tuple(protected_words)
    old, new = layout(before, words), layout(after, words)
    found = [*_changed(_syntax(old.spans), _syntax(new.spans)), *_lost(old, new.text)]
    found += ["a mark of the person's is left in the text"] if new.marks else []
    return (*found, *differences(old.text, new.text, words))


def is_added_to(before: Iterable[Component], after: Iterable[Component]) -> bool:
    """Whether ``before``, its marks aside, is in ``after`` with all that it knows, and the rest is new words.

    That is so for words that were added; of a rewritten prompt ``problems`` is the measure.
    """
    return _texts(_of_people(unmarked_components(before))) == _texts(_of_people(after))


def _of_people(components: Iterable[Component]) -> Iterable[Component]:
    return (component for component in components if component.origin is not Origin.llm)


def _texts(components: Iterable[Component]) -> list[tuple[Component, str]]:
    """The text of each component that was cut joined again, with all else that it knows."""
    found: list[tuple[Component, str]] = []
    for component in components:
        known = Component("", component.origin, component.choices, component.strength, component.span)
        if found and found[-1][0] == known:
            found[-1] = (known, found[-1][1] + component.text)
        elif component.text:
            found.append((known, component.text))
    return found


def _syntax(spans: Sequence[Span]) -> list[str]:
    return [span.text for span in spans if span.is_syntax]


def _changed(old: list[str], new: list[str]) -> list[str]:
    if old == new:
        return []
    there, here = set(old), set(new)
    lost = [text for text in old if text not in here]
    added = [text for text in new if text not in there]
    found = [f"{_shown(text)} is gone" for text in lost] + [f"{_shown(text)} is new" for text in added]
    return found or ["what is no plain word stands in another order, or more or less often"]


def _lost(old: Layout, after: str) -> list[str]:
    """The first protected span that is not there behind those before it, as a whole word if it was one."""
    position = 0
    for span in old.spans:
        if span.kind is Kind.protected:
            at = _find(span, old.text, after, position)
            if at < 0:
                return [f"{_shown(span.text)} is gone, or out of its order"]
            position = at + len(span.text)
    return []


def _find(span: Span, before: str, after: str, position: int) -> int:
    begins = not _joins(before, span.start)
    ends = not _joins(before, span.end)
    at = after.find(span.text, position)
    while at >= 0 and ((begins and _joins(after, at)) or (ends and _joins(after, at + len(span.text)))):
        at = after.find(span.text, at + 1)
    return at


def _joins(text: str, place: int) -> bool:
    """Whether a word goes on over this place."""
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
