"""What a person means by TEMPLATE on the command line: a text, a file of a template or of many prompts, a pipeline."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import FormatError

if TYPE_CHECKING:
    from orchestrator_core.formats.prompt_rows import PlannedPrompt
    from orchestrator_core.prompt import LoraUse
    from orchestrator_core.spec import PipelineSpec

_MAX_VALUES = 2_000_000
_FILE_NAME = re.compile(r"[^{}|<>*?\"\n]{1,4000}\.(?:ya?ml|json|txt|csv)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """One prompt, or one template to draw prompts from. ``final``: the texts are prompts already, never drawn.

    ``target`` is where its file wants it rendered ("comfyui", "forge", or "" where it does not say), ``row`` its place
    in that file.
    """

    template: str
    negative: str = ""
    dialect: str = "dynamicprompts"
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # options of the dispatch stage
    loras: tuple[LoraUse, ...] = ()
    final: tuple[str, str] | None = None
    target: str = ""
    row: int = 0
    profiles: str = ""
    genre: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """``name`` is for people; ``notes`` are rows that could not be used. Either wishes or a pipeline."""

    name: str
    wishes: tuple[Wish, ...] = ()
    pipeline: PipelineSpec | None = None
    notes: tuple[str, ...] = ()


def read_source(text: str) -> Source:
    """Raises FormatError for a file that is not there, or is nothing that prompts can be drawn from."""
    if text == "-":
        return Source("", (Wish(sys.stdin.read().removesuffix("\n")),))
    if text.startswith("@"):
        return _at(text[1:])
    path = Path(text)
    if _FILE_NAME.fullmatch(text):
        if not path.is_file():
            raise FormatError(f"There is no file {text}. A template that is named so can come from standard input (-).")
        return read_file(path)
    return Source("", (Wish(text),))


def _at(name: str) -> Source:
    from orchestrator_app.bundled import example_files

    examples = {path.stem: path for path in example_files()}
    if not Path(name).is_file():
        if name in examples:
            return read_file(examples[name])
        raise FormatError(f"There is no file {name!r}. After @ comes a file, or one of: {', '.join(examples)}.")
    return Source(Path(name).stem, (Wish(_text(Path(name)).removesuffix("\n")),))


def read_file(path: Path) -> Source:
    """The wishes or the pipeline of a file. Raises FormatError, and PipelineError for a broken pipeline."""
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        return _prompts(path, _text(path).encode())
    from orchestrator_app.template_file import is_template_file, template_file_from

    data = parsed_file(path)
    if not isinstance(data, dict | list):
        raise FormatError(f"{path} holds no template, no prompts and no pipeline.")
    if is_pipeline(data):
        return Source(path.stem, pipeline=_one_after_another(data, path))
    if isinstance(data, dict) and is_template_file(data):
        found = template_file_from(data, str(path))
        wish = Wish(
            *(found.template, found.negative, found.dialect),
            settings=found.settings,
            profiles=found.profiles,
            genre=found.genre,
        )
        return Source(found.name or path.stem, (wish,))
    if isinstance(data, dict) and ("nodes" in data or _is_graph(data)):
        raise FormatError(f"{path} is a workflow of ComfyUI. To render prompts with it, give it as --graph.")
    return _prompts(path, json.dumps(data, default=str).encode())


def parsed_file(path: Path) -> Any:
    """What a JSON or YAML file holds. Raises FormatError with the line."""
    text = _text(path)
    if path.suffix.lower() == ".json":
        from orchestrator_core.formats.json_text import read_json

        return read_json(text, str(path))
    import yaml

    try:
        return _bounded(yaml.safe_load(text), path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FormatError(f"{path} is not valid YAML: {where}{reason}.") from None
    except ValueError as error:  # a date in month 13, a number of 5,000 digits
        raise FormatError(f"{path} has a value that cannot be read: {error}.") from None
    except RecursionError:
        raise FormatError(f"{path} is nested too deeply.") from None


def _bounded(data: Any, path: Path) -> Any:
    """The data itself. A few aliases of YAML can stand for more values than any memory holds, or for themselves."""
    waiting, room = [data], _MAX_VALUES
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            room -= len(value)
            if room < 0:
                raise FormatError(f"{path} unfolds to more than {_MAX_VALUES:,} values; write its aliases out.")
            waiting += value.values() if isinstance(value, dict) else value
    return data


def _text(path: Path) -> str:
    from orchestrator_core.formats.json_text import read_bytes
    from orchestrator_core.template.textfiles import NotText, to_utf8

    try:
        return to_utf8(read_bytes(path)).decode("utf-8")
    except NotText as error:
        raise FormatError(f"{path} is not read: {error}.") from None


def is_pipeline(data: Any) -> bool:
    """Whether a file's data is meant as one."""
    if isinstance(data, dict):
        return "stages" in data
    return isinstance(data, list) and bool(data) and all(isinstance(item, dict) and "type" in item for item in data)


def _one_after_another(data: Any, path: Path) -> PipelineSpec:
    """Raises PipelineError for what these commands, which draw and then render, cannot do."""
    from orchestrator_core.errors import PipelineError
    from orchestrator_core.spec import pipeline_from

    pipeline = pipeline_from(data)
    if pipeline.batch or any(stage.needs is not None for stage in pipeline.stages):
        what = "a batch" if pipeline.batch else "branches"
        raise PipelineError(f"{path} has {what}, which is for: orchestrator pipeline run {path}")
    return pipeline


def _is_graph(data: dict[str, Any]) -> bool:
    return any(isinstance(node, dict) and "class_type" in node for node in data.values())


def _prompts(path: Path, data: bytes) -> Source:
    from orchestrator_core.formats.prompt_file import parse_prompt_file

    found = parse_prompt_file(data, path.name)
    wishes = tuple(_wishes(found.prompts, is_lines=path.suffix.lower() == ".txt"))
    return Source(path.stem, wishes, notes=tuple(f"{path.name}, {problem}" for problem in found.problems))


def _wishes(prompts: tuple[PlannedPrompt, ...], *, is_lines: bool) -> Iterator[Wish]:
    for planned in prompts:
        dialect = planned.dialect or "dynamicprompts"
        if is_lines and planned.positive.startswith("#"):
            continue
        drawn = bool(planned.positive) and bool(planned.template or planned.run_id)
        template, negative = planned.template, planned.negative_template
        if not template and not drawn:
            template, negative = planned.positive, planned.negative
        final = (planned.positive, planned.negative) if drawn else None
        yield Wish(
            *(template, negative, dialect, planned.seed, planned.settings, planned.loras, final),
            target=planned.target,
            row=planned.row,
        )
