"""The language model of the settings, and the key of its server: in a file of its own, and never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.language_models import KeyFile, StudioModels, llm_settings
from orchestrator_core.errors import ConfigError, LanguageModelError
from orchestrator_core.llm.settings import LlmSettings

SERVER = Settings(llm_backend="openai", llm_url="http://127.0.0.1:9/v1", llm_model="a")


def key_file(folder: Path, **environ: str) -> KeyFile:
    return KeyFile(folder / "home" / "key", environ)


def test_every_setting_of_the_language_model_can_be_set():
    assert llm_settings(Settings()) == LlmSettings()
    assert {f"llm_{name}" for name in LlmSettings.model_fields} <= set(Settings.model_fields)
    with pytest.raises(ValueError, match="llm_connect_s"):
        Settings(llm_connect_s=0)


def test_a_key_is_kept_for_its_owner_alone_and_can_be_forgotten(tmp_path: Path):
    key = key_file(tmp_path)
    assert (key.load(), key.said) == ("", "There is no key; most servers at home need none.")
    key.save(" s3cret ")
    key.save("s3cret2")
    assert key.load() == "s3cret2"
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert "s3cret" not in key.said
    key.save("")
    assert not key.path.exists()


def test_the_key_of_the_environment_goes_first(tmp_path: Path):
    key = key_file(tmp_path, ORCHESTRATOR_LLM_KEY="outside")
    key.save("inside")
    assert key.load() == "outside"
    assert "ORCHESTRATOR_LLM_KEY" in key.said
    assert "outside" not in key.said


def test_a_key_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        key_file(tmp_path).save("x")


def test_a_model_is_kept_while_its_settings_are_the_same(tmp_path: Path):
    models = StudioModels(key_file(tmp_path))
    assert models.get(Settings()) is None
    first = models.get(SERVER)
    assert first is not None
    assert models.get(SERVER) is first
    other = models.get(SERVER.model_copy(update={"llm_model": "b"}))
    assert other is not first
    models.key.save("new")
    assert models.get(SERVER) is not first


def test_whether_a_model_is_there_is_said(tmp_path: Path):
    models = StudioModels(key_file(tmp_path))
    assert "always there" in models.tested(Settings())
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    found = models.tested(Settings(llm_backend="transformers", llm_folder=str(tmp_path)))
    assert found.endswith("It is loaded when a prompt is first enhanced.")
    with pytest.raises(LanguageModelError, match="no language model is there"):
        models.tested(Settings(llm_backend="transformers", llm_folder=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="No model is named"):
        models.tested(Settings(llm_backend="transformers"))
    with pytest.raises(ConfigError, match="address"):
        models.tested(Settings(llm_backend="openai", llm_url="ftp:x"))
