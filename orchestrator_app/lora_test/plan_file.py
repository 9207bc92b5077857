"""``lora_test.json``: a test as it was asked for, what it rests on, and what became of each of its images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import MOST, Refused, TestPlan
from orchestrator_core.loras.trigger_mark import hidden, shown
from orchestrator_core.prompt import Component, PromptDraft, PromptSource
from orchestrator_core.request import GenerationRequest
from orchestrator_core.stages import dispatch
from orchestrator_core.template.align import aligned

_SETTINGS = tuple(name for name in dispatch.Options.model_fields if name not in ("seed", "batch_size"))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraPart(_Part):
    """What the test rests on of a LoRA: another size or time is another file, whose images are made anew."""

    name: str
    title: str = ""
    base_model: str = ""
    sub_family: str = ""
    trigger_words: tuple[str, ...] = ()
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0


class RefusedPart(_Part):
    name: str
    reason: str


class PromptPart(_Part):
    """A drawn prompt, with ``{trigger}`` where each LoRA's words go, and the template that it was drawn from."""

    positive: str
    negative: str = ""
    template: str = ""
    negative_template: str = ""
    dialect: str = "dynamicprompts"
    seed: int = 0


class CellPart(_Part):
    """What became of an image. ``difference`` is the mean one from its baseline, in percent of the full range."""

    image: str = ""  # relative to the file
    error: str = ""
    checkpoint: str = ""  # that rendered it
    run_id: str = ""
    seconds: float = 0.0
    difference: float | None = None


class TestFile(_Part):
    """The whole file."""

    __test__ = False

    schema_version: Literal[1] = 1
    name: str = ""
    sentence: str = ""  # how many images, for who reads the file
    target: str = ""
    loras: tuple[LoraPart, ...] = Field(max_length=MOST)
    strengths: tuple[float, ...]
    prompts: tuple[PromptPart, ...] = Field(max_length=MOST)
    seeds: tuple[int, ...]
    settings: dict[str, Any] = Field(default_factory=dict)
    refused: tuple[RefusedPart, ...] = ()
    cells: dict[str, CellPart] = Field(default_factory=dict)


def read_test_file(path: Path) -> TestFile:
    """Raises FormatError, which says what is wrong and that nothing was changed."""
    data = read_json_file(path)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > 1:
        raise FormatError(f"{path} was written by a newer version of this pack (schema {version}). Update the pack.")
    try:
        found = TestFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FormatError(
            f"{path} is no LoRA test of this pack: {place}: {first['msg']}. It is left as it is; choose another folder."
        ) from None
    if plan_of(found).count > MOST:
        raise FormatError(f"{path} asks for {plan_of(found).sentence}; a test has at most {MOST:,}.")
    return found


def plan_of(file: TestFile) -> TestPlan:
    """The plan that was written; the same cells under the same keys."""
    settings = dispatch.Options.model_validate(file.settings) if file.settings else dispatch.Options()
    values = {name: getattr(settings, name) for name in _SETTINGS}
    return TestPlan(
        tuple(_record(part) for part in file.loras),
        file.strengths,
        tuple(_draft(part) for part in file.prompts),
        file.seeds,
        GenerationRequest("", **values),
        tuple(Refused(part.name, part.reason) for part in file.refused),
    )


def file_of(plan: TestPlan, name: str, target: str, cells: Mapping[str, CellPart]) -> TestFile:
    """What is written of a plan."""
    return TestFile(
        name=name,
        sentence=plan.sentence,
        target=target,
        loras=tuple(
            LoraPart(**{field: getattr(record, field) for field in LoraPart.model_fields}) for record in plan.loras
        ),
        strengths=plan.strengths,
        prompts=tuple(_prompt(draft) for draft in plan.prompts),
        seeds=plan.seeds,
        settings={field: getattr(plan.settings, field) for field in _SETTINGS},
        refused=tuple(RefusedPart(name=one.name, reason=one.reason) for one in plan.refused),
        cells=dict(cells),
    )


def _record(part: LoraPart) -> LoraRecord:
    return LoraRecord(path=part.name, **part.model_dump())


def _prompt(draft: PromptDraft) -> PromptPart:
    return PromptPart(
        positive=shown(draft.positive),
        negative=shown(draft.negative_prompt),
        template=shown(draft.source.template),
        negative_template=shown(draft.source.negative),
        dialect=draft.source.dialect,
        seed=draft.seed,
    )


def _draft(part: PromptPart) -> PromptDraft:
    """Where its words came from is not kept: the text is what counts, and a draw may say something else by now."""
    source = PromptSource(part.template, part.negative_template, part.dialect)
    return PromptDraft(_plain(part.positive), _plain(part.negative), seed=part.seed, source=source)


def _plain(text: str) -> tuple[Component, ...]:
    return aligned((), hidden(text))
