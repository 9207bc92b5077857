"""The worker inside each real host: it does jobs that are added to the shared queue, and what becomes of them when the
host is ended, as a person does it or by a crash."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.config import DATABASE_NAME
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.comfy_strays import OwnFiles
from orchestrator_core.jobs.model import Job, NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes
from orchestrator_core.store import Store
from tests.core.jobs.at_work import eventually
from tests.hosts.comfyui import ComfyUI
from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host]

LONG_TESTS = pytest.mark.skipif("ORCHESTRATOR_LONG" not in os.environ, reason="set ORCHESTRATOR_LONG=1")
SMALL = {"steps": 2, "width": 64, "height": 64}
LONG = {"steps": 400, "width": 64, "height": 64}
MISSING = {**SMALL, "checkpoint": "not-there.safetensors"}


def job(target: str, seed: int = 1, **render: Any) -> NewJob:
    draw = {"template": "a {red|blue|green} {fox|owl|elk}", "seed": seed}
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": draw},
        {"id": "render", "type": "dispatch", "options": render},
    ]
    return NewJob(pipeline=stages, target=target)


@contextmanager
def queue_of(home: Path) -> Iterator[Queue]:
    """The queue of a host, as another program on this machine has it."""
    with Store.open(home / DATABASE_NAME) as store:
        yield Queue(store)


def ended(queue: Queue, *jobs: Job) -> list[str]:
    def states() -> list[str]:
        return [queue.job(one.id).state for one in jobs]

    eventually(lambda: not {"waiting", "running"} & set(states()), 120)
    return states()


def images_of(queue: Queue, one: Job) -> list[Path]:
    return [image.path for image in queue.store.load_run(queue.job(one.id).run_id).images]


def begins_rendering(queue: Queue, one: Job) -> None:
    eventually(lambda: int(queue.job(one.id).progress.get("step") or 0) > 0, 120)


def done_by_its_own_worker(queue: Queue, target: str, folder: Path) -> None:
    """Three jobs end with an image each in the host's own folder; what it lacks a model for is held."""
    jobs = [queue.add(job(target, seed, **SMALL)) for seed in range(3)]
    missing = queue.add(job(target, **MISSING))
    assert ended(queue, *jobs, missing) == ["done", "done", "done", "held"]
    for one in jobs:
        (path,) = images_of(queue, one)
        assert path.is_relative_to(folder)
        found = read_image(path)
        assert found.notes is not None
        assert found.notes.run_id == one.run_id
    held = queue.job(missing.id)
    assert (held.reason, held.attempt) == ("missing", 0)
    assert "not-there" in held.error


def crashed_and_gone_on_with(queue: Queue, target: str, kill: Callable[[], None], start: Callable[[], None]) -> None:
    """A crash while a job renders: the queue waits for a person, and the job is done again when it is retried."""
    one = queue.add(job(target, **LONG))
    begins_rendering(queue, one)
    kill()
    start()
    eventually(lambda: queue.job(one.id).state == "held", 60)
    assert queue.job(one.id).reason == "interrupted"
    assert queue.state().is_paused
    assert "ended while it ran a job" in queue.state().reason
    queue.rerun(one.id, "render", SMALL)
    queue.resume()
    assert ended(queue, one) == ["done"]
    assert len(images_of(queue, one)) == 1


def test_comfyui_does_jobs_of_the_queue(comfyui: ComfyUI) -> None:
    with queue_of(comfyui.store.parent) as queue:
        before = set((comfyui.folder / "output").rglob("*.png"))
        done_by_its_own_worker(queue, "comfyui", comfyui.folder / "output")
        made = set((comfyui.folder / "output").rglob("*.png")) - before
        assert len(made) == 3  # no second copies
        (worker,) = queue.workers()
        assert worker.serves == ("comfyui", comfyui.url)


@LONG_TESTS
def test_comfyui_that_crashes_leaves_its_job_to_a_person(comfyui: ComfyUI) -> None:
    with queue_of(comfyui.store.parent) as queue:
        crashed_and_gone_on_with(queue, "comfyui", comfyui.kill, comfyui.start)


def test_comfyui_that_is_ended_puts_its_job_back(comfyui: ComfyUI) -> None:
    with queue_of(comfyui.store.parent) as queue:
        one = queue.add(job("comfyui", **LONG))
        begins_rendering(queue, one)
        assert comfyui.process is not None
        comfyui.process.send_signal(signal.SIGINT)
        comfyui.process.wait(60)
        left = queue.job(one.id)
        assert (left.state, left.crashes, queue.workers()) == ("waiting", 0, [])
        comfyui.start()
        eventually(lambda: queue.job(one.id).state == "running", 60)
        assert not queue.state().is_paused
        queue.cancel(one.id)
        assert ended(queue, one) == ["cancelled"]


def test_forge_does_jobs_of_the_queue(forge: Forge) -> None:
    with queue_of(forge.home) as queue:
        done_by_its_own_worker(queue, "forge", forge.images)
        (worker,) = queue.workers()
        assert worker.serves[:2] == ("forge", forge.url)


@LONG_TESTS
def test_forge_that_crashes_leaves_its_job_to_a_person(forge: Forge) -> None:
    with queue_of(forge.home) as queue:
        crashed_and_gone_on_with(queue, "forge", forge.kill, forge.start)


def test_what_comfyui_goes_on_with_or_has_finished_is_not_rendered_twice(comfyui: ComfyUI, tmp_path: Path) -> None:
    request = GenerationRequest("a fox", seed=11, steps=30, width=64, height=64)
    notes, began = ImageNotes(f"run-{time.time_ns()}"), threading.Event()
    first = threading.Thread(
        target=lambda: generator().generate(request, notes, lambda told: began.set() if told.step else None)
    )

    def generator(own: OwnFiles | None = None) -> ComfyGenerator:
        return ComfyGenerator(tmp_path, comfyui.url, own=own)

    def adopted(own: OwnFiles | None = None) -> list[GeneratedImage]:
        return list(generator(own).adopted(request, notes, lambda told: None))

    output = OwnFiles(comfyui.folder / "output")
    first.start()
    assert began.wait(60)
    before = set(output.folder.iterdir())
    assert len(adopted()) == 1  # it still ran
    first.join()
    (made,) = set(output.folder.iterdir()) - before
    assert len(adopted()) == 1  # of its history
    generator().api.client.post_json("/history", {"clear": True})
    assert adopted() == []
    (image,) = adopted(output)
    assert image.path == made
    found = read_image(made)
    assert (found.notes, found.request) == (notes, image.request)
