"""Keeps runs in the store, where there is one and the person wants it."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.run import Run


def saver(live: LiveEnvironment) -> Callable[[Run], None]:
    """A function that keeps a run, from any thread. It raises StoreError."""
    open_store = live.environment.store
    if open_store is None or not live.settings.remember_runs:
        return _forget

    def save(run: Run) -> None:
        with open_store() as store:
            store.save_run(run)

    return save


def _forget(run: Run) -> None:
    """For those who want nothing kept but the images."""
