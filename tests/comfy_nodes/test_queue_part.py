"""The queue in ComfyUI: nothing before there is a job, then a worker that sends to this very server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.profile_shelf import ProfileShelf
from comfy_nodes.queue_part import SETTING, QueueHost, QueuePart
from comfy_nodes.story_part import StoryPart
from orchestrator_core.template import Wildcards
from tests.core.generators.stand_in_comfy import StandIn, png
from tests.core.jobs.at_work import DRAW, eventually, new_job

pytestmark = pytest.mark.network


class Host:
    """As much of ComfyUI as the queue needs."""

    def __init__(self, url: str, output: Path) -> None:
        self.url, self.output = url, output
        self.settings: dict[str, Any] = {}
        self.ending: list[Callable[[], object]] = []

    def score_names(self) -> list[str]:
        return []

    def vocabulary(self) -> str:
        return ""

    def part(self) -> QueuePart:
        host = QueueHost(
            lambda: self.url, lambda: self.output, lambda: self.settings, list, list, self, self.ending.append
        )
        shelf = ProfileShelf(list)
        stories = StoryPart(shelf, list, lambda path: None)
        return QueuePart(host, Wildcards([]), shelf, lambda: None, stories.services)  # type: ignore[arg-type,return-value]


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()
    server.join()


@pytest.fixture
def host(server: StandIn, tmp_path: Path) -> Host:
    output = tmp_path / "output"
    output.mkdir()
    return Host(server.url, output)


@pytest.fixture
def part(host: Host) -> Iterator[QueuePart]:
    part = host.part()
    yield part
    part.place.close()


def test_a_job_is_sent_to_this_server_and_its_image_stays_where_the_server_put_it(
    server: StandIn, host: Host, part: QueuePart
) -> None:
    (host.output / "x_00001_.png").write_bytes(png())  # which the stand-in only tells of
    part.start()
    queue = part.place.open()
    assert (part.place.state().doing, server.calls) == ("asleep", [])
    job = queue.add(new_job(target="comfyui"))
    part.place.ensure_worker()
    eventually(lambda: queue.job(job.id).state == "done")
    (image,) = queue.store.load_run(job.run_id).images
    assert image.path == host.output / "x_00001_.png"
    (worker,) = queue.workers()
    assert worker.serves == ("comfyui", server.url)


def test_a_setting_keeps_it_from_working(host: Host, part: QueuePart) -> None:
    host.settings[SETTING] = False
    part.place.open().add(new_job(DRAW))
    assert part.place.ensure_worker().doing == "off"


def test_the_end_of_the_process_puts_a_job_back(server: StandIn, host: Host, part: QueuePart) -> None:
    server.on_prompt = lambda server, prompt_id: server.emit("execution_start", prompt_id)  # and no more
    part.start()
    queue = part.place.open()
    job = queue.add(new_job(target="comfyui"))
    part.place.ensure_worker()
    eventually(lambda: server.bodies)
    (end,) = host.ending
    end()
    assert (queue.job(job.id).state, queue.job(job.id).crashes, queue.workers()) == ("waiting", 0, [])
    server.finish(server.running[0])
