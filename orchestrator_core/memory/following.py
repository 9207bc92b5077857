"""A prompt as the next scene of a story: what the story knows goes in, what the prompt says is noted for the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator_core.memory.background import background_for
from orchestrator_core.memory.books import BookSource, Lore, LoreWish, lore_for
from orchestrator_core.memory.cast import Cast, cast_of
from orchestrator_core.memory.change import Change
from orchestrator_core.memory.developing import developed
from orchestrator_core.memory.inserting import people_seen, with_lore_words, with_scene_words
from orchestrator_core.memory.notes import Notes
from orchestrator_core.memory.plain import names_in
from orchestrator_core.memory.state import SceneState, folded
from orchestrator_core.memory.story import Story
from orchestrator_core.memory.telling import Telling, Wish, tell
from orchestrator_core.profiles.applying import own_words
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.prompt import Background, Diagnostic, PromptDraft, StoryUse

if TYPE_CHECKING:
    from orchestrator_core.llm.port import LanguageModel

WHERE = "the story"  # of diagnostics: not a place in a template


@dataclass(frozen=True, slots=True)
class Sources:
    """What there is beside the story; None is what a host has not."""

    profiles: ProfileSource | None = None
    books: BookSource | None = None
    model: LanguageModel | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """``lore_tokens`` 0: no lore. ``recent``: how many scenes a language model is told of. ``family``: of the image."""

    wish: Wish = field(default_factory=Wish)
    lore_tokens: int = 300
    recent: int = 3
    family: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """The draft of the scene, the state in it, what changes with it, and the lore that is told."""

    draft: PromptDraft
    state: SceneState = field(default_factory=SceneState)
    changes: tuple[Change, ...] = ()
    lore: Lore = field(default_factory=Lore)
    problems: tuple[str, ...] = ()

    @property
    def report(self) -> str:
        """All of it in lines for a person."""
        use = self.draft.story
        lines = [f"Scene {use.scene} of {use.story}" if use else "No story"]
        lines += [f"{change} ({change.source})" for change in self.changes]
        lore = self.lore.activation
        lines += [f"lore: {told.entry.title} ({f'{told.reason} {told.detail}'.strip()})" for told in lore.entries]
        lines += [f"lore not told: {one.entry.title} ({one.reason})" for one in lore.dropped]
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])


def follow(draft: PromptDraft, story: Story, asked: Asked | None = None, sources: Sources | None = None) -> Followed:
    """The draft as the story's next scene. Nothing is written: the draft carries what changes, until its run is kept.

    Words of the state and of lore are Origin.memory, those of profiles Origin.profile. Raises Cancelled.
    """
    asked, sources = asked or Asked(), sources or Sources()
    if asked.wish.action == "off":
        return Followed(draft)
    cast = cast_of(story, draft, sources.profiles, (*names_in(asked.wish.who), *story.state.who))
    telling = tell(story, own_words(draft), asked.wish, cast)
    problems = [*cast.problems, *telling.problems]
    if asked.wish.action == "develop":
        telling, untold = _developed(story, telling, cast, draft, sources.model)
        problems += untold
    told = with_scene_words(draft, telling, cast)
    lore = _lore(story, told, telling.state, cast, asked, sources)
    told, odd = with_lore_words(told, lore.tags, telling.said.when or telling.state.when)
    problems += [*lore.problems, *odd]
    told = _finished(told, story, asked, telling, cast, lore)
    said = tuple(Diagnostic("story", problem, where=WHERE) for problem in problems)
    told = told.replacing(diagnostics=(*told.diagnostics, *said))
    return Followed(told, telling.state, telling.changes, lore, tuple(problems))


def _developed(
    story: Story, telling: Telling, cast: Cast, draft: PromptDraft, model: LanguageModel | None
) -> tuple[Telling, tuple[str, ...]]:
    found = developed(story, telling, cast, draft.positive, draft.seed, model)
    state = folded(found.changes, telling.state)
    return replace(telling, state=state, changes=(*telling.changes, *found.changes)), found.problems


def _lore(story: Story, draft: PromptDraft, state: SceneState, cast: Cast, asked: Asked, sources: Sources) -> Lore:
    if not asked.lore_tokens:
        return Lore()
    wish = LoreWish(asked.lore_tokens, draft.seed, asked.family)
    return lore_for(story, draft.positive, state, cast, sources.books, wish)


def _finished(draft: PromptDraft, story: Story, asked: Asked, telling: Telling, cast: Cast, lore: Lore) -> PromptDraft:
    notes = Notes(telling.changes, lore.titles, lore.timed)
    seen = [profile for name in people_seen(telling) if (profile := cast.profile_of(name)) is not None]
    profiles = ", ".join(profile.key or profile.name for profile in seen)
    told = background_for(story, telling.state, lore.activation.entries, asked.recent)
    use = StoryUse(story.name, story.next_scene, asked.wish.action, notes.text(), profiles)
    return draft.replacing(story=use, background=_with(draft.background, told))


def _with(there: tuple[Background, ...], more: tuple[Background, ...]) -> tuple[Background, ...]:
    return (*there, *(told for told in more if told not in there))
