"""docs/queue.md: its examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator_core.jobs.exchange import job_from

PAGE = (Path(__file__).parents[3] / "docs" / "queue.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_program_of_the_page_adds_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(block("python"), "queue.md", "exec")
    for _ in range(2):
        exec(code, {})  # noqa: S102 - our own page
        assert capsys.readouterr().out == "waiting ['added']\n"


def test_the_line_of_the_page_is_a_job() -> None:
    job = job_from(block("json"))
    assert (job.target, job.key, job.tags) == ("forge", "owls-1", ("night",))
