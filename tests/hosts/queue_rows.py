"""The queue of a host that several test files share: emptied, so that none finds what another left there."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store


def empty_queue(database: Path) -> None:
    """No job, and not paused; what a worker runs just now ends by itself."""
    with Store.open(f"sqlite:///{database}") as store:
        with store.writing() as connection:
            for table in ("job_steps", "job_attempts", "job_events", "jobs"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        Queue(store).resume()
