"""``orchestrator worker``: takes jobs of the queue and runs them until it is stopped with Ctrl-C.

Several may share one queue, on one machine or, with a postgresql:// database, on many. Each generator renders one job
at a time; a job that is stopped goes on later where it ended.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_loras, add_profile_folder, add_wildcards, description, whole
from orchestrator_app.commands.enhance_arguments import add_model
from orchestrator_app.console import remark, say

if TYPE_CHECKING:
    from orchestrator_core.jobs.opening import Jobs


_DATABASE = "ORCHESTRATOR_DATABASE_URL"


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="run the jobs of the queue", description=description(__doc__))
    add_database(parser)
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="go on with renderings whose worker died; without, they are held until somebody retries them",
    )
    parser.add_argument("--until-empty", action="store_true", help="end when no job waits that this worker could run")
    parser.add_argument("--jobs", type=whole, metavar="N", help="end after so many jobs")
    parser.add_argument(
        "--look-ahead",
        type=whole,
        default=20,
        metavar="N",
        help="jobs among which one of the loaded checkpoint is preferred; 1 keeps the order (%(default)s)",
    )
    add_work(parser)
    parser.set_defaults(run=run)


def add_work(parser: argparse.ArgumentParser) -> None:
    """Where jobs are rendered, and what their stages work with."""
    parser.add_argument(
        "--generator",
        action="append",
        default=[],
        metavar="KIND=ADDRESS",
        help="comfy=http://…, forge=http://… or embedded=FOLDER; may be given again; without any, only jobs that "
        "render nothing are run",
    )
    parser.add_argument("-o", "--output", default="outputs", metavar="FOLDER", help="of the images (%(default)s)")
    add_wildcards(parser)
    add_profile_folder(parser)
    add_loras(parser)
    folder = "a folder of lore books; may be given again (default: lore in the data folder)"
    parser.add_argument("--lore-folder", action="append", default=[], metavar="FOLDER", help=folder)
    parser.add_argument("--scorer", metavar="FOLDER", help="the model that looks at images, for scoreImages")
    add_model(parser)


def add_database(parser: argparse.ArgumentParser) -> None:
    text = "where the queue and the store are: postgresql://user:password@host/name, or a file (default: your own)"
    parser.add_argument("--database", metavar="URL", help=text)


@contextmanager
def using_database(arguments: argparse.Namespace) -> Iterator[None]:
    """All of a command works on it: the queue, the store, what is learned."""
    before = os.environ.get(_DATABASE)
    if arguments.database:
        os.environ[_DATABASE] = arguments.database
    try:
        yield
    finally:
        os.environ.pop(_DATABASE, None)
        os.environ.update({} if before is None else {_DATABASE: before})


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a job did not end well, 130 after Ctrl-C."""
    from orchestrator_app.working import lanes_of, workplace
    from orchestrator_core.jobs.opening import open_jobs
    from orchestrator_core.jobs.worker import Ways

    ways = Ways(
        takes_over=arguments.take_over,
        look_ahead=max(1, arguments.look_ahead),
        jobs=arguments.jobs,
        until_empty=arguments.until_empty,
    )
    with using_database(arguments), workplace(arguments) as place:
        lanes = lanes_of(arguments.generator, Path(arguments.output), place, arguments.loras)
        # Who types this command asks for the queue to go on.
        jobs = open_jobs(lanes, ways=ways, after_crash="go on", tell=say)
        return _until_the_end(jobs)


def _until_the_end(jobs: Jobs) -> int:
    worker = jobs.worker
    assert worker is not None
    try:
        remark(f"Worker {worker.id} works on {jobs.store.place}: {', '.join(lane.name for lane in worker.lanes)}.")
        if jobs.queue.state().is_paused:
            remark("The queue is paused. Go on with: orchestrator queue resume")
        worker.join()
    except KeyboardInterrupt:
        remark("Stopping; a job that is under way is put back. Ctrl-C again ends at once.")
        raise
    finally:
        jobs.close()
    if worker.failure is not None:
        raise worker.failure
    remark(f"{worker.done:,} jobs done" + (f", {worker.failed:,} not" if worker.failed else "") + ".")
    return 1 if worker.failed else 0
