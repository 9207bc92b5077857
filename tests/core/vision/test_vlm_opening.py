from __future__ import annotations

import pytest

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.settings import LlmSettings
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.vlm_endpoint import EndpointVlm
from orchestrator_core.vision.vlm_opening import vision_language_model
from orchestrator_core.vision.vlm_transformers import TransformersVlm


def test_the_settings_of_a_language_model_name_one_that_sees() -> None:
    server = vision_language_model(LlmSettings(backend="openai", model="qwen2.5vl:3b"))
    assert isinstance(server, EndpointVlm)
    assert server.identity == "openai:qwen2.5vl:3b"
    here = vision_language_model(LlmSettings(backend="transformers", folder="models/smolvlm"))
    assert isinstance(here, TransformersVlm)


@pytest.mark.parametrize("backend", ["rules", "off", "host"])
def test_what_sees_nothing_is_refused(backend: str) -> None:
    with pytest.raises(ConfigError, match=r"sees no images\. Choose openai or transformers"):
        vision_language_model(LlmSettings(backend=backend))  # type: ignore[arg-type]


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError):
        vision_language_model(LlmSettings(backend="openai", url="ftp://x"))


def test_a_scorers_settings_name_a_server_whose_model_sees() -> None:
    scorer = open_scorer(ScorerSettings(url="http://127.0.0.1:11434/v1", model="qwen2.5vl:3b"))
    assert scorer.identity == "vqa:openai:qwen2.5vl:3b:yes:1:at-most-one:1"
