"""orchestrator pipeline: what it says of files, what it plans, what it leaves, and what another try changes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.store import Store
from tests.app.conftest import Cli, Outcome
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.loras.lora_files import SD, header_of, tensors, text_encoder, unet

STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox", "seed": 5}},
    {"id": "enhance", "type": "llmEnhance"},
    {"id": "loras", "type": "selectLoras", "options": {"include": "ink"}, "when": "has_loras"},
    {"id": "render", "type": "dispatch", "options": {"width": 16, "height": 16, "steps": 1}},
]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(STAGES))
    return path


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """The two that the stand-in has."""
    for name, trigger in (("style/ink", "ink wash"), ("mist", "misty")):
        path = tmp_path / "loras" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = tensors(unet(SD[:1]) + text_encoder("lora_te", 1), (".alpha",))
        header, size = header_of(whole, {"ss_base_model_version": "sd_v1"})
        data = json.dumps(header).encode()
        path.write_bytes(len(data).to_bytes(8, "little") + data + b"\0" * size)
        path.with_suffix(".json").write_text(json.dumps({"activation text": trigger}))
    return tmp_path / "loras"


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


def records(done: Outcome) -> list[dict[str, Any]]:
    folder = Path(done.out.strip().rpartition(": ")[2]) / "pipeline"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.iterdir())]


# looking


def test_the_bundled_ones_are_listed_shown_and_good(cli: Cli):
    listed = cli("pipeline", "list", "--json")
    names = [json.loads(line)["name"] for line in listed.out.splitlines()]
    assert names[0] == "quick"
    done = cli("pipeline", "check", *names)
    assert done.status == 0
    assert "explore-and-learn: draw → loras → render → score; items: 8 (seeds)" in done.out
    assert [stage["id"] for stage in json.loads(cli("pipeline", "show", "quick").out)["stages"]] == ["draw", "render"]


def test_every_file_is_checked_and_what_is_wrong_is_told(cli: Cli, mine: Path):
    Path("cycle.yaml").write_text("- {id: a, type: dispatch, needs: [b]}\n- {id: b, type: dispatch, needs: [a]}\n")
    Path("type.json").write_text('[{"id": "a", "type": "selectLora"}]')
    done = cli("pipeline", "check", "cycle.yaml", "type.json", mine, "gone.json")
    assert done.status == 1
    assert "cycle.yaml: " in done.err
    assert "a → b → a" in done.err
    assert "type.json: Stage 'a': there is no type 'selectLora'. Did you mean 'selectLoras'?" in done.err
    assert "no file gone.json, and no bundled pipeline of that name: quick" in done.err
    assert f"{mine}: draw → enhance → loras → render; items: 1" in done.out


# planning


def test_a_plan_shows_prompts_seeds_and_requests_and_the_count_first(cli: Cli, mine: Path):
    varied = ("--vary", "seeds=1..3 & profiles=,,", "--vary", "render.cfg=5,7")
    done = cli("pipeline", "plan", mine, *varied, "--most", 1)
    assert done.status == 0
    assert done.err.splitlines()[0].startswith("Items: 6 = 3 × 2 (seeds + profiles × render.cfg). Nothing is rendered")
    assert done.err.splitlines()[-1] == "… and 5 more; --most 0 shows all."
    assert "[1] seed 1" in done.out
    assert "loras: skipped; not so: has_loras" in done.out
    assert "render: renders; 16×16, euler/normal, 1 steps, cfg 5, seed 1, the host's model" in done.out


def test_values_may_hold_what_separates_axes(cli: Cli, mine: Path):
    varied = 'seeds=1..2 & templates=["salt & pepper, a={b|b}","an owl"]'
    done = cli("pipeline", "plan", mine, "--vary", varied, "--json")
    assert [json.loads(line)["values"]["draw.template"] for line in done.out.splitlines()] == [
        "salt & pepper, a={b|b}",
        "an owl",
    ]


def test_a_plan_for_a_program_has_the_payload_and_the_loras(cli: Cli, mine: Path, loras: Path):
    for host, positive in (("forge", lambda sent: sent["prompt"]), ("comfyui", json.dumps)):
        done = cli("pipeline", "plan", mine, "--loras", loras, "--json", "--payload", host)
        row = json.loads(done.out)
        assert [lora["name"] for lora in row["loras"]] == ["style/ink"]
        assert "ink wash" in positive(row["stages"][-1]["payload"])
        assert row["stages"][-1]["request"]["seed"] == row["seed"] == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--vary", "seeds=0..999", "--vary", "render.seed=0..999"], "1,000,000 = 1,000 × 1,000"),
        (["--vary", "seeds"], "write it as --vary seeds=1..8"),
        (["--vary", "seeds=3..1"], "goes down"),
        (["--vary", "templates=[1"], "no list in JSON"),
        (["--vary", "paint.x=1"], "'paint.x' names no option of a stage"),
        (["--set", "width=16"], "write it as --set draw.template"),
        (["--set", "paint.width=16"], "no stage 'paint'"),
        (["--set", "render.width=1"], "Stage 'render' (dispatch): width"),
    ],
)
def test_what_cannot_be_asked_for_is_told(cli: Cli, mine: Path, arguments: list[str], told: str):
    done = cli("pipeline", "plan", mine, *arguments)
    assert done.status == 2
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_seed_by_chance_is_one_for_the_whole_plan(cli: Cli):
    done = cli("pipeline", "plan", "quick", "--vary", "render.cfg=5,7", "--json")
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert first["seed"] == second["seed"]
    assert json.loads(cli("pipeline", "plan", "quick", "-s", 7, "--json").out)["seed"] == 7


def test_each_scene_of_a_plan_goes_on_from_the_one_before_and_none_is_kept(cli: Cli):
    for _ in range(2):
        done = cli("pipeline", "plan", "story", "-s", 1, "--vary", "render.cfg=5,7", "--json")
        assert done.status == 0, done.err
        assert [json.loads(line)["scene"] for line in done.out.splitlines()] == [1, 2]
    assert "First story" not in cli("stories", "list").out


# running


@pytest.mark.network
def test_nobody_to_render_with_is_told_before_anything_runs(cli: Cli, mine: Path):
    done = cli("pipeline", "run", mine, "--server", "http://127.0.0.1:9")
    assert done.status == 2
    assert "Nothing was run: http://127.0.0.1:9 does not answer" in done.err
    assert not Path("outputs").exists()


@pytest.mark.network
def test_each_item_has_an_image_a_record_and_a_run_in_the_store(cli: Cli, mine: Path, start: Callable[..., StandIn]):
    done = cli("pipeline", "run", mine, "--server", start().url, "--vary", "seeds=1..2")
    assert done.status == 0, done.err
    assert "Items: 2 (seeds)." in done.err
    found = records(done)
    assert [record["run"]["draft"]["seed"] for record in found] == [1, 2]
    assert all(Path(record["run"]["images"][0]["path"]).is_file() for record in found)
    with Store.open() as store:
        assert len(store.load_run(found[0]["run"]["id"]).images) == 1


@pytest.mark.network
def test_an_item_that_fails_keeps_what_was_done_and_costs_no_other(cli: Cli, mine: Path, start: Callable[..., StandIn]):
    server = start()
    varied = ("--vary", "render.sampler=euler,dpmpp_nonsense,euler")
    done = cli("pipeline", "run", mine, "--server", server.url, *varied)
    assert done.status == 1
    assert "2 of 3 done: " in done.out
    first, failed, last = records(done)
    assert first["states"]["render"] == last["states"]["render"] == "done"
    assert "render" not in failed["states"]
    path = Path(done.out.strip().rpartition(": ")[2]) / "pipeline" / "0002.json"
    mended = cli("pipeline", "rerun", path, "render", "--set", "sampler=euler", "--server", server.url)
    assert mended.status == 0, mended.err
    assert "images: now " in mended.out


@pytest.mark.network
@pytest.mark.skipif(os.name == "nt", reason="there a signal cannot be sent to oneself")
def test_ctrl_c_stops_the_hosts_job_too_and_keeps_what_was_done(cli: Cli, mine: Path, start: Callable[..., StandIn]):
    def press(server: StandIn, prompt_id: str) -> None:
        if len(server.bodies) == 1:
            server.finish(prompt_id)
        else:
            os.kill(os.getpid(), signal.SIGINT)
            server.cancelled.wait(30)
            server.fail(prompt_id, "execution_interrupted")

    server = start(press)
    done = cli("pipeline", "run", mine, "--server", server.url, "--vary", "seeds=1..3")
    assert done.status == 130
    assert "1 of 3 done: " in done.out
    assert server.cancelled.is_set()  # the job that had just been taken
    first, second = sorted(Path("outputs").glob("*/pipeline/*.json"))
    assert json.loads(first.read_text("utf-8"))["states"]["render"] == "done"
    assert list(json.loads(second.read_text("utf-8"))["snapshots"]) == ["draw", "enhance", "loras"]


@pytest.mark.network
def test_other_loras_are_rendered_with_the_same_words_and_what_changed_is_shown(
    cli: Cli, mine: Path, loras: Path, start: Callable[..., StandIn]
):
    place = ("--server", start().url, "--loras", loras)
    first = cli("pipeline", "run", mine, *place)
    assert first.status == 0, first.err
    (before,) = records(first)
    record = Path(first.out.strip().rpartition(": ")[2]) / "pipeline" / "0001.json"
    done = cli("pipeline", "rerun", record, "loras", "--set", "include=mist", *place)
    assert done.status == 0, done.err
    assert "LoRA: no longer style/ink at 0.8" in done.out
    assert "LoRA: now mist at 0.8" in done.out
    after = json.loads(Path(done.out.splitlines()[-1]).read_text("utf-8"))
    assert after["rerun_of"] == before["run"]["id"]
    shown = cli("pipeline", "show", done.out.splitlines()[-1])
    assert "loras: done\n    prompt: " in shown.out
    assert "    LoRA: now mist at 0.8\nrender: done\n    images: now " in shown.out
    assert shown.err == f"Made from run {before['run']['id']}.\n"
    words = [
        before["snapshots"]["enhance"]["draft"]["components"],
        after["snapshots"]["enhance"]["draft"]["components"],
    ]
    assert words[0] == words[1]
    with Store.open() as store:  # the run before is still there, with its image
        assert len(store.load_run(before["run"]["id"]).images) == len(store.load_run(after["run"]["id"]).images) == 1


@pytest.mark.network
def test_a_stage_alone_leaves_the_next_stale_and_renders_nothing(
    cli: Cli, mine: Path, loras: Path, start: Callable[..., StandIn]
):
    server = start()
    place = ("--server", server.url, "--loras", loras)
    first = cli("pipeline", "run", mine, *place)
    record = Path(first.out.strip().rpartition(": ")[2]) / "pipeline" / "0001.json"
    alone = cli("pipeline", "rerun", record, "loras", "--set", "include=mist", "--only", *place)
    assert "Stale now: render." in alone.err
    assert len(server.bodies) == 1
    rest = cli("pipeline", "rerun", alone.out.splitlines()[-1], "render", *place)
    assert rest.status == 0, rest.err
    assert "mist" in json.dumps(server.bodies[-1])


def test_what_is_no_record_and_options_of_another_stage_are_told(cli: Cli, mine: Path):
    done = cli("pipeline", "rerun", mine, "loras")
    assert done.status == 2
    assert "no record of a pipeline's run" in done.err


def test_a_batch_or_branches_are_not_for_orchestrator_run(cli: Cli):
    Path("batch.json").write_text(json.dumps({"stages": STAGES, "batch": [{"vary": "seeds", "count": 2}]}))
    Path("branch.json").write_text(json.dumps([{**stage, "needs": []} for stage in STAGES]))
    for name, what in (("batch.json", "a batch"), ("branch.json", "branches")):
        done = cli("run", name, "--no-render")
        assert done.status == 2
        assert f"{name} has {what}, which is for: orchestrator pipeline run {name}" in done.err
