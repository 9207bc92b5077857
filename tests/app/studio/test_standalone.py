"""What the studio has around it where no host is: servers by address, the data folder, the command."""

from __future__ import annotations

import builtins
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app import lacking
from orchestrator_app.lacking import install_line
from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.remembering import saver
from orchestrator_app.studio.standalone import GRADIO, standalone_environment
from orchestrator_app.studio.targets import comfy_choices, comfy_target
from orchestrator_core.errors import ConfigError, GeneratorUnreachable, WildcardError
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import Choices, GenerationRequest, ImageNotes
from orchestrator_core.stages.select_loras import Options
from orchestrator_core.store import Store
from tests.app.conftest import Cli
from tests.app.lora_folder import make_loras
from tests.app.studio.studio_fakes import FakeHost, target
from tests.app.text_encoder import Encoder, encoder_folder
from tests.core.generators.stand_in_comfy import StandIn, object_info

ROOT = Path(__file__).resolve().parents[3]
RUN = new_run().replacing(draft=PromptDraft((Component("a fox"),)))


def test_what_a_comfyui_offers_is_in_its_own_names():
    found = comfy_choices(object_info())
    assert found.checkpoints == ("sd15.safetensors", "xl/base.safetensors")
    assert found.samplers == ("euler", "euler_ancestral", "dpmpp_2m")
    assert found.schedulers == ("normal", "karras")
    assert comfy_choices({}) == Choices()


@pytest.mark.network
def test_a_comfyui_is_a_target(tmp_path: Path):
    server = StandIn()
    try:
        where = comfy_target(server.url, tmp_path / "images")
        assert where.choices().checkpoints == ("sd15.safetensors", "xl/base.safetensors")
        (image,) = where.generator().generate(GenerationRequest("a fox"), ImageNotes("0001"), print)
    finally:
        server.stop()
        server.join()
    assert image.path.parent == tmp_path / "images"
    with pytest.raises(GeneratorUnreachable, match="does not answer"):
        where.choices()


def test_an_address_that_is_none_is_said_when_it_is_used(tmp_path: Path):
    where = comfy_target("not an address", tmp_path)
    for call in (where.choices, lambda: where.generator().generate(GenerationRequest("a"), ImageNotes("1"), print)):
        with pytest.raises((ConfigError, GeneratorUnreachable), match="not an address"):
            call()


def test_a_text_encoder_that_was_named_finds_loras_by_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("numpy", reason="no numpy: vectors are compared with it")
    around = standalone_environment(encoder_folder(tmp_path / "encoder", monkeypatch))
    live = LiveEnvironment(replace(around, targets=lambda _: (target("ComfyUI", FakeHost(tmp_path)),)))
    live.environment.settings.save(Settings(lora_folders=(str(make_loras(tmp_path / "loras")),)))
    live.loras.watcher.refresh()
    choosing = live.choosing(Wanted(True, Options(semantic=True)), live.target(None), "illustriousXL")
    assert choosing is not None
    for _ in range(2):
        selection = choosing(PromptDraft((Component("sumi-e of a heron"),)))
        assert [use.record.name for use in selection.chosen] == ["styles/ink_wash"]
    assert Encoder.asked.count("ink wash") == 1
    assert live.environment.loras is not None
    live.environment.loras.close()
    with pytest.raises(ConfigError, match="no text encoder is there"):
        standalone_environment(tmp_path / "nowhere")


def test_images_go_to_the_data_folder_or_where_the_settings_say(tmp_path: Path):
    around = standalone_environment()
    folders = {
        around.targets(settings)[0].generator().output_folder.parent  # type: ignore[attr-defined]
        for settings in (Settings(), Settings(output_folder=str(tmp_path / "mine")))
    }
    assert folders == {Path(os.environ["ORCHESTRATOR_HOME"]) / "outputs", tmp_path / "mine"}
    assert [target.name for target in around.targets(Settings())] == ["ComfyUI", "Forge"]


def test_wildcards_are_the_same_object_until_the_folders_change(tmp_path: Path):
    around = standalone_environment()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "special.txt").write_text("x\n")
    first = around.wildcards(Settings())
    assert around.wildcards(Settings(comfy_url="http://127.0.0.1:1")) is first
    second = around.wildcards(Settings(wildcard_folders=(str(tmp_path / "mine"),)))
    assert second is not first
    assert "special" in second.names()
    assert set(first.names()) <= set(second.names())
    with pytest.raises(WildcardError, match="There is no folder"):
        around.wildcards(Settings(wildcard_folders=(str(tmp_path / "gone"),)))


def test_runs_are_remembered_by_setting():
    around = standalone_environment()
    around.settings.save(Settings(remember_runs=False))
    saver(LiveEnvironment(around))(RUN)
    assert not (Path(os.environ["ORCHESTRATOR_HOME"]) / "orchestrator.sqlite3").exists()
    around.settings.save(Settings())
    saver(LiveEnvironment(around))(RUN)
    with Store.open() as store:
        assert store.load_run(RUN.id) == RUN


def test_without_gradio_one_line_says_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without_gradio(name: str, *args: Any, **options: Any) -> Any:
        if name == "gradio":
            raise ModuleNotFoundError("No module named 'gradio'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_gradio)
    found = cli("studio")
    assert found.status == 2
    assert f"Install it with: {install_line(GRADIO)}" in " ".join(found.err.split())
    assert "Traceback" not in found.err


@pytest.mark.parametrize(("pip", "begins"), [(None, "uv pip install --python "), (object(), "")])
def test_what_to_install_is_for_the_python_that_runs_this(pip: object, begins: str, monkeypatch: pytest.MonkeyPatch):
    """A virtual environment of uv's has no pip, and a bare ``python`` may be another one."""
    monkeypatch.setattr(lacking, "find_spec", lambda name: pip)
    command = install_line(GRADIO)
    assert command.startswith(f'{begins}"{sys.executable}"')
    assert command.endswith(f' "{GRADIO}"')
    assert f'studio = ["{GRADIO}"]' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.network
def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch):
    from orchestrator_app.commands.studio import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1, port {port}"):
            free_port("127.0.0.1", port)
        assert free_port("127.0.0.1", None) != port
