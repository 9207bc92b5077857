"""Profiles, stories and enhancing on the Generate and Batch pages of the studio, in headless Chromium.

The language model's server, ComfyUI and Forge are stand-ins; the store and everything in between are the real ones.
"""

from __future__ import annotations

import json
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.formats.image_metadata import read_image
from tests.core.generators.stand_in_comfy import StandIn as Comfy
from tests.core.generators.stand_in_forge import StandIn as Forge
from tests.core.jobs.at_work import eventually
from tests.core.llm.stand_in_llm import DONE, STREAM, StandIn, Write, chunk, said
from tests.hosts.studio import Painter, Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.network]

CARDS = "#orchestrator_preview .orc-card"
WORDS = f"{CARDS} .orc-words:not(.orc-negative)"
ANSWER = json.dumps({"add": ["soft rim light", "morning mist", "old bark"]})
HOSTILE = "<img src=x onerror='window.hacked = 1'>"


@pytest.fixture(scope="module")
def comfy() -> Iterator[Comfy]:
    pytest_socket.enable_socket()
    server = Comfy(Painter())
    yield server
    server.stop()
    server.join()


@pytest.fixture(scope="module")
def studio(comfy: Comfy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    forge = Forge()
    with running_studio(tmp_path_factory.mktemp("studio"), comfy.url, forge.url) as found:
        yield found
    forge.stop()


@pytest.fixture
def page(studio: Studio, chromium: Browser) -> Iterator[Page]:
    """With one short prompt. No script of the page may fail, and no text become one."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(90_000)
    errors, _ = watch(page)
    page.goto(studio.url)
    page.wait_for_selector(CARDS)
    page.fill("#orchestrator_generate_prompt_template textarea", "a fox")
    page.fill("#orchestrator_count input", "1")
    page.wait_for_selector("#orchestrator_summary:has-text('1 prompt ')")
    yield page
    assert errors == []
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def set_model(studio: Studio, **settings: Any) -> None:
    """The studio reads its settings anew at each use."""
    path = studio.home / "settings.json"
    kept = {name: value for name, value in json.loads(path.read_text()).items() if not name.startswith("llm_")}
    path.write_text(json.dumps({**kept, **settings}))


@pytest.fixture
def model(studio: Studio) -> Iterator[StandIn]:
    with StandIn(said(ANSWER), models=("tiny",)) as server:
        set_model(studio, llm_backend="openai", llm_url=server.url)
        yield server
    set_model(studio)


def enhance(page: Page) -> None:
    page.locator("#orchestrator_enhancing .label-wrap, #orchestrator_enhancing > button").first.click()
    page.locator("#orchestrator_enhance_on input").check()


def choose(page: Page, option: str, name: str) -> None:
    """Types a name into a list and takes it."""
    field = page.locator(f"#orchestrator_{option} input").first
    field.click()
    field.fill(name)
    field.press("Enter")


def words(page: Page) -> str:
    return page.locator(WORDS).first.inner_text()


def generate(page: Page, comfy: Comfy, button: str = "#orchestrator_generate") -> dict[str, Any]:
    """What ComfyUI was sent, by the nodes' types."""
    before = len(comfy.bodies)
    page.click(button)
    end = time.monotonic() + 30
    while len(comfy.bodies) == before:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    (body,) = comfy.bodies[before:]
    return {node["class_type"]: node["inputs"] for node in body["prompt"].values()}


def sent_text(comfy: Comfy) -> str:
    nodes = comfy.bodies[-1]["prompt"]
    sampler = next(node for node in nodes.values() if node["class_type"] == "KSampler")
    return str(nodes[sampler["inputs"]["positive"][0]]["inputs"]["text"])


def test_profiles_and_a_genre_are_chosen_from_the_library_and_colour_their_words(page: Page, comfy: Comfy):
    page.locator("#orchestrator_generate_prompt_profiles input").first.click()
    page.get_by_role("option", name="characters/mira").click()
    page.keyboard.press("Escape")
    page.wait_for_selector(f"{WORDS} .profile:has-text('auburn hair')")
    choose(page, "generate_prompt_genre", "genres/film-noir")
    page.wait_for_function(f"document.querySelectorAll('{WORDS} .profile').length > 6")
    assert "the profile" in page.inner_text(".orc-legend")
    shown = words(page)
    generate(page, comfy)
    assert sent_text(comfy) == shown
    assert "fox" in shown


def test_a_part_that_is_unticked_is_not_sent_and_the_image_says_who_added_what(
    page: Page, comfy: Comfy, studio: Studio
):
    enhance(page)
    page.wait_for_selector(f"{CARDS} .orc-badge.enhanced")
    parts = page.locator(f"{CARDS} .orc-part")
    assert parts.count() > 2
    left_out = parts.nth(1).inner_text()
    parts.nth(1).click()
    page.wait_for_selector(f"{CARDS} .orc-part.off")
    shown = words(page)
    assert left_out not in shown
    generate(page, comfy)
    assert sent_text(comfy) == shown
    newest = max((studio.home / "outputs").rglob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    notes = json.loads(read_image(newest).texts["orchestrator"])
    assert (notes["enhanced"], notes["llm"].partition(":")[0]) == ("enhanced", "rules")
    assert notes["added"] == [["llm", shown.removeprefix("a fox, ")]]
    parts.nth(1).click()
    page.wait_for_function(f"!document.querySelector('{CARDS} .orc-part.off')")
    assert left_out in words(page)


class Told:
    """An answer of which the second half comes when the test says so."""

    def __init__(self) -> None:
        self.go, self.gone = threading.Event(), threading.Event()

    def __call__(self, write: Write) -> None:
        write(STREAM)
        write(chunk('{"add": ["soft rim light"'))
        try:
            while not self.go.wait(0.05):
                write(b": waiting\n\n")  # fails as soon as the other side is gone
        except OSError:
            self.gone.set()
            raise
        for event in (chunk(f', "old bark {HOSTILE}"]}}'), chunk(None, "stop"), DONE):
            write(event)


def test_an_answer_is_seen_while_it_arrives_and_can_be_stopped(page: Page, comfy: Comfy, model: StandIn):
    first, second = Told(), Told()
    model.answers[:] = [first, second, said(ANSWER)]
    enhance(page)
    page.wait_for_selector(f"{CARDS} .orc-badge.waits")
    assert words(page) == "a fox"
    before = len(comfy.bodies)
    page.click("#orchestrator_generate")
    page.wait_for_selector(".orc-writing:has-text('soft rim light')")
    page.click("#orchestrator_interrupt")
    page.wait_for_selector("#orchestrator_progress:has-text('1 stopped')")
    assert first.gone.wait(5)
    assert comfy.bodies[before:] == []
    page.click("#orchestrator_ask")
    page.wait_for_selector(".orc-writing:has-text('soft rim light')")
    second.go.set()
    page.wait_for_selector(f"{CARDS} .orc-badge.enhanced")
    shown = words(page)
    assert shown.startswith("a fox, soft rim light, old bark")
    assert "<" not in shown
    assert "by tiny" in page.inner_text(f"{CARDS} .orc-prepared")
    assert comfy.bodies[before:] == []
    generate(page, comfy)
    assert sent_text(comfy) == shown
    assert len(model.asked) == 2


def test_a_batch_goes_on_without_its_language_model_and_says_which_rows_were_kept(
    page: Page, comfy: Comfy, model: StandIn, tmp_path: Path
):
    model.answers[:] = [said(ANSWER), said('{"add": ["old stones"]}')]
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(f"a lone tree, number {number}" for number in range(50)))
    enhance(page)
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#orchestrator_batch_files input[type=file]", str(rows))
    page.wait_for_selector("#orchestrator_batch_summary:has-text('50 prompts')")
    before = len(comfy.bodies)
    model.answers.insert(1, _unplugging(model))
    page.click("#orchestrator_batch_run")
    page.wait_for_selector("#orchestrator_batch_progress:has-text('50 images')", timeout=60_000)
    assert len(comfy.bodies) - before == 50
    assert sent_text(comfy) == "a lone tree, number 49"
    told = page.inner_text("#orchestrator_batch_progress")  # the answer that was cut, the next, and the rest
    assert sum(map(int, re.findall(r"(\d+) prompts? kept as written", told))) == 49
    assert "enhanced by tiny" in page.inner_text("#orchestrator_row0 .orc-row-told")
    assert "kept as it was" in page.inner_text("#orchestrator_row1 .orc-row-told")


def _unplugging(model: StandIn) -> Any:
    """An answer in whose middle the plug is pulled."""

    def answer(write: Write) -> None:
        write(STREAM)
        write(chunk('{"add": ["soft'))
        threading.Thread(target=model.stop, daemon=True).start()

    return answer


def test_the_rows_of_a_batch_hold_what_they_were_enhanced_to(page: Page, tmp_path: Path):
    rows = tmp_path / "rows.txt"
    rows.write_text("a lone tree\nan old well")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#orchestrator_batch_files input[type=file]", str(rows))
    page.wait_for_selector("#orchestrator_row1_text textarea")
    page.click("#orchestrator_batch_enhance")
    page.wait_for_selector("#orchestrator_batch_progress:has-text('Switch Enhance on')")
    page.get_by_role("tab", name="Generate").click()
    enhance(page)
    page.wait_for_selector(f"{CARDS} .orc-badge.enhanced")
    page.get_by_role("tab", name="Batch").click()
    page.click("#orchestrator_batch_enhance")
    page.wait_for_selector("#orchestrator_row1 .orc-row-told:has-text('enhanced by the rules')")
    page.wait_for_function("document.querySelector('#orchestrator_row0_text textarea').value.length > 20")
    assert page.input_value("#orchestrator_row0_text textarea").startswith("a lone tree, ")


def test_a_story_goes_on_with_each_scene_that_is_rendered(page: Page, comfy: Comfy):
    page.locator("#orchestrator_story .label-wrap, #orchestrator_story > button").first.click()
    assert not page.locator("#orchestrator_scene_continue").is_visible()
    choose(page, "follow_story_story", f"Tale {HOSTILE}")
    page.fill("#orchestrator_follow_story_where textarea, #orchestrator_follow_story_where input", "old tavern")
    page.wait_for_selector(f"{CARDS} .orc-badge.scene:has-text('scene 1 of Tale <img')")
    page.wait_for_selector(f"{WORDS} .memory:has-text('old tavern')")
    generate(page, comfy)
    assert sent_text(comfy) == "a fox, old tavern"
    page.wait_for_selector(f"{CARDS} .orc-badge.scene:has-text('scene 2 of Tale')")
    page.fill("#orchestrator_follow_story_where textarea, #orchestrator_follow_story_where input", "")
    generate(page, comfy, "#orchestrator_scene_continue")
    assert sent_text(comfy) == "a fox, old tavern"
    page.wait_for_selector(f"{CARDS} .orc-badge.scene:has-text('scene 3 of Tale')")
    generate(page, comfy, "#orchestrator_scene_new_scene")
    assert sent_text(comfy) == "a fox"
    page.get_by_role("tab", name="Batch").click()
    page.click("#orchestrator_take")
    page.wait_for_selector("#orchestrator_row0 .orc-row-told:has-text('scene 4 of Tale')")


def test_a_key_is_kept_and_never_shown(page: Page, studio: Studio, model: StandIn):
    page.get_by_role("tab", name="Config").click()
    page.locator("#orchestrator_language_model .label-wrap, #orchestrator_language_model > button").first.click()
    for _ in range(5):  # a page that was just opened may still be filled with what was saved before
        page.fill("#orchestrator_settings_llm_key input", "s3cret-key")
        page.click("#orchestrator_test_llm")
        page.wait_for_selector("#orchestrator_tested_llm:has-text('Its models: tiny')")
        with suppress(AssertionError):
            eventually(lambda: model.calls[-1][2].get("Authorization") == "Bearer s3cret-key", 5)
            break
    assert model.calls[-1][2]["Authorization"] == "Bearer s3cret-key"
    page.click("#orchestrator_save")
    page.wait_for_selector("#orchestrator_llm_key_said:has-text('A key is kept in')")
    assert page.input_value("#orchestrator_settings_llm_key input") == ""
    kept = studio.home / "language_model_key"
    assert kept.read_text().strip() == "s3cret-key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "s3cret" not in (studio.home / "settings.json").read_text()
    page.reload()
    page.wait_for_selector(CARDS)
    assert "s3cret" not in page.content()
    page.get_by_role("tab", name="Config").click()
    page.locator("#orchestrator_language_model .label-wrap, #orchestrator_language_model > button").first.click()
    page.wait_for_selector("#orchestrator_llm_key_said:has-text('A key is kept in')")
    page.click("#orchestrator_forget_key")
    page.wait_for_selector("#orchestrator_llm_key_said:has-text('There is no key')")
    assert not kept.exists()
