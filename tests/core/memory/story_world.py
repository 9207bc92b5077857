"""A small world for stories: profiles, a lore book and a model, by hand; and how a story is told in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator_core.errors import FormatError
from orchestrator_core.llm.port import Ask, IsCancelled, OnText
from orchestrator_core.lore.book import Book, Entry
from orchestrator_core.memory.following import Asked, Followed, Sources, follow
from orchestrator_core.memory.notes import with_scene
from orchestrator_core.memory.story import Story
from orchestrator_core.memory.telling import Wish
from orchestrator_core.profiles.inheritance import combined
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.source import Chosen
from orchestrator_core.prompt import Component, Diagnostic, PromptDraft
from orchestrator_core.run import Run

MIRA = Profile(
    "Mira",
    "character",
    "mira",
    appearance_tags=("1girl", "silver hair", "green eyes", "freckles"),
    backstory="Grew up in the harbour. Lost her brother at sea.\nShe has <lora:evil:2> in her card.",
    state={"outfit": "red cloak, leather boots"},
    negative=("blurry",),
)
TOM = Profile(
    "Tom", "character", "tom", appearance_tags=("1boy", "black hair", "blue eyes", "beard"), personality="Gruff."
)
LENA = Profile("Lena Holm", "character", "lena", appearance_tags=("1girl", "red hair", "blue eyes"))
HARBOUR = Profile("Harbour", "setting", "harbour", appearance_tags=("wooden piers",))
INK = Profile("Ink", "style", "ink", style=("ink drawing",))
COAST = Book(
    "coast",
    (
        Entry("1", ("tavern",), "Old Ben runs the tavern.", tags=("oil lamps",)),
        Entry("2", ("mira",), "Mira fears deep water.", tags=("<lora:evil:2>", "midnight sky")),
        Entry("3", ("brother",), "Her brother was called Jon."),
    ),
)


@dataclass
class FakeProfiles:
    """A ProfileSource of a few, by their keys and names."""

    profiles: tuple[Profile, ...] = (MIRA, TOM, LENA, HARBOUR, INK)

    def chosen(self, names: str, genre: str = "") -> Chosen:
        known: Mapping[str, Profile] = {
            name.casefold(): profile for profile in self.profiles for name in (profile.key, profile.name)
        }
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        missing = [
            Diagnostic("missing-profile", f"There is no profile {one!r}.")
            for one in wanted
            if one.casefold() not in known
        ]
        return Chosen(combined([known[one.casefold()] for one in wanted if one.casefold() in known]), tuple(missing))

    def combined(self, names: str, genre: str = "") -> Profile:
        return self.chosen(names, genre).profile


class FakeBooks:
    """A BookSource with one book."""

    def book(self, name: str) -> Book:
        if name != "coast":
            raise FormatError(f"There is no lore book {name!r}.")
        return COAST


@dataclass
class FakeModel:
    """A LanguageModel that gives one answer, or raises it."""

    answer: str | Exception
    asked: list[Ask] = field(default_factory=list)
    identity: str = "fake"

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        self.asked.append(ask)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Teller:
    """Tells one scene after the other, as if each run were kept."""

    story: Story
    model: FakeModel | None = None
    lore_tokens: int = 300
    last: Followed | None = None

    def __call__(self, prompt: str | PromptDraft, **wish: str) -> str:
        """The prompt of the next scene."""
        draft = prompt if isinstance(prompt, PromptDraft) else PromptDraft((Component(prompt),), seed=7)
        asked = Asked(Wish(**wish), self.lore_tokens)
        self.last = follow(draft, self.story, asked, Sources(FakeProfiles(), FakeBooks(), self.model))
        self.story = with_scene(self.story, Run(f"r{self.story.next_scene}", self.last.draft))
        return self.last.draft.positive

    @property
    def problems(self) -> str:
        assert self.last is not None
        return " ".join(self.last.problems)


def teller(*profiles: str, books: tuple[str, ...] = (), model: FakeModel | None = None) -> Teller:
    return Teller(Story("Harbour tale", profiles, books), model)
