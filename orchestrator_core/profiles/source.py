"""ProfileSource: where stages get profiles from, and what a draft becomes by those that were named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator_core.profiles.applying import WHERE, applied
from orchestrator_core.profiles.framing import framed, with_subject
from orchestrator_core.profiles.inheritance import multiplied
from orchestrator_core.profiles.model import Profile
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.template import Wildcards


@dataclass(frozen=True, slots=True)
class Chosen:
    """The profiles that were named, as one, and what is wrong with those that could not be had."""

    profile: Profile
    problems: tuple[Diagnostic, ...] = ()

    def weights(self, learned: Mapping[str, float] | None) -> Mapping[str, float] | None:
        """Multipliers for the draw: the learned ones and the profile's."""
        own = self.profile.wildcard_weights
        return multiplied((learned or {}, own)) if own else learned

    def dressed(
        self,
        draft: PromptDraft,
        wildcards: Wildcards,
        weights: Mapping[str, float] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> PromptDraft:
        """A draft of the person's own template with all that the profiles add."""
        draft = with_subject(draft, self.profile, wildcards, weights, variables)
        draft = applied(draft, self.profile)
        draft = framed(draft, self.profile, wildcards, weights, variables)
        return draft.replacing(diagnostics=(*draft.diagnostics, *self.problems))


class ProfileSource(Protocol):
    """Gives profiles by their names: a ProfileLibrary, or a few in a test."""

    def chosen(self, names: str, genre: str = "") -> Chosen:
        """Those named, separated by commas, and the genre after them; never raises for a name that is not there."""
        ...

    def combined(self, names: str, genre: str = "") -> Profile:
        """The same as one profile. Raises ProfileError for a name that is not there."""
        ...


def chosen_from(source: ProfileSource | None, names: str, genre: str = "") -> Chosen | None:
    """None where nothing is named; without a source, a problem that says so."""
    if not names.strip() and not genre.strip():
        return None
    if source is not None:
        return source.chosen(names, genre)
    named = ", ".join(name.strip() for name in (names, genre) if name.strip())
    message = f"No profiles are open here, so {named!r} changes nothing."
    return Chosen(Profile(""), (Diagnostic("missing-profile", message, where=WHERE),))


def used_by(draft: PromptDraft, source: ProfileSource | None) -> Profile | None:
    """The profiles that a draft was drawn with and those of its scene's people, for a later stage; None if with none,
    or where none are open.
    """
    names = ", ".join(filter(None, (draft.story.profiles if draft.story else "", draft.source.profiles)))
    found = chosen_from(source, names, draft.source.genre) if source is not None else None
    return None if found is None else found.profile
