"""What the next scene of a story would be, and which lore would be told in it and why. Nothing is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.lore.book import Book
from orchestrator_core.memory.books import BookSource, books_of
from orchestrator_core.memory.cast import cast_of
from orchestrator_core.memory.following import Asked, Followed, Sources, follow
from orchestrator_core.memory.story import Action, Story
from orchestrator_core.memory.telling import Wish
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.stages import generate_prompt
from orchestrator_core.template import Wildcards

_SEED = 1


@dataclass(frozen=True, slots=True)
class NextScene:
    """``books`` are all that were looked through."""

    followed: Followed
    books: tuple[Book, ...] = ()


def next_scene(
    story: Story,
    words: str,
    action: Action,
    wildcards: Wildcards,
    profiles: ProfileSource | None,
    books: BookSource | None,
) -> NextScene:
    """Without a language model. Raises TemplateError, WildcardError."""
    draft = generate_prompt.generate(generate_prompt.Options(template=words, seed=_SEED), wildcards)
    followed = follow(draft, story, Asked(Wish(action)), Sources(profiles, books))
    cast = cast_of(story, draft, profiles, followed.state.who)
    found, _ = books_of(story, cast, followed.state, books)
    return NextScene(followed, tuple(found))
