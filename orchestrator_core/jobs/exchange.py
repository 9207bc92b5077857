"""Jobs as JSON lines, to be kept, sent or written by another program: what was asked for, not what became of it.

``{"schema_version": 1, "pipeline": [...], "target": "forge", "priority": 2}``, one job a line; only the pipeline has
to be there. Bad lines are told, and the others taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import FormatError, KeyTaken, OrchestratorError, WebhookError
from orchestrator_core.formats.json_text import read_json
from orchestrator_core.formats.run_json import run_from_json
from orchestrator_core.jobs.model import OPEN, SCHEMA_VERSION, NewJob, State
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.rows import pipeline_columns
from orchestrator_core.spec import problems_of

PAGE = 500  # jobs that are in memory at a time
LONGEST = 16 * 2**20  # characters of a line


@dataclass(frozen=True, slots=True)
class Imported:
    """``problems``: a line for a person for each one that was not taken."""

    added: int
    known: int  # there already, under their keys
    problems: tuple[str, ...]


def exported(queue: Queue, states: Sequence[State] = OPEN) -> Iterator[str]:
    """A line for each job in these states, in the order in which they were added."""
    from orchestrator_core.store import jobs

    after = 0
    while True:
        with queue.store.reading() as connection:
            rows = jobs.whole(connection, states, after, PAGE)
        if not rows:
            return
        for row in rows:
            yield _line(row)
        after = rows[-1]["number"]


def _line(row: Any) -> str:
    data: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "pipeline": json.loads(row["pipeline"])}
    given = {name: row[name] for name in ("target", "priority", "title", "key", "callback_url") if row[name]}
    given |= {"tags": json.loads(row["tags"])} if row["tags"] != "[]" else {}
    given |= {"run": json.loads(row["run"])} if row["run"] else {}
    return json.dumps(data | given, ensure_ascii=False)


def imported(queue: Queue, lines: Iterable[str]) -> Imported:
    """Adds what can be read. Raises StoreError."""
    added = known = 0
    problems: list[str] = []
    page: list[tuple[int, NewJob]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            page.append((number, job_from(line)))
        except OrchestratorError as error:
            problems.append(f"line {number}: {error}")
        if len(page) >= PAGE:
            new, there = _added(queue, page, problems)
            added, known, page = added + new, known + there, []
    new, there = _added(queue, page, problems)
    return Imported(added + new, known + there, tuple(problems))


def job_from(line: str) -> NewJob:
    """Raises FormatError or PipelineError, which says what is wrong."""
    if len(line) > LONGEST:
        raise FormatError(f"it has {len(line):,} characters; {LONGEST:,} are the most.")
    data = read_json(line, "it")
    if not isinstance(data, dict):
        raise FormatError('it is no job: {"pipeline": [...]} is the least.')
    version = data.pop("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise FormatError(f"it is of version {version!r}, and versions up to {SCHEMA_VERSION} are known. Update.")
    try:
        job = NewJob.model_validate(data)
    except ValidationError as error:
        raise FormatError(f"it is no job: {problems_of(error)}") from None
    pipeline_columns(job.pipeline)
    if job.run is not None:
        run_from_json(job.run)
    return job


def _added(queue: Queue, page: list[tuple[int, NewJob]], problems: list[str]) -> tuple[int, int]:
    """How many are new, and how many were there. All at once; where one is refused, one by one."""
    try:
        results = queue.add_all([job for _, job in page])
    except (KeyTaken, WebhookError):
        results = []
        for number, job in page:
            try:
                results += queue.add_all([job])
            except (KeyTaken, WebhookError) as error:
                problems.append(f"line {number}: {error}")
    new = sum(result.is_new for result in results)
    return new, len(results) - new
