"""Jobs that a host lacks something for: left to another lane, held where no living one has it, looked for again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import GeneratorUnreachable
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.jobs.fitting import Fitting
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.membership import Membership
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import LoraUse, PromptDraft
from orchestrator_core.request import GenerationRequest
from orchestrator_core.store import Store
from tests.core.jobs.at_work import (
    DRAW,
    RENDER,
    Gate,
    eventually,
    kinds,
    lane,
    new_job,
    rendering_with,
    run_all,
    working,
)
from tests.fakes import FakeGenerator

SELECT = {"id": "loras", "type": "selectLoras", "enabled": False}


class Having(FakeGenerator):
    """A host that has these models; ``arriving`` are seen when it is asked anew."""

    def __init__(self, folder: Path, *models: str) -> None:
        super().__init__(folder)
        self.models, self.arriving = set(models), set[str]()
        self.asked, self.waiting, self.is_away = 0, 0, False

    def refresh(self) -> None:
        if self.is_away:
            raise GeneratorUnreachable("Nothing answers there.")
        self.asked += 1
        self.models |= self.arriving

    def lacks(self, request: GenerationRequest) -> Sequence[str]:
        wanted = [("checkpoint", request.checkpoint), *(("LoRA", lora.name) for lora in request.loras)]
        return [f"{what}: there is no {name}" for what, name in wanted if name and name not in self.models]

    def others(self) -> int:
        return self.waiting


@pytest.fixture
def queue(sqlite_store: Store) -> Queue:
    return Queue(sqlite_store)


def lane_of(host: Having, name: str, *serves: str) -> Lane:
    from dataclasses import replace

    return replace(lane(host, *serves, resource=name, name=name), host=host, reach=host.refresh)


def rendered(host: FakeGenerator) -> list[str]:
    return [request.checkpoint for request, *_ in host.history]


def with_lora(name: str) -> Any:
    run = new_run().replacing(draft=PromptDraft((), loras=(LoraUse(name),)))
    return new_job(RENDER, run=run_to_json(run))


def test_each_job_goes_to_the_lane_that_has_its_checkpoint(queue: Queue, tmp_path: Path) -> None:
    dream, anime = Having(tmp_path / "d", "dream"), Having(tmp_path / "a", "anime")
    queue.add_all([rendering_with(name) for name in ("anime", "dream", "anime", "dream")])
    run_all(queue.store, tmp_path, lane_of(dream, "ComfyUI", "comfyui"), lane_of(anime, "Forge", "forge"))
    assert (rendered(dream), rendered(anime)) == (["dream"] * 2, ["anime"] * 2)
    assert {job.state for job in queue.page()} == {"done"}
    assert all(job.attempt == 1 for job in queue.page())


def test_a_job_that_no_living_lane_can_do_is_held_with_what_is_missing_where(queue: Queue, tmp_path: Path) -> None:
    lanes = lane_of(Having(tmp_path), "ComfyUI", "comfyui"), lane_of(Having(tmp_path), "Forge", "forge")
    queue.add_all([rendering_with("dream"), rendering_with("dream", target="forge"), new_job()])
    run_all(queue.store, tmp_path, *lanes)
    eventually(lambda: [job.state for job in queue.page()] == ["done", "held", "held"])
    of_any, of_forge = queue.job(1), queue.job(2)
    assert (of_any.reason, of_any.attempt) == ("missing", 0)
    assert "\n- ComfyUI: checkpoint: there is no dream\n- Forge: checkpoint: there is no dream\n" in of_any.error
    assert "ComfyUI" not in of_forge.error
    assert "retry" in of_forge.error
    assert kinds(queue, 2) == ["added", "held"]


def test_a_lora_of_a_prompt_that_is_drawn_already_is_looked_for_too(queue: Queue, tmp_path: Path) -> None:
    host = Having(tmp_path, "sunny")
    queue.add_all([with_lora("rain"), with_lora("sunny")])
    run_all(queue.store, tmp_path, lane_of(host, "Forge"))
    assert [(job.state, job.reason) for job in queue.page()] == [("done", ""), ("held", "missing")]
    assert "LoRA: there is no rain" in queue.job(1).error


def test_a_model_that_was_put_there_since_is_found_before_anything_is_held(queue: Queue, tmp_path: Path) -> None:
    host = Having(tmp_path)
    host.arriving.add("dream")
    queue.add(rendering_with("dream"))
    with working(queue.store, tmp_path, lane_of(host, "Forge")):
        eventually(lambda: queue.job(1).state == "done")
    assert host.asked == 1


def test_a_job_that_was_held_is_done_once_its_model_is_there_and_it_is_retried(queue: Queue, tmp_path: Path) -> None:
    clock = [0.0]
    host = Having(tmp_path)
    desk = fitting(queue, tmp_path, host, clock)
    queue.add(rendering_with("dream"))
    assert not desk.may_take()
    clock[0] += 5
    assert not desk.may_take()
    assert queue.job(1).state == "held"
    host.arriving.add("dream")
    queue.retry(1)
    clock[0] += 5
    assert desk.may_take()


def fitting(queue: Queue, folder: Path, host: Having, clock: list[float], *serves: str) -> Fitting:
    one = lane_of(host, "Forge", *serves)
    member = Membership(queue.store, folder, [one])
    member.join()
    return Fitting(one, 0, queue.store, member, lambda: clock[0])


def test_a_host_is_not_asked_again_for_every_job(queue: Queue, tmp_path: Path) -> None:
    host = Having(tmp_path)
    desk = fitting(queue, tmp_path, host, [0.0])
    queue.add_all([rendering_with(f"model {number}") for number in range(50)])
    for _ in range(5):
        assert not desk.may_take()
    assert host.asked == 1


def test_what_another_lane_can_do_is_not_held_and_does_not_keep_the_rest(queue: Queue, tmp_path: Path) -> None:
    gate, host = Gate(), Having(tmp_path)
    queue.add_all([rendering_with("dream") for _ in range(3)])
    queue.add_all([new_job(DRAW, SELECT, RENDER) for _ in range(2)])
    with working(queue.store, tmp_path, lane(gate, resource="a", name="a"), lane_of(host, "b")):
        eventually(lambda: sum(job.state == "done" for job in queue.page()) == 2)
        assert gate.began.wait(10)
        assert sorted(job.state for job in queue.page()) == ["done", "done", "running", "waiting", "waiting"]
        gate.opened.set()
        eventually(lambda: queue.state().counts["done"] == 5)


def test_a_host_that_is_away_costs_a_job_no_attempt(queue: Queue, tmp_path: Path) -> None:
    away, here = Having(tmp_path / "away"), Having(tmp_path / "here")
    away.is_away = True
    queue.add_all([new_job(), new_job()])
    with working(queue.store, tmp_path, lane_of(away, "away"), lane_of(here, "here")) as worker:
        eventually(lambda: queue.state().counts["done"] == 2)
        eventually(lambda: dict(worker.problems())["away"] == "Nothing answers there.")
    assert [job.attempt for job in queue.page()] == [1, 1]
    assert away.history == []


def test_what_is_missing_waits_while_a_host_that_may_have_it_is_away(queue: Queue, tmp_path: Path) -> None:
    away, here = Having(tmp_path), Having(tmp_path)
    away.is_away = True
    queue.add(rendering_with("dream"))
    with working(queue.store, tmp_path, lane_of(away, "away"), lane_of(here, "here")):
        eventually(lambda: here.asked)
        assert queue.job(1).state == "waiting"


def test_a_busy_host_lets_an_idle_one_take_first_but_not_for_long(queue: Queue, tmp_path: Path) -> None:
    clock = [0.0]
    host = Having(tmp_path)
    desk = fitting(queue, tmp_path, host, clock)
    queue.add(new_job())
    host.waiting = 2
    assert not desk.may_take()
    clock[0] += 1
    assert not desk.may_take()
    clock[0] += 3
    assert desk.may_take()
    host.waiting = 0
    assert desk.may_take()


def test_of_two_hosts_the_one_that_is_idle_renders(queue: Queue, tmp_path: Path) -> None:
    busy, idle = Having(tmp_path / "busy"), Having(tmp_path / "idle")
    busy.waiting = 1
    queue.add_all([new_job() for _ in range(3)])
    run_all(queue.store, tmp_path, lane_of(busy, "busy"), lane_of(idle, "idle"))
    assert (len(busy.history), len(idle.history)) == (0, 3)


def test_a_host_that_answers_nonsense_ends_no_worker(queue: Queue, tmp_path: Path) -> None:
    class Mad(Having):
        def lacks(self, request: GenerationRequest) -> Sequence[str]:
            raise KeyError("name")

    queue.add_all([rendering_with("dream"), new_job(DRAW)])
    done = threading.Event()
    with working(queue.store, tmp_path, lane_of(Mad(tmp_path), "mad"), lane(name="plain")) as worker:
        eventually(lambda: queue.job(2).state == "done")
        eventually(lambda: dict(worker.problems())["mad"])
        done.set()
    assert worker.failure is None
