"""Profile: what one file says of a character, a setting, a style or a genre, checked and ready to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal["character", "setting", "style", "genre", "mixed"]
PLACEHOLDER = "{prompt}"  # in a profile's template: where the person's own words go


@dataclass(frozen=True, slots=True)
class ProfileLora:
    """A LoRA that a profile wants. ``weight``: how much more likely than by the prompt alone; 0 is never."""

    name: str
    strength: float | None = None  # None: its own
    required: bool = False  # always, whatever the prompt says
    weight: float = 1.0

    @property
    def is_unwanted(self) -> bool:
        return self.weight == 0


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile. Lists hold phrases, as they would stand between commas; docs/profiles.md says what each is for.

    ``key`` is what it is called in a list of names: its path below the profiles' folder, without the suffix. ``parts``
    are the profiles that a combination was made from, each with what it inherited.
    """

    name: str
    kind: Kind = "mixed"
    key: str = ""
    extends: tuple[str, ...] = ()
    description: str = ""
    personality: str = ""
    scenario: str = ""
    setting: str = ""
    backstory: str = ""
    style: tuple[str, ...] = ()
    appearance_tags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    template: str = ""
    subject: str = ""
    wildcard_weights: Mapping[str, float] = field(default_factory=dict)  # multipliers of the odds, by Choice key
    loras: tuple[ProfileLora, ...] = ()
    family: str = ""
    lore: tuple[str | Mapping[str, Any], ...] = ()  # names of lore books, or entries
    state: Mapping[str, Any] = field(default_factory=dict)  # what a story with it begins with
    extensions: Mapping[str, Any] = field(default_factory=dict)  # other programs' own
    card_raw: Mapping[str, Any] = field(default_factory=dict)  # the character card that it was imported from
    parts: tuple[Profile, ...] = ()

    def replacing(self, **changes: Any) -> Profile:
        """A new profile with these fields changed."""
        return replace(self, **changes)

    @property
    def members(self) -> tuple[Profile, ...]:
        """The profiles that it was combined from; itself if from none."""
        return self.parts or (self,)
