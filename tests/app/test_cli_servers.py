"""orchestrator run finds out who renders: what is named, or who answers at the usual addresses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.commands import run as run_command
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.request import GenerationRequest
from tests.app.conftest import ROOT, Cli, Outcome
from tests.core.generators import stand_in_comfy, stand_in_forge

pytestmark = pytest.mark.network

Start = Callable[[Any], Any]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Any] = []

    def start(server: Any) -> Any:
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def nowhere() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets the usual addresses."""

    def set_them(comfyui: str, forge: str) -> None:
        monkeypatch.setattr(run_command, "SERVERS", {"comfyui": comfyui, "forge": forge})

    return set_them


def folder_of(done: Outcome) -> Path:
    return Path(done.out.strip().rpartition(": ")[2])


def test_a_forge_that_is_named_is_known_by_its_answers(cli: Cli, start: Start):
    forge = start(stand_in_forge.StandIn())
    done = cli("run", "a {fox|owl}", "-n", 2, "--seed", 3, "--server", forge.url)
    assert done.status == 0
    assert done.out.startswith("2 images: ")
    folder = folder_of(done)
    rows = json.loads((folder / "prompts.json").read_text("utf-8"))["runs"]
    for number, row in enumerate(rows, 1):
        found = read_image(folder / f"images/{number:04}.png")
        assert found.notes is not None
        assert (found.notes.run_id, found.notes.template) == (row["run_id"], "a {fox|owl}")
        assert found.request is not None
        assert (found.request.positive, found.request.seed) == (row["positive"], row["seed"])
        graph = json.loads((folder / f"graphs/{number:04}.json").read_text())
        assert request_from_graph(graph) == found.request  # to render it in ComfyUI, with the model that Forge had


def test_the_usual_comfyui_comes_before_the_usual_forge(cli: Cli, start: Start, nowhere: str, usual: Any):
    comfy, forge = start(stand_in_comfy.StandIn()), start(stand_in_forge.StandIn())
    usual(comfy.url, forge.url)
    assert cli("run", "a fox", "-n", 1).status == 0
    assert (len(comfy.bodies), len(forge.bodies)) == (1, 0)
    assert cli("run", "a fox", "-n", 1, "--host", "forge").status == 0
    assert (len(comfy.bodies), len(forge.bodies)) == (1, 1)
    usual(nowhere, forge.url)
    assert cli("run", "a fox", "-n", 1).status == 0
    assert len(forge.bodies) == 2


def test_where_nobody_answers_both_addresses_are_named(cli: Cli, nowhere: str, usual: Any):
    usual(nowhere, f"{nowhere}/forge")
    done = cli("run", "a fox", "-n", 1)
    assert done.status == 0
    assert (
        f"Nothing was rendered. No ComfyUI answers at {nowhere}, and no Forge at {nowhere}/forge. Start one of them; "
        "Forge needs --api. For one elsewhere run again with --server ADDRESS.\n"
    ) in done.err


def test_what_keeps_a_forge_from_rendering_is_told(cli: Cli, start: Start, nowhere: str, usual: Any):
    forge = start(stand_in_forge.StandIn())
    forge.has_api = False
    usual(nowhere, forge.url)
    assert "runs without its API" in cli("run", "a fox", "-n", 1).err
    forge.has_api, forge.login = True, "me:s3cret"
    done = cli("run", "a fox", "-n", 1, "--server", forge.url)
    assert (done.status, "wants the login of its --api-auth" in done.err) == (1, True)
    done = cli("run", "a fox", "-n", 1, "--server", forge.url.replace("//", "//me:s3cret@"))
    assert (done.status, "s3cret" in done.out + done.err) == (0, False)


def test_what_the_server_is_can_be_said(cli: Cli, start: Start, nowhere: str):
    assert "Start Forge with --api" in cli("run", "a fox", "-n", 1, "--server", nowhere, "--host", "forge").err
    comfy = start(stand_in_comfy.StandIn())
    done = cli("run", "a fox", "-n", 1, "--server", comfy.url, "--host", "forge")
    assert (done.status, "does not do so as Forge" in done.err) == (1, True)


def test_a_workflow_of_ones_own_is_for_comfyui(cli: Cli, start: Start, tmp_path: Path, nowhere: str, usual: Any):
    forge = start(stand_in_forge.StandIn())
    own = tmp_path / "own.json"
    own.write_text(json.dumps(text_to_image_graph(GenerationRequest("mine"))))
    done = cli("run", "a fox", "--graph", own, "--host", "forge")
    assert (done.status, "--graph is a workflow of ComfyUI; Forge cannot render it." in done.err) == (2, True)
    usual(nowhere, forge.url)
    assert "Start ComfyUI" in cli("run", "a fox", "-n", 1, "--graph", own).err
    assert forge.bodies == []


def test_nobody_is_asked_where_nothing_is_to_be_rendered(cli: Cli, start: Start, usual: Any):
    comfy, forge = start(stand_in_comfy.StandIn()), start(stand_in_forge.StandIn())
    usual(comfy.url, forge.url)
    assert cli("run", "a fox", "-n", 1, "--no-render").status == 0
    assert (comfy.calls, forge.calls) == ([], [])


def test_further_fields_of_forge_are_set_by_name(cli: Cli, start: Start):
    forge = start(stand_in_forge.StandIn())
    options = ["--set", "steps=8", "--set", "txt2img.enable_hr=true", "--set", "txt2img.hr_scale=1.5"]
    assert cli("run", "a fox", "-n", 1, "--server", forge.url, *options).status == 0
    assert [forge.bodies[0][name] for name in ("steps", "enable_hr", "hr_scale")] == [8, True, 1.5]
    done = cli("run", "a fox", "-n", 1, "--server", forge.url, "--set", "txt2img.enable_hires=true")
    assert (done.status, "did you mean 'enable_hr'?" in done.err) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_stops_the_forge_and_keeps_what_is_finished(start: Start, tmp_path: Path):
    busy = threading.Event()

    def second_waits(server: stand_in_forge.StandIn, body: dict[str, Any]) -> Any:
        server.begin(body)
        server.step(1, 2)
        if len(server.bodies) == 2:
            busy.set()
            server.interrupts.wait(30)
        return server.finish(body)

    forge = start(stand_in_forge.StandIn(second_waits))
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator_app.cli", "run", "a fox", "--server", forge.url],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert busy.wait(60)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert out.startswith("1 image, 3 prompts not rendered: ")
    assert "[2/4] The rendering was stopped on Forge" in err
    assert len(forge.bodies) == 2
    assert len(list(tmp_path.glob("outputs/*/images/*.png"))) == 1
