"""The queue on a real ComfyUI and a real Forge at once, while they and the worker are killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.hosts.comfyui import ComfyUI
from tests.hosts.forge import Forge

pytestmark = [
    pytest.mark.host,
    pytest.mark.slow,
    pytest.mark.skipif("ORCHESTRATOR_LONG" not in os.environ, reason="takes minutes: set ORCHESTRATOR_LONG=1"),
]

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = 60
RENDER = {"steps": 2, "width": 64, "height": 64}


def pipeline(seed: int) -> list[dict[str, Any]]:
    draw = {"template": "a {red|blue|green} {fox|owl|elk}", "seed": seed}
    return [
        {"id": "draw", "type": "generatePrompt", "options": draw},
        {"id": "render", "type": "dispatch", "options": RENDER},
    ]


class Work:
    """The worker's process, and what a person would look at."""

    def __init__(self, queue: Queue, folder: Path, generators: list[str]) -> None:
        self.queue, self.folder = queue, folder
        self.command = [sys.executable, "-m", "orchestrator_app.cli", "worker", "--database", queue.store.place]
        self.command += ["--take-over", "--until-empty", "--output", str(folder / "images"), *generators]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def until(self, is_so: Callable[[], Any], seconds: float = 400) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert self.process is not None
            told = (self.folder / "worker.log").read_text()[-3000:]
            assert self.process.poll() is None, told
            assert time.monotonic() < end, f"{self.queue.state().counts}\n{told}"
            time.sleep(0.1)

    def until_done(self, count: int) -> None:
        self.until(lambda: self.queue.state().counts["done"] >= count)

    def until_rendering(self, target: str) -> None:
        self.until(lambda: any((job.target, job.stage) == (target, "render") for job in self.queue.page(["running"])))


def test_sixty_prompts_survive_the_end_of_both_hosts_and_of_the_worker_twice(
    comfyui: ComfyUI, forge: Forge, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "queue.sqlite3") as store:
        queue = Queue(store)
        targets = ("comfyui", "forge")
        queue.add_all([NewJob(pipeline=pipeline(n), target=targets[n % 2]) for n in range(PROMPTS)])
        work = Work(queue, tmp_path, ["--generator", f"comfy={comfyui.url}", "--generator", f"forge={forge.url}"])
        work.start()
        work.until_done(6)
        work.kill()
        work.start()
        work.until_done(14)
        work.until_rendering("comfyui")
        comfyui.kill()
        comfyui.start()
        work.until_done(24)
        work.until_rendering("forge")
        forge.kill()
        forge.start()
        work.until_done(34)
        work.kill()
        work.start()
        assert work.process is not None
        assert work.process.wait(400) == 0, (tmp_path / "worker.log").read_text()[-3000:]
        check(queue)


def check(queue: Queue) -> None:
    """Every row has one finished image of its own, and what was repeated says so."""
    jobs = queue.page(limit=PROMPTS)
    assert [job.state for job in jobs] == ["done"] * PROMPTS, [job for job in jobs if job.state != "done"]
    images = set()
    for job in jobs:
        run = queue.store.load_run(job.run_id)
        (image,) = run.images
        images.add(image.path)
        found = read_image(image.path)
        assert found.notes is not None
        assert (found.notes.run_id, found.request and found.request.positive) == (job.run_id, run.draft.positive)
        attempts = queue.attempts(job.id)
        assert [attempt.state for attempt in attempts][-1] == "done"
        assert job.attempt == len(attempts)
        story = [event.kind for event in queue.events(job=job.id)]
        assert story.count("begun") == len(attempts)
    assert len(images) == PROMPTS
    assert sum(job.attempt > 1 for job in jobs) >= 3  # each end hit somebody
    workers = {attempt.worker for job in jobs for attempt in queue.attempts(job.id)}
    assert len(workers) == 3
