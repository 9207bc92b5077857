"""The studio alone works on the queue: a lane for each server of its settings, with what its pages have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_app.studio.environment import StudioEnvironment
from orchestrator_app.studio.standalone import standalone_environment
from orchestrator_core.jobs.place import QueuePlace
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.jobs.at_work import DRAW, RENDER, eventually, new_job, rendering_with

pytestmark = pytest.mark.network


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()
    server.join()


@pytest.fixture
def environment(server: StandIn, tmp_path: Path) -> Iterator[StudioEnvironment]:
    environment = standalone_environment()
    settings = environment.settings.load().model_copy(
        update={
            "comfy_url": server.url,
            "forge_url": "http://127.0.0.1:9",
            "output_folder": str(tmp_path / "images"),
        }
    )
    environment.settings.save(settings)
    yield environment
    assert environment.queue is not None
    environment.queue.close()


@pytest.fixture
def place(environment: StudioEnvironment) -> QueuePlace:
    assert environment.queue is not None
    return environment.queue


def test_jobs_go_to_the_server_that_answers(server: StandIn, place: QueuePlace, tmp_path: Path) -> None:
    queue = place.open()
    jobs = [queue.add(new_job({**DRAW, "options": {"template": "a fox", "seed": n}}, RENDER)) for n in range(2)]
    place.ensure_worker()
    eventually(lambda: queue.state().counts["done"] == 2)
    for job in jobs:
        (image,) = queue.store.load_run(job.run_id).images
        assert image.path.parent.parent == tmp_path / "images"
        assert (image.request.positive, queue.job(job.id).attempt) == ("a fox", 1)
    named = {lane.name: lane.problem for lane in place.state().lanes}
    assert list(named) == [f"ComfyUI ({server.url})", "Forge (http://127.0.0.1:9)"]
    eventually(lambda: "--api" in place.state().lanes[1].problem)


def test_what_the_one_that_is_asked_for_lacks_is_said(server: StandIn, place: QueuePlace) -> None:
    queue = place.open()
    queue.add(rendering_with("dream", target=server.url))
    place.ensure_worker()
    eventually(lambda: queue.job(1).state == "held")
    assert queue.job(1).reason == "missing"
    assert f"\n- ComfyUI ({server.url}): " in queue.job(1).error


def test_settings_that_cannot_be_used_keep_nobody_from_working(
    environment: StudioEnvironment, place: QueuePlace
) -> None:
    path = Path(environment.settings.where)
    path.write_text(json.dumps({"dialect": "esperanto"}))
    place.open().add(new_job(DRAW))
    assert place.ensure_worker().doing != "off"
    eventually(lambda: place.open().job(1).state == "done")
