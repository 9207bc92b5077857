"""The standalone studio in headless Chromium, with stand-ins for the servers: what a person does, and what must not be.

``python -m pytest tests/hosts/test_studio_browser.py`` with another Python drives it with the gradio of that one.
With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the pages are written there.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket
from PIL import Image

from orchestrator_core.formats.image_metadata import read_image
from tests.api_client import ApiServer
from tests.core.generators.stand_in_comfy import StandIn
from tests.core.generators.stand_in_forge import StandIn as ForgeStandIn
from tests.core.generators.stand_in_forge import png
from tests.core.loras.library_files import write_lora
from tests.hosts.studio import Painter, Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

gradio: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "#orchestrator_generate_prompt_template textarea"
SEED = "#orchestrator_generate_prompt_seed textarea, #orchestrator_generate_prompt_seed input"
CARDS = "#orchestrator_preview .orc-card"
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>${window.hacked = 1}{{{{value}}}}"
# Elements of the page that can be scrolled.
SCROLLABLE = """[...document.querySelectorAll('#orchestrator_tabs *')].filter(element => {
    const style = getComputedStyle(element), may = /(auto|scroll)/;
    return element.offsetParent && ((may.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
        || (may.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1));
}).map(element => `${element.tagName} ${element.id} ${element.className}`)"""
GRADIO = int(gradio.__version__.partition(".")[0])


class Servers:
    """A ComfyUI whose work the test decides, and a Forge that renders at once."""

    def __init__(self) -> None:
        self.painter = Painter()
        self.comfy = StandIn(self.painter)
        self.forge = ForgeStandIn()

    def stop(self) -> None:
        self.painter.go.set()
        self.comfy.stop()
        self.comfy.join()
        self.forge.stop()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    pytest_socket.enable_socket()
    found = Servers()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def studio(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running_studio(tmp_path_factory.mktemp("studio"), servers.comfy.url, servers.forge.url) as found:
        yield found


@pytest.fixture
def held(servers: Servers) -> Iterator[Painter]:
    """ComfyUI waits in the middle of each job until ``go`` is set."""
    painter = servers.painter
    painter.go.clear()
    painter.began.clear()
    painter.hold.set()
    yield painter
    painter.hold.clear()
    painter.go.set()


Opened = Callable[..., "Page"]


@pytest.fixture
def opened(studio: Studio, chromium: Browser) -> Iterator[Opened]:
    """Opens pages in browsers of their own; no script of theirs may fail."""
    contexts, seen = [], []

    def open_page(**options: Any) -> Page:
        options.setdefault("viewport", {"width": 1400, "height": 900})
        contexts.append(chromium.new_context(**options))
        page: Page = contexts[-1].new_page()
        page.set_default_timeout(90_000)
        seen.append((page, *watch(page)))
        page.goto(studio.url)
        page.wait_for_selector(CARDS)
        page.wait_for_function("document.querySelector('#orchestrator_dispatch_checkpoint input') !== null")
        return page

    yield open_page
    for page, errors, asked in seen:
        assert errors == []
        assert page.evaluate("window.hacked") is None
        if GRADIO >= 6:  # those before ask for fonts and a script of their own
            assert {host.partition(":")[0] for host in asked} == {"127.0.0.1"}
    for context in contexts:
        context.close()


@pytest.fixture
def page(opened: Opened) -> Page:
    return opened()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def prompts(page: Page) -> list[str]:
    return [text.splitlines()[0] for text in page.locator(f"{CARDS} .orc-words:not(.orc-negative)").all_inner_texts()]


def wait_for_prompts(page: Page, text: str) -> None:
    page.wait_for_function(f"document.querySelector('{CARDS}')?.innerText.includes({json.dumps(text)})")


def write(page: Page, text: str) -> None:
    page.fill(TEMPLATE, text)


def images(page: Page, gallery: str = "#orchestrator_gallery") -> Locator:
    return page.locator(f"{gallery} button:has(img)")


def download(page: Page, button: str) -> str:
    with page.expect_download() as found:
        page.click(button)
    return Path(found.value.path()).read_text("utf-8")


# Generate


def test_programs_find_the_api_beside_the_pages(studio: Studio):
    api = ApiServer(f"{studio.url.rstrip('/')}/orchestrator/v1")
    assert api.get("/health")["place"] == "standalone"
    assert api.post("/prompts:draw", {"template": "a {fox|fox}"})["prompts"][0]["positive"] == "a fox"
    assert api.ask("GET", "/health", headers={"Origin": "https://evil.example"}).code == "origin_refused"
    job = api.add(title="by a program")
    events = api.events(f"/jobs/{job['id']}/events")
    assert next(events)[1]["kind"] == "added"
    api.post(f"/jobs/{job['id']}/cancel", {})
    assert [name for name, _ in events] == ["happened", "end"]


def test_what_a_template_draws_is_seen_as_one_types(page: Page):
    page.click(TEMPLATE)
    page.keyboard.press("Control+a")
    page.keyboard.type("one {red|red} fox")
    wait_for_prompts(page, "one red fox")
    assert prompts(page) == ["one red fox"] * 4
    page.fill("#orchestrator_count input", "2")
    page.wait_for_function(f"document.querySelectorAll('{CARDS}').length === 2")
    assert page.inner_text("#orchestrator_summary .orc-summary").startswith(
        "2 prompts · 512 × 512 · 20 steps euler / normal"
    )


def test_a_mistake_in_a_form_is_a_line_that_names_the_field(page: Page):
    page.fill("#orchestrator_dispatch_steps input", "0")
    page.wait_for_selector("#orchestrator_preview .orc-notice:has-text('Steps')")
    page.fill("#orchestrator_dispatch_steps input", "8")
    page.wait_for_selector(CARDS)
    write(page, "a {fox|owl")
    page.wait_for_selector("#orchestrator_preview .orc-notice:has-text('never closed')")


def test_a_click_on_a_word_draws_it_again_in_its_own_prompt_alone(page: Page):
    write(page, "a {red|green|blue|white} {fox|owl|cat|dog}")
    wait_for_prompts(page, "a ")
    page.wait_for_function(f"document.querySelectorAll('{CARDS} .option').length === 8")
    before = [text.split() for text in prompts(page)]
    page.locator(f"{CARDS} >> nth=1 >> .option >> nth=0").click()
    page.wait_for_function(
        f"!document.querySelectorAll('{CARDS}')[1].innerText.includes({json.dumps(' '.join(before[1]))})"
    )
    after = [text.split() for text in prompts(page)]
    assert after[1][1] != before[1][1]
    assert after[1][2] == before[1][2]
    assert [after[place] for place in (0, 2, 3)] == [before[place] for place in (0, 2, 3)]
    page.locator(f"{CARDS} >> nth=2 >> .option >> nth=1").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        f"!document.querySelectorAll('{CARDS}')[2].innerText.includes({json.dumps(' '.join(before[2]))})"
    )


def test_prompts_are_rendered_and_can_be_taken_along(page: Page, studio: Studio):
    write(page, "a {crimson|crimson} fox")
    page.fill("#orchestrator_count input", "2")
    page.fill(SEED, "123456789012345678")
    wait_for_prompts(page, "seed 123456789012345678")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('2 images')")
    page.wait_for_function("document.querySelectorAll('#orchestrator_gallery button img').length === 2")
    images(page).nth(1).click()
    page.wait_for_selector("#orchestrator_infotext textarea")
    page.wait_for_function("document.querySelector('#orchestrator_infotext textarea').value.includes('Seed: ')")
    assert "Seed: 123456789012345679" in page.input_value("#orchestrator_infotext textarea")
    assert "{crimson|crimson}" in page.inner_text("#orchestrator_origins")
    workflow = json.loads(download(page, "#orchestrator_as_workflow"))
    assert "a crimson fox" in json.dumps(workflow)
    assert "template: a {crimson|crimson} fox" in download(page, "#orchestrator_as_template")
    assert "a {crimson|crimson} fox" in download(page, "#orchestrator_as_live")
    assert "a crimson fox" in download(page, "#orchestrator_as_stock")
    (image,) = (studio.home / "outputs").rglob(f"{workflow['extra']['orchestrator']['run_id']}*.png")
    assert read_image(image).infotext.request.seed == 123456789012345679  # type: ignore[union-attr]


def test_a_prompt_is_taken_along_without_being_rendered(page: Page):
    write(page, "an {amber|amber} owl")
    wait_for_prompts(page, "an amber owl")
    page.hover(CARDS)
    page.locator(f"{CARDS} >> nth=0 >> .orc-link").click()
    page.wait_for_function("document.querySelector('#orchestrator_infotext textarea')?.value.includes('an amber owl')")
    assert "an amber owl" in json.dumps(json.loads(download(page, "#orchestrator_as_workflow")))


def infotext_of(page: Page) -> str:
    return page.input_value("#orchestrator_infotext textarea").splitlines()[0]


def test_the_details_of_a_prompt_are_of_what_is_drawn_now(page: Page):
    page.fill("#orchestrator_count input", "12")
    write(page, "a {red|green|blue|white|black} fox {red|red}")
    page.wait_for_function(f"document.querySelectorAll('{CARDS} .option').length === 24")
    card = page.locator(CARDS).nth(11)
    card.scroll_into_view_if_needed()
    card.hover()
    card.locator(".orc-link").click()
    page.wait_for_function("document.querySelector('#orchestrator_infotext textarea')?.value.includes(' fox red')")
    assert infotext_of(page) == prompts(page)[11]
    page.wait_for_function(
        "(() => { const { top, bottom } = document.querySelector('#orchestrator_origins').getBoundingClientRect();"
        " return top >= 0 && bottom <= innerHeight; })()"
    )
    before = prompts(page)[11]
    card.locator(".option").first.click()
    page.wait_for_function(f"!document.querySelector('#orchestrator_infotext textarea').value.includes('{before}')")
    assert infotext_of(page) == prompts(page)[11] != before
    page.locator("#orchestrator_more_drawing > button").first.click()
    page.click("#orchestrator_reset:has-text('(1 part)')")
    page.wait_for_function(f"document.querySelector('#orchestrator_infotext textarea').value.includes('{before}')")
    page.fill("#orchestrator_count input", "3")
    page.wait_for_selector("#orchestrator_chosen", state="hidden")


def test_opening_what_is_closed_changes_no_option_and_needs_no_scrolling(page: Page):
    for name in ("drawing", "rendering"):
        page.locator(f"#orchestrator_more_{name} > button").first.click()
    page.wait_for_selector("#orchestrator_generate_prompt_index textarea, #orchestrator_generate_prompt_index input")
    page.wait_for_timeout(500)
    empty = page.locator("#orchestrator_generate_prompt_index").locator("textarea, input").first
    assert empty.input_value() == ""
    assert page.evaluate(SCROLLABLE) == []


def test_the_description_of_a_field_is_seen_whole(page: Page):
    page.locator("#orchestrator_more_drawing > button").first.click()
    for option in ("generate_prompt_index", "generate_prompt_method", "dispatch_scheduler", "dispatch_batch_size"):
        label = page.locator(f"#orchestrator_{option} [data-testid=block-info]").first
        label.hover()
        tip = page.locator(f"#orchestrator_{option} [data-testid=block-info] + div").first
        tip.wait_for(state="visible")
        assert tip.evaluate(
            "tip => { const inside = tip.getBoundingClientRect();"
            " for (let box = tip.parentElement; box; box = box.parentElement) {"
            "  const around = box.getBoundingClientRect();"
            "  if (getComputedStyle(box).overflowX !== 'visible'"
            "      && (inside.right > around.right + 1 || inside.left < around.left - 1)) return false; }"
            " return true; }"
        ), option


def test_steps_are_shown_and_an_interrupt_stops_the_rest(page: Page, held: Painter):
    assert page.locator("#orchestrator_interrupt").is_disabled()
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('prompt 1 of 4: step 3/8')")
    assert page.locator("#orchestrator_generate").is_disabled()
    page.click("#orchestrator_interrupt")
    page.wait_for_selector("#orchestrator_progress:has-text('0 images, 4 stopped')")
    page.wait_for_selector("#orchestrator_generate:not([disabled])")


def test_the_picture_so_far_is_shown(page: Page, servers: Servers):
    go = threading.Event()

    def on_job(server: ForgeStandIn, body: dict[str, Any]) -> Any:
        server.begin(body)
        server.step(3, 8)
        assert go.wait(60)
        return server.finish(body)

    usual, servers.forge.on_job, servers.forge.preview = servers.forge.on_job, on_job, png()
    try:
        page.locator("#orchestrator_target label", has_text="Forge").click()
        page.wait_for_selector("#orchestrator_summary:has-text('to Forge')")
        page.click("#orchestrator_generate")
        page.wait_for_selector("#orchestrator_progress:has-text('prompt 1 of 4: step 3/8')")
        page.wait_for_function("document.querySelector('.orc-preview')?.naturalWidth === 8")
    finally:
        go.set()
        servers.forge.on_job, servers.forge.preview = usual, b""
    page.wait_for_selector("#orchestrator_progress:has-text('4 images')")
    assert page.locator(".orc-preview").count() == 0


def test_what_a_closed_page_left_running_is_said_and_can_be_stopped(opened: Opened, held: Painter, servers: Servers):
    first = opened()
    first.click("#orchestrator_generate")
    first.wait_for_selector("#orchestrator_progress:has-text('step 3/8')")
    first.goto("about:blank")
    second = opened()
    second.wait_for_selector("#orchestrator_elsewhere:has-text('prompt 1 of 4')")
    second.click("#orchestrator_stop_it")
    until(lambda: not servers.comfy.running)

    def is_quiet() -> bool:
        second.reload()
        second.wait_for_selector(CARDS)  # which come after what is said of other pages
        return second.locator("#orchestrator_elsewhere .orc-notice").count() == 0

    until(is_quiet)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_choices_are_those_of_the_target(page: Page):
    def offers(name: str, choice: str) -> bool:
        page.click(f"#orchestrator_dispatch_{name} input")
        page.wait_for_selector(f"#orchestrator_dispatch_{name} [role=option]:visible, body > * [role=option]:visible")
        found = page.locator("[role=option]:visible").all_inner_texts()
        page.evaluate("document.activeElement.blur()")
        page.wait_for_function("![...document.querySelectorAll('[role=option]')].some((one) => one.offsetParent)")
        return choice in [re.sub("^[✓\\s]+", "", text) for text in found]

    until(lambda: offers("checkpoint", "xl/base.safetensors"))
    assert not offers("checkpoint", "sd15.safetensors [0123456789]")
    page.locator("#orchestrator_target label", has_text="Forge").click()
    page.wait_for_selector("#orchestrator_summary:has-text('to Forge')")
    until(lambda: offers("scheduler", "ddim_uniform"))


def test_two_pages_know_nothing_of_one_another(opened: Opened):
    first, second = opened(), opened()
    seeds = {page.inner_text(f"{CARDS} >> nth=0 >> small") for page in (first, second)}
    assert len(seeds) == 2
    write(first, "only here")
    wait_for_prompts(first, "only here")
    tab(first, "Batch")
    first.click("#orchestrator_take")
    first.wait_for_selector("#orchestrator_row0:visible")
    tab(second, "Batch")
    second.wait_for_timeout(500)
    assert not second.locator("#orchestrator_row0").is_visible()
    assert "only here" not in second.content()


# hostile values


def test_a_hostile_wildcard_stays_text_everywhere(page: Page, studio: Studio):
    (studio.wildcards / "hostile.txt").write_text(f"{HOSTILE}\n")
    page.wait_for_timeout(2_200)  # a draw looks for new files every two seconds
    write(page, "a __hostile__ fox")
    wait_for_prompts(page, "<script>window.hacked")
    assert "onerror" in prompts(page)[0]
    page.locator(f"{CARDS} >> nth=0 >> .w >> nth=0").hover()
    page.locator(f"{CARDS} >> nth=0 >> .orc-link").click()
    page.wait_for_selector("#orchestrator_origins table")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('4 images')")
    tab(page, "Batch")
    page.click("#orchestrator_take")
    page.wait_for_selector("#orchestrator_row0:visible")
    tab(page, "Wildcards")
    page.fill("#orchestrator_wildcards_search input, #orchestrator_wildcards_search textarea", "hostile")
    page.locator("#orchestrator_wildcards_tree .orc-leaf", has_text="hostile").click()
    page.wait_for_selector("#orchestrator_wildcards_detail td:has-text('<script>')")
    page.click("#orchestrator_check")
    page.wait_for_selector("#orchestrator_wildcards_detail:has-text('problem')")
    assert page.evaluate("window.hacked") is None
    (studio.wildcards / "hostile.txt").unlink()


# Batch


def drop(page: Page, folder: Path, rows: list[Any], name: str = "prompts.json") -> None:
    """Drops a file as a person does."""
    tab(page, "Batch")
    (folder / name).write_text(json.dumps(rows))
    text = (folder / name).read_text()
    page.wait_for_selector("#orchestrator_batch_files input[type=file]", state="attached")
    page.evaluate(
        """([text, name]) => {
            const data = new DataTransfer();
            data.items.add(new File([text], name, {type: 'application/json'}));
            const zone = document.querySelector('#orchestrator_batch_files input[type=file]').parentElement;
            for (const kind of ['dragenter', 'dragover', 'drop'])
                zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
        }""",
        [text, name],
    )
    page.wait_for_selector("#orchestrator_row0:visible")


def row(page: Page, place: int) -> Locator:
    return page.locator(f"#orchestrator_row{place}")


def test_a_dropped_file_goes_to_two_targets_and_broken_rows_are_said(page: Page, tmp_path: Path, servers: Servers):
    asked = len(servers.comfy.bodies), len(servers.forge.bodies)
    targets = ["comfyui", "forge"]
    rows = [{"prompt": f"fox {n}", "seed": n, "target": targets[n % 2], "steps": 4} for n in range(4)]
    drop(page, tmp_path, [*rows, {"neither": 1}])
    assert 'row 5: has neither a "prompt" nor a "template"' in page.inner_text("#orchestrator_batch_notes")
    assert page.inner_text("#orchestrator_batch_summary .orc-summary") == "4 prompts · 2 to ComfyUI · 2 to Forge"
    row(page, 1).locator("textarea, input[type=text]").first.fill("an owl instead")
    row(page, 2).get_by_label("Forge").click()
    row(page, 3).get_by_label("skip").click()
    page.wait_for_selector("#orchestrator_batch_summary:has-text('3 prompts · 1 to ComfyUI · 2 to Forge · 1 skipped')")
    page.click("#orchestrator_batch_run")
    page.wait_for_selector("#orchestrator_batch_progress:has-text('3 images')")
    page.wait_for_function("document.querySelectorAll('#orchestrator_batch_gallery button img').length === 3")
    assert [len(servers.comfy.bodies) - asked[0], len(servers.forge.bodies) - asked[1]] == [1, 2]
    sent = [body["prompt"] for body in servers.forge.bodies[asked[1] :]]
    assert sent == ["an owl instead", "fox 2"]
    assert {body["steps"] for body in servers.forge.bodies[asked[1] :]} == {4}
    assert "1 image" in row(page, 0).inner_text()
    page.click("#orchestrator_export")
    with page.expect_download() as found:
        page.locator("#orchestrator_exported a[download], #orchestrator_exported a").first.click()
    written = json.loads(Path(found.value.path()).read_text("utf-8"))["runs"]
    assert [(item["positive"], item["target"]) for item in written] == [
        ("fox 0", "comfyui"),
        ("an owl instead", "forge"),
        ("fox 2", "forge"),
    ]


def test_a_target_that_does_not_answer_does_not_stop_the_other(page: Page, tmp_path: Path, servers: Servers):
    servers.forge.answers["/sdapi/v1/txt2img"] = (500, b"{}")
    try:
        drop(page, tmp_path, [{"prompt": f"fox {n}", "target": ["comfyui", "forge"][n % 2]} for n in range(4)])
        page.click("#orchestrator_batch_run")
        page.wait_for_selector("#orchestrator_batch_progress:has-text('2 images, 2 failed')")
    finally:
        servers.forge.answers.clear()
    assert page.locator("#orchestrator_row1 .orc-row-head.failed").count() == 1
    assert page.locator("#orchestrator_row2 .orc-row-head.done").count() == 1


def test_a_batch_is_interrupted(page: Page, tmp_path: Path, held: Painter):
    drop(page, tmp_path, [{"prompt": f"fox {n}", "target": "comfyui"} for n in range(3)])
    page.click("#orchestrator_batch_run")
    page.wait_for_selector("#orchestrator_row0 .orc-row-head.running:has-text('step 3/8')")
    page.click("#orchestrator_batch_interrupt")
    page.wait_for_selector("#orchestrator_batch_progress:has-text('0 images, 3 stopped')")


def test_five_hundred_rows_are_turned_page_by_page_and_nothing_typed_is_lost(page: Page, tmp_path: Path):
    drop(page, tmp_path, [{"template": f"fox {n} {{a|b}}", "seed": n, "target": "forge"} for n in range(500)])
    assert "1 – 10 of 500" in page.inner_text(".orc-pager")
    row(page, 0).locator("textarea, input[type=text]").first.fill("typed on page one")
    page.get_by_role("button", name="Next ›").click()
    page.wait_for_selector(".orc-pager:has-text('11 – 20 of 500')")
    row(page, 9).get_by_label("skip").click()
    page.get_by_role("button", name="All to ComfyUI").click()
    page.wait_for_selector("#orchestrator_batch_summary:has-text('499 prompts · 499 to ComfyUI · 1 skipped')")
    page.get_by_role("button", name="‹ Previous").click()
    page.wait_for_selector(".orc-pager:has-text('1 – 10 of 500')")
    assert page.locator(".orc-row-head.failed").count() == 0
    page.wait_for_function(
        "document.querySelector('#orchestrator_row0 textarea, #orchestrator_row0 input').value === 'typed on page one'"
    )
    page.get_by_role("button", name="Clear the list").click()
    page.wait_for_selector("#orchestrator_row0", state="hidden")


def test_a_file_that_is_no_prompt_file_is_named(page: Page, tmp_path: Path):
    tab(page, "Batch")
    (tmp_path / "odd.json").write_text("[{")
    page.set_input_files("#orchestrator_batch_files input[type=file]", str(tmp_path / "odd.json"))
    page.wait_for_selector("#orchestrator_batch_notes:has-text('odd.json')")
    assert not row(page, 0).is_visible()


# LoRAs


def with_loras(studio: Studio, folder: Path) -> None:
    """The studio reads its settings anew at each use."""
    settings = studio.home / "settings.json"
    values = json.loads(settings.read_text())
    settings.write_text(json.dumps({**values, "lora_folders": [str(folder)]}))


@pytest.fixture
def loras(studio: Studio, tmp_path: Path) -> Path:
    """A folder of which ComfyUI has one file, and another one that is called like an attack."""
    folder = tmp_path / "loras"
    write_lora(folder / "style" / "ink.safetensors", "zorblax ink")
    write_lora(folder / "own.safetensors", "quibble")
    (folder / "own.json").write_text(json.dumps({"notes": HOSTILE, "description": HOSTILE}))
    picture = Image.new("RGB", (300, 400), "teal")
    picture.save(folder / "own.preview.png")
    with_loras(studio, folder)
    return folder


def test_loras_are_found_corrected_and_told_of(page: Page, loras: Path):
    tab(page, "LoRAs")
    cards = page.locator("#orchestrator_loras_cards .orc-lora")
    page.wait_for_function("document.querySelectorAll('#orchestrator_loras_cards .orc-lora').length === 2")
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora img")  # made in the background
    page.fill("#orchestrator_loras_search textarea, #orchestrator_loras_search input", "bass:pony")
    page.wait_for_selector("#orchestrator_loras_cards:has-text(\"there is no key 'bass:'\")")
    page.fill("#orchestrator_loras_search textarea, #orchestrator_loras_search input", "trigger:quibble")
    page.wait_for_function("document.querySelectorAll('#orchestrator_loras_cards .orc-lora').length === 1")
    cards.first.click()
    page.wait_for_selector("#orchestrator_lora_detail:has-text('own.safetensors')")
    assert "${window.hacked = 1}" in page.locator("#orchestrator_lora_detail").inner_text()
    page.fill("#orchestrator_lora_trigger_words textarea", "quibble\nsecond group")
    page.locator("#orchestrator_lora_favourite input").check()
    page.click("#orchestrator_lora_save")
    page.wait_for_selector("#orchestrator_lora_said:has-text('Saved: trigger words, favourite.')")
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('second group'):has-text('★')")
    from playwright.sync_api import TimeoutError as TooLong

    told = page.locator("#orchestrator_lora_news_shown .orc-notice:has-text('1 new LoRA') [data-send^=show]")
    for number in range(10):  # what comes before a slow page has looked for the first time is no news to it
        page.wait_for_timeout(3_000)
        write_lora(loras / "new" / f"owl{number}.safetensors", f"wumple{number}")
        with suppress(TooLong):
            told.first.wait_for(timeout=15_000)
            break
    told.first.click()
    page.wait_for_selector(f"#orchestrator_loras_cards .orc-lora:has-text('wumple{number}')")
    assert cards.count() == 1
    page.click("#orchestrator_loras_export")
    page.wait_for_selector("#orchestrator_loras_said:has-text('in the list')")
    page.wait_for_selector("#orchestrator_loras_exported a[href*='loras.csv']")


def test_a_notice_is_told_on_any_page_and_a_click_on_it_opens_the_loras(page: Page, loras: Path):
    tab(page, "LoRAs")  # it has looked at the folder then, so that what comes is news, however slow the page is
    page.wait_for_function("document.querySelectorAll('#orchestrator_loras_cards .orc-lora').length === 2")
    tab(page, "Generate")
    write_lora(loras / "crow.safetensors", "snargle")
    page.wait_for_selector("#orchestrator_lora_news_shown:has-text('1 new LoRA')")
    notices = page.locator("#orchestrator_lora_news_shown [data-send^=away]")
    while left := notices.count():  # that of the first two, if it was told, is another one
        notices.first.click()
        page.wait_for_function(
            "n => document.querySelectorAll('#orchestrator_lora_news_shown [data-send^=away]').length < n", arg=left
        )
    write_lora(loras / "owl.safetensors", "wumple")
    page.wait_for_selector("#orchestrator_lora_news_shown:has-text('1 new LoRA')")
    page.locator("#orchestrator_lora_news_shown [data-send^=show]").first.click()
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('wumple')")
    assert page.locator("#orchestrator_loras_cards .orc-lora").count() == 1


def test_chosen_loras_are_seen_before_they_are_sent_and_are_those_of_the_target(
    page: Page, loras: Path, servers: Servers
):
    write(page, "zorblax ink, a quibble")
    page.locator("#orchestrator_choose_loras .label-wrap, #orchestrator_choose_loras > button").first.click()
    page.locator("#orchestrator_choose input").check()
    page.wait_for_selector(f"{CARDS} .orc-chosen-loras:has-text('ink')")
    page.wait_for_selector("#orchestrator_preview:has-text('not known to ComfyUI')")
    page.wait_for_selector("#orchestrator_summary:has-text('LoRA style/ink.safetensors')")
    page.fill("#orchestrator_count input", "1")
    page.wait_for_selector("#orchestrator_summary:has-text('1 prompt ')")
    before = len(servers.comfy.bodies)
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    (body,) = servers.comfy.bodies[before:]
    loaded = [n["inputs"]["lora_name"] for n in body["prompt"].values() if n["class_type"] == "LoraLoader"]
    assert loaded == ["style/ink.safetensors"]
    tab(page, "Batch")
    page.click("#orchestrator_take")
    page.wait_for_selector("#orchestrator_row0:has-text('LoRA style/ink.safetensors')")


# Wildcards, Config


def test_wildcards_are_looked_at_reloaded_and_used(page: Page, studio: Studio):
    tab(page, "Wildcards")
    page.locator("#orchestrator_wildcards_tree summary", has_text="colors").click()
    page.locator("#orchestrator_wildcards_tree .orc-leaf", has_text=re.compile("^warm$")).click()
    page.wait_for_selector("#orchestrator_wildcards_detail:has-text('__colors/warm__')")
    assert page.locator("#orchestrator_wildcards_tree .picked").all_inner_texts() == ["warm"]
    (studio.wildcards / "brand_new.txt").write_text("shiny\n")
    page.click("#orchestrator_reload")
    page.wait_for_selector("#orchestrator_wildcards_said:has-text('1 added (brand_new)')")
    page.locator("#orchestrator_wildcards_tree .orc-leaf", has_text="brand_new").click()
    page.wait_for_selector("#orchestrator_wildcards_detail:has-text('shiny')")
    page.click("#orchestrator_use_wildcard")
    page.wait_for_selector("#orchestrator_wildcards_said:has-text('at the end of the template')")
    tab(page, "Generate")
    wait_for_prompts(page, "shiny")
    (studio.wildcards / "brand_new.txt").unlink()


def test_settings_are_checked_tested_and_saved(page: Page, studio: Studio):
    tab(page, "Config")
    address = "#orchestrator_settings_comfy_url input, #orchestrator_settings_comfy_url textarea"
    page.wait_for_timeout(1_500)  # the form is filled when it is opened
    right = page.input_value(address)
    page.click("#orchestrator_test_comfyui")
    page.wait_for_selector("#orchestrator_tested_comfyui:has-text('answers: 2 checkpoints')")
    page.fill(address, "http://127.0.0.1:9")
    page.click("#orchestrator_test_comfyui")
    page.wait_for_selector("#orchestrator_tested_comfyui:has-text('does not answer')")
    page.fill(address, right)
    page.fill("#orchestrator_settings_output_folder input, #orchestrator_settings_output_folder textarea", "elsewhere")
    page.click("#orchestrator_save")
    page.wait_for_selector("#orchestrator_saved:has-text('Saved in')")
    saved = json.loads((studio.home / "settings.json").read_text())
    assert (saved["output_folder"], saved["comfy_url"]) == ("elsewhere", right)
    page.fill("#orchestrator_settings_output_folder input, #orchestrator_settings_output_folder textarea", "")
    page.click("#orchestrator_save")
    until(lambda: json.loads((studio.home / "settings.json").read_text())["output_folder"] == "")


def test_a_new_address_is_in_use_at_once(page: Page):
    summary, said = "#orchestrator_summary .orc-summary", "#orchestrator_refreshed .orc-notice"
    address = "#orchestrator_settings_comfy_url input, #orchestrator_settings_comfy_url textarea"
    tab(page, "Config")
    page.wait_for_timeout(1_500)  # the form is filled when it is opened
    right = page.input_value(address)
    try:
        save(page, address, "http://127.0.0.1:9")
        tab(page, "Generate")
        page.wait_for_selector(f"{summary}:has-text('to ComfyUI (http://127.0.0.1:9)')")
        page.wait_for_selector(f"{said}:has-text('set on the page Config')")
    finally:
        tab(page, "Config")
        save(page, address, right)
    tab(page, "Generate")
    page.wait_for_selector(f"{summary}:has-text('to ComfyUI ({right})')")
    page.wait_for_selector(said, state="hidden")


def save(page: Page, field: str, value: str) -> None:
    page.wait_for_timeout(1_500)
    page.fill(field, value)
    page.click("#orchestrator_save")
    page.wait_for_selector("#orchestrator_saved:has-text('Saved in')")


# how it looks


def test_the_page_fits_a_phone(opened: Opened):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    for name in ("Generate", "Batch", "Wildcards", "Config"):
        if not page.get_by_role("tab", name=name).is_visible():
            page.locator(".overflow-menu > button").first.click()
            page.locator(".overflow-dropdown button", has_text=name).click()
        else:
            tab(page, name)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.skipif(not os.environ.get("ORCHESTRATOR_PICTURES"), reason="ORCHESTRATOR_PICTURES names no folder")
def test_pictures_of_the_page(opened: Opened, servers: Servers):
    """Writes studio.png, which is looked at by people."""
    servers.painter.size = (512, 512)
    page = opened(viewport={"width": 1280, "height": 860})
    page.fill("#orchestrator_generate_prompt_negative_template textarea", "__negative/general__")
    page.fill(SEED, "31")
    wait_for_prompts(page, "seed 31")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('4 images')")
    page.wait_for_timeout(1_500)
    page.locator(f"{CARDS} >> nth=0 >> .wildcard >> nth=0").hover()
    page.wait_for_timeout(500)
    page.screenshot(path=str(Path(os.environ["ORCHESTRATOR_PICTURES"]) / "studio.png"))
    servers.painter.size = (64, 64)
