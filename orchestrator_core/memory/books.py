"""Lore for a scene: the books of its story and of who is there, and what of them its prompt calls for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.cards.books import book_of_entries
from orchestrator_core.lore.activation import Activation, Scan, Settings, TimedEffects, activated
from orchestrator_core.lore.book import Book
from orchestrator_core.memory.cast import Cast
from orchestrator_core.memory.state import SceneState
from orchestrator_core.memory.story import Story

# What is to be seen calls for lore: the prompt that is there, not the scenes before it, unless an entry says otherwise.
_SETTINGS = Settings(depth=1)


class BookSource(Protocol):
    """Where lore books are."""

    def book(self, name: str) -> Book:
        """The book of this name. Raises an OrchestratorError where there is none, or where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Lore:
    activation: Activation = field(default_factory=Activation)
    problems: tuple[str, ...] = ()

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(told.entry.title for told in self.activation.entries)

    @property
    def tags(self) -> tuple[str, ...]:
        """Words for the prompt itself, by the entries that have such."""
        return tuple(tag for told in self.activation.entries for tag in told.entry.tags)

    @property
    def timed(self) -> str:
        """JSON: what the books remember for the next scene."""
        kept = self.activation.timed.to_json()
        return json.dumps(kept, separators=(",", ":")) if any(kept.values()) else ""


@dataclass(frozen=True, slots=True)
class LoreWish:
    """``tokens``: the most that all lore takes. ``family``: the model family that the image is for."""

    tokens: int
    seed: int = 0
    family: str = ""


def lore_for(
    story: Story, prompt: str, state: SceneState, cast: Cast, source: BookSource | None, wish: LoreWish
) -> Lore:
    """What the books tell of a scene. ``prompt`` has its state in it already, which calls for lore too."""
    books, problems = books_of(story, cast, state, source)
    if not books:
        return Lore(Activation(timed=_timed(story)), tuple(problems))
    earlier = [scene.prompt for scene in reversed(story.told)]
    scan = Scan(
        seed=wish.seed,
        turn=len(story.told),
        budget=wish.tokens,
        timed=_timed(story),
        family=wish.family,
        names=(*state.who, *cast.on_cards(state.who)),
        injected=(", ".join((*state.who, state.where)),),
        settings=_SETTINGS,
    )
    found = activated(books, [prompt, *earlier], scan)
    return Lore(found, (*problems, *found.problems))


def books_of(story: Story, cast: Cast, state: SceneState, source: BookSource | None) -> tuple[list[Book], list[str]]:
    """The story's books, then those of who is there, then those of its settings; and what is wrong with them."""
    present = [profile for name in state.who if (profile := cast.profile_of(name)) is not None]
    wanted: list[tuple[str, str | Mapping[str, Any]]] = [(story.name, name) for name in story.books]
    wanted += [(profile.name, lore) for profile in (*present, *cast.others) for lore in profile.lore]
    names = list(dict.fromkeys(lore for _, lore in wanted if isinstance(lore, str)))
    books, problems = [], []
    for name in names:
        book, problem = _opened(name, source)
        books += [book] if book else []
        problems += [problem] if problem else []
    own: dict[str, list[Mapping[str, Any]]] = {}
    for whose, lore in wanted:
        if not isinstance(lore, str):
            own.setdefault(whose, []).append(lore)
    for whose, entries in own.items():
        try:
            books.append(book_of_entries(entries, f"The profile {whose!r}", whose))
        except OrchestratorError as error:
            problems.append(str(error))
    return books, problems


def _opened(name: str, source: BookSource | None) -> tuple[Book | None, str]:
    if source is None:
        return None, f"No lore books are open here, so {name!r} tells nothing."
    try:
        return source.book(name), ""
    except OrchestratorError as error:
        return None, str(error)


def _timed(story: Story) -> TimedEffects:
    last = next((scene.timed for scene in reversed(story.told) if scene.timed), "")
    try:
        return TimedEffects.from_json(json.loads(last)) if last else TimedEffects()
    except (ValueError, OrchestratorError):
        return TimedEffects()
