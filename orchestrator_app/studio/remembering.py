"""Keeps runs, and what a language model answered, in the store, where there is one and the person wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator_core.enhancing.caching import AnswerCache, RememberedAnswers
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_core.gallery.grids import LoraTest
    from orchestrator_core.store import Store


def saver(live: LiveEnvironment) -> Callable[[Run], None]:
    """A function that keeps a run, from any thread. It raises StoreError.

    A scene of a story is always kept: that is what the story is.
    """
    open_store = live.environment.store
    if open_store is None:
        return forget
    remembers = live.settings.remember_runs

    def save(run: Run) -> None:
        if remembers or run.draft.story is not None:
            with open_store() as store:
                store.save_run(run)

    return save


def test_keeper(live: LiveEnvironment) -> Callable[[LoraTest], None]:
    """A function that keeps a LoRA test for the gallery, where runs are kept. It raises StoreError."""
    open_store, remembers = live.environment.store, live.settings.remember_runs

    def keep(test: LoraTest) -> None:
        from orchestrator_core.gallery import grids

        if remembers and open_store is not None:
            with open_store() as store:
                grids.keep(store, test)

    return keep


def forget(run: Run) -> None:
    """For those who want nothing kept but the images, and where there are none."""


class StudioAnswers:
    """Where answers are kept: in the store, or while this process runs where nothing is to be remembered."""

    def __init__(self, open_store: Callable[[], Store] | None) -> None:
        self._open_store = open_store
        self._here = RememberedAnswers()

    def of(self, settings: Settings) -> AnswerCache:
        if self._open_store is None or not settings.remember_runs:
            return self._here
        from orchestrator_core.store.answers import OpenedAnswers

        return OpenedAnswers(self._open_store)
