"""Which language model a graph gets: what a graph may name, and what only the person may allow."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from comfy_nodes.llm_listing import Listing
from comfy_nodes.llm_models import Models
from comfy_nodes.llm_own import Own, own_in, usable_folder
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.transformers_model import TransformersModel
from tests.core.llm.stand_in_llm import StandIn, said, whole

ASK = Ask((Message("user", "a castle"),))


def models(own: Own | None = None) -> Models:
    return Models(lambda: own or Own())


def test_a_graph_says_nothing_of_permissions():
    own = own_in({"Orchestrator.LlmHosts": "API.example.com, other.example", "Orchestrator.LlmKey": " k "})
    assert own == Own("", ("api.example.com", "other.example"), "k")
    settings = own.settings({"allowed_hosts": ("evil.example",), "key": "x", "backend": "openai", "model": "m"})
    assert settings.allowed_hosts == own.hosts
    assert "k'" not in repr(own)


@pytest.mark.parametrize("held", [None, 3, [], {"a": 1}])
def test_settings_of_another_kind_are_none(held: Any):
    assert own_in(dict.fromkeys(("Orchestrator.LlmUrl", "Orchestrator.LlmHosts", "Orchestrator.LlmKey"), held)) == Own()


def test_an_empty_address_is_the_persons_own_else_ollamas():
    assert Own().settings({"url": " "}).url == "http://127.0.0.1:11434/v1"
    assert Own("http://10.0.0.7:8080/v1").settings({}).url == "http://10.0.0.7:8080/v1"
    assert Own("http://10.0.0.7:8080/v1").settings({"url": "http://127.0.0.1:1/v1"}).url == "http://127.0.0.1:1/v1"
    assert Own().settings({}).backend == "openai"


def test_a_value_that_is_none_of_the_choices_is_refused():
    with pytest.raises(ValidationError):
        models().get({"backend": "cloud"})


def test_a_server_is_one_model_however_often_it_is_asked_for_and_another_with_another_key():
    own = [Own()]
    found = Models(lambda: own[0])
    first = found.get({"url": "http://127.0.0.1:1/v1"})
    assert found.get({"url": "http://127.0.0.1:1/v1"}) is first
    own[0] = Own(key="another")
    assert found.get({"url": "http://127.0.0.1:1/v1"}) is not first


def test_a_model_in_this_process_lives_as_long_as_a_graph_has_it():
    found = models()
    values = {"backend": "transformers", "folder": "owner/name"}
    first = found.get(values)
    assert isinstance(first, TransformersModel)
    assert found.get(values) is first
    del first
    gc.collect()
    assert not any(type(each) is TransformersModel for each in gc.get_objects())  # isinstance asks torch's stand-ins


def test_rules_and_off_need_nothing():
    assert isinstance(models().get({"backend": "rules"}), RulesModel)
    assert models().get({"backend": "off"}) is None


@pytest.mark.parametrize("clip", [None, object()])
def test_host_wants_a_text_encoder_that_can_write(clip: Any):
    with pytest.raises(ConfigError, match="text encoder"):
        models().get({"backend": "host"}, clip)


def test_the_fingerprint_says_nothing_of_what_it_stands_for():
    """ComfyUI writes it into images."""
    own = [Own("http://10.0.0.7:8080/v1", key="secret")]
    found = Models(lambda: own[0])
    first = found.fingerprint({"backend": "openai"})
    assert found.fingerprint({"backend": "openai"}) == first
    own[0] = Own("http://10.0.0.8:8080/v1", key="secret")
    assert found.fingerprint({"backend": "openai"}) != first
    assert len(first) == 1


def test_a_model_whose_files_changed_has_another_fingerprint(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    values = {"backend": "transformers", "folder": str(tmp_path)}
    found = models()
    before = found.fingerprint(values)
    assert found.fingerprint(values) == before
    (tmp_path / "model.safetensors").write_bytes(b"0" * 9)
    assert found.fingerprint(values) != before


def test_a_name_is_looked_for_in_comfyuis_folders_and_nowhere_above_them(tmp_path: Path):
    folder = tmp_path / "LLM"
    (folder / "tiny").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    assert usable_folder(" tiny ", [tmp_path / "none", folder]) == str(folder / "tiny")
    assert usable_folder("../outside", [folder]) == "../outside"
    assert usable_folder("owner/name", [folder]) == "owner/name"
    assert usable_folder(str(tmp_path), [folder]) == str(tmp_path)
    assert usable_folder("", [folder]) == ""


@pytest.mark.parametrize("name", ["//nas/models/x", "\\\\nas\\models\\x"])
def test_a_folder_on_another_machine_is_not_opened(name: str):
    with pytest.raises(ConfigError, match="another machine"):
        models().get({"backend": "transformers", "folder": name})


@pytest.mark.network
def test_the_key_of_the_settings_goes_to_the_server():
    with StandIn(said("a castle")) as server:
        model = models(Own(server.url, key="k-1")).get({})
        assert model
        assert model.generate(ASK) == "a castle"
        assert [headers["Authorization"] for _, path, headers in server.calls if path.endswith("completions")] == [
            "Bearer k-1"
        ]


@pytest.mark.network
def test_the_list_has_the_models_of_this_machine_and_asks_no_other_address(tmp_path: Path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    (tmp_path / "one.gguf").write_bytes(b"")
    with StandIn(said(""), models=("qwen", "gemma")) as one, StandIn(said(""), models=whole("<html>")) as own:
        listing = Listing(lambda: Own(own.url), lambda: [str(tmp_path)], (one.url, "http://127.0.0.1:1/v1"))
        found = listing.models({})
        assert [(each["url"], each["widget"], each["models"]) for each in found["servers"]] == [
            (own.url, "", []),
            (one.url, one.url, ["qwen", "gemma"]),
        ]
        assert "lists no models" in found["servers"][0]["problem"]
        assert found["folders"] == ["tiny", "one.gguf"]
        with pytest.raises(ValidationError):
            listing.models({"url": "http://127.0.0.1:22"})
