"""What a language model changed in a prompt, part by part, and the prompt with those parts that a person accepts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from orchestrator_core.enhancing.assembling import Components
from orchestrator_core.prompt import Component, Origin, render

_PIECE = re.compile(r"\w+|\W")
_JOINT = re.compile(r",\s+|(?<=[.!?])\s+")
_EDGES = " ,;\n"
_COMPARED = 4_000_000  # pairs of words; a longer prompt is accepted as a whole


@dataclass(frozen=True, slots=True)
class Part:
    """One change. ``text`` is what it adds, and its name; ``instead`` what it says anew, "" where it only adds."""

    text: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a prompt that stayed (``new`` is ``old``) or was changed."""

    old: Components
    new: Components
    is_kept: bool

    @property
    def added(self) -> tuple[str, ...]:
        """The phrases of a stretch that only adds."""
        phrases = (phrase.strip(_EDGES) for phrase in _JOINT.split(render(self.new).strip(_EDGES)))
        return tuple(phrase for phrase in phrases if phrase)

    @property
    def parts(self) -> tuple[Part, ...]:
        if self.is_kept:
            return ()
        if not render(self.old).strip(_EDGES):
            return tuple(Part(phrase) for phrase in self.added)
        new = " ".join(render(self.new).split()) or "(nothing)"
        return (Part(new, " ".join(render(self.old).split())),)

    def accepted(self, left_out: Collection[str]) -> Components:
        wrong = [part for part in self.parts if part.text in left_out]
        if not wrong:
            return self.new
        if wrong[0].instead or len(wrong) == len(self.parts):
            return self.old
        return self._with([part.text for part in self.parts if part not in wrong])

    def _with(self, phrases: Sequence[str]) -> Components:
        """What is added with these phrases alone, between what stands around them all."""
        text = render(self.new)
        before, after = text[: len(text) - len(text.lstrip(_EDGES))], text[len(text.rstrip(_EDGES)) :]
        joint = _JOINT.search(text.strip(_EDGES))
        return (Component(before + (joint.group() if joint else ", ").join(phrases) + after, Origin.llm),)


def parts_of(before: Components, after: Components) -> tuple[Part, ...]:
    """What was changed, in the order of the prompt."""
    return tuple(part for piece in _pieces(before, after) for part in piece.parts)


def accepted(before: Components, after: Components, left_out: Collection[str]) -> Components:
    """The prompt without the parts of these texts; without all of them it is as it was before."""
    if not left_out:
        return after
    pieces = _pieces(before, after)
    found = _joined([component for piece in pieces for component in piece.accepted(left_out)])
    return before if render(found) == render(before) else found


def _pieces(before: Components, after: Components) -> list[_Piece]:
    if before == after:
        return [_Piece(before, after, True)]
    old, new = _words(before), _words(after)
    if len(old) * len(new) > _COMPARED:
        return [_Piece(before, after, False)]
    # a word of the model is never taken for one of the prompt, so what stayed is found whole
    matcher = SequenceMatcher(None, [word.text for word in old], [_name(word) for word in new], autojunk=False)
    return _merged(
        [_Piece(_joined(old[a:b]), _joined(new[c:d]), tag == "equal") for tag, a, b, c, d in matcher.get_opcodes()]
    )


def _name(word: Component) -> object:
    return (word.text,) if word.origin is Origin.llm else word.text


def _merged(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Changes that only a space or a comma is between are one: a run that was said anew."""
    found: list[_Piece] = []
    for piece in pieces:
        gap = found[-1] if found else None
        is_gap = gap is not None and gap.is_kept and not render(gap.new).strip(_EDGES) and len(found) > 1
        if is_gap and gap is not None and not piece.is_kept and not found[-2].is_kept:
            first = found[-2]
            found[-2:] = [_Piece(first.old + gap.old + piece.old, first.new + gap.new + piece.new, False)]
        else:
            found.append(piece)
    return found


def _words(components: Components) -> list[Component]:
    """The components cut into words and what stands between them; those of the model stay whole."""
    found = []
    for component in components:
        pieces = _PIECE.findall(component.text)
        found += [component if piece == component.text else _cut(component, piece) for piece in pieces]
    return found


def _cut(component: Component, text: str) -> Component:
    return Component(text, component.origin, component.choices, component.strength, component.span)


def _joined(words: Sequence[Component]) -> Components:
    """The words as few components again."""
    found: list[Component] = []
    for word in words:
        if found and _cut(found[-1], "") == _cut(word, ""):
            found[-1] = _cut(word, found[-1].text + word.text)
        else:
            found.append(word)
    return tuple(found)
