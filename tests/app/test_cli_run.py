"""orchestrator run: a folder with everything in it, whether a server renders, refuses, dies or is not there."""

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
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from tests.app.conftest import ROOT, Cli, Outcome
from tests.core.generators.stand_in_comfy import StandIn

pytestmark = pytest.mark.network


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    servers: list[StandIn] = []

    def start(*args: Any, **options: Any) -> StandIn:
        servers.append(StandIn(*args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        server.join()


@pytest.fixture
def nowhere() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def folder_of(done: Outcome) -> Path:
    return Path(done.out.strip().rpartition(": ")[2])


def stored(row: dict[str, Any]) -> Run:
    """The run of a row of prompts.json."""
    with Store.open() as store:
        return store.load_run(row["run_id"])


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "prompts.json").read_text("utf-8"))["runs"]
    return found


# without a server


def test_without_a_server_workflows_prompts_and_a_sheet_are_written(cli: Cli, nowhere: str):
    done = cli("run", "--server", nowhere)
    assert done.status == 1  # a server that was named
    assert f"Nothing was rendered. {nowhere} does not answer" in done.err
    assert done.err.count(nowhere) == 1
    assert 'choose a model in its node "checkpoint" (or run again with --checkpoint NAME), and press Run.' in done.err
    assert "Start ComfyUI" in done.err
    folder = folder_of(done)
    assert folder.parent == Path("outputs")
    assert folder.name.endswith("_quick")
    assert sorted(path.name for path in folder.iterdir()) == [
        "contact_sheet.html",
        "graphs",
        "prompts.json",
        "prompts.txt",
        "workflows",
    ]
    positives = (folder / "prompts.txt").read_text("utf-8").splitlines()
    assert len(positives) == 4
    for number, positive in enumerate(positives, 1):
        graph = json.loads((folder / f"graphs/{number:04}.json").read_text())
        assert request_from_graph(graph).positive == positive
        assert graph_from_workflow(json.loads((folder / f"workflows/{number:04}.json").read_text())) == graph
    assert [stored(row).draft.positive for row in rows(folder)] == positives
    assert "choose a model in its node" in (folder / "contact_sheet.html").read_text("utf-8")


def test_that_no_server_is_at_the_usual_address_is_no_failure(cli: Cli, nowhere: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_command, "SERVERS", {"comfyui": nowhere, "forge": nowhere})
    done = cli("run", "a fox", "-n", 1, "--checkpoint", "dream")
    assert (done.status, nowhere in done.err, "choose a model" in done.err) == (0, True, False)
    assert cli("run", "a fox", "-n", 1, "--server", nowhere, "--no-render").status == 0


def test_what_was_written_runs_again_and_gives_the_same(cli: Cli):
    first = folder_of(cli("run", "@portrait", "--no-render", "--count", 3, "--seed", 8))
    again = folder_of(cli("run", first / "prompts.json", "--no-render"))
    for key in ("positive", "negative", "seed", "width", "steps", "template"):
        assert [row[key] for row in rows(again)] == [row[key] for row in rows(first)]
    assert rows(again)[0]["run_id"] != rows(first)[0]["run_id"]
    for before, after in zip(rows(first), rows(again), strict=True):
        assert stored(after).draft.components == stored(before).draft.components


def test_it_draws_what_prompt_draws(cli: Cli):
    for extra in (["--count", 3], ["--method", "combinatorial"], ["--method", "cyclical", "--count", 5, "--index", 2]):
        options = ["a {fox|2::owl} {1|2|3}", "--seed", 3, *extra]
        printed = cli("prompt", *options).out.splitlines()
        folder = folder_of(cli("run", *options, "--no-render"))
        assert (folder / "prompts.txt").read_text().splitlines() == printed


def test_every_run_has_a_folder_of_its_own(cli: Cli):
    folders = [folder_of(cli("run", "a fox", "--no-render", "--count", 1)) for _ in range(4)]
    assert len(set(folders)) == 4
    assert all(folder.name.partition("-")[0].isdigit() and "a-fox" in folder.name for folder in folders)


def test_an_output_folder_that_cannot_be_made_is_one_line(cli: Cli):
    Path("taken").write_text("a file")
    done = cli("run", "a fox", "--no-render", "--output", "taken")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "--output" in done.err


def test_settings_reach_the_request(cli: Cli):
    done = cli("run", "x", "--no-render", "-n", 1, "--set", "steps=8", "--set", "width=64", "--checkpoint", "dream")
    row = rows(folder_of(done))[0]
    assert (row["steps"], row["width"], row["height"], row["checkpoint"]) == (8, 64, 512, "dream")


def test_the_examples_settings_are_used_and_overridden(cli: Cli):
    row = rows(folder_of(cli("run", "@portrait", "--no-render", "-n", 1, "--set", "steps=2")))[0]
    assert (row["width"], row["steps"], row["sampler"]) == (832, 2, "dpmpp_2m")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "stepz=3"], "did you mean steps?"),
        (["--set", "steps"], "write it as --set 'steps=8'"),
        (["--set", "steps=many"], "steps: Input should be a valid integer"),
        (["--set", "width=1"], "width"),
        (["--bind", "positive=6.text"], "--graph"),
        (["--graph", "missing.json"], "missing.json"),
        (["--server", "ftp://x"], "is no address of a server"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(cli: Cli, arguments: list[str], said: str):
    done = cli("run", "x", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not Path("outputs").exists()


def test_what_answers_and_is_no_comfyui_is_said_to_be_so(cli: Cli, start: Any):
    server = start()
    server.answers["object_info"] = (200, b"[]")
    done = cli("run", "x", "--server", server.url)
    assert (done.status, "does not do so as ComfyUI" in done.err) == (1, True)
    assert len(list(folder_of(done).glob("workflows/*"))) == 4


# with a server


def test_images_come_back_with_what_made_them(cli: Cli, start: Any):
    server = start()
    done = cli("run", "a {fox|owl}", "--negative", "{blur|noise}", "--server", server.url, "--seed", 5, "--count", 3)
    assert done.status == 0
    assert done.err.count("images/") == 3
    folder = folder_of(done)
    images = sorted(folder.glob("images/*.png"))
    assert [path.name for path in images] == ["0001.png", "0002.png", "0003.png"]
    for image, row in zip(images, rows(folder), strict=True):
        found = read_image(image)
        assert found.request is not None
        assert found.notes is not None
        assert (found.request.positive, found.request.seed) == (row["positive"], row["seed"])
        assert (found.notes.template, found.notes.run_id) == ("a {fox|owl}", row["run_id"])
        assert found.request.checkpoint == "sd15.safetensors"  # the server's first
        assert json.loads((folder / f"graphs/{image.stem}.json").read_text()) == found.graph
        assert json.loads((folder / f"workflows/{image.stem}.json").read_text()) == found.workflow
        assert stored(row).images[0].path.name == image.name
    assert 'src="images/0001.png"' in (folder / "contact_sheet.html").read_text("utf-8")


def test_images_of_a_batch_are_numbered(cli: Cli, start: Any):
    def two(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "a.png", "b.png")
        server.end(prompt_id)
        server.emit("execution_success", prompt_id)

    server = start(two)
    done = cli("run", "x", "-n", 1, "--set", "batch_size=2", "--server", server.url)
    assert sorted(path.name for path in folder_of(done).glob("images/*")) == ["0001-2.png", "0001.png"]


def test_a_prompt_that_fails_does_not_take_down_the_others(cli: Cli, start: Any):
    def second_fails(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) == 2:
            server.fail(prompt_id, exception_type="ValueError", exception_message="on purpose")
        else:
            server.finish(prompt_id)

    done = cli("run", "a fox", "-n", 3, "--server", start(second_fails).url)
    assert (done.status, done.out.startswith("2 images, 1 prompt not rendered: ")) == (1, True)
    assert "[2/3] ComfyUI failed in KSampler" in done.err
    folder = folder_of(done)
    assert [path.name for path in sorted(folder.glob("images/*"))] == ["0001.png", "0003.png"]
    assert "ValueError: on purpose" in (folder / "contact_sheet.html").read_text("utf-8")
    assert len(list(folder.glob("workflows/*"))) == 3


def test_a_server_that_refuses_says_why_once(cli: Cli, start: Any):
    done = cli("run", "a fox", "-n", 3, "--checkpoint", "nope", "--server", start().url)
    assert done.status == 1
    assert done.err.count("'nope.safetensors' is not in the list") == 1
    assert done.err.count("for the same reason") == 2
    assert len(list(folder_of(done).glob("workflows/*"))) == 3


def test_a_server_that_dies_leaves_what_is_finished(cli: Cli, start: Any, monkeypatch: pytest.MonkeyPatch):
    from orchestrator_core.generators import comfy_job

    monkeypatch.setattr(comfy_job.Timeouts, "__init__", _impatient)
    dead = threading.Event()

    def dies(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) == 1:
            server.finish(prompt_id)
        else:
            threading.Thread(target=lambda: (server.stop(), dead.set())).start()

    server = StandIn(dies)
    done = cli("run", "a fox", "-n", 4, "--server", server.url)
    assert dead.wait(10)
    assert (done.status, done.out.startswith("1 image, 3 prompts not rendered: ")) == (1, True)
    assert len([stored(row) for row in rows(folder_of(done))]) == 4
    assert "the server is gone" in (folder_of(done) / "contact_sheet.html").read_text("utf-8")


def _impatient(timeouts: Any) -> None:
    for name, value in (("connect", 2.0), ("check", 0.05), ("gone", 0.3), ("job", None)):
        object.__setattr__(timeouts, name, value)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal that can be sent there")
def test_ctrl_c_stops_the_server_and_keeps_what_is_finished(start: Any, tmp_path: Path):
    busy = threading.Event()

    def second_waits(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) == 1:
            server.finish(prompt_id)
            return
        busy.set()
        server.cancelled.wait(30)
        server.fail(prompt_id, "execution_interrupted")

    server = start(second_waits)
    arguments = ["run", "a fox", "--server", server.url]
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
    assert out.startswith("1 image, 3 prompts not rendered: ")
    folder = tmp_path / out.strip().rpartition(": ")[2]
    assert [path.name for path in folder.glob("images/*")] == ["0001.png"]
    assert len(list(folder.glob("workflows/*"))) == 4


def test_a_store_that_cannot_be_used_costs_no_image(cli: Cli, start: Any, monkeypatch: pytest.MonkeyPatch):
    Path("broken.sqlite3").write_text("this is no database, and long enough to be none" * 50)
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "sqlite:///broken.sqlite3")
    done = cli("run", "a fox", "-n", 2, "--server", start().url)
    assert (done.status, done.out.startswith("2 images: ")) == (0, True)
    assert done.err.count("not remembered") == 1


def test_progress_bars_end_with_the_same_lines(cli: Cli, start: Any, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = cli("run", "a fox", "-n", 2, "--server", start().url)
    assert done.status == 0
    assert "prompts" in done.err
    assert "[2/2] images/0002.png" in done.err


# graphs and pipelines of one's own


def own_graph(path: Path) -> Path:
    graph = text_to_image_graph(GenerationRequest("their prompt", "their negative", checkpoint="sd15", steps=33))
    for node in graph.values():
        node["_meta"]["title"] = node["class_type"]  # no titles to go by
    path.write_text(json.dumps(graph))
    return path


def test_a_graph_of_ones_own_is_rendered(cli: Cli, start: Any, tmp_path: Path):
    server = start()
    arguments = ["--graph", own_graph(tmp_path / "mine.json"), "--set", "KSampler.cfg=3.5", "--bind", "negative=3.text"]
    done = cli("run", "a fox", "--negative", "blur", "-n", 1, "--server", server.url, *arguments)
    assert done.status == 0, done.err
    sent = request_from_graph(server.bodies[0]["prompt"])
    assert (sent.positive, sent.negative, sent.steps, sent.cfg) == ("a fox", "blur", 33, 3.5)


def test_a_graph_of_ones_own_is_exported_without_a_server(cli: Cli, tmp_path: Path):
    done = cli("run", "a fox", "-n", 1, "--no-render", "--graph", own_graph(tmp_path / "mine.json"))
    graph = json.loads((folder_of(done) / "graphs/0001.json").read_text())
    assert (request_from_graph(graph).positive, request_from_graph(graph).steps) == ("a fox", 33)


def test_a_graph_with_unknown_nodes_is_exported_as_far_as_it_goes(cli: Cli, tmp_path: Path):
    path = own_graph(tmp_path / "mine.json")
    graph = json.loads(path.read_text())
    graph["99"] = {"class_type": "SomebodysNode", "inputs": {}}
    path.write_text(json.dumps(graph))
    done = cli("run", "a fox", "-n", 2, "--no-render", "--graph", path)
    assert done.status == 0
    assert done.err.count("SomebodysNode") == 1
    assert len(list(folder_of(done).glob("graphs/*"))) == 2
    assert not (folder_of(done) / "workflows").exists()


def test_a_pipeline_file_runs_with_the_command_lines_seeds(cli: Cli, start: Any, tmp_path: Path):
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl|hare}"}},
        {"id": "render", "type": "dispatch", "options": {"steps": 3}},
    ]
    (tmp_path / "pipeline.json").write_text(json.dumps(stages))
    server = start()
    done = cli("run", "pipeline.json", "--seed", 10, "-n", 3, "--set", "cfg=2", "--server", server.url)
    assert done.status == 0, done.err
    sent = [request_from_graph(body["prompt"]) for body in server.bodies]
    assert [(request.seed, request.steps, request.cfg) for request in sent] == [(10, 3, 2), (11, 3, 2), (12, 3, 2)]
    assert [request.positive for request in sent] == cli(
        "prompt", "a {fox|owl|hare}", "--seed", 10, "-n", 3
    ).out.splitlines()


def test_a_pipeline_without_dispatch_asks_no_server(cli: Cli, nowhere: str, tmp_path: Path):
    stages = [{"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 4}}]
    stages.append({"id": "render", "type": "dispatch", "enabled": False, "options": {"steps": 3}})
    (tmp_path / "pipeline.yaml").write_text(json.dumps({"schema_version": 1, "stages": stages}))
    done = cli("run", "pipeline.yaml", "-n", 2, "--server", nowhere)
    assert (done.status, "no dispatch stage" in done.err) == (0, True)
    assert [(row["seed"], row["steps"]) for row in rows(folder_of(done))] == [(4, 3), (5, 3)]


def test_a_pipeline_that_is_wrong_names_the_stage(cli: Cli, tmp_path: Path):
    (tmp_path / "pipeline.json").write_text('[{"id": "draw", "type": "generatePromt"}]')
    done = cli("run", "pipeline.json")
    assert (done.status, done.out) == (2, "")
    assert "'draw'" in done.err


def test_a_prompt_file_renders_each_row_with_its_own_settings(cli: Cli, start: Any, tmp_path: Path):
    rows = [{"prompt": "a fox", "steps": 5, "seed": 77, "loras": ["ink"]}, "a {heron|heron} <lora:mist:0.5>"]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    server = start()
    done = cli("run", "rows.json", "--server", server.url, "--set", "cfg=1.5")
    assert done.status == 0, done.err
    first, second = [request_from_graph(body["prompt"]) for body in server.bodies]
    assert (first.positive.strip(), first.steps, first.seed, first.cfg) == ("a fox", 5, 77, 1.5)
    assert first.loras[0].name == "style/ink.safetensors"
    assert (second.positive.strip(), second.loras[0].strength_model) == ("a heron", 0.5)


def test_a_file_without_prompts_is_one_line(cli: Cli, tmp_path: Path):
    (tmp_path / "none.json").write_text("[]")
    done = cli("run", "none.json")
    assert (done.status, done.err.count("\n")) == (2, 1)
