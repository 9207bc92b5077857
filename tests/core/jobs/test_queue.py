"""The queue as a person sees it: added, put in order, paused, cancelled, retried, run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import JobError, KeyTaken, PipelineError
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec
from orchestrator_core.store import Store
from tests.core.jobs.at_work import DRAW, RENDER, kinds, lane, new_job, run_all, waiting
from tests.fakes import FakeGenerator


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


@pytest.fixture
def worked(sqlite_store: Store) -> Queue:
    """For what is about work, which is the same on every database."""
    return Queue(sqlite_store)


def test_jobs_wait_in_the_order_in_which_they_were_added(queue: Queue) -> None:
    queue.add_all([new_job(title="first"), new_job()])
    queue.add(new_job())
    assert waiting(queue) == [1, 2, 3]
    assert queue.job(1).title == "first"


def test_a_job_is_found_by_its_number_and_by_its_id(queue: Queue) -> None:
    job = queue.add(new_job(tags=["night", "owl"], target="http://127.0.0.1:8188/"))
    assert queue.job(job.id) == queue.job(1)
    assert (queue.job(1).tags, queue.job(1).target) == (("night", "owl"), "http://127.0.0.1:8188")
    with pytest.raises(JobError, match=r"no job 7.*queue list"):
        queue.job(7)


def test_the_same_key_adds_nothing_twice(queue: Queue) -> None:
    first, second = queue.add_all([new_job(key="k"), new_job(key="k", priority=5, title="the same")])
    again = queue.add_all([new_job(key="k")])[0]
    assert [added.is_new for added in (first, second, again)] == [True, False, False]
    assert first.job.id == second.job.id == again.job.id
    assert waiting(queue) == [1]


def test_a_key_that_asks_for_something_else_is_refused_and_nothing_is_added(queue: Queue) -> None:
    queue.add(new_job(key="k"))
    with pytest.raises(KeyTaken, match="Job 1 was added under the key 'k'"):
        queue.add_all([new_job(), new_job(RENDER, key="k")])
    assert waiting(queue) == [1]


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "has none"),
        ([{"id": "a", "type": "generatePrompt", "options": {"sed": 1}}], "'a'.*sed"),
        ([{"id": "a", "type": "dispatsh"}], "dispatch"),
    ],
)
def test_a_pipeline_that_cannot_run_is_refused_when_it_is_added(queue: Queue, stages: list[object], said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        queue.add(NewJob(pipeline=stages))
    assert queue.page() == []


def test_a_batch_is_not_one_job(queue: Queue) -> None:
    batch = {"schema_version": 2, "stages": [DRAW], "batch": [{"vary": "draw.seed", "count": 3}]}
    with pytest.raises(PipelineError, match="one item of a batch"):
        queue.add(NewJob(pipeline=batch))


def test_higher_priorities_come_first(queue: Queue) -> None:
    queue.add_all([new_job(), new_job(priority=2), new_job(priority=-1), new_job(priority=2)])
    assert waiting(queue) == [2, 4, 1, 3]
    queue.prioritise(3, 3)
    assert waiting(queue) == [3, 2, 4, 1]


def test_a_job_moves_to_the_top_to_the_end_and_before_another(queue: Queue) -> None:
    queue.add_all([new_job(), new_job(priority=5), new_job(), new_job(priority=-2)])
    queue.move_to_top(3)
    assert waiting(queue) == [3, 2, 1, 4]
    queue.move_to_end(2)
    assert waiting(queue) == [3, 1, 4, 2]
    queue.move_before(2, 1)
    assert waiting(queue) == [3, 2, 1, 4]
    queue.move_before(1, 1)
    assert waiting(queue) == [3, 2, 1, 4]


def test_a_job_that_is_first_or_last_by_its_priority_keeps_it_when_it_moves_there(queue: Queue) -> None:
    queue.add_all([new_job(), new_job(priority=5), new_job(priority=-2)])
    assert [queue.move_to_top(2).priority, queue.move_to_end(3).priority] == [5, -2]
    queue.add(new_job(priority=1))  # which would have overtaken it
    assert waiting(queue) == [2, 4, 1, 3]


def test_jobs_can_be_moved_between_two_for_ever(queue: Queue) -> None:
    queue.add_all([new_job() for _ in range(4)])
    for _ in range(12):  # each halves the room between two neighbours
        queue.move_before(4, 2)
        queue.move_before(3, 2)
        assert waiting(queue) == [1, 4, 3, 2]
        queue.move_before(3, 4)
        assert waiting(queue) == [1, 3, 4, 2]


def test_only_what_waits_can_be_moved(queue: Queue) -> None:
    queue.add_all([new_job(), new_job()])
    queue.cancel(1)
    with pytest.raises(JobError, match="Job 1 is cancelled; only one that is waiting or held can be moved"):
        queue.move_to_top(1)
    with pytest.raises(JobError, match="moved before"):
        queue.move_before(2, 1)


def test_a_held_job_waits_until_it_is_retried(queue: Queue) -> None:
    queue.add_all([new_job(), new_job()])
    assert queue.hold(1).reason == "by hand"
    assert waiting(queue) == [2]
    queue.retry(1)
    assert waiting(queue) == [1, 2]
    assert kinds(queue, 1) == ["added", "held", "retried"]


def test_a_cancelled_job_never_runs(worked: Queue, tmp_path: Path) -> None:
    worked.add_all([new_job(), new_job()])
    worked.cancel(1)
    run_all(worked.store, tmp_path)
    assert [worked.job(1).state, worked.job(2).state] == ["cancelled", "done"]
    with pytest.raises(JobError, match="Job 2 is done"):
        worked.cancel(2)


def test_the_pause_is_kept_in_the_store_and_says_why(queue: Queue) -> None:
    queue.pause("the card is hot")
    state = Queue(queue.store).state()
    assert (state.is_paused, state.reason) == (True, "the card is hot")
    queue.resume()
    assert not queue.state().is_paused
    assert [event.kind for event in queue.events()] == ["paused", "resumed"]


def test_a_requeued_job_runs_from_its_first_stage_as_another_run(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job())
    run_all(worked.store, tmp_path)
    first = worked.job(1).run_id
    worked.requeue(1)
    run_all(worked.store, tmp_path)
    assert worked.job(1).attempt == 2
    assert worked.job(1).run_id != first
    assert [step.state for step in worked.steps(1)] == ["done", "done"]
    assert {len(worked.store.load_run(run_id).images) for run_id in (first, worked.job(1).run_id)} == {1}


def test_a_rerun_keeps_what_the_stages_before_left_and_takes_other_options(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job({**DRAW, "options": {"template": "a {fox|owl|cat|dog|elk}"}}, RENDER))
    generator = FakeGenerator(tmp_path)
    run_all(worked.store, tmp_path, lane(generator))
    worked.rerun(1, "render", {"steps": 7})
    run_all(worked.store, tmp_path, lane(generator))
    before, after = generator.history
    assert before[0].replacing(steps=7) == after[0]
    assert before[1].run_id != after[1].run_id == worked.job(1).run_id
    assert [step.state for step in worked.steps(1)] == ["kept", "done"]
    assert len(worked.store.load_run(worked.job(1).run_id).images) == 1
    worked.rerun(1, "draw", {"template": "an elk"}, others={"render": {"steps": 9}})
    run_all(worked.store, tmp_path, lane(generator))
    assert (generator.history[2][0].positive, generator.history[2][0].steps) == ("an elk", 9)


ENHANCE = {"id": "more", "type": "llmEnhance", "options": {"seed": 4}}


def rewired(*stages: dict[str, object]) -> PipelineSpec:
    return new_job(*stages).pipeline


def test_a_rerun_takes_the_pipeline_as_it_is_wired_now_and_keeps_what_is_as_it_was(
    worked: Queue, tmp_path: Path
) -> None:
    draw = {**DRAW, "options": {"template": "a {fox|owl|cat|dog|elk}", "seed": 3}}
    worked.add(new_job(draw, {**RENDER, "id": "gone"}, {**RENDER, "needs": ["draw"]}))
    generator = FakeGenerator(tmp_path)
    run_all(worked.store, tmp_path, lane(generator))
    unseeded = {**draw, "options": {"template": "a {fox|owl|cat|dog|elk}"}}
    worked.rerun(1, "render", pipeline=rewired(unseeded, ENHANCE, {**RENDER, "needs": ["more"]}))
    run_all(worked.store, tmp_path, lane(generator))
    assert worked.job(1).state == "done", worked.job(1).error
    assert [(step.stage, step.state) for step in worked.steps(1)] == [
        ("draw", "kept"), ("more", "done"), ("render", "done"),
    ]  # fmt: skip
    assert len(generator.history) == 3
    assert generator.history[2][0].positive.startswith(generator.history[0][0].positive)
    assert generator.history[2][0].positive != generator.history[0][0].positive
    assert [stage.id for stage in worked.job(1).pipeline.stages] == ["draw", "more", "render"]  # type: ignore[union-attr]


def test_an_earlier_stage_that_changed_is_done_again_too_and_that_is_told(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job(DRAW, ENHANCE, RENDER))
    run_all(worked.store, tmp_path)
    other = {**DRAW, "options": {**DRAW["options"], "template": "an elk"}}
    worked.rerun(1, "render", pipeline=rewired(other, ENHANCE, RENDER))
    assert [event.text for event in worked.events() if event.kind == "rerun"] == ["from render and draw"]
    run_all(worked.store, tmp_path)
    assert [step.state for step in worked.steps(1)] == ["done", "done", "done"]
    assert worked.store.load_run(worked.job(1).run_id).draft.positive.startswith("an elk")


def test_what_a_rerun_has_not_begun_yet_is_not_forgotten_by_the_next(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job())
    run_all(worked.store, tmp_path)
    worked.rerun(1, "draw", {"template": "an elk"})
    worked.hold(1)
    worked.rerun(1, "render")
    run_all(worked.store, tmp_path)
    assert worked.store.load_run(worked.job(1).run_id).draft.positive == "an elk"


def test_an_order_of_stages_that_changed_does_not_confuse_what_they_left(worked: Queue, tmp_path: Path) -> None:
    one, two = ({**RENDER, "id": name, "needs": ["draw"]} for name in ("one", "two"))
    worked.add(new_job(DRAW, one, two))
    run_all(worked.store, tmp_path)
    worked.rerun(1, "one", pipeline=rewired(DRAW, two, one))
    run_all(worked.store, tmp_path)
    assert [(step.stage, step.state) for step in worked.steps(1)] == [
        ("draw", "kept"), ("two", "kept"), ("one", "done"),
    ]  # fmt: skip


def test_a_pipeline_that_cannot_run_is_refused_and_the_job_stays(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job())
    run_all(worked.store, tmp_path)
    with pytest.raises(PipelineError, match="steps"):
        worked.rerun(1, "render", pipeline=rewired(DRAW, {**RENDER, "options": {"steps": 0}}))
    with pytest.raises(PipelineError, match="one item of a batch"):
        worked.rerun(1, "render", pipeline=rewired(DRAW, RENDER).model_copy(update={"batch": ((),)}))
    with pytest.raises(JobError, match="no stage 'render'"):
        worked.rerun(1, "render", pipeline=rewired(DRAW))
    assert worked.job(1).state == "done"


def test_a_rerun_with_what_cannot_be_is_refused(worked: Queue, tmp_path: Path) -> None:
    worked.add(new_job())
    with pytest.raises(JobError, match="Job 1 is waiting"):
        worked.rerun(1, "render")
    run_all(worked.store, tmp_path)
    with pytest.raises(JobError, match=r"no stage 'paint'.*draw, render"):
        worked.rerun(1, "paint")
    with pytest.raises(PipelineError, match="steps"):
        worked.rerun(1, "render", {"steps": 0})
    with pytest.raises(PipelineError, match="From 'render' on, 'draw' is not done again"):
        worked.rerun(1, "render", others={"draw": {"seed": 1}})
    assert worked.job(1).state == "done"


def test_a_prompt_that_is_drawn_already_is_only_rendered(worked: Queue, tmp_path: Path) -> None:
    run = Run("drawn", PromptDraft((Component("an owl"),), seed=5))
    worked.add(new_job(RENDER, run=run_to_json(run)))
    generator = FakeGenerator(tmp_path)
    run_all(worked.store, tmp_path, lane(generator))
    assert (generator.history[0][0].positive, generator.history[0][1].run_id) == ("an owl", "drawn")
    assert worked.store.load_run("drawn").draft == run.draft


def test_jobs_are_listed_by_state_by_page_and_by_words(queue: Queue) -> None:
    queue.add_all([new_job(title=f"Fox {n}", tags=["red" if n % 2 else "grey"]) for n in range(6)])
    queue.cancel(2)
    assert [job.number for job in queue.page(["waiting", "cancelled"], 2, 1)] == [5, 4]
    assert [job.number for job in queue.page(text="fox 3")] == [4]
    assert [job.number for job in queue.page(text="RED")] == [6, 4, 2]
    assert queue.state().counts == {"waiting": 5, "running": 0, "held": 0, "done": 0, "failed": 0, "cancelled": 1}


def test_who_asks_again_with_the_last_number_misses_nothing_that_happened(queue: Queue) -> None:
    queue.add_all([new_job(), new_job()])
    seen = queue.events()
    queue.cancel(2)
    assert [(event.kind, event.job) for event in queue.events(seen[-1].number)] == [("cancelled", queue.job(2).id)]


def test_old_jobs_are_forgotten_and_their_runs_stay(worked: Queue, tmp_path: Path) -> None:
    worked.add_all([new_job(), new_job()])
    worked.hold(2)
    run_all(worked.store, tmp_path)
    run_id = worked.job(1).run_id
    assert worked.forget(1) == 0
    assert worked.forget(-1) == 1
    assert [job.number for job in worked.page()] == [2]
    assert worked.store.load_run(run_id).images
