"""DbosEngine: an attempt is a durable workflow of DBOS, a stage a step. The only module that names dbos.

DBOS has one instance in a process, made here and destroyed by ``close``. It is used by its synchronous calls alone, in
our own threads: its others would replace the thread pool of a host's event loop. Each start of a program has an
executor id of its own, so that DBOS never starts anything again by itself: whose job was left, and whether it runs
again, is decided by our own tables.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestrator_core.errors import JobError
from orchestrator_core.jobs.engine import StepFunction

NAME = "orchestrator"
VERSION = "jobs-1"  # a constant, or DBOS would take a hash of our source
KEPT_DAYS = 7.0
FILE = "jobs.sqlite3"  # beside the store's file; on PostgreSQL a schema of the store's own database


class DbosEngine:
    """Raises ImportError where dbos is not installed, JobError where something else in this process uses it, and
    StoreError."""

    name = "dbos"
    missing = ""

    def __init__(self, store_url: Any) -> None:
        import dbos

        from orchestrator_core.store.failures import as_store_errors

        if getattr(dbos._dbos, "_dbos_global_instance", None) is not None:
            raise JobError("Something else in this process uses dbos, which can be used by one alone.")
        self._steps: dict[str, StepFunction] = {}
        self._dbos: Any = dbos
        self._place = _place(store_url)
        with as_store_errors(self._place):
            config = dbos.DBOSConfig(
                name=NAME,
                system_database_url=_database(store_url),
                application_version=VERSION,
                executor_id=f"{NAME}-{uuid.uuid4()}",
                serializer=dbos.DBOSPortableJSONSerializer(),
                log_level="WARNING",
                notification_listener_polling_interval_sec=0.1,
                max_executor_threads=4,
            )
            dbos.DBOS(config=config)
            try:
                self._workflow = self._registered()
                dbos.DBOS.launch()
            except BaseException:
                self.close()
                raise

    def _registered(self) -> Any:
        """The workflow. DBOS knows both by their names alone, so that a newer pack may write them anew."""
        steps = self._steps

        def run_stage(workflow: str, position: int) -> dict[str, Any]:
            return dict(steps[workflow](position))

        step = self._dbos.DBOS.step(name="run_stage")(run_stage)

        def run_job(workflow: str, count: int) -> dict[str, Any]:
            said: dict[str, Any] = {"ok": True}
            for position in range(count):
                said = step(workflow, position)
                if not said["ok"]:
                    break
            return said

        return self._dbos.DBOS.workflow(name="run_job", max_recovery_attempts=1)(run_job)

    def run(self, workflow: str, count: int, step: StepFunction) -> Mapping[str, Any]:
        from orchestrator_core.store.failures import as_store_errors

        # A name of its own for each call: one whose end could not be recorded is called again, and the steps that
        # were done say so themselves.
        call = f"{workflow}:{uuid.uuid4().hex[:8]}"
        self._steps[call] = step
        try:
            with as_store_errors(self._place), self._dbos.SetWorkflowID(call):
                said: Mapping[str, Any] = self._workflow(call, count)
            return said
        finally:
            del self._steps[call]

    def forget(self, days: float = KEPT_DAYS) -> None:
        """Delete what DBOS keeps of workflows that began so long ago: our own tables have the history."""
        from datetime import datetime, timedelta, timezone

        from orchestrator_core.store.failures import as_store_errors

        before = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()
        with as_store_errors(self._place):
            while old := self._dbos.DBOS.list_workflows(
                end_time=before, limit=500, load_input=False, load_output=False
            ):
                self._dbos.DBOS.delete_workflows([one.workflow_id for one in old])

    def close(self) -> None:
        self._dbos.DBOS.destroy(destroy_registry=True)
        logger = logging.getLogger("dbos")
        for handler in list(logger.handlers):  # it would write to the stream of then, which may be closed the next time
            logger.removeHandler(handler)


def _place(store_url: Any) -> str:
    """For messages: the file, or the URL without its password."""
    from orchestrator_core.store.engine import place_of

    is_file = store_url.get_backend_name() == "sqlite"
    return str(Path(str(store_url.database)).with_name(FILE)) if is_file else place_of(store_url)


def _database(store_url: Any) -> str:
    if store_url.get_backend_name() != "sqlite":
        return str(store_url.render_as_string(hide_password=False))
    path = _place(store_url)
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # lasts, and halves the time of a step
    return f"sqlite:///{path}"
