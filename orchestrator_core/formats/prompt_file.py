"""Prompt files, as they are dropped on the tab or given to ``orchestrator run``: prompts, settings, our own runs.

Read are our own export, JSON lists of texts or objects, payloads of A1111's ``/sdapi/v1/txt2img``, the CSV that
sd-dynamic-prompts writes beside its images, and the lines of A1111's "Prompts from file". A row that cannot be used is
reported with its number, and the others go on.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.json_text import read_bytes, read_json
from orchestrator_core.formats.prompt_rows import PlannedPrompt, RowProblem, read_row
from orchestrator_core.run import Run

SCHEMA_VERSION = 1
MAX_ROWS = 200_000
MAX_OPTIONS = 100_000  # characters of a line of options: shlex takes the square of its words' length
_LISTS = ("runs", "prompts", "items", "rows")  # keys of an object that is a whole file
_CSV_HEAD = {"positive_prompt", "negative_prompt"}
_NO_HEAD = "not the columns positive_prompt and negative_prompt alone: the file is read as a prompt in each line."


@dataclass(frozen=True, slots=True)
class PromptFile:
    prompts: tuple[PlannedPrompt, ...]
    problems: tuple[RowProblem, ...] = ()


def read_prompt_file(path: Path) -> PromptFile:
    """The prompts of a file. Raises FormatError if it is none of the formats, or has not one usable row."""
    return parse_prompt_file(read_bytes(path), path.name)


def parse_prompt_file(data: bytes, name: str = "The prompt file") -> PromptFile:
    """The prompts in a file's bytes; the format is known by the content. Raises as ``read_prompt_file``."""
    text = _text(data)
    if "\0" in text:
        raise FormatError(f"{name} holds NUL bytes, so it is no text file.")
    if text.lstrip()[:1] in ("[", "{") and not _is_prompt_text(text):
        result = _collect(_json_rows(read_json(text, name), name), read_row)
    elif set(text.split("\n", 1)[0].strip().split(",")) == _CSV_HEAD:
        result = _collect(_csv_rows(text, name), read_row)
    else:
        result = _collect(_lines(text), _read_line)
        if name.lower().endswith(".csv"):
            result = replace(result, problems=(RowProblem(1, _NO_HEAD), *result.problems))
    if not result.prompts:
        first = f" The first problem, {result.problems[0]}" if result.problems else ""
        raise FormatError(f"{name} has no prompt that can be used.{first}")
    return result


def _text(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _is_prompt_text(text: str) -> bool:
    """A line of text may begin like JSON: ``{red|blue} fox``, ``[a:b:0.5]``."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        head = text.lstrip()[:200]
        return '"' not in head and not head[1:].lstrip().startswith(("{", "["))
    return False


def _json_rows(value: Any, name: str) -> Iterator[tuple[int, Any]]:
    if isinstance(value, Mapping):
        version = value.get("schema_version", SCHEMA_VERSION)
        if type(version) is not int or version > SCHEMA_VERSION:
            raise FormatError(
                f"{name} was written by a newer version (schema {version}); this one reads {SCHEMA_VERSION}."
            )
        lists = [value[key] for key in _LISTS if isinstance(value.get(key), list)]
        value = lists[0] if lists else [value]
    if not isinstance(value, list):
        raise FormatError(f"{name} holds {type(value).__name__}, not a list of prompts or an object.")
    return enumerate(value, 1)


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """sd-dynamic-prompts' CSV: a head, the two templates, and a row for each prompt."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise FormatError(f"{name} is not valid CSV: {error}.") from None
    templates = rows[0] if rows else {}
    for number, row in enumerate(rows[1:], 3):
        yield (
            number,
            {
                "positive": row.get("positive_prompt"),
                "negative": row.get("negative_prompt"),
                "template": templates.get("positive_prompt"),
                "negative_template": templates.get("negative_prompt"),
            },
        )


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    """A prompt in each line; or one infotext, which has several."""
    if len(text) < 100_000 and parse_infotext(text).request.steps and _looks_like_infotext(text):
        yield 1, text.strip()
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def _looks_like_infotext(text: str) -> bool:
    lines = text.strip().split("\n")
    return len(lines) > 1 and lines[-1].startswith("Steps: ") and sum(line.startswith("Steps: ") for line in lines) == 1


def _read_line(line: str, row: int) -> tuple[list[PlannedPrompt], list[RowProblem]]:
    return read_row(_line_options(line) if line.startswith("--") else line, row)


def _line_options(line: str) -> dict[str, Any]:
    """``--prompt "a fox" --steps 20``, as A1111 reads it; words behind --prompt need no quotes."""
    if len(line) > MAX_OPTIONS:
        raise FormatError(f"has {len(line):,} characters; more than {MAX_OPTIONS:,} are not read as options.")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise FormatError(f"{error}.") from None
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            found[name] = []
        else:
            found[name].append(word)
    return {name: " ".join(parts) for name, parts in found.items()}


def _collect(rows: Iterable[tuple[int, Any]], read: Callable[..., Any]) -> PromptFile:
    prompts: list[PlannedPrompt] = []
    problems: list[RowProblem] = []
    for row, value in rows:
        if len(prompts) >= MAX_ROWS:
            problems.append(
                RowProblem(row, f"and those after it are left out: {MAX_ROWS:,} prompts are the most.", True)
            )
            break
        try:
            found, remarks = read(value, row)
        except FormatError as error:
            problems.append(RowProblem(row, str(error), lost=True))
        else:
            prompts += found
            problems += remarks
    return PromptFile(tuple(prompts), tuple(problems))


def planned_run(run: Run) -> PlannedPrompt:
    """A run as a prompt to render again; with images, the settings are those of the first."""
    draft = run.draft
    settings: dict[str, Any] = {}
    seed = draft.seed
    if run.images:
        request = run.images[0].request
        names = ("sampler", "scheduler", "checkpoint", "vae", "steps", "width", "height", "batch_size", "clip_skip")
        settings = {name: value for name in (*names, "cfg", "denoise") if (value := getattr(request, name)) != ""}
        seed = request.seed
    return PlannedPrompt(
        positive=draft.positive,
        negative=draft.negative_prompt,
        template=draft.source.template,
        negative_template=draft.source.negative,
        dialect=draft.source.dialect,
        seed=seed,
        loras=draft.loras,
        run_id=run.id,
        settings=settings,
    )


def format_prompt_file(prompts: Iterable[PlannedPrompt]) -> str:
    """Our own export: ``{"schema_version": 1, "runs": […]}``, which ``parse_prompt_file`` reads back."""
    rows = [_as_row(planned) for planned in prompts]
    return json.dumps({"schema_version": SCHEMA_VERSION, "runs": rows}, indent=2, ensure_ascii=False) + "\n"


def _as_row(planned: PlannedPrompt) -> dict[str, Any]:
    texts = ("run_id", "positive", "negative", "template", "negative_template", "dialect", "target")
    row: dict[str, Any] = {name: getattr(planned, name) for name in texts if getattr(planned, name)}
    if planned.seed is not None:
        row["seed"] = planned.seed
    if planned.loras:
        row["loras"] = [asdict(lora) for lora in planned.loras]
    return row | dict(planned.settings)
