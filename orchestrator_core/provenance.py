"""Where the words of a draft came from, ready to be shown in a terminal or on the contact sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator_core.prompt import Choice, Component, Origin

# What each colour of the legend means, in the legend's order; the key is the class in the contact sheet.
LEGEND = {
    "template": "the template's own words",
    "option": "an option of {a|b}",
    "wildcard": "a wildcard's value",
    "profile": "the profile",
    "memory": "the story and its lore",
    "llm": "enhancing",
    "trigger_words": "a LoRA's trigger words",
    "user": "given by hand",
}
_CUT = 12  # characters of an option that was not taken
SHADES = 4  # words of one kind that stand side by side differ in shade


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice of the draw: ``words`` is all that came of it, ``number`` its place in the order of the prompt."""

    number: int  # from 1
    depth: int  # 0: in the template itself; 1: in what that chose, …
    choice: Choice
    words: str
    span: tuple[int, int] | None = None  # of the part of the template that all this came of

    @property
    def is_inline(self) -> bool:
        """Was it an option of a ``{fox|owl}``, rather than a wildcard's value?"""
        return isinstance(self.choice.siblings, tuple)

    @property
    def source(self) -> str:
        """What was drawn from, whole: the same text for all draws from it."""
        siblings = self.choice.siblings
        return "{" + "|".join(siblings) + "}" if isinstance(siblings, tuple) else f"__{siblings}__"

    def source_parts(self, limit: int) -> list[tuple[str, bool]]:
        """What was drawn from, ``__colors/warm__`` or ``{fox|owl}``, in pieces; True marks the option that was taken.

        Where they are longer than ``limit`` characters, others are cut short, and if need be only "…" stands for them.
        """
        siblings = self.choice.siblings
        if not isinstance(siblings, tuple):
            return [(f"__{siblings}__", False)]
        taken = self.choice.key.partition("#")[2]
        options = [" ".join(option.split()) for option in siblings]
        if _length(options) > limit:
            options = [o if o == taken or len(o) <= _CUT else o[: _CUT - 1] + "…" for o in options]
        if _length(options) > limit:
            options = [option if option == taken else "…" for option in options]
            options = [o for o, before in zip(options, ["", *options], strict=False) if (o, before) != ("…", "…")]
        parts: list[tuple[str, bool]] = [("{", False)]
        for number, option in enumerate(options):
            parts += [("|" if number else "", False), (option, option == taken)]
        return [*parts, ("}", False)]

    @property
    def place(self) -> str:
        """``colors/warm.txt:28``, or "" for what stands in no file."""
        return f"{self.choice.file}:{self.choice.line}" if self.choice.file else ""

    @property
    def chance(self) -> str:
        """``2.4 %  1 of 42``: how likely it was, and among how many."""
        return f"{percent(self.choice.probability):>7}  1 of {self.choice.options:,}"


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of the prompt in one colour. ``number`` is that of its innermost decision; 0 for none."""

    text: str
    kind: str  # a key of LEGEND
    shade: int  # 0 … SHADES - 1
    number: int
    ends: bool  # the last piece of its decision before something else comes


@dataclass(frozen=True, slots=True)
class Explanation:
    words: tuple[Word, ...]
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class _Open:
    """A decision while its words are being collected."""

    choice: Choice
    span: tuple[int, int] | None
    number: int
    depth: int
    words: list[str]


def kind_of(component: Component) -> str:
    if component.origin is Origin.template and component.choices:
        return "option"
    return component.origin.value


def explain(components: Iterable[Component]) -> Explanation:
    """The pieces of a prompt with the decisions behind them, in the order of the text."""
    path: list[_Open] = []
    decisions: list[_Open] = []
    numbers: list[int] = []
    pieces = [component for component in components if component.text]
    for component in pieces:
        del path[_shared(path, component) :]
        for depth in range(len(path), len(component.choices)):
            path.append(_Open(component.choices[depth], component.span, len(decisions) + 1, depth, []))
            decisions.append(path[-1])
        for decision in path:
            decision.words.append(component.text)
        numbers.append(path[-1].number if path else 0)
    return Explanation(tuple(_words(pieces, numbers)), tuple(_closed(decision) for decision in decisions))


def _shared(path: list[_Open], component: Component) -> int:
    """How many decisions of the path this component still belongs to."""
    for depth, (decision, choice) in enumerate(zip(path, component.choices, strict=False)):
        # One wildcard drawn twice in a row may give the same value: its place in the template tells the draws apart.
        if decision.choice != choice or (choice.file and decision.span != component.span):
            return depth
    return min(len(path), len(component.choices))


def _words(pieces: list[Component], numbers: list[int]) -> Iterable[Word]:
    followers = [*numbers[1:], 0] if numbers else []
    for piece, number, following in zip(pieces, numbers, followers, strict=True):
        ends = number not in (0, following) and any(character.isalnum() for character in piece.text)
        yield Word(piece.text, kind_of(piece), (number - 1) % SHADES, number, ends)


def _closed(decision: _Open) -> Decision:
    words = " ".join("".join(decision.words).split())
    return Decision(decision.number, decision.depth, decision.choice, words, decision.span)


def _length(options: list[str]) -> int:
    return sum(map(len, options)) + len(options) + 1


def percent(probability: float) -> str:
    """Two digits that count: 40 %, 2.4 %, 0.013 %."""
    value = 100 * probability
    if value >= 10 or value == 0:
        return f"{value:.0f} %"
    return f"{value:.2g} %" if value >= 0.001 else "< 0.001 %"
