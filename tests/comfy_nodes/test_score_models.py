"""Which scorer the widgets of a Scorer Model mean. No model is loaded by any of these."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.llm_own import Own
from comfy_nodes.score_models import NODE_FIELDS, Scorers
from orchestrator_core.errors import ConfigError, OrchestratorError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "clip_score" / "tiny"
    model.mkdir(parents=True)
    (model / "open_clip_config.json").write_text("{}")
    return tmp_path / "clip_score"


class Host:
    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def score_names(self) -> list[str]:
        return self.names

    def vocabulary(self) -> str:
        return ""


@pytest.fixture
def scorers(folder: Path) -> Scorers:
    return Scorers(lambda: [folder], lambda: None, Host())


def test_where_none_is_named_the_only_one_that_is_installed_is_meant(folder: Path):
    found = Scorers(lambda: [folder], lambda: None, Host("tiny")).get({"installed": "", "model": ""})
    assert found.settings.model == str(folder / "tiny")
    with pytest.raises(ConfigError, match="names no model"):
        Scorers(lambda: [folder], lambda: None, Host("tiny", "other")).get({})


def test_a_model_is_named_as_it_lies_below_comfyuis_folders_and_is_made_once(scorers: Scorers, folder: Path):
    found = scorers.get({"installed": "tiny"})
    assert found.settings.model == str(folder / "tiny")
    assert scorers.get({"model": "tiny", "installed": ""}) is found
    assert scorers.get({"model": "tiny", "batch": 4}) is not found


def test_nobody_keeps_a_model_that_no_graph_uses(scorers: Scorers):
    first = id(scorers.get({"installed": "tiny"}))
    gc.collect()
    assert len(scorers._chosen) == 0
    assert first


def test_a_changed_file_makes_another_of_it(scorers: Scorers, folder: Path):
    before, opened = scorers.fingerprint({"installed": "tiny"}), scorers.get({"installed": "tiny"})
    assert scorers.fingerprint({"installed": "tiny"}) == before
    (folder / "tiny" / "open_clip_model.safetensors").write_bytes(b"new")
    assert scorers.fingerprint({"installed": "tiny"}) != before
    assert scorers.get({"installed": "tiny"}) is not opened


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "names no model"),
        ({"model": "//elsewhere/models/x"}, "on another machine"),
        ({"model": "tiny", "backend": "magic"}, "backend"),
        ({"model": "tiny", "batch": 0}, "batch"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_loaded(scorers: Scorers, values: dict[str, Any], said: str):
    with pytest.raises(ConfigError, match=said):
        scorers.get(values)


def test_no_graph_may_download(scorers: Scorers):
    assert "allow_download" not in NODE_FIELDS
    assert not scorers.get({"model": "tiny", "allow_download": True}).settings.allow_download


def test_a_model_that_is_not_there_is_told_when_it_is_asked(scorers: Scorers, folder: Path):
    with pytest.raises(OrchestratorError, match="empty"):
        (folder / "empty").mkdir()
        _ = scorers.get({"installed": "empty"}).identity


def test_a_server_needs_no_folder_and_its_address_must_be_one(scorers: Scorers):
    found = scorers.get({"url": "http://127.0.0.1:11434/v1", "model": "qwen2.5vl:3b", "backend": "vqa"})
    assert (found.settings.model, found.settings.url) == ("qwen2.5vl:3b", "http://127.0.0.1:11434/v1")
    with pytest.raises(ConfigError, match="ftp"):
        scorers.get({"url": "ftp://somewhere", "model": "x"})


def test_what_the_person_permits_goes_with_the_scorer_and_makes_another_of_it(folder: Path):
    own = Own(hosts=("vision.example",), key="k")
    scorers = Scorers(lambda: [folder], lambda: None, Host(), lambda: own)
    values = {"url": "https://vision.example/v1", "model": "seer", "allowed_hosts": "evil.example"}
    first, before = scorers.get(values), scorers.fingerprint(values)
    assert first.opened().identity.startswith("vqa:openai:seer")
    assert scorers.get(values) is first
    own = Own()
    assert scorers.get(values) is not first
    assert scorers.fingerprint(values) != before


def test_a_tagger_says_what_is_in_an_image_and_a_clip_model_cannot(scorers: Scorers, folder: Path):
    (folder / "tags").mkdir()
    (folder / "tags" / "model.onnx").write_bytes(b"x")
    (folder / "tags" / "selected_tags.csv").write_text("tag_id,name,category\n1,1girl,0\n", encoding="utf-8")
    assert scorers.get({"model": "tags"}).observer().identity.startswith("tagger:tags:")
    with pytest.raises(OrchestratorError, match="Name a tagger"):
        scorers.get({"model": "tiny"}).observer()
