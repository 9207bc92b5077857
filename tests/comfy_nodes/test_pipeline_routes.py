"""The routes by which the page shows and changes the queue, and makes workflows of pipelines and pipelines of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.pipeline_routes import PipelinePart, pipeline_routes
from comfy_nodes.routes import Reply
from orchestrator_core.formats.pipeline_workflow import workflow_of
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.place import QueuePlace
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import pipeline_from, pipeline_to_json
from tests.comfy_nodes.test_routes import Asked, Body
from tests.fakes import awaited

STAGES: list[dict[str, Any]] = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|blue} fox", "seed": 7}},
    {"id": "render", "type": "dispatch", "options": {"checkpoint": "dream.safetensors"}},
]
FOX = pipeline_from(STAGES)


class Page:
    """Asks the routes as the page does."""

    def __init__(self, folder: Path) -> None:
        self.place = QueuePlace("ComfyUI", lambda: nullcontext([]), is_wanted=lambda: False)
        self.asked: list[list[str]] = []
        part = PipelinePart(self.place, lambda: folder, self._info, self._view)
        self._routes = {(one.method, one.path): one.handler for one in pipeline_routes(part)}

    @cached_property
    def queue(self) -> Queue:
        return self.place.open()

    def _info(self, kinds: Any) -> dict[str, Any]:
        self.asked.append(sorted(kinds))
        loader = {"input": {"required": {"ckpt_name": [["first.safetensors", "second.safetensors"]]}}}
        return {"CheckpointLoaderSimple": loader} if self.asked[-1] == ["CheckpointLoaderSimple"] else {}

    def _view(self, path: Path) -> dict[str, str] | None:
        return {"filename": path.name, "subfolder": "", "type": "output"} if "out" in path.parts else None

    def reply(self, path: str, **body: Any) -> Reply:
        return awaited(self._routes["POST", f"/orchestrator/{path}"](Asked("POST", Body(json.dumps(body).encode()))))

    def post(self, path: str, **body: Any) -> Any:
        found = self.reply(path, **body)
        assert found.status == 200, found.data
        return json.loads(json.dumps(found.data))

    def get(self, path: str, **query: str) -> Any:
        found = awaited(self._routes["GET", f"/orchestrator/{path}"](Asked("GET", query=query)))
        assert found.status == 200, found.data
        return json.loads(json.dumps(found.data))

    def refused(self, path: str, **body: Any) -> str:
        found = self.reply(path, **body)
        assert found.status == 400
        return str(found.data["error"])

    def add(self, count: int, **more: Any) -> list[int]:
        jobs = [NewJob(pipeline=FOX, title=f"fox {number}", **more) for number in range(1, count + 1)]
        return [added.job.number for added in self.queue.add_all(jobs)]

    def order(self, view: str = "open") -> list[int]:
        return [row["number"] for row in self.get("queue", view=view)["rows"]]

    def set(self, number: int, **columns: Any) -> None:
        from orchestrator_core.store import jobs

        with self.queue.store.writing() as connection:
            jobs.change(connection, self.queue.job(number).id, **columns)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    found = Page(tmp_path / "pipelines")
    yield found
    found.place.close()


# the queue


def test_a_list_is_the_queue_in_its_order_in_pieces(page: Page):
    page.add(500)
    first = page.get("queue", limit="60")
    assert (len(first["rows"]), first["total"], first["counts"]["waiting"]) == (60, 500, 500)
    assert [row["title"] for row in page.get("queue", offset="470", limit="60")["rows"]] == [
        f"fox {number}" for number in range(471, 501)
    ]
    found = page.get("queue", text="FOX 49")
    assert (found["total"], found["rows"][0]["title"]) == (11, "fox 49")


def test_what_runs_comes_first_and_what_is_held_last(page: Page):
    one, two, three, four = page.add(4)
    page.post("queue/act", jobs=[two], deed="hold")
    page.set(three, state="running", stage="render", progress=json.dumps({"what": "KSampler", "step": 3, "steps": 20}))
    assert page.order() == [three, one, four, two]
    (running,) = page.get("queue/state")["running"]
    assert (running["number"], running["stage"], running["progress"]["step"]) == (three, "render", 3)
    rest = page.get("queue", offset="1", limit="2")
    assert [row["number"] for row in rest["rows"]] == [one, four]


def test_jobs_are_moved_held_and_cancelled_together_and_what_cannot_be_is_told(page: Page):
    one, two, three, four = page.add(4)
    page.post("queue/act", jobs=[three, four], deed="top")
    assert page.order() == [three, four, one, two]
    page.post("queue/act", jobs=[two], before=three)
    assert page.order() == [two, three, four, one]
    page.post("queue/act", jobs=[three], deed="end")
    page.post("queue/act", jobs=[one], priority=5)
    assert page.order() == [one, two, four, three]
    done = page.post("queue/act", jobs=[one, two, 99], deed="cancel")
    assert (done["done"], done["counts"]["cancelled"], len(done["problems"])) == (2, 2, 1)
    assert "no job 99" in done["problems"][0]
    many = page.post("queue/act", jobs=[one, two, 97, 98, 99], deed="hold")
    assert (many["done"], len(many["problems"]), many["problems"][-1]) == (0, 4, "… and 2 more")
    page.post("queue/act", jobs=[one], deed="requeue")
    assert page.order()[-1] == one


def test_the_number_of_the_last_event_is_another_after_each_change(page: Page):
    (number,) = page.add(1)
    seen = [page.get("queue/state")["event"]]
    page.post("queue/act", jobs=[number], deed="hold")
    seen.append(page.get("queue/state")["event"])
    seen.append(page.post("queue/pause", paused=True)["event"])
    assert len(set(seen)) == 3


def test_the_queue_is_paused_and_resumed(page: Page):
    assert page.post("queue/pause", paused=True)["paused"] is True
    assert page.get("queue/state")["paused"] is True
    found = page.post("queue/pause", paused=False)
    assert (found["paused"], found["worker"]["doing"]) == (False, "off")
    assert "setting" in found["worker"]["why"]


def test_one_in_full_has_its_stages_its_error_its_history_and_its_images(page: Page, tmp_path: Path):
    (number,) = page.add(1)
    run_id = page.queue.job(number).run_id
    request = GenerationRequest("a red fox")
    shown, elsewhere = tmp_path / "out" / "a.png", tmp_path / "b.png"
    images = tuple(GeneratedImage(path, request, run_id) for path in (shown, elsewhere))
    page.queue.store.save_run(Run(run_id, PromptDraft((Component("a red fox"),)), images))
    page.set(number, state="done", error="<b>not</b> markup", detail="the whole of it")
    found = page.get("queue/job", job=str(number))
    assert [(stage["id"], stage["outcome"]) for stage in found["stages"]] == [("draw", ""), ("render", "")]
    assert (found["error"], found["detail"]) == ("<b>not</b> markup", "the whole of it")
    assert [event["kind"] for event in found["history"]] == ["added"]
    view = {"filename": "a.png", "subfolder": "", "type": "output"}
    assert found["images"] == [{"name": "a.png", "view": view}, {"name": "b.png", "view": None}]
    assert page.get("queue", view="ended")["rows"][0]["images"] == [{"name": "a.png", "view": view}]


def test_a_stage_is_done_again_with_another_option(page: Page):
    (number,) = page.add(1)
    page.post("queue/act", jobs=[number], deed="cancel")
    page.post("queue/rerun", job=number, stage="render", options={"steps": 3})
    job = page.queue.job(number)
    assert (job.state, job.start) == ("waiting", "render")
    assert job.pipeline is not None
    assert job.pipeline.stages[1].options["steps"] == 3
    assert "is waiting; only one that is" in page.refused("queue/rerun", job=number, stage="nothing")


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("queue/act", {"jobs": []}, "jobs"),
        ("queue/act", {"jobs": [1]}, "give one of deed, before and priority"),
        ("queue/act", {"jobs": [1], "deed": "explode"}, "deed"),
        ("queue/pause", {}, "paused"),
        ("pipelines/export", {}, "give either the name"),
        ("pipelines/export", {"name": "nothing"}, "There is no pipeline 'nothing'"),
        ("pipelines/import", {"workflow": {"nodes": []}}, "no Wildcard Prompt"),
        ("pipelines/save", {"name": "../up", "pipeline": STAGES}, "is no name for a pipeline"),
        ("pipelines/save", {"name": "quick", "pipeline": STAGES}, "bundled pipeline, which stays"),
        ("pipelines/save", {"name": "mine", "pipeline": [{"id": "a", "type": "fly"}]}, "fly"),
        ("pipelines/queue", {"workflow": {"nodes": []}, "count": 0}, "count"),
    ],
)
def test_what_cannot_be_asked_for_is_told(page: Page, path: str, body: dict[str, Any], told: str):
    assert told in page.refused(path, **body)


# pipelines


def test_a_pipeline_becomes_a_workflow_with_the_first_checkpoint_and_comes_back(page: Page):
    found = page.post("pipelines/export", name="story")
    assert "first.safetensors" in json.dumps(found["workflow"])
    assert any("has_loras" in line for line in found["told"])
    back = page.post("pipelines/import", workflow=found["workflow"], name="canvas")
    assert back["pipeline"] == pipeline_to_json(bundled_pipeline("story"))
    assert any("has_loras" in line for line in back["kept"])
    assert "OrchestratorWildcardPrompt" in page.asked[-1]
    assert page.post("pipelines/export", pipeline=STAGES)["told"] == []


def test_ones_own_are_saved_listed_and_replaced_only_when_asked(page: Page):
    saved = page.post("pipelines/save", name="mine", pipeline=STAGES)
    assert saved == {"name": "mine", "is_there": False}
    assert page.post("pipelines/save", name="mine", pipeline=STAGES[:1]) == {"name": "mine", "is_there": True}
    listed = {one["name"]: one for one in page.get("pipelines")["pipelines"]}
    assert list(listed) == [*bundled_files(), "mine"]
    assert (listed["mine"]["is_own"], listed["mine"]["stages"]) == (True, ["draw", "render"])
    page.post("pipelines/save", name="mine", pipeline=STAGES[:1], replace=True)
    assert page.get("pipelines")["pipelines"][-1]["stages"] == ["draw"]
    assert page.post("pipelines/export", name="mine")["name"] == "mine"


def test_a_file_that_is_damaged_is_listed_with_its_problem(page: Page, tmp_path: Path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "bad.json").write_text("{")
    assert "bad.json" in page.get("pipelines")["pipelines"][-1]["problem"]


def test_the_canvas_goes_into_the_queue_as_often_as_asked_each_with_a_seed_of_its_own(page: Page):
    workflow = workflow_of(FOX).workflow
    added = page.post("pipelines/queue", workflow=workflow, name="fox", count=3, priority=2, target="forge")
    assert (added["count"], added["first"]) == (3, 1)
    jobs = [page.queue.job(number) for number in page.order()]
    assert [(job.title, job.priority) for job in jobs] == [("fox 1", 2), ("fox 2", 2), ("fox 3", 2)]
    assert {job.target for job in jobs} == {"forge"}
    assert [job.pipeline.stages[0].options["seed"] for job in jobs if job.pipeline] == [7, 8, 9]
    page.post("pipelines/queue", workflow=workflow_of(bundled_pipeline("quick")).workflow, count=2)
    seeds = [page.queue.job(number).pipeline.stages[0].options["seed"] for number in (4, 5)]  # type: ignore[union-attr]
    assert seeds[0] != seeds[1]


def test_a_batch_is_multiplied_and_too_much_is_refused_with_its_count(page: Page):
    workflow = workflow_of(bundled_pipeline("explore-and-learn")).workflow
    assert page.post("pipelines/queue", workflow=workflow, count=2)["count"] == 16
    told = page.refused("pipelines/queue", workflow=workflow, count=10_000)
    assert "That is 80,000 jobs (10,000 times 8 (seeds))" in told
    assert len(page.order()) == 16
