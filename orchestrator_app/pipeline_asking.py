"""Which pipeline a command means, and what its arguments change in it: ``--set``, ``--vary`` and ``--seed``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from orchestrator_core.pipeline.rerunning import PipelineRecord
    from orchestrator_core.spec import PipelineSpec

_TOGETHER = re.compile(r"\s&\s(?=[^\s=]+\s*=)")  # within a text of a list "&" is a letter
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def read_pipeline(text: str) -> PipelineSpec:
    """Of a file, or of a bundled one by its name. Raises FormatError, PipelineError, which name the file."""
    from orchestrator_app.sources import parsed_file
    from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline
    from orchestrator_core.spec import pipeline_from

    if text in bundled_files():
        return bundled_pipeline(text)
    path = Path(text)
    if not path.is_file():
        names = ", ".join(bundled_files())
        raise PipelineError(f"There is no file {text}, and no bundled pipeline of that name: {names}.")
    try:
        return pipeline_from(parsed_file(path))
    except PipelineError as error:
        raise PipelineError(f"{path}: {error}") from None


def read_record(text: str) -> PipelineRecord | None:
    """What a run left, where the file is that. Raises FormatError, PipelineError for one that is damaged."""
    from orchestrator_core.formats.json_text import read_json_file
    from orchestrator_core.pipeline.rerunning import record_from_json

    if not text.endswith(".json") or not Path(text).is_file():
        return None
    data = read_json_file(Path(text))
    return record_from_json(data) if isinstance(data, dict) and "snapshots" in data else None


def asked_pipeline(text: str, settings: Sequence[str], varied: Sequence[str], seed: int | None) -> PipelineSpec:
    """The pipeline as it is to be run; its prompts have a seed by chance where nobody said one.

    Raises FormatError, PipelineError and ConfigError.
    """
    from orchestrator_app.drawing import new_seed
    from orchestrator_core.spec import pipeline_from, pipeline_to_json

    data = {"name": Path(text).stem, **pipeline_to_json(read_pipeline(text))}
    for stage_id, options in stage_settings(settings).items():
        stage = next((one for one in data["stages"] if one["id"] == stage_id), None)
        if stage is None:
            ids = ", ".join(one["id"] for one in data["stages"])
            raise ConfigError(f"--set: there is no stage {stage_id!r}. There are: {ids}.")
        stage["options"] = {**stage.get("options", {}), **options}
    for stage in data["stages"]:
        if stage["type"] == "generatePrompt":
            given = stage.setdefault("options", {})
            given["seed"] = seed if seed is not None else given.get("seed", new_seed())
    data["batch"] = _varied(data.get("batch", []), varied)
    return pipeline_from(data)


def _varied(batch: list[Any], varied: Sequence[str]) -> list[Any]:
    """The batch of the file, where what is varied here has the values of here; more is multiplied."""
    given = [group for group in map(parse_vary, varied) if group]
    names = {axis["vary"] for group in given for axis in group}
    kept = [[axis for axis in group if axis["vary"] not in names] for group in batch]
    return [group for group in kept if group] + given


def stage_settings(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``draw.template=a fox`` as options by the id of their stage. Raises ConfigError."""
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        stage_id, dot, option = name.strip().rpartition(".")
        if not equals or not dot or not stage_id or not option:
            raise ConfigError(f"--set {pair!r} sets nothing; write it as --set draw.template='a fox'.")
        found.setdefault(stage_id, {})[option] = _value(value)
    return found


def parse_vary(text: str) -> list[dict[str, Any]]:
    """``seeds=1..8``, ``loras.include=,ink,pastel``, and ``seeds=1..2 & templates=["a fox","an owl"]`` together.

    Values are JSON, or words between commas. Raises ConfigError.
    """
    group = []
    for part in _TOGETHER.split(text):
        name, equals, values = part.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--vary {text!r} varies nothing; write it as --vary seeds=1..8.")
        group.append({"vary": name.strip(), **_values(values.strip(), text)})
    return group


def _values(text: str, whole: str) -> dict[str, Any]:
    if numbers := _RANGE.fullmatch(text):
        first, last = int(numbers[1]), int(numbers[2])
        if last < first:
            raise ConfigError(f"--vary {whole!r}: {text} goes down; write the smaller number first.")
        return {"first": first, "count": last - first + 1}
    if text.startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"--vary {whole!r}: {text} is no list in JSON: {error}.") from None
        return {"values": values}
    return {"values": [_value(value.strip()) for value in text.split(",")]}


def _value(text: str) -> Any:
    """A number, true, false, null, a list or an object in JSON; anything else is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
