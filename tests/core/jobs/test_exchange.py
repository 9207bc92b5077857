"""Jobs as JSON lines: what goes out comes in again, and no line stops the others."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.jobs.exchange import exported, imported, job_from
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from tests.core.jobs.at_work import RENDER, new_job

LINE = {"schema_version": 1, "pipeline": [RENDER]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def queue(sqlite_store: Store) -> Queue:
    return Queue(sqlite_store)


def test_what_was_exported_is_the_same_when_it_is_imported(queue: Queue) -> None:
    run = run_to_json(Run("r", PromptDraft((Component("an owl\u2028"),), seed=2**64 - 1)))
    queue.add_all([new_job(), new_job(RENDER, run=run, target="forge", priority=3, title="ö", tags=["a"], key="k")])
    lines = list(exported(queue))
    assert [json.loads(line).get("title") for line in lines] == [None, "ö"]
    found = imported(queue, lines)
    assert (found.added, found.known, found.problems) == (1, 1, ())
    assert list(exported(queue)) == [*lines, lines[0]]
    assert queue.job(2).run == run


def test_only_what_has_not_ended_is_exported_unless_it_is_asked_for(queue: Queue) -> None:
    queue.add_all([new_job(title="a"), new_job(title="b")])
    queue.cancel(1)
    assert [json.loads(line)["title"] for line in exported(queue)] == ["b"]
    assert [json.loads(line)["title"] for line in exported(queue, ["cancelled"])] == ["a"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no JSON", "line 2: it"),
        ("[1, 2]", "line 2: it is no job"),
        ('{"target": "forge"}', "line 2: it is no job: pipeline: Field required"),
        (json.dumps(LINE | {"schema_version": 2}), "line 2: it is of version 2"),
        (json.dumps(LINE | {"colour": "red"}), "line 2: it is no job: colour"),
        (json.dumps(LINE | {"pipeline": []}), "line 2: A job needs a stage"),
        (
            json.dumps(LINE | {"pipeline": [{"id": "a", "type": "dispatch", "options": {"steps": 0}}]}),
            "line 2: .*steps",
        ),
        (json.dumps(LINE | {"run": {"id": 5}}), "line 2: This is no saved run"),
        (json.dumps(LINE | {"priority": 10**9}), "line 2: it is no job: priority"),
        (json.dumps(LINE | {"key": "taken", "target": "elsewhere"}), "line 2: Job 1 was added under the key 'taken'"),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_taken(queue: Queue, line: str, said: str) -> None:
    first = json.dumps(LINE | {"key": "taken"})
    found = imported(queue, [first, line, "", json.dumps(LINE | {"title": "after it"})])
    assert found.added == 2
    assert [job.title for job in queue.page()] == ["after it", ""]
    (problem,) = found.problems
    assert re.match(said, problem), problem


@given(st.text() | JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(LINE | {"pipeline": value})))
def test_any_line_is_a_job_or_is_told(line: str) -> None:
    try:
        job_from(line)
    except OrchestratorError as error:
        assert str(error)
