"""The standalone studio's settings: a file that is written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.settings_file import SettingsFile
from orchestrator_core.errors import ConfigError
from tests.app.studio.studio_fakes import environment


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "home" / "settings.json")


def test_what_was_saved_is_loaded_again(file: SettingsFile):
    settings = Settings(comfy_url="http://127.0.0.1:9", wildcard_folders=("a", "b"), remember_runs=False)
    file.save(settings)
    assert file.load() == settings
    assert json.loads(file.path.read_text())["schema_version"] == 1
    assert list(file.path.parent.iterdir()) == [file.path]


def test_without_a_file_the_defaults_hold_and_none_is_made(file: SettingsFile):
    assert file.load() == Settings()
    assert not file.path.parent.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "holds what is no setting"),
        ('{"schema_version": 2}', "was written by a newer version"),
        ('{"comfy": "x"}', "comfy: Extra inputs are not permitted"),
        ('{"dialect": "mine"}', "dialect: Input should be"),
        (b"\xff\xfe\x00", "is not valid JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(file: SettingsFile, text: str | bytes, says: str):
    file.path.parent.mkdir()
    file.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=says) as error:
        file.load()
    assert str(file.path) in str(error.value)


def test_a_place_that_cannot_be_written_is_named_and_what_was_there_stays(file: SettingsFile):
    file.path.parent.write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        file.save(Settings())
    assert file.path.parent.read_text() == "in the way"


def test_settings_that_cannot_be_used_leave_the_pages_working(file: SettingsFile, tmp_path: Path):
    file.path.parent.mkdir()
    file.path.write_text("{")
    around = environment(tmp_path)
    live = LiveEnvironment(
        type(around)(targets=around.targets, wildcards=around.wildcards, settings=file, store=around.store)
    )
    assert live.settings == Settings()
    assert "is not valid JSON" in live.settings_problem
    assert live.target(None).name == "Forge"
    with pytest.raises(ConfigError, match="There are: Forge, ComfyUI"):
        live.target("Elsewhere")
