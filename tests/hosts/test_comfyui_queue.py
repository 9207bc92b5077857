"""The queue and pipelines on ComfyUI's real page: 500 rows, moved by mouse and by keys; workflows there and back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_app.example_workflows_graphs import DEFINITIONS
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.pipeline_workflow import workflow_of
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline
from orchestrator_core.spec import pipeline_from, pipeline_to_json
from orchestrator_core.store import Store, jobs
from tests.hosts.canvas import Canvas, open_canvas, open_page
from tests.hosts.comfyui import ComfyUI
from tests.hosts.pack_page import PackPage
from tests.hosts.queue_rows import empty_queue
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS
from tests.hosts.test_comfyui_web import FRONTENDS, NEWEST, newest
from tests.hosts.test_example_workflows import SMALL, saved_by, wait_for_image, with_scorer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = [pytest.mark.host, pytest.mark.slow]
__all__ = ["newest"]

CHECKPOINT = "tiny-sd15.safetensors"
FOX = pipeline_from(
    [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|blue} fox", "seed": 7}},
        {"id": "go", "type": "dispatch", "options": {"checkpoint": CHECKPOINT, "width": 64, "height": 64, "steps": 2}},
    ]
)  # fmt: skip
ORDER = """count => [...document.querySelectorAll('.orj-row')]
    .sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
    .slice(0, count).map(row => row.querySelector('b')?.textContent)"""
FIRST = f"wanted => JSON.stringify(({ORDER})(wanted.length)) === JSON.stringify(wanted)"
IMPORT = """async () => {
    const {workflow} = await app.graphToPrompt();
    const body = JSON.stringify({workflow});
    const headers = {'Content-Type': 'application/json'};
    return (await fetch('/orchestrator/pipelines/import', {method: 'POST', headers, body})).json();
}"""
SEEN = """() => app.graph._nodes.every(({pos, size}) => {
    const {scale, offset} = app.canvas.ds, {clientWidth, clientHeight} = app.canvas.canvas;
    const ends = [pos[0], pos[0] + size[0]].map(x => (x + offset[0]) * scale);
    return Math.min(...ends) > 0 && Math.max(...ends) < clientWidth && (pos[1] + offset[1]) * scale < clientHeight;
})"""


class Page(PackPage):
    """A page with the queue of its server beside it."""

    def __init__(self, server: ComfyUI, page: Any) -> None:
        super().__init__(page, server.folder / "output")
        self.server = server
        self.canvas = Canvas(page)

    @contextmanager
    def queue(self) -> Iterator[Queue]:
        with Store.open(f"sqlite:///{self.server.store}") as store:
            yield Queue(store)

    @property
    def panel(self) -> Locator:
        return self.page.locator(".orj-panel")

    def row(self, title: str) -> Locator:
        return self.page.locator(".orj-row", has=self.page.locator("b", has_text=title)).first

    def wait_for_order(self, *titles: str) -> None:
        self.page.wait_for_function(FIRST, arg=list(titles))

    def leave(self) -> None:
        """The tab as a person finds it who opens it for the first time, closed."""
        if self.panel.count():
            if (back := self.panel.get_by_label("Back to the list")).count():
                back.click()
            self.page.locator("[data-view=open]").click()
            self.command_of_host("Workspace.ToggleSidebarTab.orchestrator-queue")
            self.panel.wait_for(state="detached")

    def command_of_host(self, name: str) -> None:
        self.page.evaluate("id => { app.extensionManager.command.execute(id) }", name)

    def photograph(self, name: str) -> None:
        """For people to look at, where they say a folder."""
        if folder := os.environ.get("ORCHESTRATOR_LOOK"):
            self.page.wait_for_timeout(600)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def opened(chromium: Browser) -> Iterator[Callable[[ComfyUI], Page]]:
    """A page of each server, opened once."""
    pages: dict[str, Page] = {}
    problems: list[str] = []
    with ExitStack() as stack:

        def page_of(server: ComfyUI) -> Page:
            if server.url not in pages:
                context = chromium.new_context(viewport={"width": 1500, "height": 1000})
                stack.callback(context.close)
                pages[server.url] = Page(server, open_page(context, server.url, SETTINGS))
                pages[server.url].page.set_default_timeout(60_000)
                pages[server.url].page.on("pageerror", lambda error: problems.append(str(error.stack)))
            return pages[server.url]

        yield page_of
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


@pytest.fixture(params=FRONTENDS[:2])
def page(request: pytest.FixtureRequest, opened: Callable[[ComfyUI], Page]) -> Iterator[Page]:
    server: ComfyUI = request.getfixturevalue("newest" if NEWEST in request.param else "comfyui")
    found = opened(server)
    empty_queue(server.store)
    with found.queue() as queue:
        queue.pause()
    yield found
    found.leave()
    empty_queue(server.store)


def fill(page: Page, count: int) -> None:
    with page.queue() as queue:
        new = [NewJob(pipeline=FOX, title=f"fox {number}", target="comfyui") for number in range(1, count + 1)]
        added = [one.job for one in queue.add_all(new)]
        more = queue.add_all([NewJob(pipeline=FOX, title=f"<b>old</b> {number}") for number in range(30)])
        error = "ComfyUI has no checkpoint <i>dream</i>. It has: tiny-sd15.safetensors."
        with queue.store.writing() as connection:
            for number, one in enumerate(more):
                columns = {"state": "failed", "error": error} if number % 3 else {"state": "cancelled"}
                jobs.change(connection, one.job.id, **columns)
        queue.hold(added[-1].number)


def test_five_hundred_rows_are_shown_and_moved_by_mouse_and_by_keys(page: Page) -> None:
    fill(page, 500)
    page.command("ShowQueue")
    page.wait_for_order("fox 1", "fox 2", "fox 3", "fox 4")
    page.panel.filter(has_text="Open: 500").wait_for()  # the rows may come before the counts
    assert page.page.locator(".orj-row").count() < 60
    page.row("fox 5").drag_to(page.row("fox 2"), target_position={"x": 60, "y": 4})
    page.wait_for_order("fox 1", "fox 5", "fox 2", "fox 3")
    page.page.locator(".orj-list").focus()
    page.page.keyboard.press("Home")
    page.page.keyboard.press("Alt+ArrowDown")
    page.wait_for_order("fox 5", "fox 1", "fox 2")
    page.page.keyboard.press("Alt+ArrowUp")
    page.wait_for_order("fox 1", "fox 5", "fox 2")
    page.page.keyboard.press("Alt+End")
    page.wait_for_order("fox 5", "fox 2", "fox 3")
    page.photograph("queue")
    page.page.keyboard.press("End")
    page.row("fox 500").wait_for()  # which is held, and therefore the last
    assert page.page.locator(".orj-row").count() < 60
    page.row("fox 1").wait_for()
    with page.queue() as queue:
        waiting = [job.title for job in queue.page(["waiting"], limit=500)]
    assert (waiting[:3], waiting[-1], len(waiting)) == (["fox 5", "fox 2", "fox 3"], "fox 1", 499)


def test_several_are_picked_and_cancelled_and_what_is_over_says_why(page: Page) -> None:
    fill(page, 100)
    page.command("ShowQueue")
    page.wait_for_order("fox 1", "fox 2")
    page.page.locator(".orj-list").focus()
    for key in ("Home", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.page.keyboard.press(key)
    page.panel.get_by_text("Jobs: 3").wait_for()
    page.photograph("queue_picked")
    page.page.locator(".orj-picked [data-do=cancel]").click()
    page.wait_for_order("fox 4", "fox 5")
    page.page.locator("[data-view=ended]").click()
    page.panel.get_by_text("Ended: 33").wait_for()
    page.row("<b>old</b> 29").click()
    page.page.locator(".orj-error").wait_for()
    assert page.page.locator(".orj-error").inner_text().startswith("ComfyUI has no checkpoint <i>dream</i>.")
    page.photograph("queue_job")
    page.panel.get_by_text("What happened").click()
    with page.queue() as queue:
        queue.add(NewJob(pipeline=FOX, title="meanwhile"))  # which is no news of this one
    page.page.wait_for_timeout(2000)
    assert page.page.locator(".orj-history li").first.is_visible()
    page.panel.get_by_label("Again from this stage on: go").click()
    page.page.locator(".orj-state", has_text="waiting").wait_for()
    page.panel.get_by_label("Back to the list").click()
    page.panel.get_by_text("Ended: 32").wait_for()


def test_it_is_paused_and_resumed_and_what_others_do_is_seen(page: Page) -> None:
    with page.queue() as queue:
        queue.pause("by the test")
    page.command("ShowQueue")
    page.panel.get_by_text("by the test").wait_for()
    page.panel.get_by_text("Nothing waits.").wait_for()
    page.panel.get_by_role("button", name="Resume").click()
    page.panel.get_by_role("button", name="Pause").click()
    page.panel.get_by_role("button", name="Resume").wait_for()
    with page.queue() as queue:
        assert queue.state().is_paused
        queue.add(NewJob(pipeline=FOX, title="from elsewhere"))
    page.row("from elsewhere").wait_for()


def test_what_runs_shows_how_far_it_is_and_what_is_held_says_why(page: Page) -> None:
    steps = iter([3, 12])
    row = {"target": "", "priority": 0, "attempt": 1, "stage": "", "reason": "", "checkpoint": "dream", "tags": [],
           "created_ms": 0, "started_ms": 0, "ended_ms": 0, "error": "", "progress": {}, "is_stopping": False,
           "owner": "", "images": []}  # fmt: skip
    rows = [
        {**row, "number": 1, "title": "a red fox in the snow", "state": "running", "stage": "render"},
        {**row, "number": 2, "title": "an owl", "state": "running", "is_stopping": True},
        {**row, "number": 3, "title": "a hare", "state": "waiting", "priority": 2, "target": "forge"},
        {**row, "number": 4, "title": "a lynx", "state": "held", "reason": "interrupted"},
        {**row, "number": 5, "title": "a heron", "state": "held", "reason": "memory", "error": "Out of memory: 12 GB."},
        {**row, "number": 6, "title": "a moth", "state": "held", "reason": "a newer word"},
    ]
    worker = {"doing": "off", "why": "ComfyUI does not work on the queue: its setting says so.", "problems": []}
    counts = {"waiting": 1, "running": 2, "held": 3, "done": 0, "failed": 0, "cancelled": 0}

    def state() -> dict[str, Any]:
        rows[0]["progress"] = {"what": "KSampler", "step": next(steps, 12), "steps": 20}
        return {"event": 1, "paused": False, "reason": "", "counts": counts, "running": rows[:1], "worker": worker}

    page.page.route("**/orchestrator/queue/state", lambda route: route.fulfill(json=state()))
    page.page.route(
        "**/orchestrator/queue?*", lambda route: route.fulfill(json={"rows": rows, "total": 6, "offset": 0})
    )
    page.command("ShowQueue")
    told = page.row("a red fox").locator("small")
    page.page.wait_for_function(
        "line => line.textContent === 'running · render KSampler 12/20'", arg=told.element_handle()
    )
    assert page.row("an owl").inner_text().endswith("stopping")
    assert "held: its worker died while it rendered" in page.row("a lynx").inner_text()
    assert "held · Out of memory: 12 GB." in page.row("a heron").inner_text()
    assert "held: a newer word" in page.row("a moth").inner_text()
    assert "its setting says so" in page.panel.inner_text()
    page.photograph("queue_running")
    page.page.unroute_all(behavior="ignoreErrors")


def test_the_canvas_goes_into_the_queue_and_its_images_come_out(page: Page) -> None:
    page.canvas.drop("fox.json", json.dumps(workflow_of(FOX).workflow))
    page.command("AddToQueue")
    dialog = page.page.locator("dialog.orj-dialog")
    dialog.locator("input[type=text]").fill("my <i>foxes</i>")
    dialog.locator("input[type=number]").first.fill("2")
    page.photograph("queue_add")
    label, field = dialog.locator("label").first.bounding_box(), dialog.locator("input").first.bounding_box()
    assert label and field and label["x"] == field["x"]  # whichever style sheet was loaded last
    dialog.locator(".orc-main").click()
    page.wait_for_order("my <i>foxes</i> 1", "my <i>foxes</i> 2")
    page.panel.get_by_role("button", name="Resume").click()
    page.panel.get_by_text("Ended: 2").wait_for()
    page.page.locator("[data-view=ended]").click()
    page.page.locator("img.orj-picture").nth(1).wait_for()
    page.photograph("queue_done")
    page.row("my <i>foxes</i> 1").click()
    picture = page.page.locator(".orj-images img").first
    picture.wait_for()
    page.page.wait_for_function("image => image.complete && image.naturalWidth === 64", arg=picture.element_handle())
    page.photograph("queue_done_job")
    with page.queue() as queue:
        (one, two) = [job for job in queue.page(["done"]) if "foxes" in job.title]
        stages = [queue.job(job.number).pipeline for job in (two, one)]
    assert [found.stages[0].options["seed"] for found in stages if found] == [7, 8]


def test_a_pipeline_opens_on_the_canvas_and_is_saved_as_it_was(page: Page) -> None:
    page.command("ExportPipeline")
    dialog = page.page.locator("dialog.orc-dialog")
    dialog.get_by_text("story", exact=True).wait_for()
    page.photograph("pipeline_choose")
    dialog.get_by_text("story", exact=True).click()
    told = page.page.locator("dialog.orj-dialog")
    told.get_by_text("'loras' is done only when this is so: has_loras").wait_for()
    page.photograph("pipeline_told")
    told.locator(".orc-main").click()
    page.page.wait_for_function("() => app.graph._nodes.some(node => node.comfyClass === 'OrchestratorStoryMemory')")
    page.photograph("pipeline_canvas")
    assert page.page.evaluate(SEEN)
    found = page.page.evaluate(IMPORT)
    assert found["pipeline"] == pipeline_to_json(bundled_pipeline("story"))
    page.command("SavePipeline")
    saving = page.page.locator("dialog.orj-dialog")
    saving.locator("input").fill("my story")
    page.photograph("pipeline_save")
    saving.get_by_role("button", name="Save", exact=True).click()
    path = page.server.folder / "orchestrator" / "pipelines" / "my story.json"
    page.toast("Saved as a pipeline: my story")
    assert json.loads(path.read_text("utf-8")) == pipeline_to_json(bundled_pipeline("story"))
    path.unlink()


def test_what_is_no_pipeline_is_told(page: Page) -> None:
    page.page.evaluate("() => { app.graph.clear(); app.graph.add(LiteGraph.createNode('KSampler')); }")
    page.command("SavePipeline")
    assert "no Wildcard Prompt" in page.toast("no Wildcard Prompt")


@pytest.fixture(scope="module")
def canvas(comfyui: ComfyUI, chromium: Browser) -> Iterator[Canvas]:
    with open_canvas(chromium, comfyui.url) as opened:
        yield opened


@pytest.mark.parametrize("name", list(bundled_files()))
def test_a_bundled_pipeline_goes_through_the_canvas_unchanged(name: str, canvas: Canvas) -> None:
    workflow = workflow_of(bundled_pipeline(name), checkpoint=CHECKPOINT).workflow
    canvas.drop(f"{name}.json", json.dumps(workflow))
    assert canvas.graph() == graph_from_workflow(workflow, DEFINITIONS)
    assert canvas.page.evaluate(IMPORT)["pipeline"] == pipeline_to_json(bundled_pipeline(name))


def test_stages_that_are_off_are_to_the_canvas_what_they_are_to_us(canvas: Canvas) -> None:
    data = pipeline_to_json(bundled_pipeline("story"))
    data["stages"] = [
        *({**stage, "enabled": stage["id"] in ("draw", "render")} for stage in data["stages"]),
        {"id": "second", "type": "dispatch", "enabled": False},
    ]
    pipeline = pipeline_from(data)
    workflow = workflow_of(pipeline, checkpoint=CHECKPOINT).workflow
    canvas.drop("off.json", json.dumps(workflow))
    assert canvas.graph() == graph_from_workflow(workflow, DEFINITIONS)
    assert canvas.page.evaluate(IMPORT)["pipeline"] == pipeline_to_json(pipeline)


@pytest.mark.parametrize("name", ["story", "explore-and-learn"])  # which have all kinds of stages
def test_a_bundled_pipeline_renders_when_somebody_presses_run(name: str, comfyui: ComfyUI, canvas: Canvas) -> None:
    """As it is exported, but for a size and steps for a machine without a graphics card."""
    workflow = json.dumps(workflow_of(bundled_pipeline(name), checkpoint=CHECKPOINT).workflow)
    canvas.drop(f"{name}.json", with_scorer(workflow, comfyui))
    canvas.page.evaluate(SMALL)
    before = set(saved_by(comfyui))
    canvas.page.evaluate("() => app.queuePrompt(0, 1)")
    assert wait_for_image(comfyui, before, canvas)
