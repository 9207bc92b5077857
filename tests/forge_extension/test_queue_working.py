"""The queue in Forge: jobs run in this process by turns with the host's own, and all of it ends with the extension."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forge_extension.environment import ForgeEnvironment
from forge_extension.queue_working import InTurn
from tests.core.jobs.at_work import DRAW, eventually, new_job, rendering_with
from tests.forge_extension.forge_fakes import FakeForge

pytestmark = pytest.mark.network  # the ComfyUI of the settings is asked, and is not there


@pytest.fixture
def host(tmp_path: Path) -> FakeForge:
    host = FakeForge(tmp_path / "outputs")
    host.data["orchestrator_comfy_url"] = "http://127.0.0.1:9"
    return host


@pytest.fixture
def environment(host: FakeForge) -> Iterator[ForgeEnvironment]:
    environment = ForgeEnvironment(host)
    yield environment
    environment.close()


def test_a_job_is_rendered_by_the_host_itself(host: FakeForge, environment: ForgeEnvironment) -> None:
    place = environment.studio().queue
    assert place is not None
    assert place.state().doing == "asleep"
    queue = place.open()
    job = queue.add(new_job(target="forge"))
    place.ensure_worker()
    eventually(lambda: queue.job(job.id).state == "done")
    (fields,) = host.fields
    assert fields["prompt"] in ("a fox", "a owl")
    (worker,) = queue.workers()
    assert worker.serves == ("forge", "http://127.0.0.1:7860", "comfyui", "http://127.0.0.1:9")
    assert len(queue.store.load_run(job.run_id).images) == 1


def test_what_the_host_has_no_checkpoint_for_is_held(environment: ForgeEnvironment) -> None:
    place = environment.queue.place
    queue = place.open()
    queue.add(rendering_with("dream", target="forge"))
    place.ensure_worker()
    eventually(lambda: queue.job(1).state == "held")
    assert (queue.job(1).reason, queue.job(1).attempt) == ("missing", 0)
    assert "\n- Forge (this process): checkpoint: " in queue.job(1).error


def test_the_persons_own_jobs_come_first_while_they_last(host: FakeForge, environment: ForgeEnvironment) -> None:
    place = environment.queue.place
    queue = place.open()
    with host.lock:
        job = queue.add(new_job(target="forge"))
        place.ensure_worker()
        eventually(lambda: queue.job(job.id).progress.get("what") == "waiting in Forge's queue")
        assert host.fields == []
    eventually(lambda: queue.job(job.id).state == "done")


def test_a_setting_keeps_it_from_working_until_a_person_asks(host: FakeForge, environment: ForgeEnvironment) -> None:
    host.data["orchestrator_work_on_queue"] = False
    place = environment.queue.place
    place.open().add(new_job(DRAW))
    assert place.ensure_worker().doing == "off"
    place.ensure_worker(is_asked=True)
    eventually(lambda: place.open().job(1).state == "done")


def test_reload_ui_puts_a_job_back(host: FakeForge) -> None:
    began, go_on = threading.Event(), threading.Event()

    def work(forge: FakeForge) -> Any:
        began.set()
        while not go_on.wait(0.01) and not forge.interrupts:
            pass
        return forge.images(1, interrupted=bool(forge.interrupts))

    host.work = work
    before = ForgeEnvironment(host)
    queue = before.queue.place.open()
    job = queue.add(new_job(target="forge"))
    before.queue.place.ensure_worker()
    assert began.wait(20)
    before.close()
    assert host.interrupts
    assert before.queue.place.state().doing == "closed"
    go_on.set()
    host.interrupts = 0
    after = ForgeEnvironment(host)
    try:
        queue = after.queue.place.open()
        assert (queue.job(job.id).state, queue.job(job.id).crashes, queue.workers()) == ("waiting", 0, [])
        after.queue.place.begin()
        eventually(lambda: queue.job(job.id).state == "done")
    finally:
        after.close()


def test_weights_work_while_the_host_renders_nothing(host: FakeForge) -> None:
    class Managed:
        def dtype(self) -> str:
            return "float32"

        @contextmanager
        def resident(self, module: Any, spare: int) -> Iterator[str]:
            assert host.lock.locked()
            yield "cpu"

        def release(self, module: Any) -> None:
            assert host.lock.locked()

    host.residence = Managed  # type: ignore[method-assign]
    residence = InTurn(host)
    with residence.resident(object(), 0) as device:
        assert (device, host.lock.locked()) == ("cpu", True)
    assert not host.lock.locked()
    residence.release(object())
    assert residence.dtype() == "float32"
