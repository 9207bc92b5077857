"""What a profile does to a template, before it is saved."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.errors import ProfileError
from orchestrator_core.profiles.inheritance import Heirs
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.source import Chosen
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages import generate_prompt
from orchestrator_core.template import Wildcards

SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Tried:
    """``drafts`` are drawn by ``SEEDS``; ``problems`` are of what it inherits."""

    profile: Profile
    drafts: tuple[PromptDraft, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _One:
    """A ProfileSource that has this profile, whatever is named."""

    profile: Profile

    def chosen(self, names: str, genre: str = "") -> Chosen:
        return Chosen(self.profile)

    def combined(self, names: str, genre: str = "") -> Profile:
        return self.profile


def tried(profile: Profile, library: ProfileLibrary, wildcards: Wildcards, template: str) -> Tried:
    """Two prompts of the template with the profile and all that it inherits. Raises TemplateError, WildcardError."""
    heir, problems = inheriting(profile, library)
    source = _One(heir)
    drafts = [
        generate_prompt.generate(
            generate_prompt.Options(template=template, seed=seed, profiles=profile.key or "this"),
            wildcards,
            profiles=source,
        )
        for seed in SEEDS
    ]
    return Tried(heir, tuple(_distinct(drafts)), problems)


def _distinct(drafts: list[PromptDraft]) -> list[PromptDraft]:
    return list({(draft.positive, draft.negative_prompt): draft for draft in drafts}.values())


def inheriting(profile: Profile, library: ProfileLibrary) -> tuple[Profile, tuple[str, ...]]:
    """The profile with what it inherits from those of the library, and what is wrong with that."""

    def find(name: str) -> tuple[Profile | None, str]:
        try:
            return library.get(name).replacing(extends=()), ""  # which has all that it inherits already
        except ProfileError as error:
            return None, str(error)

    heirs = Heirs(find)
    return heirs.of(profile), tuple(heirs.problems.get(profile.key, ()))
