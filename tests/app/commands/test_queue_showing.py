"""How jobs are shown whose titles somebody else has written."""

from __future__ import annotations

import json
from pathlib import Path

from tests.app.conftest import Cli


def test_a_title_of_two_lines_is_no_second_row(cli: Cli, tmp_path: Path) -> None:
    stage = {"id": "draw", "type": "generatePrompt"}
    path = tmp_path / "jobs.jsonl"
    path.write_text(json.dumps({"pipeline": [stage], "title": "an owl\n  2  done", "target": "forge\nx"}))
    cli("queue", "import", path)
    (row,) = [line.split() for line in cli("queue", "list").out.splitlines()[1:]]
    assert row == ["1", "waiting", "forge", "x", "an", "owl", "2", "done"]
    assert cli("queue", "show", 1).out.splitlines()[0].split() == ["job", "1", "an", "owl", "2", "done"]
