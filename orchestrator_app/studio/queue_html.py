"""The queue as HTML: the chips that filter it, its rows, who works on it. Every text in it is escaped.

Rows are of real buttons, whose ``data-send`` ``queue_acting`` reads; ``queue_keys`` selects and drags them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator_app.studio.html import clickable, escape, notice, number, picture, pressable
from orchestrator_app.studio.queue_acting import MOST
from orchestrator_app.studio.queue_listing import Listing
from orchestrator_app.studio.queue_words import (
    ACTIONS,
    SAID,
    place_said,
    progress_said,
    state_said,
    to_do,
    when_said,
    workers_said,
)
from orchestrator_core.jobs.model import STATES, Job, WorkerInfo

DO, PICK, FILTER = "orchestrator_queue_do", "orchestrator_queue_pick", "orchestrator_queue_filter"
LOOK = "orchestrator_queue_look"
SIGNS = {
    "top": "⤒", "up": "↑", "down": "↓", "end": "⤓", "hold": "‖", "cancel": "✕", "retry": "↻", "requeue": "⟲",
}  # fmt: skip
_IN_ROWS = ("up", "down", "hold", "retry", "requeue", "cancel")
_PICTURES = 4  # of a job, in its row
_LONGEST = 400  # characters of an error in a row
_EMPTY = (
    "The queue is empty. Add to queue, on the pages Generate and Batch, puts prompts here; so does the command line: "
    "orchestrator queue add."
)

Picture = Callable[[Path], bytes]
Images = Mapping[str, Sequence[Path]]


def chips_html(listing: Listing, chosen: str) -> str:
    """A chip for each state, with how many there are; a click sends its name."""
    everything = sum(listing.counts.values())
    chips = [_chip("", "all", everything, chosen), *(_chip(one, one, listing.counts[one], chosen) for one in STATES)]
    return clickable(FILTER, "".join(chips), "orc-chips")


def _chip(state: str, said: str, count: int, chosen: str) -> str:
    is_on = state == chosen
    kind = "orc-chip chosen" if is_on else "orc-chip" if count or not state else "orc-chip none"
    return (
        f'<span class="{kind}" role="button" tabindex="0" aria-pressed="{str(is_on).lower()}" data-send="{state}">'
        f"{said} <small>{count:,}</small></span>"
    )


def running_html(jobs: Sequence[Job], picked: int) -> str:
    """What runs now: in a box of its own, as it changes all the time."""
    return pressable(DO, "".join(_row(job, picked, ()) for job in jobs), "orc-q-rows orc-q-running") if jobs else ""


def rows_html(listing: Listing, picked: int, images: Images, thumbnail: Picture, asked: str = "") -> str:
    """``asked``: what is looked for, if anything is."""
    if not listing.jobs:
        return notice(_nothing_said(listing, asked), "quiet") if _nothing_said(listing, asked) else ""
    rows = []
    for job in listing.jobs:
        shown = [data for path in images.get(job.run_id, ())[:_PICTURES] if (data := thumbnail(path))]
        rows.append(_row(job, picked, shown))
    return pressable(DO, "".join(rows), "orc-q-rows")


def _nothing_said(listing: Listing, asked: str) -> str:
    if listing.running:
        return ""
    if asked:
        return f"No job in this list has {asked!r} in its title, tags, target or checkpoint."
    return "None of the jobs is here now." if sum(listing.state.counts.values()) else _EMPTY


def _row(job: Job, picked: int, pictures: Sequence[bytes]) -> str:
    moves = job.state == "waiting"
    buttons = "".join(button_html(action, job) for action in _IN_ROWS if action in ACTIONS[job.state])
    kind = f"orc-q-row {job.state}" + (" open" if job.number == picked else "")
    return (
        f'<article class="{kind}" data-job="{job.number}"{" data-moves" if moves else ""}>'
        f"{_check(job)}{_grip(job) if moves else '<i></i>'}"
        f'<div class="orc-q-what"><button class="orc-q-title" data-to="{PICK}" data-send="{job.number}" '
        f'aria-label="Details of job {job.number}"><b>{job.number}</b>'
        f'<span dir="auto">{escape(job.title) or "untitled"}</span></button>'
        f'<p class="orc-q-line"><span class="orc-q-state {job.state}">{escape(state_said(job))}</span>'
        f"<small>{escape(place_said(job))}</small></p>{_more(job)}</div>{pictures_html(job, pictures)}"
        f'<small class="orc-q-when">{escape(when_said(job))}</small>'
        f'<div class="orc-q-acts">{buttons}</div>'
        "</article>"
    )


def _check(job: Job) -> str:
    return f'<input type="checkbox" class="orc-q-check" aria-label="Select job {job.number}">'


def _grip(job: Job) -> str:
    said = f'aria-label="Move job {job.number}: arrow keys, Home, End" title="Drag, or arrow keys, Home, End"'
    return f'<button class="orc-q-grip" data-grip="{job.number}" {said}>⠿</button>'


def button_html(action: str, job: Job, *, named: bool = False) -> str:
    """``named``: with its word beside the sign."""
    word, said = SAID[action]
    word = "Stop" if action == "cancel" and job.state == "running" else word
    label, title = (f"{SIGNS[action]} {word}", escape(said)) if named else (SIGNS[action], word)
    return (
        f'<button class="orc-q-act {action}" data-to="{DO}" data-send="{action} {job.number}" '
        f'aria-label="{word} job {job.number}" title="{title}">{label}</button>'
    )


def _more(job: Job) -> str:
    if job.state == "running":
        said, share = progress_said(job)
        bar = f'<div class="orc-bar"><i style="width:{share:.0%}"></i></div>' if share else ""
        return f'<p class="orc-q-progress">{escape(said)}</p>{bar}'
    if job.state in ("held", "failed") or (job.error and job.state == "waiting"):
        return problem_html(job, _LONGEST)
    return ""


def problem_html(job: Job, longest: int) -> str:
    """What went wrong, and what can be done about it."""
    error = job.error if len(job.error) <= longest else job.error[:longest] + " …"
    lines = [error, to_do(job)]
    if job.state == "waiting":
        lines[1] = "It waits, and is tried again."
    return notice("\n".join(filter(None, lines)), "problem" if job.state == "failed" else "hint")


def pictures_html(job: Job, pictures: Sequence[bytes]) -> str:
    images = [f'<img alt="image of job {job.number}" src="{picture(data)}">' for data in pictures]
    return f'<div class="orc-q-pictures">{"".join(images)}</div>' if images else ""


def where_html(listing: Listing) -> str:
    """``51 – 100 of 500``."""
    if not listing.jobs:
        return ""
    return (
        f'<p class="orc-where">{listing.first + 1:,} – {listing.first + len(listing.jobs):,} of {listing.total:,}</p>'
    )


def chosen_html() -> str:
    """The bar for those that are selected; it never changes, and ``queue_keys`` shows and fills it."""
    actions = ("top", "end", "hold", "retry", "requeue", "cancel")
    buttons = "".join(
        f'<button data-all="{action}" title="{escape(SAID[action][1])}">{SIGNS[action]} {SAID[action][0]}</button>'
        for action in actions
    )
    return (
        '<div class="orc-q-chosen"><label><input type="checkbox" class="orc-q-page"> <span>this page</span></label>'
        f'<label title="At most {MOST:,} at a time"><input type="checkbox" class="orc-q-all"> '
        "<span>all in the list</span></label>"
        f'<b class="orc-q-count" role="status"></b><span class="orc-q-those">{buttons}'
        '<span class="orc-q-priority"><input type="number" class="orc-q-number" value="0" step="1" '
        'aria-label="Priority"><button data-all="priority" title="Higher is sooner.">Set priority</button></span>'
        "</span></div>"
    )


def summary_html(listing: Listing, workers: Sequence[WorkerInfo], here: str) -> str:
    """Whether the queue is paused, who works on it, and what this place does (``here``)."""
    said = " ".join(filter(None, (workers_said(workers), here)))
    reason = f" {listing.state.reason}" if listing.state.reason else ""
    paused = f"Paused: what runs goes on, and nothing begins.{reason}" if listing.state.is_paused else ""
    # That jobs wait in vain is what a person has to see.
    kind = "hint" if not workers and listing.state.counts["waiting"] else "quiet"
    return notice(paused, "hint") + notice(said, kind)


def clear_said(count: int) -> str:
    return f"Delete {number(count, 'job')} that ended from the list? Their images and runs stay."
