"""The page Pipeline of the standalone studio in headless Chromium: cards under a person's hands, a run, a stage again.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from tests.core.generators.stand_in_comfy import StandIn
from tests.core.generators.stand_in_forge import StandIn as ForgeStandIn
from tests.hosts.studio import Painter, Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

gradio: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>${window.hacked = 1}{{{{value}}}}"
STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox, ink", "seed": 5}},
    {"id": "enhance", "type": "llmEnhance", "options": {"amount": 3}},
    {"id": "render", "type": "dispatch", "options": {"steps": 8}},
]
CARD = ".orc-stage:has(.orc-id[value='{}'])"


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter()


@pytest.fixture(scope="module")
def studio(painter: Painter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    pytest_socket.enable_socket()
    comfy, forge = StandIn(painter), ForgeStandIn()
    with running_studio(tmp_path_factory.mktemp("studio"), comfy.url, forge.url) as found:
        yield found
    painter.go.set()
    comfy.stop()
    comfy.join()
    forge.stop()


@pytest.fixture(scope="module")
def opened(studio: Studio, chromium: Browser) -> Iterator[Page]:
    """One page for all: what each test opens takes the place of what was there."""
    pytest_socket.enable_socket()
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page: Page = context.new_page()
    page.set_default_timeout(60_000)
    errors, _ = watch(page)
    page.goto(studio.url)
    page.wait_for_selector("#orchestrator_preview .orc-card")
    page.get_by_role("tab", name="Pipeline").click()
    page.wait_for_selector(".orc-stage")
    yield page
    assert errors == []
    assert page.evaluate("window.hacked") is None
    context.close()


@pytest.fixture
def page(opened: Page, tmp_path: Path) -> Page:
    opened.set_viewport_size({"width": 1400, "height": 1000})
    load(opened, tmp_path, STAGES)
    return opened


def load(page: Page, folder: Path, stages: Any) -> None:
    filled = page.get_attribute(".orc-pipe", "data-filled")
    (folder / "mine.json").write_text(json.dumps(stages))
    page.set_input_files("#orchestrator_pipeline_file input[type=file]", str(folder / "mine.json"))
    page.wait_for_selector(f".orc-pipe:not([data-filled='{filled}'])")


def ids(page: Page) -> list[str]:
    return [str(one.input_value()) for one in page.locator(".orc-stage .orc-id").all()]


def option(stage: str, name: str) -> str:
    return f"{CARD.format(stage)} [data-option={name}]"


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.wait_for_timeout(500)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_cards_are_moved_by_drag_buttons_and_keys_and_say_what_they_go_on_from(page: Page):
    page.drag_and_drop(f"{CARD.format('render')} .orc-grip", f"{CARD.format('draw')} header")
    assert ids(page) == ["render", "draw", "enhance"]
    page.wait_for_selector(f"{CARD.format('draw')} .orc-needs:has-text('goes on from render')")
    page.click(f"{CARD.format('render')} [data-move='1']")
    page.focus(option("render", "steps"))
    page.keyboard.press("Alt+ArrowDown")
    assert ids(page) == ["draw", "enhance", "render"]
    page.wait_for_selector(f"{CARD.format('render')} .orc-needs:has-text('goes on from enhance')")


def test_what_is_wrong_is_told_at_the_card_while_it_is_typed_and_the_field_stays(page: Page):
    page.fill(option("render", "steps"), "-4")
    page.wait_for_selector(f"{CARD.format('render')} .orc-notice:has-text('greater than or equal to 1')")
    assert page.evaluate("document.activeElement.dataset.option") == "steps"
    page.fill(option("render", "steps"), "4")
    page.wait_for_selector(f"{CARD.format('render')} .orc-notice", state="detached")
    page.click("[data-act=axis]")
    page.fill(".orc-axis [data-field=values]", "1..6")
    page.wait_for_selector(".orc-count:has-text('Items: 6 (seeds)')")
    page.click(f"{CARD.format('enhance')} [data-act=remove]")
    page.wait_for_selector(CARD.format("enhance"), state="detached")
    page.click("#orchestrator_pipeline_mode label:has-text('JSON')")
    page.wait_for_function("document.querySelector('#orchestrator_pipeline_json textarea')?.value.includes('batch')")
    written = json.loads(page.input_value("#orchestrator_pipeline_json textarea"))
    assert [stage["id"] for stage in written["stages"]] == ["draw", "render"]
    assert written["stages"][1]["options"] == {"steps": 4}
    written["stages"][1]["options"] = {"steps": 7}
    page.fill("#orchestrator_pipeline_json textarea", json.dumps(written))
    page.wait_for_timeout(300)
    page.click("#orchestrator_pipeline_mode label:has-text('Cards')")
    page.wait_for_selector(f"{option('render', 'steps')}[value='7']")


def test_a_run_is_stopped_at_its_host_and_a_stage_is_run_again(page: Page, painter: Painter, studio: Studio):
    painter.go.clear()
    painter.began.clear()
    painter.hold.set()
    page.click("#orchestrator_pipeline_run")
    assert painter.began.wait(60)
    page.wait_for_selector(f"{CARD.format('render')} .orc-state.running")
    page.click("#orchestrator_pipeline_stop")
    page.wait_for_selector("#orchestrator_pipeline_progress:has-text('0 of 1 done')")
    painter.hold.clear()
    page.click(f"{CARD.format('render')} [data-act=again]")  # goes on where it was stopped
    page.wait_for_selector(f"{CARD.format('render')} .orc-pics img")
    page.fill(option("enhance", "amount"), "1")
    page.wait_for_selector(f"{CARD.format('render')} .orc-state.stale")
    page.click(f"{CARD.format('enhance')} [data-act=again]")
    page.wait_for_selector(".orc-changed .orc-pair img >> nth=1")
    page.wait_for_selector(".orc-state.stale", state="detached")
    assert page.locator(".orc-changed del").count()
    picture(page, "pipeline")
    assert list(studio.home.glob("outputs/*_mine*/pipeline/0001.json"))


def test_ones_own_is_saved_chosen_and_deleted_and_a_finished_run_is_opened_again(page: Page, studio: Studio):
    page.fill("#orchestrator_pipeline_save_as textarea, #orchestrator_pipeline_save_as input", "night")
    page.fill(option("render", "steps"), "6")
    page.click("#orchestrator_pipeline_save")
    page.wait_for_selector("#orchestrator_pipeline_said:has-text('night.json')")
    choose(page, "#orchestrator_pipeline_name", "story")
    page.wait_for_selector(CARD.format("scene"))
    page.wait_for_selector("#orchestrator_pipeline_delete", state="hidden")
    choose(page, "#orchestrator_pipeline_name", "night.json")
    page.wait_for_selector(f"{option('render', 'steps')}[value='6']")
    page.click("#orchestrator_pipeline_run")
    page.wait_for_selector("#orchestrator_pipeline_progress:has-text('1 of 1 done')")
    page.click("#orchestrator_pipeline_delete")
    page.click("#orchestrator_pipeline_really")
    page.wait_for_selector("#orchestrator_pipeline_said:has-text('is deleted')")
    assert not (studio.home / "pipelines" / "night.json").exists()
    choose(page, "#orchestrator_pipeline_runs", "_night")
    page.wait_for_selector("#orchestrator_pipeline_said:has-text('is open: 1 item')")
    page.wait_for_selector(f"{CARD.format('render')} .orc-pics img")


def choose(page: Page, where: str, text: str) -> None:
    page.click(f"{where} input")
    page.locator("[role=listbox] [role=option]:visible", has_text=text).first.click()


def test_nothing_of_a_strangers_file_is_a_script_and_a_phone_shows_all_of_it(page: Page, tmp_path: Path):
    stage = {"id": EVIL, "type": "generatePrompt", "options": {"template": EVIL, EVIL: EVIL}, "when": EVIL}
    load(page, tmp_path, {"name": EVIL, "stages": [stage, {"id": "x", "type": EVIL}]})
    page.wait_for_selector(".orc-stage .orc-notice")
    page.click("#orchestrator_pipeline_plan")
    page.wait_for_selector("#orchestrator_pipeline_planned .orc-notice")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    load(page, tmp_path, {"stages": STAGES, "batch": [{"vary": "seeds", "first": 1, "count": 3}]})
    page.click("#orchestrator_pipeline_plan")
    page.wait_for_selector(".orc-plan table")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "pipeline_phone")
