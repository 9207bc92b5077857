from __future__ import annotations

import pytest

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.settings import LlmSettings
from orchestrator_core.vision.opening import ScorerSettings, asked_of, open_observer, open_scorer
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.vlm_endpoint import EndpointVlm
from orchestrator_core.vision.vlm_opening import NO_ACCESS, Access, vision_language_model
from orchestrator_core.vision.vlm_transformers import TransformersVlm
from tests.core.llm.stand_in_llm import StandIn, whole


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


def test_images_go_where_the_person_permits_and_a_graph_permits_nothing() -> None:
    settings = ScorerSettings(url="https://vision.example/v1", model="seer")
    assert asked_of(settings, NO_ACCESS).allowed_hosts == ()
    assert asked_of(settings, Access(("vision.example",))).allowed_hosts == ("vision.example",)
    assert "allowed_hosts" not in ScorerSettings.model_fields
    assert "secret" not in repr(Access(key="secret"))


@pytest.mark.network
def test_the_persons_key_goes_to_the_server_of_a_scorer_and_of_a_captioner() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("PIL")
    image, answer = np.zeros((4, 6, 3), dtype=np.uint8), {"choices": [{"message": {"content": "Yes, a fox."}}]}
    with StandIn(whole(answer)) as server:
        settings, access = ScorerSettings(url=server.url, model="seer"), Access(key="secret")
        ((found,),) = open_scorer(settings, access=access).score([image], [Wanted(0, "fox", "free")])
        (seen,) = open_observer(settings, access=access).observe([image], [Wanted(0, "a fox", "free")])
    assert found.raw == 1.0
    assert (seen.caption, [part.text for part in seen.fulfilled]) == ("Yes, a fox.", ["a fox"])
    assert {headers["Authorization"] for _, _, headers in server.calls} == {"Bearer secret"}
