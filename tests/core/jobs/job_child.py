"""Workers in processes of their own, for tests that end them: ``python job_child.py``, and then lines of JSON.

``{"engine": "plain", "url": …, "folder": …}`` makes a worker, ``{"wait": pid}`` says how it ended. All that a worker
needs is imported once, and each is a fork of this process, so that to begin costs nothing. Its generator takes some
time for an image, and writes down each rendering that it begins and ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

with suppress(ImportError):
    import dbos  # noqa: F401

from orchestrator_core.context import StageContext
from orchestrator_core.generators.saving import save_image
from orchestrator_core.jobs.engine import Engine, PlainEngine
from orchestrator_core.jobs.model import Job
from orchestrator_core.jobs.opening import open_engine
from orchestrator_core.jobs.worker import Lane, Ways, Worker
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.store import Store, job_claims, jobs  # noqa: F401 - here, and not in each fork
from orchestrator_core.template import Wildcards

IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(20_000)


class SlowGenerator:
    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        self._write_down("begun", notes.run_id)
        time.sleep(self.seconds)
        if request.positive.startswith("abort"):  # as a driver of a graphics card does
            os.abort()
        path = save_image(self.folder / "images", notes.run_id, IMAGE, ".png")
        self._write_down("ended", notes.run_id)
        return (GeneratedImage(path, request, notes.run_id),)

    def _write_down(self, what: str, run_id: str) -> None:
        with (self.folder / "log.txt").open("a") as log:
            log.write(f"{what} {run_id} {os.getpid()}\n")


def lane(generator: SlowGenerator, card: str) -> Lane:
    @contextmanager
    def context(_job: Job) -> Iterator[StageContext]:
        yield StageContext(Wildcards([]), generator=generator)

    return Lane("slow", context, ("", "comfyui"), card)


def work(engine: str, url: str, folder: str, seconds: float = 0.02, card: str = "card") -> None:
    ways = Ways(takes_over=True, until_empty=True, poll_s=0.01, tick_s=0.05, beat_s=0.1, silence_s=2.0)
    with Store.open(url) as store:
        engine_there: Engine = open_engine(store) if engine == "dbos" else PlainEngine()
        assert engine_there.name == engine
        worker = Worker(store, engine_there, [lane(SlowGenerator(Path(folder), seconds), card)], Path(folder), ways)
        worker.membership.bury(takes_over=True)
        worker.start()
        print("ready", flush=True)
        worker.join()
        engine_there.close()
        if worker.failure:
            raise worker.failure


def fork(given: dict[str, Any]) -> int:
    if pid := os.fork():
        return pid
    status = 1
    try:
        work(**given)
        status = 0
    except Exception:  # noqa: BLE001 - the test sees the status, and this on its screen
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        given = json.loads(line)
        if "wait" in given:
            print(os.waitstatus_to_exitcode(os.waitpid(given["wait"], 0)[1]), flush=True)
        else:
            print(fork(given), flush=True)


if __name__ == "__main__":
    main()
