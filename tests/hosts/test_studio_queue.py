"""The Queue page in headless Chromium: 500 jobs, moved by hand and by keys, changed in numbers, seen as they go on.

``python -m pytest tests/hosts/test_studio_queue.py`` with another Python drives it with the gradio of that one. With
``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.app.studio.queue_jobs import add, progress
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.generators.stand_in_forge import StandIn as ForgeStandIn
from tests.hosts.studio import Painter, Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

gradio: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

ROW = "#orchestrator_queue .orc-q-row"
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """It works on the queue only when it is asked to."""
    pytest_socket.enable_socket()
    comfy, forge = StandIn(Painter()), ForgeStandIn()
    with running_studio(tmp_path_factory.mktemp("studio"), comfy.url, forge.url, work_on_queue=False) as found:
        yield found
    comfy.stop()
    comfy.join()
    forge.stop()


@pytest.fixture(scope="module")
def store(studio: Studio) -> Iterator[Store]:
    with Store.open(studio.home / "orchestrator.sqlite3") as found:
        yield found


@pytest.fixture
def queue(store: Store) -> Iterator[Queue]:
    """500 jobs, of which one runs, one is held and one has failed; afterwards none is left."""
    from orchestrator_core.store import jobs

    found = Queue(store)
    add(found, "running", stage="render", progress='{"what": "sampler", "step": 3, "steps": 20}')
    add(found, "held", reason="memory", error="CUDA out of memory.")
    add(found, "failed", error=HOSTILE, title=HOSTILE)
    add(found, *["waiting"] * 497)
    yield found
    found.resume()
    with store.writing() as connection:
        connection.execute(jobs.update(jobs.jobs).values(state="done", owner="", ended_ms=1))
    found.forget(-1)


@pytest.fixture(scope="module")
def opened(studio: Studio, chromium: Browser) -> Iterator[Page]:
    """One page for all tests, at the Queue; no script of its may fail."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors, _ = watch(page)
    page.goto(studio.url)
    page.wait_for_selector("#orchestrator_preview .orc-card")
    page.get_by_role("tab", name="Queue").click()
    yield page
    assert errors == []
    assert page.evaluate("window.hacked") is None
    context.close()


@pytest.fixture
def page(opened: Page, queue: Queue) -> Page:
    """All of the list, its first page."""
    opened.set_viewport_size({"width": 1400, "height": 900})
    opened.wait_for_selector("#orchestrator_queue_chips .orc-chip")
    opened.locator("#orchestrator_queue_chips [data-send='']").click()
    opened.wait_for_selector("#orchestrator_queue_chips .orc-chip.chosen[data-send='']:has-text('500')")
    (running,) = queue.page(["running"])  # the list of the test before looks the same
    opened.wait_for_selector(f"{ROW}.running[data-job='{running.number}']")
    return opened


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.wait_for_timeout(400)
        page.screenshot(path=str(Path(folder) / f"queue-{name}-{gradio.__version__}.png"))


def waiting(page: Page) -> list[str]:
    return [str(one) for one in page.locator(f"{ROW}.waiting").evaluate_all("rows => rows.map(row => row.dataset.job)")]


def until(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(300):
        with suppress(IndexError):
            if is_so():
                return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_500_jobs_are_seen_as_they_go_on(page: Page, queue: Queue):
    running = page.locator(f"{ROW}.running")
    assert "sampler 3/20" in running.inner_text()
    assert "1 – 50 of 499" in page.inner_text("#orchestrator_queue_where")
    number = int(running.get_attribute("data-job") or 0)
    rows = page.locator("#orchestrator_queue_rows").inner_html()
    progress(queue, number, 17)
    page.wait_for_selector(f"{ROW}.running:has-text('sampler 17/20')")
    assert page.locator("#orchestrator_queue_rows").inner_html() == rows
    queue.pause("the night is over")
    page.wait_for_selector("#orchestrator_queue_summary:has-text('the night is over')")
    picture(page, "desk")
    page.click("#orchestrator_queue_pause:has-text('Resume')")
    page.wait_for_selector("#orchestrator_queue_pause:has-text('Pause')")
    assert not queue.state().is_paused


def test_jobs_are_dragged_and_moved_by_keys_which_stay_where_they_are(page: Page, queue: Queue):
    one, two, three, *_ = waiting(page)
    grips = page.locator(f"{ROW}.waiting [data-grip]")
    start, end = grips.nth(2).bounding_box(), page.locator(f"{ROW}.waiting").nth(0).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + 20, steps=4)
    page.mouse.move(start["x"] + 5, end["y"] + 4, steps=2)
    assert page.locator(f"{ROW}.above").count() == 1
    picture(page, "dragging")
    page.mouse.up()
    until(page, lambda: waiting(page)[:3] == [three, one, two])
    grips.nth(0).focus()
    page.keyboard.press("ArrowDown")
    until(page, lambda: waiting(page)[:3] == [one, three, two])
    page.keyboard.press("ArrowDown")  # the grip that was made anew has the keys
    until(page, lambda: waiting(page)[:3] == [one, two, three])
    assert [str(job.number) for job in queue.page(["waiting"], 3)] == [one, two, three]


def test_what_is_selected_stays_it_and_is_changed_at_once(page: Page, queue: Queue):
    one, two, three, four, *_ = waiting(page)
    for number in (one, two):
        page.check(f"{ROW}[data-job='{number}'] .orc-q-check")
    queue.hold(four)  # the rows are made anew
    until(page, lambda: four not in waiting(page))
    assert page.locator(f"{ROW} .orc-q-check:checked").count() == 2
    assert "2 selected" in page.inner_text("#orchestrator_queue_chosen")
    page.locator(f"{ROW}[data-job='{one}'] .orc-q-title").click()
    page.wait_for_selector("#orchestrator_queue_details:has-text('The pipeline as JSON')")
    picture(page, "selected")
    page.click("#orchestrator_queue_chosen [data-all=cancel]")
    page.wait_for_selector("#orchestrator_queue_said:has-text('2 jobs cancelled.')")
    assert waiting(page)[0] == three
    assert page.locator(f"{ROW} .orc-q-check:checked").count() == 0
    page.wait_for_selector("#orchestrator_queue_stage input")
    page.fill("#orchestrator_queue_options textarea", "steps=9")
    page.click("#orchestrator_queue_rerun")
    page.wait_for_selector(f"#orchestrator_queue_said:has-text('Job {one} waits')")
    assert queue.job(one).pipeline.stages[0].options["steps"] == 9  # type: ignore[union-attr]
    page.click("#orchestrator_queue_close")
    page.wait_for_selector("#orchestrator_queue_details", state="hidden")


def test_on_a_phone_nothing_is_wider_than_it(page: Page):
    page.set_viewport_size({"width": 390, "height": 844})
    for state in ("held", "failed", "waiting"):
        page.locator(f"#orchestrator_queue_chips [data-send={state}]").click()
        page.wait_for_selector(f"{ROW}.{state}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        picture(page, f"phone-{state}")
    assert page.locator(f"{ROW} img, {ROW} script").count() == 0


def test_what_generate_shows_is_queued_and_rendered_here_when_that_is_asked_for(opened: Page, store: Store):
    page, queue = opened, Queue(store)
    page.set_viewport_size({"width": 1400, "height": 900})  # on a phone, as another test has it, tabs are in a menu
    page.get_by_role("tab", name="Generate").click()
    page.fill("#orchestrator_count input", "1")
    page.fill("#orchestrator_generate_prompt_template textarea", "one {crimson|crimson} fox")
    page.wait_for_function("document.querySelector('#orchestrator_preview')?.innerText.includes('one crimson fox')")
    page.click("#orchestrator_to_queue")
    page.wait_for_selector("#orchestrator_progress:has-text('1 job added to the queue')")
    (job,) = queue.page(["waiting"])
    page.get_by_role("tab", name="Queue").click()
    page.locator("#orchestrator_queue_chips [data-send='']").click()
    page.wait_for_selector(f"{ROW}[data-job='{job.number}']")
    page.click("#orchestrator_queue_work")
    page.wait_for_selector(f"{ROW}.done[data-job='{job.number}'] .orc-q-pictures img")
    page.wait_for_selector("#orchestrator_queue_summary:has-text('1 program works on the queue')")
    picture(page, "done")
    page.click("#orchestrator_queue_work:has-text('Stop working here')")
    page.wait_for_selector("#orchestrator_queue_work:has-text('Start working here')")
    queue.forget(-1)
