"""A prompt, and where every word of it came from.

A draft's text is nothing but its components joined: ``draft.positive == "".join(c.text for c in draft.components)``.
So no stage can lose provenance without changing the text, and none can change the text without saying whose words it
adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

MAX_SEED = 2**64 - 1  # of a prompt or an image
RETRIED = "retried"  # the kind of the diagnostic in a draft whose words were changed because an image lacked something


class Origin(Enum):
    """Who wrote a component."""

    template = "template"
    wildcard = "wildcard"
    profile = "profile"
    memory = "memory"
    llm = "llm"
    trigger_words = "trigger_words"
    user = "user"


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of a draw: the value taken, and what else could have been.

    ``key`` is what a learned weight attaches to: ``colors/warm#crimson`` for a wildcard's value,
    ``inline:<hash of the options>#fox`` for ``{fox|owl}``. ``siblings`` lists the alternatives: the options themselves
    for an inline variant, or the name (or glob) to look up with ``Wildcards.values`` for a wildcard.
    """

    key: str
    siblings: str | tuple[str, ...]
    file: str = ""  # relative to its wildcard folder; "" for an inline variant
    line: int = 0  # 1-based; 0 for an inline variant
    weight: float = 1.0  # as written in the file or the variant
    probability: float = 1.0  # of being drawn at random here, learned weights included
    options: int = 1  # how many there were to choose from; a choice among fewer than two is never credited


@dataclass(frozen=True, slots=True)
class Component:
    """A piece of prompt text with one origin.

    ``choices`` is the path of decisions that led to it, outermost first. ``strength`` is the emphasis in effect there,
    ``(word:1.2)`` giving 1.2: information for scorers and writers, already in the text and never rendered again.
    ``span`` is the place in the template (start, end) that it came from, in characters; ``None`` if from none.
    """

    text: str
    origin: Origin = Origin.template
    choices: tuple[Choice, ...] = ()
    strength: float = 1.0
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA and how much of it. ``sha256`` identifies the file where it is known."""

    name: str
    strength_model: float = 1.0
    strength_clip: float = 1.0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something in a template or a wildcard that a person should know of; nothing was lost because of it."""

    kind: str  # "unclosed-variant", "missing-wildcard", "cycle", …: stable, for filters and translations
    message: str  # what, and what to do about it
    start: int = 0  # characters into ``where``
    end: int = 0
    where: str = "positive"  # "positive", "negative", or a wildcard as "colors/warm:12"

    def __str__(self) -> str:
        return f"in {self.place}, character {self.start + 1}: {self.message}"

    @property
    def place(self) -> str:
        """``where`` in words."""
        return {"positive": "the template", "negative": "the negative template"}.get(self.where, self.where)


@dataclass(frozen=True, slots=True)
class PromptSource:
    """The template that a draft was drawn from, and how: see ``generate_prompt.Options``."""

    template: str = ""
    negative: str = ""
    dialect: str = "dynamicprompts"
    rerolls: tuple[tuple[str, int], ...] = ()  # by the ids of ``Template.slots``
    method: str = "random"
    index: int | None = None
    missing: str = "keep"
    profiles: str = ""  # names, separated by commas; what a later one says wins
    genre: str = ""
    odds: int = 0  # the number of the learned odds that it was drawn by; 0: by none


@dataclass(frozen=True, slots=True)
class Background:
    """What a language model is told as data, and the image prompt does not hold."""

    kind: str  # "profile", "story", "lore"; "forbidden": words, separated by commas, that may not be added
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class StoryUse:
    """The scene of a story that a draft tells. A recorded run with one is added to that story."""

    story: str
    scene: int = 0  # counted from 1
    action: str = "continue"
    notes: str = ""  # JSON: what the scene changes in the story's state, and which lore was told
    profiles: str = ""  # of those who are there: names, separated by commas


@dataclass(frozen=True, slots=True)
class Enhancement:
    """What came of asking a language model: never left unsaid, as people must know whose prompt they look at."""

    status: str  # "enhanced", "cached", "unchanged", or "kept": the prompt stayed as it was because of ``detail``
    detail: str = ""
    model: str = ""
    natural: str = ""  # the second text, in sentences, where both were asked for


@dataclass(frozen=True, slots=True)
class PromptDraft:
    """A drawn prompt. ``variables`` are the template's variables after the draw, for reuse by later stages."""

    components: tuple[Component, ...]
    negative: tuple[Component, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    seed: int = 0
    source: PromptSource = PromptSource()
    variables: tuple[tuple[str, str], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    background: tuple[Background, ...] = ()
    story: StoryUse | None = None
    enhanced: Enhancement | None = None

    @property
    def positive(self) -> str:
        return render(self.components)

    @property
    def negative_prompt(self) -> str:
        return render(self.negative)

    def replacing(self, **changes: Any) -> PromptDraft:
        """A new draft with these fields changed."""
        return replace(self, **changes)


def render(components: Iterable[Component]) -> str:
    """The text of components: nothing but theirs, joined."""
    return "".join([component.text for component in components])
