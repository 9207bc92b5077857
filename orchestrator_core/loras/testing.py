"""A batch LoRA test as a plan: LoRA × strength × prompt × seed, with a baseline row without any LoRA.

    plan = plan_test(records, strengths=(0.5, 1.0), prompts=draw_prompts(["a fox, {trigger}"], wildcards), seeds=(1, 2))
    print(plan.sentence)                # "2 LoRAs × 2 strengths × 1 prompt × 2 seeds + 2 baselines = 10 images"
    for cell in plan.cells(): ...       # in the order in which a host reloads least

Nothing is rendered here. A plan is pure data, and ``cells`` always gives the same ones: each is named by a hash of what
it asks for, so that what is there already need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.files import strip_suffix
from orchestrator_core.loras.gate import barred
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.trigger_mark import hidden, placed, without_mark
from orchestrator_core.prompt import MAX_SEED, LoraUse, PromptDraft
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Template, Wildcards

MANY = 500  # images that nobody is asked about
MOST = 10_000  # images of one test, which a page can still show
STRENGTHS = (0.4, 0.7, 1.0)
STRONGEST = 20.0  # what the hosts' own sliders know, and far more than any LoRA bears
_DIGITS = 20  # of a cell's name: no two of a million are alike


@dataclass(frozen=True, slots=True)
class Refused:
    """A LoRA that is not tested, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One image of the test. ``lora`` is None in the baseline; the numbers are places in the plan, from 0."""

    key: str  # hex digits, a hash of all that decides the image
    prompt: int
    seed: int
    draft: PromptDraft
    request: GenerationRequest
    lora: int | None = None
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class TestPlan:
    """What is to be rendered. The drafts of ``prompts`` have their marks still; ``settings`` has no text and no seed.

    The records are named as the host calls them.
    """

    __test__ = False  # for pytest: its name is that of the thing, it is no test of ours

    loras: tuple[LoraRecord, ...]
    strengths: tuple[float, ...]
    prompts: tuple[PromptDraft, ...]
    seeds: tuple[int, ...]
    settings: GenerationRequest = field(default_factory=lambda: GenerationRequest(""))
    refused: tuple[Refused, ...] = ()

    @property
    def count(self) -> int:
        """How many images, those of the baseline too."""
        return (len(self.loras) * len(self.strengths) + 1) * len(self.prompts) * len(self.seeds)

    @property
    def sentence(self) -> str:
        """``2 LoRAs × 2 strengths × 1 prompt × 2 seeds + 2 baselines = 10 images``."""
        factors = (
            _number(len(self.loras), "LoRA"),
            _number(len(self.strengths), "strength"),
            _number(len(self.prompts), "prompt"),
            _number(len(self.seeds), "seed"),
        )
        baselines = _number(len(self.prompts) * len(self.seeds), "baseline")
        return f"{' × '.join(factors)} + {baselines} = {_number(self.count, 'image')}"

    def cells(self) -> Iterator[Cell]:
        """The baseline, then LoRA by LoRA, strength by strength: what is loaded stays loaded as long as can be."""
        yield from self._row(None, 0.0)
        for lora in range(len(self.loras)):
            for strength in self.strengths:
                yield from self._row(lora, strength)

    def _row(self, lora: int | None, strength: float) -> Iterator[Cell]:
        for number, prompt in enumerate(self.prompts):
            draft = self._draft(prompt, lora, strength)
            for place, seed in enumerate(self.seeds):
                request = _request(draft, self.settings, seed)
                yield Cell(self._key(request, lora), number, place, draft, request, lora, strength)

    def _draft(self, prompt: PromptDraft, lora: int | None, strength: float) -> PromptDraft:
        if lora is None:
            return without_mark(prompt)
        record = self.loras[lora]
        use = LoraUse(record.name, strength, strength, record.sha256)
        draft = placed(prompt, record)
        return draft.replacing(loras=(*draft.loras, use))

    def _key(self, request: GenerationRequest, lora: int | None) -> str:
        """Of the file of a LoRA its size and time count: a hash that is only known later would make another name."""
        values = {name: getattr(request, name) for name in GenerationRequest.__slots__}
        values["loras"] = [[use.name, use.strength_model, use.strength_clip] for use in request.loras]
        values |= {"cfg": float(request.cfg), "denoise": float(request.denoise)}  # 6 and 6.0 are the same image
        if lora is not None:
            values["file"] = [self.loras[lora].size, self.loras[lora].mtime_ns]
        text = json.dumps(values, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def label_of(record: LoraRecord) -> str:
    """What people call it, without what only the host needs in its name."""
    return strip_suffix(record.name.replace("\\", "/"))


def plan_test(
    records: Iterable[LoraRecord],
    strengths: Sequence[float],
    prompts: Sequence[PromptDraft],
    seeds: Sequence[int],
    settings: GenerationRequest | None = None,
    checkpoint: BaseModel = UNKNOWN,
    names: Mapping[str, str] | None = None,
) -> TestPlan:
    """The plan, without the LoRAs that do not fit the checkpoint or whose files cannot be used: those are refused.

    Args:
        prompts: from ``draw_prompts``.
        names: what the host calls each LoRA, by path; one that is not in it is refused. None: as the library does.

    Raises:
        ConfigError: nothing is left to test, a number makes no sense, or there would be more than ``MOST`` images.
    """
    tested, refused = _tested(records, checkpoint, names)
    plan = TestPlan(
        tested,
        _strengths(strengths),
        tuple(prompts),
        _seeds(seeds),
        (settings or GenerationRequest("")).replacing(positive="", negative="", loras=(), seed=0, batch_size=1),
        refused,
    )
    if not plan.prompts:
        raise ConfigError("There is no prompt to test with. Give one, as: a portrait of a woman, {trigger}")
    if not tested:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in refused[:3])
        raise ConfigError(f"No LoRA is left to test{f' ({reasons})' if reasons else ''}. Name others.")
    if plan.count > MOST:
        raise ConfigError(f"{plan.sentence}: a test has at most {MOST:,}. Take fewer LoRAs, strengths or seeds.")
    return plan


def draw_prompts(
    templates: Iterable[str],
    wildcards: Wildcards,
    negative: str = "",
    seed: int = 0,
    dialect: str = "dynamicprompts",
) -> tuple[PromptDraft, ...]:
    """A draft of each template that is not empty, with its ``{trigger}`` still to be placed; the n-th of seed + n.

    Raises TemplateError.
    """
    given = [text for text in (text.strip() for text in templates) if text]
    return tuple(
        Template(hidden(text), hidden(negative), dialect).draw(wildcards, (seed + number) % (MAX_SEED + 1))
        for number, text in enumerate(given)
    )


def _tested(
    records: Iterable[LoraRecord], checkpoint: BaseModel, names: Mapping[str, str] | None
) -> tuple[tuple[LoraRecord, ...], tuple[Refused, ...]]:
    tested: dict[str, LoraRecord] = {}
    refused: list[Refused] = []
    for record in records:
        reason = barred(record, checkpoint, pinned=True)
        name = record.name if names is None else names.get(record.path, "")
        if reason is not None:
            refused.append(Refused(_writable(record.name), reason.sentence))
        elif not name:
            refused.append(Refused(_writable(record.name), "the host does not have it"))
        elif name != _writable(name):
            why = "its name is not UTF-8, so that no file of a test can name it: rename it, and test it then"
            refused.append(Refused(_writable(name), why))
        else:
            tested.setdefault(name, record.replacing(name=name))
    return tuple(tested.values()), tuple(refused)


def _writable(name: str) -> str:
    """The name with what is no text in it spelt out, as a file can hold it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _strengths(given: Sequence[float]) -> tuple[float, ...]:
    for strength in given:
        if not math.isfinite(strength) or abs(strength) > STRONGEST:
            raise ConfigError(f"{strength:g} is no strength; use numbers as 0.4, 0.7 and 1, at most {STRONGEST:g}.")
    if not given:
        raise ConfigError("No strength is given. Use for example 0.4, 0.7, 1.")
    return tuple(dict.fromkeys(float(strength) for strength in given))


def _seeds(given: Sequence[int]) -> tuple[int, ...]:
    for seed in given:
        if not 0 <= seed <= MAX_SEED:
            raise ConfigError(f"{seed} is no seed; use whole numbers from 0 to {MAX_SEED}.")
    if not given:
        raise ConfigError("No seed is given. Use for example 1, 2.")
    return tuple(dict.fromkeys(given))


def _request(draft: PromptDraft, settings: GenerationRequest, seed: int) -> GenerationRequest:
    positive, negative = draft.positive.strip(), draft.negative_prompt.strip()
    return settings.replacing(positive=positive, negative=negative, loras=draft.loras, seed=seed)


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
