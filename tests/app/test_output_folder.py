"""Where a run's files go when the place cannot take them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from orchestrator_app.output_folder import OutputFolder
from orchestrator_core.errors import ConfigError

NOW = datetime(2026, 11, 22, 19, 30, 11, tzinfo=timezone.utc)


def test_a_file_that_cannot_be_written_is_named_with_what_is_kept(tmp_path: Path):
    folder = OutputFolder.make(tmp_path, "quick", NOW)
    folder.write("prompts.txt", "a cat\n")
    (folder.path / "graphs").write_text("in the way")
    with pytest.raises(ConfigError, match=r"0001\.json cannot be written: .*kept"):
        folder.write_json("graphs/0001.json", {})
    assert (folder.path / "prompts.txt").read_text() == "a cat\n"


def test_a_file_in_the_place_of_the_folder_is_an_error_that_says_what_to_do(tmp_path: Path):
    (tmp_path / "outputs").write_text("")
    with pytest.raises(ConfigError, match="Give another place with --output"):
        OutputFolder.make(tmp_path / "outputs", "quick", NOW)


def test_runs_of_the_same_second_do_not_share_a_folder(tmp_path: Path):
    made = {OutputFolder.make(tmp_path, "quick", NOW).path.name for _ in range(3)}
    assert made == {"2026-11-22_193011_quick", "2026-11-22_193011_quick-2", "2026-11-22_193011_quick-3"}
