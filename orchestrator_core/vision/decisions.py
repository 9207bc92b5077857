"""Which words of a draft belong to which decision of its draw, and which to none: the ground of credit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator_core.prompt import Choice, Component, Origin


@dataclass(slots=True)
class Decision:
    """One choice with two options or more. ``is_innermost`` for some of its words: those are credited to it."""

    choice: Choice
    span: tuple[int, int] | None
    first: int  # index of its first component
    last: int = 0
    words: list[str] = field(default_factory=list)
    is_innermost: bool = False


@dataclass(frozen=True, slots=True)
class Divided:
    """``owners``: for each component the index of its innermost decision, None for words that were not chosen."""

    decisions: tuple[Decision, ...]
    owners: tuple[int | None, ...]


def divided(components: Sequence[Component]) -> Divided:
    """All decisions, in the order of the prompt. What a language model wrote belongs to none."""
    path: list[int] = []
    found: list[Decision] = []
    owners: list[int | None] = []
    for index, component in enumerate(components):
        choices = _credited(component)
        if component.text:
            del path[_shared([found[each] for each in path], choices, component.span) :]
            for choice in choices[len(path) :]:
                path.append(len(found))
                found.append(Decision(choice, component.span, index))
            for each in path:
                found[each].words.append(component.text)
                found[each].last = index
        owners.append(path[-1] if path and choices else None)
        if owners[-1] is not None and any(character.isalnum() for character in component.text):
            found[path[-1]].is_innermost = True
    return Divided(tuple(found), tuple(owners))


def _credited(component: Component) -> tuple[Choice, ...]:
    if component.origin is Origin.llm:
        return ()
    return tuple(choice for choice in component.choices if choice.options > 1)


def _shared(path: Iterable[Decision], choices: Sequence[Choice], span: tuple[int, int] | None) -> int:
    """How many decisions still hold. Of one drawn twice in a row, the place in the template tells the draws apart."""
    depth = 0
    for decision, choice in zip(path, choices, strict=False):
        if decision.choice != choice or (choice.file and decision.span != span):
            break
        depth += 1
    return depth
