"""The studio's settings in the host's own settings, and the studio's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from forge_extension.environment import ForgeEnvironment
from forge_extension.settings import HostKeeper, ScriptDefaults, choices_of, key_of, names_of
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.lora_asking import remember_consent
from orchestrator_core.errors import ConfigError
from tests.forge_extension.forge_fakes import FakeForge


@pytest.fixture
def host(tmp_path: Path) -> FakeForge:
    return FakeForge(tmp_path / "outputs")


def test_what_is_saved_is_loaded_and_lists_are_lines(host: FakeForge):
    keeper = HostKeeper(host)
    assert keeper.load() == Settings()
    settings = Settings(comfy_url="http://127.0.0.1:1", wildcard_folders=("one", "two words"), remember_runs=False)
    keeper.save(settings)
    assert host.data["orchestrator_wildcard_folders"] == "one\ntwo words"
    assert keeper.load() == settings


def test_a_setting_that_cannot_be_used_is_named(host: FakeForge):
    host.data["orchestrator_dialect"] = "esperanto"
    with pytest.raises(ConfigError, match="Forge's settings hold what is no setting of Orchestrator's: dialect"):
        HostKeeper(host).load()
    assert ForgeEnvironment(host).settings() == Settings()


def test_settings_that_are_frozen_say_so(host: FakeForge):
    host.frozen = "changing settings is disabled"
    with pytest.raises(ConfigError, match="Forge's settings cannot be changed: changing settings is disabled"):
        HostKeeper(host).save(Settings())


def test_a_yes_to_asking_civitai_is_one_of_the_hosts_settings(host: FakeForge):
    studio = ForgeEnvironment(host).studio()
    assert (studio.settings.load().ask_civitai, studio.civitai_url) == (False, "https://civitai.com")
    assert remember_consent(studio.settings) == ""
    assert host.data["orchestrator_ask_civitai"] is True
    assert studio.settings.load().ask_civitai is True
    host.data["orchestrator_ask_civitai"] = False
    host.frozen = "changing settings is disabled"
    assert "told this again: Forge's settings cannot be changed" in remember_consent(studio.settings)


def test_the_scripts_defaults_are_settings_too(host: FakeForge):
    assert HostKeeper(host).script_defaults() == ScriptDefaults()
    host.data["orchestrator_script_enabled"] = True
    assert HostKeeper(host).script_defaults().script_enabled
    host.data["orchestrator_paste"] = "nonsense"
    assert HostKeeper(host).script_defaults() == ScriptDefaults()


def test_the_hosts_page_has_every_setting_but_what_the_host_knows_of_itself():
    assert set(names_of(Settings)) == set(Settings.model_fields) - {"schema_version", "forge_url", "lora_folders"}
    assert tuple(choices_of(Settings, "dialect")) == ("dynamicprompts", "impact")
    assert key_of("dialect") == "orchestrator_dialect"


def test_the_targets_are_this_process_and_a_comfyui(host: FakeForge):
    forge, comfy = ForgeEnvironment(host).targets(Settings(comfy_url="http://127.0.0.1:9"))
    assert (forge.name, forge.where) == ("Forge", "this process")
    assert (comfy.name, comfy.where) == ("ComfyUI", "http://127.0.0.1:9")
    assert "euler" in forge.choices().samplers


def test_wildcards_are_the_same_object_while_the_folders_are_the_same(host: FakeForge, tmp_path: Path):
    environment = ForgeEnvironment(host)
    first = environment.wildcards(Settings())
    assert environment.wildcards(Settings()) is first
    other = environment.wildcards(Settings(wildcard_folders=(str(tmp_path),)))
    assert other is not first
    assert other.roots[0] == tmp_path
    assert "colors/warm" in other.names()
