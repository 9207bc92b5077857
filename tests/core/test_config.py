"""Where data lives, and that asking makes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_core.config import data_folder, database_url
from orchestrator_core.errors import ConfigError


def test_the_folder_is_the_users_own_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    assert data_folder({}) == Path(platformdirs.user_data_dir("orchestrator", appauthor=False))


def test_an_environment_variable_moves_it(tmp_path: Path) -> None:
    assert data_folder({"ORCHESTRATOR_HOME": str(tmp_path / "x")}) == tmp_path / "x"
    assert not (tmp_path / "x").exists()


def test_a_blank_variable_counts_as_absent() -> None:
    assert data_folder({"ORCHESTRATOR_HOME": " "}) == data_folder({})
    assert database_url({"ORCHESTRATOR_DATABASE_URL": ""}) == database_url({})


def test_a_home_may_begin_with_a_tilde_and_is_always_absolute() -> None:
    assert data_folder({"ORCHESTRATOR_HOME": "~/art"}) == Path.home() / "art"
    assert data_folder({"ORCHESTRATOR_HOME": "art"}) == Path.cwd() / "art"


def test_a_tilde_that_names_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="ORCHESTRATOR_HOME is '~no-such-user/x'"):
        data_folder({"ORCHESTRATOR_HOME": "~no-such-user/x"})


def test_the_database_is_a_file_in_the_folder_unless_a_url_is_given(tmp_path: Path) -> None:
    home = {"ORCHESTRATOR_HOME": str(tmp_path)}
    assert database_url(home) == f"sqlite:///{tmp_path / 'orchestrator.sqlite3'}"
    assert database_url({**home, "ORCHESTRATOR_DATABASE_URL": "postgresql://h/x"}) == "postgresql://h/x"


def test_importing_the_settings_loads_nothing_more() -> None:
    code = "import sys, orchestrator_core.config; print({'platformdirs', 'sqlalchemy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "set()", done.stderr
