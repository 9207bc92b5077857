"""docs/queue.md: its examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator_core.jobs.exchange import job_from

PAGE = (Path(__file__).parents[3] / "docs" / "queue.md").read_text("utf-8")


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[number]


def test_the_program_of_the_page_adds_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(block("python", 1), "queue.md", "exec")
    for _ in range(2):
        exec(code, {})  # noqa: S102 - our own page
        assert capsys.readouterr().out == "waiting ['added']\n"


def test_a_program_that_lives_on_adds_one_and_says_how_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python"), "queue.md", "exec"), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "asleep my program works on the queue as soon as there is a job.\n"


def test_the_line_of_the_page_is_a_job() -> None:
    job = job_from(block("json"))
    assert (job.target, job.key, job.tags) == ("forge", "owls-1", ("night",))
