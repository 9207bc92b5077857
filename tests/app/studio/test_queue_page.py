"""The Queue page: what it sends and when, what its buttons do, and what Generate and Batch put into the queue."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.queue_adding import NOBODY, RENDERED_ONCE
from orchestrator_app.studio.session import Session
from orchestrator_core.formats.run_json import run_from_json
from orchestrator_core.jobs.model import Job
from orchestrator_core.jobs.place import QueuePlace
from tests.app.studio.queue_jobs import add, place_at, progress
from tests.app.studio.studio_fakes import environment
from tests.core.jobs.at_work import eventually, lane, run_all
from tests.fakes import FakeGenerator, FakeLanguageModel

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

CLICK = "\u241f1"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[QueuePlace]:
    found = place_at(tmp_path)
    yield found
    found.close()


class Page:
    """The page; events are called as gradio calls them, and what they send is kept by element."""

    def __init__(self, place: QueuePlace | None) -> None:
        from orchestrator_app.studio.pages.queue import QueuePage
        from orchestrator_app.studio.queue_desk import QueueDesk

        self.session, self.seen = Session(), dict[Any, Any]()
        with gr.Blocks(analytics_enabled=False):
            with gr.Tabs(), gr.Tab("Queue") as tab:
                self.page = QueuePage(QueueDesk(place), gr.State(self.session), tab)
            self.page.connect()
        self.tools, self.details = self.page.tools, self.page.details

    def take(self, values: Sequence[Any], elements: Sequence[Any] | None = None) -> list[Any]:
        """The elements that something new was sent to."""
        changed = []
        for element, value in zip(elements or self.page.shown, values, strict=True):
            if value != gr.update():
                changed.append(element)
                self.seen[element] = value
        return changed

    def open(self) -> Page:
        self.take(self.page._on_open(self.session))
        return self

    def look(self) -> list[Any]:
        return self.take(self.page._on_look(self.session))

    def pick(self, number: int) -> Page:
        self.take(self.page._on_pick(self.session, f"{number}{CLICK}"))
        return self

    def act(self, do_it: Any, *values: Any) -> str:
        said, *rest = self.page._doing(do_it)(self.session, *values)
        self.take(rest)
        return str(said)

    def do(self, text: str) -> str:
        return self.act(self.page._do, text + CLICK)

    def __getitem__(self, name: str) -> Any:
        holder = next(one for one in (self.page, self.tools, self.details) if hasattr(one, name))
        return self.seen[getattr(holder, name)]


@pytest.fixture
def page(place: QueuePlace) -> Page:
    return Page(place)


def test_a_look_sends_what_has_changed_and_nothing_else(page: Page, place: QueuePlace):
    number, _ = add(place.open(), "running", "waiting")
    page.open()
    assert page.look() == []
    progress(place.open(), number, 7)
    assert page.look() == [page.page.running]
    assert "sampler 7/20" in page["running"]
    place.open().pause("the night is over")
    assert page.look() == [page.page.summary, page.tools.pause]
    assert "the night is over" in page["summary"]
    assert page["pause"]["value"] == "Resume"
    assert page.look() == []


def test_details_that_are_open_go_on_with_their_job(page: Page, place: QueuePlace):
    (number,) = add(place.open(), "running")
    page.open().pick(number)
    progress(place.open(), number, 9)
    assert page.look() == [page.page.running, page.details.text]
    assert "sampler 9/20" in page["text"]


def test_pausing_and_resuming(page: Page, place: QueuePlace):
    page.open().act(page.tools.pause_it)
    assert place.open().state().is_paused
    page.act(page.tools.pause_it)
    assert not place.open().state().is_paused
    assert page["pause"]["value"] == "Pause"


def test_who_works_here_is_said_and_can_be_asked_to(page: Page, place: QueuePlace):
    page.open()
    assert "Nobody works on the queue. The studio does not work on the queue" in page["summary"]
    assert page["work"]["value"] == "Start working here"
    page.act(page.tools.work_here)
    eventually(lambda: page.look() and page["work"]["value"] == "Stop working here")
    assert "1 program works on the queue" in page["summary"]
    assert "has stopped" in page.act(page.tools.work_here)
    page.look()
    assert "Nobody works" in page["summary"]


def test_a_job_is_run_again_from_a_stage_with_other_options(page: Page, place: QueuePlace):
    (number,) = add(place.open(), "failed", error="too many steps")
    page.open().pick(number)
    assert "too many steps" in page["text"]
    assert page["stage"]["choices"] == ["render"]
    said = page.act(page.page._rerun, "render", "steps=30\n\n cfg = 5 ")
    assert f"Job {number} waits" in said
    job = place.open().job(number)
    assert job.pipeline is not None
    assert job.pipeline.stages[0].options == {"checkpoint": "dream.safetensors", "steps": 30, "cfg": 5}
    assert page["again"]["visible"] is False  # it waits
    assert "only one that is" in page.act(page.page._rerun, "render", "")


def test_an_option_that_cannot_be_leaves_the_job_as_it_is(page: Page, place: QueuePlace):
    (number,) = add(place.open(), "done")
    page.open().pick(number)
    assert "steps" in page.act(page.page._rerun, "render", "steps=many")
    assert "sets nothing" in page.act(page.page._rerun, "render", "steps")
    assert place.open().job(number).state == "done"


def test_a_priority_is_set(page: Page, place: QueuePlace):
    (number,) = add(place.open(), "waiting")
    page.open().pick(number)
    assert "has priority 3" in page.act(page.page._prioritise, 3)
    assert "whole number" in page.act(page.page._prioritise, None)
    assert place.open().job(number).priority == 3


def test_rows_are_changed_and_what_could_not_be_is_said(page: Page, place: QueuePlace):
    add(place.open(), "waiting", "done")
    page.open()
    said = page.do("hold 1,2")
    assert "Job 1 held" in said
    assert "Job 2 is done" in said
    assert "by hand" in page["rows"]
    assert "nothing here can do" in page.do("explode 1")


def test_a_job_that_is_gone_is_said_in_its_details(page: Page, place: QueuePlace):
    (number,) = add(place.open(), "done")
    page.open().pick(number)
    place.open().forget(0)
    page.look()
    assert f"There is no job {number}" in page["text"]


def test_what_ended_is_cleared_of_the_state_that_is_listed(page: Page, place: QueuePlace):
    add(place.open(), "done", "failed", "waiting")
    page.open()
    assert "2 jobs" in page.tools.asked_to_clear(page.session)[1]
    page.take(page.page._on_filter(page.session, "done" + CLICK))
    assert "1 job " in page.tools.asked_to_clear(page.session)[1]
    assert "1 job deleted" in page.act(page.tools.forget)
    assert place.open().state().counts == {**dict.fromkeys(place.open().state().counts, 0), "failed": 1, "waiting": 1}


def test_the_queue_goes_to_a_file_and_back(page: Page, place: QueuePlace, tmp_path: Path):
    update, said = page.tools.export_it()
    assert "No job waits" in said
    add(place.open(), "waiting", "held", "done")
    update, said = page.tools.export_it()
    text = Path(update["value"]).read_text("utf-8")
    assert len(text.splitlines()) == 2
    (tmp_path / "q.jsonl").write_bytes(text.encode() + b"not a job \xff\n")
    said = page.act(page.tools.import_it, str(tmp_path / "q.jsonl"))
    assert "2 jobs added" in said
    assert "line 3" in said
    assert place.open().state().counts["waiting"] == 3


def test_without_a_queue_the_page_says_so():
    page = Page(None).open()
    assert "has no queue" in page["summary"]
    assert page.look() == []
    assert "has no queue" in page.do("cancel 1")


# what Generate and Batch put into it


class Studio:
    """All pages; a button's function is called as gradio calls it, with what the elements hold at first."""

    def __init__(self, folder: Path) -> None:
        from orchestrator_app.studio.build import build

        self.folder, self.place, self.session = folder, place_at(folder), Session()
        self.blocks = build(replace(environment(folder), queue=self.place))
        self.by_id = {one.elem_id: one for one in self.blocks.blocks.values() if getattr(one, "elem_id", None)}

    def emptied(self) -> Studio:
        queue = self.place.open()
        for job in queue.page(["waiting"]):
            queue.cancel(job.number)
        queue.forget(-1)
        self.session = Session()
        return self

    def click(self, button: str, **values: Any) -> str:
        given = {self.by_id[f"orchestrator_{name}"]: value for name, value in values.items()}
        found = next(one for one in self.blocks.fns.values() if (self.by_id[button]._id, "click") in one.targets)
        inputs = [self.session if isinstance(one, gr.State) else given.get(one, one.value) for one in found.inputs]
        said = found.fn(*inputs)
        return str(said[0] if isinstance(said, tuple) else said)

    def jobs(self) -> list[Job]:
        queue = self.place.open()
        return [queue.job(job.number) for job in queue.page(["waiting"])]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """To build all pages takes seconds."""
    found = Studio(tmp_path_factory.mktemp("studio"))
    yield found
    found.place.close()


@pytest.fixture
def studio(built: Studio) -> Studio:
    return built.emptied()


def test_what_generate_shows_is_queued_and_rendered_as_it_is(studio: Studio):
    wish = {"generate_prompt_template": "a {fox|owl|cat|dog}", "generate_prompt_seed": "7", "count": 3}
    said = studio.click("orchestrator_to_queue", **wish, target="ComfyUI")
    assert "3 jobs added to the queue: " in said
    assert NOBODY in said
    added = studio.jobs()
    drawn = [run_from_json(job.run).draft for job in added]
    assert [(job.target, job.title) for job in added] == [("comfyui", draft.positive) for draft in drawn]
    assert [draft.seed for draft in drawn] == [7, 8, 9]
    generator, store = FakeGenerator(studio.folder), studio.place.open().store
    run_all(store, studio.folder, lane(generator, "comfyui"))
    assert [request.positive for request, _ in generator.history] == [draft.positive for draft in drawn]
    stored = store.load_run(added[0].run_id)
    assert stored.draft == drawn[0]
    assert stored.images


def test_what_cannot_be_drawn_is_not_queued(studio: Studio):
    assert "Prompts is 0" in studio.click("orchestrator_to_queue", count=0)
    assert "Steps" in studio.click("orchestrator_to_queue", dispatch_steps=0)
    assert studio.jobs() == []


def test_rows_of_a_batch_are_queued_for_their_targets(studio: Studio, tmp_path: Path):
    from orchestrator_app.studio.batch import read_files

    assert "nothing to add" in studio.click("orchestrator_batch_to_queue")
    (tmp_path / "p.json").write_text('[{"prompt": "one", "target": "comfyui"}, {"prompt": "two"}, {"prompt": "three"}]')
    rows = read_files([tmp_path / "p.json"], ["Forge", "ComfyUI"]).rows
    studio.session.rows = (*rows[:2], replace(rows[2], target="Elsewhere"))
    elements = {f"row{place}_text": row.wish.template for place, row in enumerate(rows)}
    elements |= {f"row{place}_target": row.target for place, row in enumerate(studio.session.rows)}
    elements |= {f"row{place}_seed": str(row.seed) for place, row in enumerate(rows)}
    said = studio.click("orchestrator_batch_to_queue", **elements)
    assert "2 jobs added" in said
    assert "1 row cannot be rendered" in said
    assert [(job.title, job.target) for job in studio.jobs()] == [("one", "comfyui"), ("two", "forge")]


def test_what_a_language_model_is_still_to_be_asked_for_is_a_stage_of_the_job(tmp_path: Path):
    from orchestrator_app.studio.choosing import Wanted
    from orchestrator_app.studio.job import Task
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_app.studio.pages.generate_elements import Rendering
    from orchestrator_app.studio.preparing import Wishes
    from orchestrator_app.studio.queue_adding import jobs_of
    from orchestrator_core.pipeline import new_run
    from orchestrator_core.prompt import Component, PromptDraft
    from orchestrator_core.stages import dispatch, llm_enhance

    live = LiveEnvironment(environment(tmp_path))
    run = new_run().replacing(draft=PromptDraft((Component("a fox"),), seed=1))
    task = Task(1, live.target(""), run, dispatch.Options(steps=8))
    wanted = Rendering(task.options, Wanted(), Wishes(enhance=llm_enhance.Options()))
    (by_rules,) = jobs_of(live, [task], wanted)
    assert [stage.type for stage in by_rules.pipeline.stages] == ["dispatch"]
    enhanced = run_from_json(by_rules.run).draft
    assert enhanced.enhanced is not None  # it is as the page shows it

    class Models:
        def get(self, settings: Settings) -> FakeLanguageModel:
            return FakeLanguageModel()

    live = LiveEnvironment(replace(live.environment, models=Models()))
    (by_model,) = jobs_of(live, [task], wanted)
    assert [stage.type for stage in by_model.pipeline.stages] == ["llmEnhance", "dispatch"]
    assert by_model.pipeline.stages[1].options == {"steps": 8}
    assert run_from_json(by_model.run).draft == run.draft


def test_what_only_generate_can_do_is_said(studio: Studio):
    assert html.escape(RENDERED_ONCE) in studio.click("orchestrator_to_queue", retry=True)
