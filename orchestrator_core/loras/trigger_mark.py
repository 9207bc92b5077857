"""``{trigger}`` in a test's prompt: where each LoRA's own trigger words go, and what a baseline has not.

    >>> marked = hidden("a portrait, {trigger}, soft light")    # draw this; the mark goes through the draw unread
    >>> placed(draft, record).positive
    'a portrait, ink wash, soft light'

While a template is drawn, the mark is one character of Unicode's private use, repeated: to a template ``{trigger}``
would be a variant of one option. It has the same length, so every place in the template stays what it was.
"""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator_core.loras.candidates import lora_key
from orchestrator_core.loras.inserting import separator_after, trigger_text
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft

MARK = "{trigger}"
_HIDDEN = "\uf0a7" * len(MARK)
# A mark without words takes one comma along, or one space: "a fox, {trigger}, snow" is "a fox, snow".
_GONE = re.compile(rf",\s*{_HIDDEN}(?=\s*(?:,|$))|^\s*{_HIDDEN}\s*,\s*|[ \t]+{_HIDDEN}(?=\s*[,.;)]|$)|{_HIDDEN}[ \t]*")


def hidden(text: str) -> str:
    """The text with its marks as a template leaves them alone."""
    return text.replace(MARK, _HIDDEN)


def shown(text: str) -> str:
    """The opposite of ``hidden``."""
    return text.replace(_HIDDEN, MARK)


def without_mark(draft: PromptDraft) -> PromptDraft:
    """The draft of a baseline."""
    return _made(draft, [replace(part, text=_GONE.sub("", part.text)) for part in draft.components])


def placed(draft: PromptDraft, record: LoraRecord) -> PromptDraft:
    """The draft with a LoRA's trigger words at its marks, or behind it; only those that the prompt has not already."""
    plain = without_mark(draft)
    words = trigger_text(record, plain.positive, "matched")
    if not words:
        return plain
    choice = Choice(lora_key(record), (lora_key(record),))
    if not any(_HIDDEN in part.text for part in draft.components):
        text = f"{separator_after(plain.positive)}{words}"
        return plain.replacing(components=(*plain.components, Component(text, Origin.trigger_words, (choice,))))
    return _made(draft, [piece for part in draft.components for piece in _split(part, words, choice)])


def _split(part: Component, words: str, choice: Choice) -> list[Component]:
    """The component in pieces, its marks as components of their own."""
    pieces: list[Component] = []
    for number, text in enumerate(part.text.split(_HIDDEN)):
        if number:
            pieces.append(Component(words, Origin.trigger_words, (choice,), part.strength))
        pieces.append(replace(part, text=text))
    return pieces


def _made(draft: PromptDraft, components: list[Component]) -> PromptDraft:
    source = replace(draft.source, template=shown(draft.source.template), negative=shown(draft.source.negative))
    negative = tuple(replace(part, text=_GONE.sub("", part.text)) for part in draft.negative)
    return draft.replacing(components=tuple(part for part in components if part.text), negative=negative, source=source)
