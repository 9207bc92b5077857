"""``orchestrator queue``: the jobs that wait, run and have run. Workers run them: orchestrator worker.

The queue is in the database of the store, and survives whatever ends.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_drawing, add_selection, add_story, add_template, description, whole
from orchestrator_app.commands.enhance_arguments import add_enhancing
from orchestrator_app.commands.queue_showing import job_json, show_job, show_jobs, show_workers
from orchestrator_app.commands.worker import add_database, using_database
from orchestrator_app.console import problem, remark, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator_core.jobs.model import Job
    from orchestrator_core.jobs.queue import Queue

_STATES = ("waiting", "running", "held", "done", "failed", "cancelled")


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="add, list, order, retry jobs", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_adding(actions)
    _add_looking(actions)
    _action(actions, "pause", pause, "let no job begin, on any machine").add_argument("reason", nargs="?", default="")
    _action(actions, "resume", resume, "let jobs begin again")
    _add_changing(actions)
    _add_exchange(actions)


def _add_adding(actions: Any) -> None:
    added = _action(actions, "add", add, "a job for each prompt of a template, a file, a pipeline or its batch")
    add_template(added, more=", or a pipeline (.json, .yaml)")
    add_drawing(added, "default: 1; of a file with many prompts, 1 of each")
    group = added.add_argument_group("job")
    group.add_argument("--target", default="", metavar="WHERE", help="comfyui, forge, embedded, or a server's address")
    group.add_argument("--priority", type=int, default=0, metavar="P", help="higher is sooner (0)")
    group.add_argument("--title", default="", help="what the jobs are called; a number comes behind it")
    group.add_argument("--tag", action="append", default=[], help="a word to find them by; may be given again")
    group.add_argument("--key", metavar="KEY", help="the same again under this key adds nothing")
    group.add_argument("--callback", default="", metavar="URL", help="told of each job's end; see webhooks allow")
    group.add_argument("--checkpoint", metavar="NAME", help="the model that renders")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting, as steps=8; of a pipeline STAGE.NAME too",
    )
    add_selection(added)
    add_story(added)
    add_enhancing(added)


def _add_looking(actions: Any) -> None:
    listed = _action(actions, "list", list_jobs, "running and waiting ones in their order, then the others")
    listed.add_argument("--state", action="append", choices=_STATES, help="only these; may be given again")
    listed.add_argument("--find", default="", metavar="TEXT", help="in titles, tags, targets and checkpoints")
    listed.add_argument("-n", "--limit", type=whole, default=50, metavar="N", help="how many of each (50)")
    listed.add_argument("--offset", type=whole, default=0, metavar="N", help="without the first N")
    shown = _action(actions, "show", show, "all that is known of a job: its attempts, its stages, its history", "JOB")
    for parser in (listed, shown):
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
    _action(actions, "workers", workers, "who works on the queue")


def _add_changing(actions: Any) -> None:
    for name, function, text in (
        ("cancel", cancel, "it never runs; one that runs is stopped, at its host too"),
        ("hold", hold, "it waits until it is retried"),
        ("retry", retry, "it waits again, and goes on after the last stage that it finished"),
        ("requeue", requeue, "it runs once more from its first stage, as another run, behind all others"),
    ):
        _action(actions, name, function, text, "JOBS")
    again = _action(actions, "rerun", rerun, "it runs again from a stage, with what the ones before it left", "JOB")
    again.add_argument("stage", metavar="STAGE", help="the stage's id")
    again.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of that stage")
    moved = _action(actions, "move", move, "put it elsewhere in the order", "JOB")
    where = moved.add_mutually_exclusive_group(required=True)
    where.add_argument("--top", action="store_true", help="the next to begin")
    where.add_argument("--end", action="store_true", help="behind all others")
    where.add_argument("--before", metavar="OTHER", help="just before this job")
    where.add_argument("--priority", type=int, metavar="P", help="higher is sooner")
    old = _action(actions, "forget", forget, "delete jobs that ended long ago; their images stay")
    old.add_argument("--days", type=float, default=30.0, metavar="N", help="ago (30)")


def _add_exchange(actions: Any) -> None:
    out = _action(actions, "export", export, "a JSON line for each job, to be imported elsewhere")
    out.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard output")
    out.add_argument("--state", action="append", choices=_STATES, help="only these (those that have not ended)")
    taken = _action(actions, "import", import_jobs, "add the jobs of a file of JSON lines; bad lines are told")
    taken.add_argument("file", metavar="FILE", help="- is standard input")


def _action(actions: Any, name: str, function: Any, text: str, of: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:])
    add_database(parser)
    if of:
        many = {"nargs": "+"} if of == "JOBS" else {}
        parser.add_argument("job", metavar="JOB", help="its number or id", **many)  # type: ignore[arg-type]
    parser.set_defaults(run=function)
    return parser


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Queue]:
    from orchestrator_core.jobs.opening import open_jobs

    with using_database(arguments), open_jobs() as jobs:
        yield jobs.queue


# adding and looking


def add(arguments: argparse.Namespace) -> int:
    from orchestrator_app.queueing import jobs_of

    with using_database(arguments):
        new = jobs_of(arguments)
    with _opened(arguments) as queue:
        added = queue.add_all(new)
        paused = queue.state().is_paused
    fresh = [one.job.number for one in added if one.is_new]
    if len(fresh) < len(added):
        remark(f"{len(added) - len(fresh):,} were there already, under the same key.")
    if fresh:
        say(f"job {fresh[0]}" if len(fresh) == 1 else f"jobs {fresh[0]} to {fresh[-1]}")
        remark("The queue is paused." if paused else "They are run by: orchestrator worker --generator KIND=ADDRESS")
    return 0


def list_jobs(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        state = queue.state()
        pages: list[list[Any]] = [["running", "waiting"], ["held", "failed", "cancelled", "done"]]
        wanted = [[one for one in page if one in (arguments.state or _STATES)] for page in pages]
        jobs = [
            job
            for states in wanted
            if states
            for job in queue.page(states, arguments.limit, arguments.offset, arguments.find)
        ]
    if arguments.json:
        for job in jobs:
            say(json.dumps(job_json(job), ensure_ascii=False))
        return 0
    show_jobs(jobs, state)
    return 0


def show(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        show_job(queue, arguments.job, as_json=arguments.json)
    return 0


def workers(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        show_workers(queue)
    return 0


# changing


def pause(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        queue.pause(arguments.reason)
    remark("Paused: what runs goes on, and nothing begins.")
    return 0


def resume(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        queue.resume()
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    return _each(arguments, lambda queue, name: queue.cancel(name))


def hold(arguments: argparse.Namespace) -> int:
    return _each(arguments, lambda queue, name: queue.hold(name))


def retry(arguments: argparse.Namespace) -> int:
    return _each(arguments, lambda queue, name: queue.retry(name))


def requeue(arguments: argparse.Namespace) -> int:
    return _each(arguments, lambda queue, name: queue.requeue(name))


def _each(arguments: argparse.Namespace, change: Callable[[Queue, str], Job]) -> int:
    """Exit status 1 where one of them could not be changed; the others are."""
    from orchestrator_core.errors import JobError

    refused = 0
    with _opened(arguments) as queue:
        for name in arguments.job:
            try:
                _say(change(queue, name))
            except JobError as error:
                refused += 1
                problem("error", str(error))
    return 1 if refused else 0


def _say(job: Job) -> int:
    say(f"job {job.number}: {'stopping' if job.is_stopping else job.state}")
    return 0


def rerun(arguments: argparse.Namespace) -> int:
    from orchestrator_app.queueing import stage_options

    with _opened(arguments) as queue:
        return _say(queue.rerun(arguments.job, arguments.stage, stage_options(arguments.set)))


def move(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        if arguments.top:
            return _say(queue.move_to_top(arguments.job))
        if arguments.end:
            return _say(queue.move_to_end(arguments.job))
        if arguments.before is not None:
            return _say(queue.move_before(arguments.job, arguments.before))
        return _say(queue.prioritise(arguments.job, arguments.priority))


def forget(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as queue:
        say(f"{queue.forget(arguments.days):,} forgotten")
    return 0


# elsewhere


def export(arguments: argparse.Namespace) -> int:
    import sys

    from orchestrator_core.jobs.exchange import exported
    from orchestrator_core.jobs.model import OPEN

    with _opened(arguments) as queue:
        lines = exported(queue, arguments.state or OPEN)
        if arguments.file == "-":
            for line in lines:
                sys.stdout.write(line + "\n")  # JSON has no control characters
            return 0
        with Path(arguments.file).open("w", encoding="utf-8", newline="\n") as file:
            count = sum(bool(file.write(line + "\n")) for line in lines)
    remark(f"{count:,} jobs in {arguments.file}")
    return 0


def import_jobs(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a line was bad."""
    import sys

    from orchestrator_core.jobs.exchange import imported

    with _opened(arguments) as queue:
        if arguments.file == "-":
            found = imported(queue, sys.stdin)
        else:
            with Path(arguments.file).open(encoding="utf-8-sig", errors="replace") as file:
                found = imported(queue, file)
    for text in found.problems:
        problem("error", text)
    say(f"{found.added:,} added" + (f", {found.known:,} there already" if found.known else ""))
    return 1 if found.problems else 0
