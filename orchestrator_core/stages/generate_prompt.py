"""generatePrompt: template + wildcards + profiles + learned weights → a draft of which every word's origin is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator_core.context import StageContext
from orchestrator_core.errors import TemplateError
from orchestrator_core.formats.json_text import mended
from orchestrator_core.formats.rerolls import parse_rerolls
from orchestrator_core.profiles.source import ProfileSource, chosen_from
from orchestrator_core.prompt import MAX_SEED, PromptDraft, PromptSource
from orchestrator_core.run import Run
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.align import aligned

Dialect = Literal["dynamicprompts", "impact"]
Method = Literal["random", "combinatorial", "cyclical"]
Missing = Literal["keep", "remove", "error"]


class Options(BaseModel):
    """What can be set about drawing a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: str = Field("", description="The prompt to draw from: text with {variants} and __wildcards__.")
    negative_template: str = Field("", description="The negative prompt to draw from; it sees the same variables.")
    dialect: Dialect = Field("dynamicprompts", description="Whose syntax the template is written in.")
    method: Method = Field(
        "random", description="At random, every combination in order, or each element's values in turn."
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same seed gives the same prompt, for ever.")
    index: int | None = Field(None, ge=0, description="Which combination, or which turn. Empty: the seed's number.")
    missing: Missing = Field(
        "keep", description="What a wildcard that does not exist leaves: its name, nothing, or an error."
    )
    rerolls: dict[str, int] = Field(
        default_factory=dict,
        description="How often single parts were drawn again, by the names that Template.slots gives them.",
    )
    profiles: str = Field(
        "", description="Who and what it shows: names of profiles, separated by commas; what a later one says wins."
    )
    genre: str = Field("", description="The genre around your own words: its template, style, negative and odds.")

    @field_validator("rerolls", mode="before")
    @classmethod
    def _as_a_workflow_keeps_them(cls, given: Any) -> Any:
        return parse_rerolls(given) if isinstance(given, str) else given

    def nth(self, number: int) -> Options:
        """Those of the number-th prompt (from 0) that is asked for at once: the next seeds, the next turns."""
        index = None if self.index is None else self.index + number
        return self.model_copy(update={"seed": (self.seed + number) % (MAX_SEED + 1), "index": index})


def options_from_widgets(values: Mapping[str, Any]) -> Options:
    """A Wildcard Prompt's widget values as options; what an older workflow lacks is as by default.

    A linked seed may be any number, as other nodes count with them. An index of -1 is none. Half a character, which
    no text encoder takes, becomes a question mark.

    Raises pydantic's ValidationError for what no widget of ours would give.
    """
    given = {name: value for name, value in values.items() if name in Options.model_fields and value is not None}
    given |= {name: mended(value) for name, value in given.items() if isinstance(value, str)}
    if type(given.get("seed")) is int:
        given["seed"] &= MAX_SEED
    if type(index := given.get("index")) is int and index < 0:
        del given["index"]
    return Options.model_validate(given)


def options_of(source: PromptSource, seed: int) -> Options:
    """Those by which a draft says that it was drawn.

    Raises pydantic's ValidationError for what this version has not, as a dialect that is not known here.
    """
    names = ("template", "dialect", "method", "index", "missing", "profiles", "genre")
    values = {name: getattr(source, name) for name in names}
    return Options.model_validate(
        {**values, "negative_template": source.negative, "rerolls": dict(source.rerolls), "seed": seed}
    )


def generate(
    options: Options,
    wildcards: Wildcards,
    weights: Mapping[str, float] | None = None,
    variables: Mapping[str, str] | None = None,
    profiles: ProfileSource | None = None,
    odds: int = 0,
) -> PromptDraft:
    """One draft, whose source says how it was drawn. Raises TemplateError for an index past the last combination.

    A profile that is not there is told in the draft's diagnostics. ``odds``: the number of the learned odds that are in
    the weights, for the draft's source.
    """
    chosen = chosen_from(profiles, options.profiles, options.genre)
    if chosen is not None:
        weights = chosen.weights(weights)
    draft = _drawn(options, wildcards, weights, variables)
    if chosen is not None:
        draft = chosen.dressed(draft, wildcards, weights, variables)
    return draft.replacing(source=_source(options, draft.source.rerolls, odds))


def _source(options: Options, rerolls: Iterable[tuple[str, int]], odds: int = 0) -> PromptSource:
    templates = (options.template, options.negative_template, options.dialect)
    chosen = (options.profiles, options.genre, odds)
    return PromptSource(*templates, tuple(rerolls), options.method, options.index, options.missing, *chosen)


def _drawn(
    options: Options,
    wildcards: Wildcards,
    weights: Mapping[str, float] | None,
    variables: Mapping[str, str] | None,
) -> PromptDraft:
    template = Template(options.template, options.negative_template, options.dialect, options.missing)
    index = options.seed if options.index is None else options.index
    weights = weights or None
    if options.method == "random":
        return template.draw(
            wildcards, options.seed, weights, index=index, variables=variables, rerolls=options.rerolls
        )
    if options.method == "cyclical":
        return template.cycle(wildcards, index, seed=options.seed, variables=variables)
    if options.index is None:
        index %= template.count(wildcards, variables=variables) or 1
    found = template.combinations(wildcards, index, seed=options.seed, variables=variables)
    for draft in islice(found, 1):
        return draft
    count = template.count(wildcards, variables=variables)
    if count == 0:
        raise TemplateError("This template has no combinations: it is empty.")
    raise TemplateError(f"There is no combination {index}: this template has {count:,}, counted from 0.")


def kept(
    options: Options,
    positive: str,
    negative: str,
    wildcards: Wildcards,
    profiles: ProfileSource | None = None,
    weights: Mapping[str, float] | None = None,
    odds: int = 0,
) -> PromptDraft:
    """The draft of a text that is not to be drawn anew, with the origins that a draw by ``options`` explains."""
    try:
        draft = generate(options, wildcards, weights, profiles=profiles, odds=odds)
    except TemplateError:
        draft = PromptDraft((), seed=options.seed, source=_source(options, options.rerolls.items()))
    return draft.replacing(components=aligned(draft.components, positive), negative=aligned(draft.negative, negative))


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Replaces the run's draft by a new one."""
    draft = generate(options, context.wildcards, context.weights, context.variables, context.profiles, context.odds)
    return run.replacing(draft=draft)
