"""How far a job is, as HTML: one bar for all, what a language model writes, and each row of a batch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator_app.studio.html import escape, notice, number, picture
from orchestrator_app.studio.job import OVER, TaskState

_WRITING = 400  # characters of an answer that are shown while it comes
_NAMED = 10  # prompts
_NUMBER = re.compile(r"\d+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("|\Z)(\s*:)?')  # of JSON; with a colon it is a key


def progress_html(states: Sequence[TaskState], notes: Sequence[str] = ()) -> str:
    """One bar for all, a line that says what is under way, the picture so far, and what went wrong."""
    if not states:
        return ""
    done = sum(_share(state) for state in states) / len(states)
    is_over = all(state.is_over for state in states)
    previews = "".join(_preview(state) for state in states if state.phase == "running")
    problems = dict.fromkeys(state.error for state in states if state.error)
    return (
        f'<div class="orc-progress {"over" if is_over else "running"}">'
        f'<div class="orc-bar"><i style="width:{100 * done:.1f}%"></i></div>'
        f'<p role="status">{escape(progress_line(states))}</p>'
        f"{_writing(states)}{previews}{''.join(notice(text) for text in problems)}{_kept(states)}{_tries(states)}"
        f"{''.join(notice(f'Not remembered: {text}', 'hint') for text in notes)}</div>"
    )


def _writing(states: Sequence[TaskState]) -> str:
    """The end of what a language model has written so far."""
    texts = [_readable(state.text) for state in states if state.phase == "writing" and state.text]
    return "".join(f'<p class="orc-writing" dir="auto">{escape(text[-_WRITING:])}</p>' for text in texts)


def _readable(text: str) -> str:
    """Of an answer in JSON, as far as it has come, the texts; anything else as it is."""
    if not text.lstrip("`json \n").startswith(("{", "[")):
        return text
    return " · ".join(found[1] for found in _STRING.finditer(text) if found[1] and not found[3])


def _tries(states: Sequence[TaskState]) -> str:
    """Of each prompt that was rendered until it showed enough, what was tried."""
    told = [f"Prompt {state.task.number}: {state.tries}".replace("\n", " · ") for state in states if state.tries]
    return "".join(notice(text, "hint") for text in told)


def _kept(states: Sequence[TaskState]) -> str:
    """Which prompts stayed as they were, by the reason; "59 s more" and "58 s more" are one."""
    reasons: dict[str, tuple[str, list[int]]] = {}
    for state in states:
        if state.run.draft.enhanced is not None and state.run.draft.enhanced.status == "kept":
            why = state.run.draft.enhanced.detail
            reasons.setdefault(_NUMBER.sub("#", why), (why, []))[1].append(state.task.number)
    lines = [f"{number(len(kept), 'prompt')} kept as written ({_few(kept)}): {why}" for why, kept in reasons.values()]
    return "".join(notice(line, "hint") for line in lines)


def _few(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _NAMED:,} more" if numbers[_NAMED:] else ""
    return ", ".join(map(str, numbers[:_NAMED])) + more


def _share(state: TaskState) -> float:
    if state.phase in OVER:
        return 1.0
    progress = state.progress
    return 0.95 * min(1.0, progress.step / progress.steps) if progress and progress.steps else 0.0


def progress_line(states: Sequence[TaskState]) -> str:
    """``prompt 2 of 4: step 3/8``, or what became of all."""
    writing = [state for state in states if state.phase == "writing"]
    if writing:
        what = "the language model writes" if writing[0].text else "being prepared"
        return f"prompt {writing[0].task.number} of {len(states)}: {what}"
    running = [state for state in states if state.phase == "running"]
    if running:
        return " · ".join(_running_line(state, len(states)) for state in running)
    if any(state.phase == "waiting" for state in states):
        return "beginning …"
    if scoring := [state for state in states if state.is_scoring]:
        return f"scoring the images of {number(len(scoring), 'prompt')}"
    images = sum(len(state.images) for state in states)
    if not images and all(state.phase == "done" for state in states):
        return f"{number(len(states), 'prompt')} ready to be rendered"
    ends = {phase: sum(state.phase == phase for state in states) for phase in ("failed", "stopped")}
    more = [f"{count} {phase}" for phase, count in ends.items() if count]
    return ", ".join([number(images, "image"), *more])


def _running_line(state: TaskState, total: int) -> str:
    progress, where = state.progress, f"prompt {state.task.number} of {total}"
    if progress is None:
        return f"{where}: sent to {state.task.target.name}"
    if progress.steps:
        return f"{where}: step {progress.step}/{progress.steps}"
    return f"{where}: {progress.what}"


def _preview(state: TaskState) -> str:
    data = state.progress.preview if state.progress else b""
    return f'<img class="orc-preview" alt="the picture so far" src="{picture(data)}">' if data else ""


# a row of a batch


def row_head(
    number_: int,
    place: str,
    is_skipped: bool,
    state: TaskState | None,
    problem: str = "",
    *,
    told: str = "",
    hint: str = "",
) -> str:
    """What stands before a row: its number, its file, what is known of it, what is odd in it, and how far it is.

    ``told``: its scene, who enhanced it, the LoRAs chosen for it.
    """
    phase = "failed" if problem else "skipped" if is_skipped else state.phase if state else ""
    said = problem or (_row_line(state) if state and not is_skipped else "")
    return (
        f'<div class="orc-row-head {phase}"><b>{number_:,}</b><span>{escape(place)}</span>'
        + (f'<span class="orc-row-told">{escape(told)}</span>' if told else "")
        + (f'<span class="orc-row-hint">{escape(hint)}</span>' if hint and hint != problem else "")
        + f'<span class="orc-phase">{escape(said or phase)}</span></div>'
    )


def _row_line(state: TaskState) -> str:
    if state.error:
        return state.error
    if state.phase == "done":
        return f"{number(len(state.images), 'image')}, {state.seconds:.1f} s"
    progress = state.progress
    if state.phase == "running" and progress:
        return f"step {progress.step}/{progress.steps}" if progress.steps else progress.what
    return state.phase
