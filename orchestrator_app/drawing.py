"""Draws the drafts that a command asks for: so many, from this seed on, by this method."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.prompt import PromptDraft

if TYPE_CHECKING:
    from argparse import Namespace

    from orchestrator_app.sources import Wish
    from orchestrator_core.profiles.source import Chosen, ProfileSource
    from orchestrator_core.template import Wildcards
    from orchestrator_core.weights.ledger import Ledger

ALL = -1
MANY = 1_000  # combinations that are listed without being asked for by number
SEEDS = 2**64  # how many there are
_TYPEABLE = 2**32  # a seed that nobody chose is short enough to be typed


def new_seed() -> int:
    return secrets.randbelow(_TYPEABLE)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What was asked for; None leaves it to the wish, or to chance."""

    count: int | None = None  # ALL: every combination
    seed: int | None = None
    method: str = "random"
    index: int | None = None
    negative: str | None = None
    dialect: str | None = None
    missing: str = "keep"
    weights: Mapping[str, float] = field(default_factory=dict)
    profiles: str | None = None
    genre: str | None = None
    library: ProfileSource | None = None  # where these two are found
    open_library: Callable[[], ProfileSource] | None = None  # where those are that a file names
    ledger: Ledger | None = None  # whose odds are drawn by
    checkpoint: str = ""  # the model that will render, where it is known: whose odds are drawn by
    odds: int = 0  # the number of those that are in the weights

    fallback: int = field(default_factory=new_seed)  # the seed where nobody gave one

    def seed_of(self, wish: Wish, offset: int = 0) -> int:
        """The seed of the first prompt of a wish, which is the offset-th in its file."""
        if self.seed is None and wish.seed is not None:
            return wish.seed
        return ((self.fallback if self.seed is None else self.seed) + offset) % SEEDS

    @property
    def who(self) -> dict[str, str]:
        """The options of the stage that name profiles, where somebody did."""
        named = {"profiles": self.profiles, "genre": self.genre}
        return {name: value for name, value in named.items() if value is not None}

    def of(self, wish: Wish) -> Drawing:
        """With the profiles that a file names, where the command names none."""
        profiles = self.profiles if self.profiles is not None else wish.profiles or None
        genre = self.genre if self.genre is not None else wish.genre or None
        return replace(self, profiles=profiles, genre=genre).learned()

    def learned(self) -> Drawing:
        """With the learned odds of this moment among the weights, where somebody wants those."""
        if self.ledger is None or self.method != "random":  # what is drawn in turn knows no odds
            return self
        from orchestrator_core.base_models import base_model_in
        from orchestrator_core.weights.overlay import overlay

        family = base_model_in(self.checkpoint).family
        found = overlay(self.ledger, self.profiles or "", self.genre or "", family, weights=self.weights)
        return replace(self, weights=found.weights, odds=found.number, ledger=None)

    @property
    def chosen(self) -> Chosen | None:
        """The profiles that were asked for."""
        if not self.who:
            return None
        from orchestrator_core.profiles.source import chosen_from

        library = self.library or (self.open_library and self.open_library())
        return chosen_from(library, self.profiles or "", self.genre or "")


def drawing_of(arguments: Namespace) -> Drawing:
    """Raises ConfigError for a weights file that cannot be used, and for what does not go together.

    And ProfileError for a profile that is not there.
    """
    method = arguments.method or "random"

    @cache
    def opened() -> ProfileSource:
        from orchestrator_app.folders import open_profiles

        return open_profiles(arguments.profile_folder)

    if arguments.count == ALL and method != "combinatorial":
        raise ConfigError(f"'--count all' needs --method combinatorial; {method} draws have no end.")
    return Drawing(
        count=arguments.count,
        seed=arguments.seed,
        method=method,
        index=arguments.index,
        negative=arguments.negative,
        dialect=arguments.dialect,
        missing=arguments.missing or "keep",
        weights=read_weights(Path(arguments.weights)) if arguments.weights else {},
        profiles=arguments.profiles,
        genre=arguments.genre,
        library=_library(arguments, opened),
        open_library=opened,
        ledger=_ledger() if arguments.learn else None,
        checkpoint=arguments.checkpoint or "",
    )


def _ledger() -> Ledger | None:
    """None where it cannot be read, which is said once: prompts are drawn by the odds as written too."""
    from orchestrator_app.console import problem
    from orchestrator_app.learning import open_ledger

    ledger = open_ledger()
    try:
        ledger.settings  # noqa: B018  reads it
    except OrchestratorError as error:
        problem("warning", f"Prompts are drawn without learned odds: {error}")
        return None
    return ledger


def _library(arguments: Namespace, opened: Callable[[], ProfileSource]) -> ProfileSource | None:
    """The profiles, where some are asked for; a name that is not there ends it here."""
    if not (arguments.profiles or arguments.genre):
        return None
    opened().combined(arguments.profiles or "", arguments.genre or "")
    return opened()


def read_weights(path: Path) -> dict[str, float]:
    """``{"colors/warm#crimson": 2.0}`` in JSON or YAML. Raises FormatError, ConfigError."""
    from orchestrator_app.sources import parsed_file

    data: Any = parsed_file(path)
    if not isinstance(data, dict):
        raise ConfigError(f'{path} holds no weights: an object is needed, as {{"colors/warm#crimson": 2.0}}.')
    for key, value in data.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not isinstance(key, str):
            raise ConfigError(f"{path}: the weight of {key!r} is {value!r}, and should be a number.")
    return data


def drafts_of(wish: Wish, wildcards: Wildcards, drawing: Drawing, offset: int = 0) -> Iterator[PromptDraft]:
    """The drafts of one wish, the offset-th of its file, lazily. Raises TemplateError, ConfigError."""
    from orchestrator_core.template import Bias, Template

    if wish.final is not None:
        yield final_draft(wish, wildcards)
        return
    negative = wish.negative if drawing.negative is None else drawing.negative
    template = Template(wish.template, negative, drawing.dialect or wish.dialect, drawing.missing)
    seed, first = drawing.seed_of(wish, offset), drawing.index or 0
    drawing = drawing.of(wish)
    chosen = drawing.chosen
    weights = chosen.weights(drawing.weights) if chosen else drawing.weights

    def told(draft: PromptDraft, index: int | None) -> PromptDraft:
        return _telling(chosen.dressed(draft, wildcards, weights) if chosen else draft, drawing, index)

    if drawing.method == "combinatorial":
        found = template.combinations(wildcards, first, seed=seed)
        wanted = (
            _few(found) if drawing.count is None else islice(found, None if drawing.count == ALL else drawing.count)
        )
        for number, draft in enumerate(wanted):
            draft = draft.replacing(seed=(seed + number) % SEEDS)  # an image of each has a seed of its own
            yield told(draft, first + number)
        return
    bias = Bias(weights) if weights else None
    for number in range(drawing.count or 1):
        own = (seed + number) % SEEDS
        index = None if drawing.index is None else first + number
        if drawing.method == "cyclical":
            yield told(template.cycle(wildcards, first + number, seed=own), first + number)
        else:
            yield told(template.draw(wildcards, own, bias, index=index), index)


def _telling(draft: PromptDraft, drawing: Drawing, index: int | None) -> PromptDraft:
    """The draft, whose source says how it was drawn."""
    source = replace(draft.source, method=drawing.method, index=index, missing=drawing.missing)
    source = replace(source, profiles=drawing.profiles or "", genre=drawing.genre or "", odds=drawing.odds)
    return draft.replacing(source=source)


def _few(drafts: Iterator[PromptDraft]) -> list[PromptDraft]:
    """All of them. Raises ConfigError where there are more than anybody wants without asking for them.

    Counting would not do: combinations that depend on one another are counted by trying them all.
    """
    found = list(islice(drafts, MANY + 1))
    if len(found) > MANY:
        raise ConfigError(f"There are more than {MANY:,} combinations. Say how many you want with --count N, or all.")
    return found


def final_draft(wish: Wish, wildcards: Wildcards) -> PromptDraft:
    """The draft of a finished prompt, with the origins that a draw of its template by its seed explains."""
    from pydantic import ValidationError

    from orchestrator_core.stages.generate_prompt import Options, kept
    from orchestrator_core.template.align import aligned

    positive, negative = wish.final or ("", "")
    if wish.template and wish.seed is not None:
        values = {"template": wish.template, "negative_template": wish.negative, "dialect": wish.dialect}
        try:
            options = Options.model_validate({**values, "seed": wish.seed})
        except ValidationError:  # a file of a program that knows other dialects
            pass
        else:
            # what went amiss in the draw does not matter to a text that is there already
            return kept(options, positive, negative, wildcards).replacing(loras=wish.loras, diagnostics=())
    return PromptDraft(aligned((), positive), aligned((), negative), wish.loras, wish.seed or 0)
