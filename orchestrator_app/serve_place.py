"""What ``orchestrator serve`` answers from: the folders and the store of the command line, and a worker beside it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.console import remark, say
from orchestrator_core.api.place import ApiPlace, KeptStore, OfferedFolder

if TYPE_CHECKING:
    from orchestrator_core.jobs.workplace import Workplace


@contextmanager
def opened_place(arguments: Namespace) -> Iterator[ApiPlace]:
    """Raises ConfigError, WildcardError, ProfileError, StoreError for what is not there."""
    from orchestrator_app.bundled import page_folder
    from orchestrator_app.folders import open_profiles
    from orchestrator_app.working import workplace
    from orchestrator_core.api.image_bytes import thumbnails_for
    from orchestrator_core.gallery.image_runs import Drawing
    from orchestrator_core.gallery.keeper import GalleryKeeper
    from orchestrator_core.store import Store

    with workplace(arguments) as place:
        store = KeptStore(Store.open)
        thumbnails = thumbnails_for(store)
        keeper = GalleryKeeper(store, drawing=Drawing(place.base, place.ledger))
        try:
            with store():  # one that cannot be opened is told before anything is served
                pass
            with _worker(arguments, place) as targets:
                yield ApiPlace(
                    "standalone",
                    store,
                    place.base,
                    profiles=open_profiles(arguments.profile_folder),
                    ledger=place.ledger,
                    targets=lambda: targets,
                    thumbnails=thumbnails,
                    page=page_folder(),
                    keeper=keeper,
                    offered=lambda: _offered(arguments),
                )
        finally:
            keeper.close()
            thumbnails.close()
            store.close()


def _offered(arguments: Namespace) -> tuple[OfferedFolder, ...]:
    """Where the worker beside it puts its images."""
    return (OfferedFolder("output", Path(arguments.output).absolute()),) if arguments.generator else ()


@contextmanager
def _worker(arguments: Namespace, place: Workplace) -> Iterator[tuple[str, ...]]:
    """Where a generator was named, who works on the queue meanwhile, and what it serves."""
    from orchestrator_app.working import lanes_of
    from orchestrator_core.jobs.opening import open_jobs

    if not arguments.generator:
        yield ()
        return
    lanes = lanes_of(arguments.generator, Path(arguments.output), place, arguments.loras)
    with open_jobs(lanes, after_crash="go on", tell=say) as jobs:  # who types this command asks for the queue to go on
        if jobs.queue.state().is_paused:
            remark("The queue is paused. Go on with: orchestrator queue resume")
        yield tuple(dict.fromkeys(target for lane in lanes for target in lane.serves if target))
