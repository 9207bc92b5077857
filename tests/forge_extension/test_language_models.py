"""A language model in Forge's process: one for the tab and the script, beside the host's own rendering."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from forge_extension.language_models import ForgeModels, Queued
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.language_models import KeyFile
from orchestrator_core.errors import Cancelled
from orchestrator_core.llm.port import Ask, Message
from tests.fakes import FakeLanguageModel
from tests.forge_extension.forge_fakes import FakeForge

ASK = Ask((Message("user", "a castle"),))
FOLDER = Settings(llm_backend="transformers", llm_folder="a folder")
SERVER = Settings(llm_backend="openai")


@pytest.fixture
def host() -> FakeForge:
    return FakeForge()


@pytest.fixture
def models(host: FakeForge, tmp_path: Path) -> ForgeModels:
    return ForgeModels(KeyFile(tmp_path / "key", {}), host)


def test_a_model_of_this_process_writes_while_the_host_renders_nothing(host: FakeForge):
    class Looking(FakeLanguageModel):
        def generate(self, ask: Any, on_text: Any = None, is_cancelled: Any = None) -> str:
            assert host.lock.locked()
            return "mist"

    assert Queued(Looking(), host).generate(ASK) == "mist"
    assert not host.lock.locked()


def test_who_waits_for_the_host_can_be_stopped(host: FakeForge):
    model = FakeLanguageModel()
    with host.lock, pytest.raises(Cancelled):
        Queued(model, host).generate(ASK, None, lambda: True)
    assert model.history == []


def test_the_tab_and_the_script_ask_one_model_and_the_script_does_not_wait_for_itself(models: ForgeModels):
    waiting, within = models.get(FOLDER), models.in_job(FOLDER)
    assert isinstance(waiting, Queued)
    assert waiting.model is within
    assert waiting.identity == "transformers:"


def test_a_server_is_asked_while_the_host_renders(models: ForgeModels):
    assert models.get(SERVER) is models.in_job(SERVER) is not None
    assert models.get(Settings()) is None, "the rules need no model"


def test_the_weights_of_a_model_that_is_not_set_any_more_go_when_the_host_is_idle(
    host: FakeForge, models: ForgeModels, monkeypatch: pytest.MonkeyPatch
):
    let_go = threading.Event()
    before = models.in_job(FOLDER)
    monkeypatch.setattr(before, "release", let_go.set)
    with host.lock:
        models.in_job(FOLDER)
        models.in_job(SERVER)
        assert not let_go.wait(0.05)
    assert let_go.wait(10)
