"""The queue as its page lists it, what a click asks for, and the words and HTML of it; without gradio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_app.studio.queue_acting import Outcome, act, asked
from orchestrator_app.studio.queue_details_html import details_html, details_of
from orchestrator_app.studio.queue_html import chips_html, rows_html, running_html, summary_html
from orchestrator_app.studio.queue_listing import PAGE, listed, pulse
from orchestrator_app.studio.queue_view import QueueWish
from orchestrator_app.studio.queue_words import clock, duration, event_said, progress_said, to_do, when_said
from orchestrator_core.errors import ConfigError, JobError
from orchestrator_core.jobs.model import Event
from orchestrator_core.jobs.queue import Queue
from tests.app.studio.queue_jobs import add, place_at, progress

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
ALL = QueueWish()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    place = place_at(tmp_path)
    yield place.open()
    place.close()


def order(queue: Queue, wish: QueueWish = ALL) -> list[int]:
    return [job.number for job in listed(queue, wish).jobs]


def do(queue: Queue, text: str, wish: QueueWish = ALL) -> Outcome:
    return act(queue, wish, asked(text))


# the list


def test_what_runs_comes_first_then_what_waits_what_needs_somebody_and_what_is_over(queue: Queue):
    done, held, first, running, failed, second = add(queue, "done", "held", "waiting", "running", "failed", "waiting")
    found = listed(queue, ALL)
    assert [job.number for job in found.running] == [running]
    assert order(queue) == [first, second, failed, held, done]
    assert found.total == 5
    assert found.counts["waiting"] == 2


def test_a_page_goes_on_where_the_last_one_ended_whatever_the_states(queue: Queue):
    add(queue, *["waiting"] * (PAGE - 2), *["held"] * 3, *["done"] * 4)
    pages = [order(queue, QueueWish(page=page)) for page in (0, 1)]
    assert [len(page) for page in pages] == [PAGE, 5]
    assert sorted(pages[0] + pages[1]) == list(range(1, PAGE + 6))
    assert listed(queue, QueueWish(page=99)).page == 1  # the last that there is


def test_a_state_and_a_text_choose_what_is_listed_and_counted(queue: Queue):
    one, *_ = add(queue, "waiting", "waiting", "done")
    assert order(queue, QueueWish("done")) == [3]
    found = listed(queue, QueueWish(text="PROMPT 0"))
    assert ([job.number for job in found.jobs], found.counts["waiting"], found.total) == ([one], 1, 1)
    assert found.state.counts["waiting"] == 2  # of the whole queue


def test_the_pulse_tells_what_goes_on_from_all_else(queue: Queue):
    (number,) = add(queue, "running")
    before = pulse(queue)
    assert pulse(queue) == before
    progress(queue, number, 5)
    gone_on = pulse(queue)
    assert (gone_on.rest, gone_on.at_work) != (before.rest, before.at_work)
    assert gone_on.rest == before.rest
    queue.pause("night")
    assert pulse(queue).rest != before.rest


# what a click asks for


@pytest.mark.parametrize("text", ["", "delete 1", "cancel x", "priority 1 much", "cancel 1;drop", "before 1 2 3"])
def test_what_no_page_sends_is_refused(text: str):
    with pytest.raises(ConfigError, match="which nothing here can do"):
        asked(text)


def test_a_priority_has_limits():
    with pytest.raises(JobError, match="1,000,000"):
        asked("priority 1 99999999999999999999")


def test_a_job_moves_up_and_down_to_both_ends_and_beside_others(queue: Queue):
    add(queue, *["waiting"] * 5)
    for text, then in (
        ("up 3", [1, 3, 2, 4, 5]), ("up 1", [1, 3, 2, 4, 5]), ("down 4", [1, 3, 2, 5, 4]), ("top 2", [2, 1, 3, 5, 4]),
        ("end 1", [2, 3, 5, 4, 1]), ("before 4 3", [2, 4, 3, 5, 1]), ("after 2 5", [4, 3, 5, 2, 1]),
        ("after 4 1", [3, 5, 2, 1, 4]), ("down 4", [3, 5, 2, 1, 4]),
    ):  # fmt: skip
        assert do(queue, text).problem == ""
        assert order(queue) == then, text


def test_several_that_are_moved_stay_in_their_order(queue: Queue):
    add(queue, *["waiting"] * 5)
    assert do(queue, "top 3,4").done == "2 jobs moved to the top."
    assert order(queue) == [3, 4, 1, 2, 5]
    do(queue, "before 1,2 3")
    assert order(queue) == [1, 2, 3, 4, 5]
    do(queue, "after 1,2 4")
    assert order(queue) == [3, 4, 1, 2, 5]


def test_moving_goes_on_over_the_edges_of_a_page_and_of_priorities(queue: Queue):
    add(queue, *["waiting"] * (PAGE + 2))
    do(queue, f"up {PAGE + 1}", QueueWish(page=1))
    assert order(queue)[-2:] == [PAGE - 1, PAGE + 1]
    queue.prioritise(1, 5)
    do(queue, "down 1")
    assert order(queue)[:3] == [2, 1, 3]


def test_beside_a_job_that_has_begun_meanwhile_nothing_is_moved(queue: Queue):
    add(queue, "waiting", "running", "waiting")
    assert "Job 2 is running" in do(queue, "after 3 2").problem
    assert "Job 2 is running" in do(queue, "up 2").problem
    assert order(queue) == [1, 3]


def test_one_that_cannot_be_changed_keeps_no_other_from_it(queue: Queue):
    add(queue, "waiting", "done", "waiting")
    found = do(queue, "hold 1,2,3,99")
    assert found.done == "2 jobs held."
    assert found.problem.splitlines()[0].startswith("Job 2 is done")
    assert "no job 99" in found.problem


def test_all_of_the_list_are_those_that_this_can_be_done_to(queue: Queue):
    add(queue, "waiting", "done", "failed", "running", "held")
    assert do(queue, "retry all", QueueWish("failed")) == Outcome("Job 3 to go on.")
    found = do(queue, "cancel all")
    assert (found.done, found.problem) == ("4 jobs cancelled.", "")
    assert queue.job(2).state == "done"
    assert queue.job(4).is_stopping


def test_a_job_that_runs_is_asked_to_stop(queue: Queue):
    add(queue, "running")
    assert do(queue, "cancel 1").done == "Job 1 is asked to stop."


# words


def test_times_are_short():
    assert [duration(ms) for ms in (0, 4200, 42_000, 187_000, 7_500_000)] == ["", "4.2 s", "42 s", "3:07 min", "2:05 h"]
    assert clock(0) == clock(10**18) == ""


def test_progress_of_another_program_is_read_with_care(queue: Queue):
    (number,) = add(queue, "running", progress='{"what": "steps", "step": "many", "steps": 0}', stage="render")
    job = queue.job(number)
    assert progress_said(job) == ("render: steps", 0.0)
    assert progress_said(replace(job, progress={"step": 30, "steps": 20})) == ("render: 30/20", 1.0)
    assert when_said(job) == ""  # nobody said since when
    assert when_said(replace(job, started_ms=1)).startswith("since ")


def test_what_can_be_done_is_said_of_each_reason(queue: Queue):
    (number,) = add(queue, "held")
    job = queue.job(number)
    said = {to_do(replace(job, reason=reason)) for reason in ("memory", "interrupted", "crashed", "by hand", "new")}
    assert len(said) == 5
    assert all("etry" in one for one in said)
    assert (
        to_do(replace(job, reason="missing", error="a: no ink\nPut it there, or change the job; then retry it.")) == ""
    )
    assert event_said(Event(1, "", "strange", "words", 0)) == "Strange: words"


# HTML


def test_nothing_of_a_job_becomes_part_of_the_page(queue: Queue):
    add(
        queue,
        "failed",
        "held",
        "running",
        title=EVIL,
        error=EVIL,
        reason=EVIL,
        checkpoint=EVIL,
        stage=EVIL,
        detail=EVIL,
    )
    queue.pause(EVIL)
    listing = listed(queue, ALL)
    shown = rows_html(listing, 0, {}, lambda _: b"", EVIL) + running_html(listing.running, 0)
    shown += summary_html(listing, [], EVIL) + chips_html(listing, "")
    shown += "".join(details_html(details_of(queue, number), []) for number in (1, 2, 3))
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<img" not in shown


def test_an_error_is_shown_with_what_to_do(queue: Queue):
    add(queue, "failed", error="The checkpoint is not there.")
    text = rows_html(listed(queue, ALL), 0, {}, lambda _: b"")
    assert "The checkpoint is not there." in text
    assert "Retry goes on" in text


def test_an_empty_list_says_why(queue: Queue):
    assert "orchestrator queue add" in rows_html(listed(queue, ALL), 0, {}, lambda _: b"")
    add(queue, "waiting")
    nothing = listed(queue, QueueWish(text="owl"))
    assert "No job in this list has &#x27;owl&#x27;" in rows_html(nothing, 0, {}, lambda _: b"", "owl")


def test_that_nobody_works_while_jobs_wait_is_seen(queue: Queue):
    assert "quiet" in summary_html(listed(queue, ALL), [], "")
    add(queue, "waiting")
    assert '"orc-notice hint"' in summary_html(listed(queue, ALL), [], "")
