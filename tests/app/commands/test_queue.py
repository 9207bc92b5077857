"""``orchestrator queue`` and ``orchestrator worker`` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_app.working import lanes_of
from orchestrator_core.errors import ConfigError
from orchestrator_core.jobs.opening import open_jobs
from tests.app.conftest import Cli
from tests.core.generators.stand_in_comfy import StandIn as Comfy
from tests.core.generators.stand_in_forge import StandIn as Forge


def listed(cli: Cli, *more: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in cli("queue", "list", "--json", *more).out.splitlines()]


def test_prompts_are_added_listed_and_shown(cli: Cli) -> None:
    added = cli("queue", "add", "a {fox|owl}", "-n", 2, "--seed", 5, "--title", "animals", "--tag", "night")
    assert (added.status, added.out) == (0, "jobs 1 to 2\n")
    first, second = listed(cli)
    assert (first["number"], first["title"], first["tags"], second["number"]) == (1, "animals 1", ["night"], 2)
    assert "2 waiting" in cli("queue", "list").err
    shown = json.loads(cli("queue", "show", 2, "--json").out)
    assert shown["pipeline"]["stages"][0]["options"]["seed"] == 6
    assert [event["kind"] for event in shown["events"]] == ["added"]
    assert "animals 1" in cli("queue", "show", 1).out


def test_the_same_key_adds_nothing_twice(cli: Cli) -> None:
    for _ in range(2):
        again = cli("queue", "add", "a fox", "-n", 3, "--seed", 1, "--key", "monday")
    assert (again.status, again.out) == (0, "")
    assert "3 were there already" in again.err
    refused = cli("queue", "add", "an owl", "-n", 3, "--seed", 1, "--key", "monday")
    assert refused.status == 2
    assert "'monday/1'" in refused.err


def test_a_pipeline_s_batch_becomes_a_job_for_each_item(cli: Cli, tmp_path: Path) -> None:
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}},
        {"id": "r", "type": "dispatch"},
    ]
    batch = [{"vary": "draw.seed", "count": 2}, {"vary": "r.steps", "values": [4, 8]}]
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"schema_version": 2, "stages": stages, "batch": batch}))
    assert cli("queue", "add", path, "--set", "cfg=3").out == "jobs 1 to 4\n"
    options = [json.loads(cli("queue", "show", n, "--json").out)["pipeline"]["stages"] for n in (1, 2, 3, 4)]
    assert [(one[0]["options"]["seed"], one[1]["options"]) for one in options] == [
        (seed, {"steps": steps, "cfg": "3"}) for seed in (0, 1) for steps in (4, 8)
    ]


@pytest.mark.parametrize("batch", [[], [{"vary": "r.steps", "values": [4]}]])
def test_an_option_of_any_stage_of_a_pipeline_is_set_by_the_stage_s_id(
    cli: Cli, tmp_path: Path, batch: list[object]
) -> None:
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 1}},
        {"id": "r", "type": "dispatch"},
    ]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"schema_version": 2, "stages": stages, "batch": batch}))
    assert (
        cli("queue", "add", path, "--set", "draw.template=an owl", "--set", "r.cfg=3", "--set", "6.text=x").status == 0
    )
    draw, render = json.loads(cli("queue", "show", 1, "--json").out)["pipeline"]["stages"]
    assert draw["options"]["template"] == "an owl"
    assert render["options"] == {"cfg": 3, "extra": {"inputs": {"6.text": "x"}}} | ({"steps": 4} if batch else {})


def test_a_batch_without_a_seed_has_one_by_chance_for_all_of_its_items(cli: Cli, tmp_path: Path) -> None:
    stages = [{"id": "d", "type": "generatePrompt", "options": {"template": "a"}}, {"id": "r", "type": "dispatch"}]
    batch = [{"vary": "r.steps", "values": [4, 8]}]
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"schema_version": 2, "stages": stages, "batch": batch}))
    for more in ((), (), ("--seed", 7), ("--key", "k"), ("--key", "k")):
        cli("queue", "add", path, *more)
    seeds = [
        json.loads(line)["pipeline"]["stages"][0]["options"]["seed"] for line in cli("queue", "export").out.splitlines()
    ]
    assert len(seeds) == 8  # those under one key are added once
    assert seeds[::2] == seeds[1::2]
    assert seeds[0] != seeds[2]
    assert seeds[4] == 7


def test_rows_of_a_prompt_file_go_where_they_want(cli: Cli, tmp_path: Path) -> None:
    rows = [{"positive": "a fox", "target": "forge"}, {"positive": "an owl", "target": "comfyui"}, {"positive": "elk"}]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    assert cli("queue", "add", path, "--seed", 1).status == 0
    assert [job["target"] for job in listed(cli)] == ["forge", "comfyui", ""]


def test_the_order_is_changed_and_the_queue_paused(cli: Cli) -> None:
    cli("queue", "add", "a fox", "-n", 3)
    cli("queue", "move", 3, "--top")
    cli("queue", "move", 1, "--end")
    assert [job["number"] for job in listed(cli)] == [3, 2, 1]
    cli("queue", "move", 2, "--before", 3)
    cli("queue", "move", 1, "--priority", 9)
    assert [job["number"] for job in listed(cli)] == [1, 2, 3]
    cli("queue", "pause", "the card is hot")
    assert "Paused: the card is hot" in cli("queue", "list").err
    cli("queue", "resume")
    assert "Paused" not in cli("queue", "list").err


def test_of_many_jobs_those_that_can_be_cancelled_are(cli: Cli) -> None:
    cli("queue", "add", "a fox", "-n", 2)
    done = cli("queue", "cancel", 1, 7, 2)
    assert (done.status, done.out) == (1, "job 1: cancelled\njob 2: cancelled\n")
    assert "There is no job 7" in done.err
    assert cli("queue", "retry", 1).out == "job 1: waiting\n"
    assert cli("queue", "hold", 1).out == "job 1: held\n"


def test_jobs_are_exported_and_imported_and_bad_lines_are_told(cli: Cli, tmp_path: Path) -> None:
    cli("queue", "add", "a {fox|owl}", "-n", 2, "--seed", 3, "--priority", 2, "--key", "k")
    cli("queue", "export", "jobs.jsonl")
    path = tmp_path / "jobs.jsonl"
    path.write_text(path.read_text() + '\n{"pipeline": [{"id": "a", "type": "nothing"}]}\nno JSON\n')
    taken = cli("queue", "import", "jobs.jsonl", "--database", tmp_path / "other.sqlite3")
    assert (taken.status, taken.out) == (1, "2 added\n")
    assert "line 4: " in taken.err
    assert "line 5: " in taken.err
    assert cli("queue", "export", "--database", tmp_path / "other.sqlite3").out == cli("queue", "export").out


def test_a_worker_without_a_generator_runs_what_renders_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "draw.json").write_text('[{"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}}]')
    cli("queue", "add", "draw.json")
    cli("queue", "add", "a fox")
    assert "prompt:" not in cli("queue", "show", 1).out
    done = cli("worker", "--until-empty")
    assert (done.status, "1 jobs done." in done.err) == (0, True), done
    assert [(job["number"], job["state"]) for job in listed(cli)] == [(2, "waiting"), (1, "done")]
    assert "prompt: a fox\n" in cli("queue", "show", 1).out


@pytest.mark.network
def test_a_worker_renders_with_comfyui_and_forge(cli: Cli, tmp_path: Path) -> None:
    comfy, forge = Comfy(), Forge()
    try:
        cli("queue", "add", "a fox", "-n", 2, "--target", "comfy")
        cli("queue", "add", "an owl", "-n", 2, "--target", "forge")
        lanes = ("--generator", f"comfy={comfy.url}", "--generator", f"forge={forge.url}/")
        done = cli("worker", *lanes, "--until-empty", "-o", tmp_path / "out")
    finally:
        for server in (comfy, forge):
            server.stop()
        comfy.join()
    assert (done.status, "4 jobs done." in done.err) == (0, True), done
    assert [job["state"] for job in listed(cli)] == ["done"] * 4
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    with open_jobs() as jobs:
        run = jobs.store.load_run(jobs.queue.job(1).run_id)
    assert run.images[0].path.is_file()
    assert f"image: {run.images[0].path}\n" in cli("queue", "show", 1).out
    run.images[0].path.unlink()
    assert f"image: {run.images[0].path} (is no longer there)" in cli("queue", "show", 1).out


@pytest.mark.parametrize("text", ["http://127.0.0.1:8188", "comfy=", "midjourney=http://x"])
def test_a_generator_that_is_none_is_refused(cli: Cli, text: str) -> None:
    refused = cli("worker", "--generator", text)
    assert refused.status == 2
    assert "--generator comfy=http://127.0.0.1:8188" in refused.err


def test_one_server_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one server twice"):
        lanes_of(["comfy=http://a:1", "comfyui=http://a:1/"], tmp_path, None)  # type: ignore[arg-type]
