"""Whether a prompt still is what it was, and more: the check before anything that a language model touched is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_core.enhancing.second_look import differences
from orchestrator_core.enhancing.spans import Kind, Span, layout

_SHOWN = 60  # characters


def problems(before: str, after: str, protected_words: Iterable[str] = ()) -> tuple[str, ...]:
    """What is lost, new or out of order in ``after``; nothing for a prompt that is fine.

    Syntax must be the same, in the same order and number; words that must stay must be there in their order. A second
    reader that shares no code with the first has to agree.
    """
    words = tuple(protected_words)
    old, new = layout(before, words), layout(after, words)
    found = [*_changed(_syntax(old.spans), _syntax(new.spans))]
    found += _lost([span.text for span in old.spans if span.kind is Kind.protected], new.text)
    found += [] if not new.marks else ["a mark of the person's is left in the text"]
    return (*found, *differences(old.text, new.text))


def _syntax(spans: Sequence[Span]) -> list[str]:
    return [span.text for span in spans if span.is_syntax]


def _changed(old: list[str], new: list[str]) -> list[str]:
    if old == new:
        return []
    lost = [text for text in old if text not in new]
    added = [text for text in new if text not in old]
    found = [f"{_shown(text)} is gone" for text in lost] + [f"{_shown(text)} is new" for text in added]
    return found or ["what is no plain word stands in another order, or more or less often"]


def _lost(texts: Sequence[str], after: str) -> list[str]:
    position = 0
    for text in texts:
        at = after.find(text, position)
        if at < 0:
            return [f"{_shown(text)} is gone, or out of its order"]
        position = at + len(text)
    return []


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
