"""orchestrator pipeline export and import: through a workflow and back, and what is told of both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.app.conftest import Cli

STAGES: list[dict[str, Any]] = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox", "seed": 5}},
    {"id": "loras", "type": "selectLoras", "when": "has_loras"},
    {"id": "render", "type": "dispatch", "options": {"width": 768, "steps": 4}},
]


def test_a_pipeline_goes_through_a_workflow_and_comes_back(cli: Cli, tmp_path: Path):
    mine, workflow = tmp_path / "mine.json", tmp_path / "workflow.json"
    mine.write_text(json.dumps({"name": "Mine", "stages": STAGES}))
    done = cli("pipeline", "export", str(mine), "--workflow", str(workflow), "--checkpoint", "dream.safetensors")
    assert done.status == 0
    assert "'loras' is done only when this is so: has_loras. The canvas does it always." in done.err
    back = cli("pipeline", "import", str(workflow))
    assert back.status == 0
    assert "Stage 'loras' is done only when this is so: has_loras." in back.err
    assert json.loads(back.out) == {"schema_version": 2, "name": "Mine", "stages": STAGES}
    again = cli("pipeline", "export", str(mine), "--workflow", str(workflow))
    assert (again.status, "is there already. Give another name, or --force" in again.err) == (2, True)


def test_one_without_a_name_is_called_as_its_file_is(cli: Cli, tmp_path: Path):
    mine = tmp_path / "a fox.json"
    mine.write_text(json.dumps(STAGES))
    workflow = json.loads(cli("pipeline", "export", str(mine)).out)
    assert workflow["extra"]["orchestrator"]["pipeline"]["name"] == "a fox"


def test_what_is_no_pipeline_of_ours_is_told(cli: Cli, tmp_path: Path):
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps({"nodes": []}))
    done = cli("pipeline", "import", str(foreign))
    assert done.status != 0
    assert "no Wildcard Prompt, which a pipeline begins with" in done.err
    foreign.write_text("[1]")
    assert "--object-info" not in cli("pipeline", "import", str(foreign)).out
    assert "is no /object_info" in cli("pipeline", "export", "quick", "--object-info", str(foreign)).err
