"""selectLoras: draft + library → the LoRAs that fit the prompt, their trigger words inserted, and the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.base_models.names import UNKNOWN, base_model_named
from orchestrator_core.base_models.names import BaseModel as Checkpoint
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.loras.candidates import Asked, candidates_for, identity_in, pinned, present_in, with_matches
from orchestrator_core.loras.composing import Candidate, Chosen, Limits, NotChosen, compose
from orchestrator_core.loras.inserting import Insert, with_loras
from orchestrator_core.loras.naming import LoraNames, Named, named_in, pairs_in
from orchestrator_core.loras.profile_wishes import wishes_of
from orchestrator_core.loras.prompt_words import PromptWords
from orchestrator_core.loras.query import parse_query
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.reasons import Reason, sentence_of
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.semantic import SemanticPhrases, near_phrases
from orchestrator_core.loras.strengths import is_own
from orchestrator_core.loras.words import people_in
from orchestrator_core.profiles.inheritance import multiplied
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.source import used_by
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.weights.lora_learning import learned_strengths

_NEARLY = 5  # that are spoken of


class Options(BaseModel):
    """What can be set about the selection of LoRAs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_loras: int = Field(3, ge=0, le=20, description="The most LoRAs in a prompt; those that stand in it count.")
    total_strength: float = Field(
        1.8, ge=0, le=20, description="The most strength of all LoRAs together; more is scaled down in proportion."
    )
    strength: float = Field(0.8, ge=-5, le=5, description="The strength of a LoRA that says nothing of its own.")
    include: str = Field(
        "", description="LoRAs to use always: a name a line, or separated by commas; name:0.8 gives the strength."
    )
    exclude: str = Field("", description="LoRAs never to use: names, or patterns as styles/*.")
    never_together: str = Field("", description="LoRAs that spoil each other: a line for each pair, one + other.")
    query: str = Field("", description="Choose only among these: a search as in the library, base:pony -tag:nsfw.")
    minimum_evidence: float = Field(
        0.25, ge=0, le=20, description="How clearly a prompt must speak of a LoRA; 1 is a rare tag that is in it."
    )
    variety: float = Field(
        0.2, ge=0, le=1, description="How far the seed may choose among LoRAs that fit nearly as well; 0: never."
    )
    insert_trigger_words: Insert = Field(
        "matched", description="Which trigger words to add: the group that fits the prompt, all groups, or none."
    )
    allow_accelerators: bool = Field(
        False, description="Lightning, Turbo, LCM and the like too, which need other steps and cfg."
    )
    semantic: bool = Field(
        False, description="Also find LoRAs by what words mean, with the text encoder that is loaded. Takes longer."
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """The draft with its LoRAs, those chosen (without those that it had), those that nearly were, and those refused.

    ``problems`` are what in the options could not be followed; ``is_allowed``: the options leave room for any LoRA.
    ``report`` says all of it in lines for a person.
    """

    draft: PromptDraft
    chosen: tuple[Chosen, ...] = ()
    nearly: tuple[NotChosen, ...] = ()
    refused: tuple[NotChosen, ...] = ()
    problems: tuple[str, ...] = ()
    is_allowed: bool = True

    @property
    def report(self) -> str:
        none = "nothing in the library fits clearly enough" if self.is_allowed else "max_loras is 0, so none is allowed"
        lines = [*(_used(use) for use in self.chosen)] or [f"No LoRA: {none}."]
        lines += [f"nearly: {_unused(one)}" for one in self.nearly]
        lines += [f"not used: {_unused(one)}" for one in self.refused]
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])


def select(
    draft: PromptDraft,
    library: LoraIndex | Iterable[LoraRecord],
    checkpoint: Checkpoint = UNKNOWN,
    options: Options | None = None,
    weights: Mapping[str, float] | None = None,
    meanings: SemanticPhrases | None = None,
    profile: Profile | None = None,
) -> Selection:
    """The draft with LoRAs that fit it. Plain records are indexed first, which takes longer.

    ``meanings`` is asked where the options want it, and may be given in any case. ``profile``: of the draft. Its LoRAs
    are used where the options say nothing of them, and its family stands in for a checkpoint that is not known.
    ``weights`` are learned: how likely each LoRA is, and which of its strengths did best.

    Raises FormatError for a query that cannot be read; names that are not there are told in ``problems``.
    """
    options = options or Options()
    index = library if isinstance(library, LoraIndex) else LoraIndex(library)
    names = index.names
    present = present_in(draft, names)
    if profile is not None and not checkpoint.family:
        checkpoint = base_model_named(profile.family)
    included, refused_names = named_in(options.include), named_in(options.exclude)
    wishes = wishes_of(profile, names, (*included, *refused_names))
    excluded, problems = _excluded(refused_names, names)
    excluded |= wishes.excluded
    pairs, unpaired = pairs_in(options.never_together, names)
    there = frozenset(use.record.path for use in present)
    pins, unpinned, unknown = pinned([*included, *wishes.pins], index, names, checkpoint, there | excluded)
    near, unlearned = near_phrases(draft.positive, index, meanings) if options.semantic else ({}, [])
    words = index.words_in(draft.positive, near)
    asked = Asked(
        words,
        checkpoint,
        options.minimum_evidence,
        options.allow_accelerators,
        parse_query(options.query).matches,
        there | excluded | {path for pin in pins for path in _paths(pin.record, pin.partner)},
        multiplied((weights or {}, wishes.weights)) if wishes.weights else weights or {},
    )
    found = candidates_for(index, asked)
    limits = _limits(draft, options, pairs)
    wanted = [*wishes.told(pins), *wishes.strengthened(found.candidates)]
    composed = compose(_at_learned_strengths(wanted, weights or {}), limits, present)
    chosen = tuple(replace(use, candidate=with_matches(use.candidate, words)) for use in composed.chosen)
    return Selection(
        with_loras(draft, chosen, options.insert_trigger_words),
        chosen,
        _told(composed.nearly, words),
        (*unpinned, *_told(found.refused, words)),
        (*problems, *unpaired, *unknown, *wishes.problems, *unlearned),
        is_allowed=options.max_loras > 0,
    )


def _told(unused: Sequence[NotChosen], words: PromptWords) -> tuple[NotChosen, ...]:
    best = sorted(unused, key=lambda one: -one.candidate.score)[:_NEARLY]  # a sort that keeps equal ones in order
    return tuple(replace(one, candidate=with_matches(one.candidate, words)) for one in best)


def _at_learned_strengths(candidates: Sequence[Candidate], weights: Mapping[str, float]) -> list[Candidate]:
    """Those whose strength nobody gave, with the one at which earlier images did best."""
    learned = learned_strengths(weights)
    return [_at(candidate, learned.get(identity_in(candidate.record))) for candidate in candidates]


def _at(candidate: Candidate, strength: float | None) -> Candidate:
    if strength is None or candidate.given is not None or is_own(candidate.record):
        return candidate
    reason = Reason("learned strength", f"earlier images did best with {strength:g} of it", (), strength)
    return replace(candidate, learned=strength, reasons=(*candidate.reasons, reason))


def _limits(draft: PromptDraft, options: Options, pairs: frozenset[frozenset[str]]) -> Limits:
    return Limits(
        max_loras=options.max_loras,
        total_strength=options.total_strength,
        strength=options.strength,
        characters=max(1, people_in(draft.positive)),
        minimum=options.minimum_evidence,
        variety=options.variety,
        seed=draft.seed,
        never_together=pairs,
    )


def _excluded(wanted: Iterable[Named], names: LoraNames) -> tuple[frozenset[str], list[str]]:
    found = [names.matching(named.name) for named in wanted]
    return frozenset(record.path for records, _ in found for record in records), [told for _, told in found if told]


def _paths(*records: LoraRecord | None) -> Sequence[str]:
    return [record.path for record in records if record is not None]


def _used(use: Chosen) -> str:
    both = f" with '{use.candidate.partner.name}'" if use.candidate.partner else ""
    return f"{use.record.name}{both} at {use.strength.model:g}: {sentence_of(use.candidate.reasons)}"


def _unused(one: NotChosen) -> str:
    why = sentence_of(one.candidate.reasons)
    return f"{one.record.name}: {one.reason.sentence}" + (f" ({why})" if why else "")


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Adds LoRAs to the run's draft."""
    if context.loras is None:
        raise PipelineError("selectLoras has no library to choose from: name a LoRA folder, or leave the stage out.")
    index = context.loras.index()
    profile = used_by(run.draft, context.profiles)
    selection = select(run.draft, index, context.checkpoint, options, context.weights, context.meanings, profile)
    return run.replacing(draft=selection.draft)
