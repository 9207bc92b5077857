"""orchestrator lora-test: what it says before it renders, and what is left when a server refuses or stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.commands import run as run_command
from orchestrator_app.lora_test.folder import FILE, GRID, TestFolder
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.gallery import grids
from orchestrator_core.store import Store
from tests.app.conftest import ROOT, Cli
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.loras.lora_files import SD, header_of, tensors, text_encoder, unet

pytestmark = pytest.mark.network

SMALL = ["--strengths", "0.5,1", "--seeds", "1", "-p", "a hill, {trigger}", "--set", "width=16", "--set", "height=16"]


def lora(path: Path, base: str, trigger: str) -> None:
    header, size = header_of(
        tensors(unet(SD[:1]) + text_encoder("lora_te", 1), (".alpha",)), {"ss_base_model_version": base}
    )
    data = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(data).to_bytes(8, "little") + data + b"\0" * size)
    path.with_suffix(".json").write_text(json.dumps({"activation text": trigger}))


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """The two that the stand-in has, and two that it will not render with."""
    folder = tmp_path / "loras"
    lora(folder / "style/ink.safetensors", "sd_v1", "ink wash")
    lora(folder / "mist.safetensors", "sd_v1", "misty")
    lora(folder / "elsewhere.safetensors", "sd_v1", "x")
    lora(folder / "flux.safetensors", "flux1", "y")
    return folder


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    servers: list[StandIn] = []

    def start(*args: Any) -> StandIn:
        servers.append(StandIn(*args))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        server.join()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(run_command, "SERVERS", {"comfyui": url, "forge": url})
    return url


def test_the_count_is_said_first_and_what_is_not_tested_with_its_reason(cli: Cli, start: Any, loras: Path):
    server = start()
    done = cli(
        "lora-test", "*", "--loras", loras, "--server", server.url, "-o", "test", "--base-model", "SD 1.5", *SMALL
    )
    assert done.status == 0, done.err
    assert done.out.splitlines()[0] == "2 LoRAs × 2 strengths × 1 prompt × 1 seed + 1 baseline = 5 images"
    assert "not tested: flux: the LoRA is for Flux.1, the checkpoint is SD 1.5" in done.err
    assert "not tested: elsewhere: the host does not have it" in done.err
    assert done.out.splitlines()[-1] == "5 of 5 images: test"
    graphs = [body["prompt"] for body in server.bodies]
    texts = [next(n["inputs"]["text"] for n in g.values() if n["class_type"] == "CLIPTextEncode") for g in graphs]
    assert texts == ["a hill", *["a hill, misty"] * 2, *["a hill, ink wash"] * 2]
    strengths = [[n["inputs"]["strength_model"] for n in g.values() if n["class_type"] == "LoraLoader"] for g in graphs]
    assert strengths == [[], [0.5], [1.0], [0.5], [1.0]]
    assert Path("test", GRID).is_file()
    with Store.open() as store:
        runs = store.runs()
    assert len(runs) == 5
    assert all(run.images[0].path.parent.name == "images" and run.images[0].path.exists() for run in runs)


def test_a_second_run_renders_only_what_is_missing_and_a_wider_one_only_what_is_new(cli: Cli, start: Any, loras: Path):
    server = start()
    begin = ["lora-test", "mist", "--loras", loras, "--server", server.url, "-o", "test", *SMALL]
    assert cli(*begin).status == 0
    assert cli(*begin).status == 0
    assert len(server.bodies) == 3
    folder = TestFolder.reopened(Path("test"))
    path = folder.image(folder.cells[1])
    assert path is not None
    path.write_bytes(path.read_bytes()[:40])
    done = cli("lora-test", "-o", "test", "--server", server.url)
    assert done.status == 0
    assert "2 of them are there already." in done.err
    assert len(server.bodies) == 4
    wider = ["lora-test", "mist", "style/ink", *begin[2:], "--seeds", "1,2"]
    assert cli(*wider).status == 0
    assert len(server.bodies) == 4 + 10 - 3
    with Store.open() as store:
        (kept,) = grids.listed(store)
        rows = grids.grid(store, kept.id).rows
        grids.keep(store, replace(grids.grid(store, kept.id).test, cells=()))  # as if it were of an earlier version
    assert cli("lora-test", "-o", "test", "--no-render").status == 0
    with Store.open() as store:
        assert grids.grid(store, kept.id).rows == rows
    assert sorted((row.lora, row.strength) for row in rows) == [
        ("", 0.0), ("mist", 0.5), ("mist", 1.0), ("style/ink", 0.5), ("style/ink", 1.0),
    ]  # fmt: skip
    assert all(cell.image is not None and not cell.image.missing for row in rows for cell in row.cells)


def test_the_error_of_one_image_is_kept_and_the_next_run_tries_it_again(cli: Cli, start: Any, loras: Path):
    def fails_once(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) == 2:
            server.fail(
                prompt_id, exception_message="out of memory", exception_type="OOM", node_type="KSampler", node_id="3"
            )
        else:
            server.finish(prompt_id)

    server = start(fails_once)
    begin = ["lora-test", "mist", "--loras", loras, "--server", server.url, "-o", "test", *SMALL]
    done = cli(*begin)
    assert done.status == 1
    assert "2 of 3 images, 1 still missing" in done.out
    assert "out of memory" in Path("test", GRID).read_text("utf-8")
    assert "orchestrator lora-test --folder test" in done.err
    done = cli("lora-test", "-o", "test", "--server", server.url)
    assert (done.status, len(server.bodies)) == (0, 4)
    assert "out of memory" not in Path("test", GRID).read_text("utf-8")


def test_without_a_library_the_servers_own_names_are_tested(cli: Cli, start: Any):
    server = start()
    done = cli("lora-test", "style/*", "--server", server.url, "-o", "test", *SMALL)
    assert done.status == 0, done.err
    assert "trigger words and base models of the LoRAs are not known" in done.err
    assert len(server.bodies) == 3
    assert "ink at 0.5" in Path("test", GRID).read_text("utf-8")


def test_without_a_server_it_is_written_what_would_be_rendered(cli: Cli, loras: Path, nowhere: str):
    done = cli("lora-test", "mist", "--loras", loras, "-o", "test", *SMALL, "--workflow", "w.json")
    assert done.status == 0
    assert "No ComfyUI answers" in done.err
    assert "0 of 3 images are there" in done.out
    assert "3 images not rendered yet" in Path("test", GRID).read_text("utf-8")
    assert len(graph_from_workflow(json.loads(Path("w.json").read_text("utf-8")))) == 2 + 3 * 5 + 2
    assert cli("lora-test", "mist", "--loras", loras, "-o", "test", "--server", nowhere, *SMALL).status == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Nothing names LoRAs. Name LoRAs, as: orchestrator lora-test"),
        (["-o", "nothing"], "Nothing holds a test in nothing"),
        (["mist"], "There is no prompt to test with"),
        (["zork", "-p", "x"], "There is no LoRA 'zork'. Look it up: orchestrator loras list"),
        (["mits", "-p", "x"], "There is no LoRA 'mits'. Did you mean 'mist'?"),
        (["-q", "color:red", "-p", "x"], "there is no key 'color:'"),
        (["-q", "name:nothing", "-p", "x"], "No LoRA fits the query 'name:nothing'"),
        (["mist", "-p", "x", "--strengths", "much"], "--strengths: 'much' are no numbers"),
        (["mist", "-p", "x", "--seeds", "a"], "'a' is no seed"),
        (["mist", "-p", "x", "--base-model", "XYZ"], "'XYZ' is no base model that is known"),
        (["mist", "-p", "x", "--seeds", "0-400"], "That is more than 500. Give --most 1604"),
        (["mist", "-p", "x", "--set", "stepps=3"], "did you mean steps?"),
        (["mist", "-p", "x", "--seeds", "1-9", "--workflow", "w.json"], "a workflow holds at most 24"),
        (["mist", "--prompts", "gone.txt"], "gone.txt cannot be read as text"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(cli: Cli, loras: Path, arguments: list[str], message: str):
    done = cli("lora-test", *arguments, "--no-render", "--loras", loras)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_folder_with_something_else_in_its_file_is_left_alone(cli: Cli, loras: Path):
    Path("test").mkdir()
    Path("test", FILE).write_text('{"mine": 1}')
    done = cli("lora-test", "mist", "--loras", loras, "-o", "test", "--no-render", *SMALL)
    assert done.status == 2
    assert "is no LoRA test of this pack" in done.err
    assert Path("test", FILE).read_text() == '{"mine": 1}'


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal that can be sent there")
def test_ctrl_c_stops_the_server_and_keeps_what_is_finished(start: Any, tmp_path: Path, loras: Path):
    busy = threading.Event()

    def third_waits(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) < 3:
            server.finish(prompt_id)
            return
        busy.set()
        server.cancelled.wait(30)
        server.fail(prompt_id, "execution_interrupted")

    server = start(third_waits)
    arguments = ["lora-test", "mist", "ink", "--loras", str(loras), "-o", "test", "--server", server.url, *SMALL]
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator_app.cli", *arguments],
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
    assert server.cancelled.is_set()
    assert "Traceback" not in err
    assert "2 of 5 images, 3 still missing" in out
    folder = TestFolder.reopened(tmp_path / "test")
    assert len(folder.missing()) == 3
    assert [folder.part(cell).error for cell in folder.cells] == [""] * 5
    assert "3 images not rendered yet" in (tmp_path / "test" / GRID).read_text("utf-8")
