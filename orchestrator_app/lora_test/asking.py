"""From what a person wrote to a plan: names, patterns and a query to LoRAs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from orchestrator_app.studio.choosing import names_at
from orchestrator_app.studio.environment import Target
from orchestrator_core.base_models import BaseModel, base_model_named
from orchestrator_core.base_models.names import UNKNOWN
from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.naming import LoraNames, named_in
from orchestrator_core.loras.query import parse_query
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import STRENGTHS, TestPlan, draw_prompts, label_of, plan_test
from orchestrator_core.request import Choices, GenerationRequest
from orchestrator_core.template import Wildcards

SEEDS = (1, 2)
_NAMED = 3  # LoRAs in the name of a test


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be tested, in a person's words. ``base_model`` is for a checkpoint whose name does not say."""

    loras: str = ""  # names or patterns, a line each or with commas
    query: str = ""  # as in the library's search box
    prompts: tuple[str, ...] = ()
    negative: str = ""
    strengths: tuple[float, ...] = STRENGTHS
    seeds: tuple[int, ...] = SEEDS
    prompt_seed: int = 0
    dialect: str = "dynamicprompts"
    base_model: str = ""
    settings: GenerationRequest = field(default_factory=lambda: GenerationRequest(""))


def plan_of_asked(
    asked: Asked, records: Collection[LoraRecord], wildcards: Wildcards, target: Target | None, choices: Choices | None
) -> TestPlan:
    """The plan for this target; without one nothing is known of what it has, and its names are the library's.

    Without records the LoRAs are those that the target itself lists, of which nothing but their names is known.

    Raises OrchestratorError, with a sentence for a person.
    """
    known = records or _listed(choices)
    wanted = chosen(asked, known)
    settings = _settings(asked.settings, target, choices)
    names = None if target is None or not records else names_at(records, target, choices)
    drafts = draw_prompts(asked.prompts, wildcards, asked.negative, asked.prompt_seed, asked.dialect)
    return plan_test(
        wanted, asked.strengths, drafts, asked.seeds, settings, _base_model(asked, target, settings.checkpoint), names
    )


def _listed(choices: Choices | None) -> list[LoraRecord]:
    return [LoraRecord(name, name) for name in (choices.loras or () if choices else ())]


def chosen(asked: Asked, records: Collection[LoraRecord]) -> list[LoraRecord]:
    """The LoRAs that are named, in that order, and then what the query finds. Raises ConfigError, FormatError."""
    named = named_in(asked.loras)
    if not named and not asked.query.strip():
        raise ConfigError("Say which LoRAs to test: names, patterns as styles/*, or a query as base:sdxl tag:style.")
    found: dict[str, LoraRecord] = {}
    if named:
        names = LoraNames([_plainly_named(record) for record in records])
        by_path = {record.path: record for record in records}
        for one in named:
            matching, problem = names.matching(one.name)
            if problem:
                raise ConfigError(problem)
            found |= {record.path: by_path[record.path] for record in matching}
    if asked.query.strip():
        query = parse_query(asked.query)
        there = [record for record in records if record.state == "complete" and not record.excluded]
        found |= {record.path: record for record in query.apply(sorted(there, key=lambda record: record.name))}
        if not found:
            raise ConfigError(f"No LoRA fits the query {asked.query!r}.")
    return list(found.values())


def _plainly_named(record: LoraRecord) -> LoraRecord:
    """A server's ``styles\\ink.safetensors`` as people name it."""
    return record.replacing(name=label_of(record))


def _settings(settings: GenerationRequest, target: Target | None, choices: Choices | None) -> GenerationRequest:
    """ComfyUI renders with its first checkpoint where none is named; the test says which one that is.

    A host that has a model of its own loaded tells it with the first image.
    """
    takes_the_first = target is not None and target.name == "ComfyUI"
    if settings.checkpoint or not takes_the_first or choices is None or not choices.checkpoints:
        return settings
    return settings.replacing(checkpoint=choices.checkpoints[0])


def _base_model(asked: Asked, target: Target | None, checkpoint: str) -> BaseModel:
    if asked.base_model:
        named = base_model_named(asked.base_model)
        if not named.family:
            raise ConfigError(f"{asked.base_model!r} is no base model that is known. Write for example SDXL or Pony.")
        return named
    return UNKNOWN if target is None else target.base_model(checkpoint)


def lines_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The lines that are not empty."""
    return tuple(line.strip() for text in texts for line in text.splitlines() if line.strip())


def title_of(plan: TestPlan) -> str:
    """``ink, mist, fox and 4 more``: what a test is called that nobody named."""
    names = [record.title or label_of(record).rpartition("/")[2] for record in plan.loras]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
