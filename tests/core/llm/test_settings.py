from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.settings import LanguageModels, LlmSettings, language_model, server_of
from tests.core.llm.stand_in_llm import StandIn, said


class Words:
    """A model of a test's own."""

    identity = "words"

    def generate(self, ask: Ask, on_text: object = None, is_cancelled: object = None) -> str:
        return "words"


def test_off_is_no_model_and_other_backends_are_those_of_the_host() -> None:
    words = Words()
    assert language_model(LlmSettings(backend="off")) is None
    assert language_model(LlmSettings(), others={"rules": words}) is words
    with pytest.raises(ConfigError, match="no language model 'host' here"):
        language_model(LlmSettings(backend="host"), others={"rules": words})


def test_a_key_is_no_setting() -> None:
    assert not [name for name in LlmSettings.model_fields if "key" in name and name != "keep_alive"]
    with pytest.raises(ValidationError):
        LlmSettings.model_validate({"api_key": "secret"})


@pytest.mark.network
def test_the_key_and_the_allowed_hosts_come_from_the_environment() -> None:
    environ = {"ORCHESTRATOR_LLM_KEY": "from-environment", "ORCHESTRATOR_LLM_HOSTS": "far.example"}
    with StandIn(said("x")) as server:
        settings = LlmSettings(backend="openai", url=server.url, model="tiny")
        for key in (None, "given", ""):
            model = language_model(settings, key=key, environ=environ)
            assert model is not None
            model.generate(Ask((Message("user", "a castle"),)))
        keys = [headers.get("Authorization") for *_, headers in server.calls]
    assert keys == ["Bearer from-environment", "Bearer given", None]


def test_the_time_limits_are_those_of_the_settings() -> None:
    patience = server_of(LlmSettings(connect_s=1, first_token_s=2, total_s=5)).patience
    assert (patience.connect, patience.first, patience.total) == (1, 2, 5)


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        language_model(LlmSettings(backend="openai", url="file:///etc"))


def test_a_host_makes_each_model_once() -> None:
    models = LanguageModels(others={"rules": Words()})
    one = models.get(LlmSettings(backend="openai", model="a"))
    assert isinstance(one, OpenAIModel)
    assert models.get(LlmSettings(backend="openai", model="a")) is one
    assert models.get(LlmSettings(backend="openai", model="b")) is not one
