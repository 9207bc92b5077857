"""The LoRAs that could be used for a prompt: pinned ones, and what the ranking finds behind the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.loras.composing import Candidate, Chosen, NotChosen
from orchestrator_core.loras.conflicts import partner_of
from orchestrator_core.loras.gate import barred, base_model_reason
from orchestrator_core.loras.naming import LoraNames, Named, plain
from orchestrator_core.loras.prompt_words import PromptWords
from orchestrator_core.loras.ranking import LoraIndex, Ranked
from orchestrator_core.loras.reasons import Reason, matches, words_mentioned, words_told
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.strengths import Strength
from orchestrator_core.prompt import LoraUse, PromptDraft

_LOOKED_AT = 24  # candidates; more would never be used
_REFUSED = 3
_UNSURE = 0.9  # what a score is worth where the base model is another one of its family, or not known
_NEARLY = 0.5  # of the minimum: who has less is not spoken of

Accepts = Callable[[LoraRecord], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for. ``accepts`` is a person's filter; ``weights`` are learned, by ``lora:<sha256>``."""

    words: PromptWords
    checkpoint: BaseModel = UNKNOWN
    minimum: float = 0.25
    allow_accelerators: bool = False
    accepts: Accepts = lambda record: True
    without: frozenset[str] = frozenset()  # paths
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best first. ``refused`` would have been among them."""

    candidates: tuple[Candidate, ...]
    refused: tuple[NotChosen, ...]


def lora_key(record: LoraRecord) -> str:
    """What a learned weight of a LoRA attaches to."""
    return f"lora:{identity_in(record)}"


def identity_in(record: LoraRecord) -> str:
    """Until a file's hash is known, its name stands in."""
    return record.sha256 or record.name


def prior_of(weights: Mapping[str, float]) -> Callable[[LoraRecord], float] | None:
    """The learned factor of each LoRA's score, or None where nothing is learned of any."""
    if not any(key.startswith("lora:") for key in weights):
        return None
    return lambda record: max(0.0, weights.get(lora_key(record), 1.0))


def present_in(draft: PromptDraft, names: LoraNames) -> tuple[Chosen, ...]:
    """The LoRAs that a draft has already, in its list or as tags in its text. Unknown ones count too."""
    tagged = extract_loras(draft.positive)[1]
    uses: dict[str, LoraUse] = {}
    for use in (*draft.loras, *tagged):
        uses.setdefault(plain(use.name).rpartition("/")[2], use)
    return tuple(_present(use, names) for use in uses.values())


def _present(use: LoraUse, names: LoraNames) -> Chosen:
    record = names.find(use.name)[0] or LoraRecord(name=use.name, path="", sha256=use.sha256)
    reason = Reason("in prompt", "it is in the prompt already")
    strength = Strength(use.strength_model, use.strength_clip, "given", fixed=True)
    return Chosen(Candidate(record, reasons=(reason,), pinned=True), strength)


def pinned(
    wanted: Sequence[Named], index: LoraIndex, names: LoraNames, checkpoint: BaseModel, without: frozenset[str]
) -> tuple[list[Candidate], list[NotChosen], list[str]]:
    """(candidates, refused, problems) of the LoRAs that a person wants always; those in ``without`` are there."""
    found: dict[str, Candidate] = {}
    refused: list[NotChosen] = []
    problems: list[str] = []
    for name in wanted:
        records, problem = names.matching(name.name)
        problems += [problem] if problem else []
        for record in records:
            if record.path in without:
                continue
            candidate = Candidate(record, reasons=(_PINNED,), pinned=True, given=name.strength)
            bar = barred(record, checkpoint, pinned=True)
            if bar is None:
                found[record.path] = replace(candidate, reasons=(_PINNED, base_model_reason(record, checkpoint)))
            else:
                refused.append(NotChosen(candidate, bar))
    return _with_partners(list(found.values()), index, without), refused, problems


_PINNED = Reason("pinned", "you want it always")


def candidates_for(index: LoraIndex, asked: Asked) -> Candidates:
    """What the prompt speaks of, best first. The phrases that speak for each are told by ``with_matches``."""
    found: list[Candidate] = []
    refused: list[NotChosen] = []
    prior = prior_of(asked.weights)
    for ranked in index.rank(asked.words, prior, asked.minimum * _NEARLY):
        record = ranked.record
        if len(found) >= _LOOKED_AT:
            break
        if record.path in asked.without or not asked.accepts(record):
            continue
        learned = _learned(1.0 if prior is None else prior(record))
        bar = barred(record, asked.checkpoint) or _accelerator(record, asked)
        if bar is None:
            found.append(_in(asked.checkpoint, _candidate(index, ranked, asked.words, learned)))
        elif len(refused) < _REFUSED and ranked.score >= asked.minimum:
            refused.append(NotChosen(_candidate(index, ranked, asked.words, learned), bar))
    return Candidates(tuple(_with_partners(found, index, asked.without)), tuple(refused))


def _candidate(index: LoraIndex, ranked: Ranked, words: PromptWords, learned: tuple[Reason, ...]) -> Candidate:
    told = words_told(index, ranked, words)
    mentioned = cache(lambda: words_mentioned(ranked, words, told))  # of the few that are used: it takes long
    shown = {word: words.shown.get(word, word) for word in told}
    return Candidate(ranked.record, ranked.score, learned, told, mentioned, shown, ranked=ranked)


def _in(checkpoint: BaseModel, candidate: Candidate) -> Candidate:
    """The candidate with how it goes with the checkpoint; of two that fit equally, the one that surely works wins."""
    reason = base_model_reason(candidate.record, checkpoint)
    score = candidate.score * (1.0 if reason.number else _UNSURE)
    return replace(candidate, score=score, reasons=(*candidate.reasons, reason))


def with_matches(candidate: Candidate, words: PromptWords) -> Candidate:
    """The candidate with the phrases that the prompt has of it, as its first reasons."""
    if candidate.ranked is None:
        return candidate
    return replace(candidate, reasons=(*matches(candidate.ranked, words), *candidate.reasons), ranked=None)


def _accelerator(record: LoraRecord, asked: Asked) -> Reason | None:
    if record.category != "accelerator" or asked.allow_accelerators:
        return None
    return Reason("accelerator", "it changes steps and cfg, so it is only used if you pin it or allow accelerators")


def _learned(factor: float) -> tuple[Reason, ...]:
    if factor == 1.0:
        return ()
    return (
        Reason("learned", f"earlier images speak {'for' if factor > 1 else 'against'} it (×{factor:.2f})", (), factor),
    )


def _with_partners(found: list[Candidate], index: LoraIndex, without: frozenset[str]) -> list[Candidate]:
    """Each half of a Wan pair with the other one; of two halves that were both found, the better one stays."""
    taken: set[str] = set()
    paired = []
    for candidate in found:
        if candidate.record.path in taken:
            continue
        partner = partner_of(candidate.record, lambda: index.records)
        if partner is not None and partner.path not in without:
            taken.add(partner.path)
            candidate = replace(candidate, partner=partner)
        paired.append(candidate)
    return paired
