"""The tab and the script in a real Forge's page, in headless Chromium: what a person does.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the tab are written there.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.core.jobs.at_work import eventually
from tests.hosts.comfyui import ComfyUI
from tests.hosts.forge import PACK, Forge, watch_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "#orchestrator_generate_prompt_template textarea"
SCRIPT = "#script_txt2img_orchestrator"
CARDS = "#orchestrator_preview .orc-card"
BUNDLED = Wildcards([Path(__file__).parents[2] / "wildcards"])

Opened = Callable[..., "Page"]


@pytest.fixture
def opened(forge: Forge, chromium: Browser) -> Iterator[Opened]:
    """Opens pages in browsers of their own; no script of theirs may fail."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(theme: str = "light", start: str = "Orchestrator") -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1400, "height": 900}))
        page: Page = contexts[-1].new_page()
        page.set_default_timeout(90_000)
        watch_errors(page, errors)
        page.goto(f"{forge.url}/?__theme={theme}")
        page.wait_for_selector("#tabs button")
        tab(page, start)
        if start == "Orchestrator":
            page.wait_for_selector(CARDS)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(opened: Opened) -> Page:
    return opened()


def tab(page: Page, name: str) -> None:
    # Forge Neo writes its own in small letters
    page.get_by_role("tab", name=re.compile(f"^{name}$", re.IGNORECASE)).first.click()


def small(page: Page, steps: int = 2, prompts: int = 2, size: int = 64) -> None:
    """What a tiny model does in a moment."""
    fill(page, "#orchestrator_dispatch_steps", str(steps))
    fill(page, "#orchestrator_dispatch_width", str(size))
    fill(page, "#orchestrator_dispatch_height", str(size))
    fill(page, "#orchestrator_count", str(prompts))
    word = "prompt" if prompts == 1 else "prompts"
    page.wait_for_selector(f"#orchestrator_summary:has-text('{prompts} {word} · {size} × {size} · {steps} steps')")


def fill(page: Page, place: str, text: str) -> None:
    page.locator(f"{place} textarea, {place} input").first.fill(text)


def write(page: Page, text: str) -> None:
    page.fill(TEMPLATE, text)
    page.wait_for_function(f"document.querySelector('{CARDS}') !== null")


def seed_of(page: Page) -> int:
    return int(page.locator(f"{CARDS} small").first.inner_text().split()[1])


def images(page: Page, gallery: str = "#orchestrator_gallery") -> Locator:
    return page.locator(f"{gallery} button:has(img)")


def newest(forge: Forge) -> list[Path]:
    """The images in the host's own folder, the newest first."""
    return sorted(forge.images.rglob("*.png"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


# the tab


def test_the_tab_renders_in_this_process_and_the_image_says_where_it_came_from(page: Page, forge: Forge):
    small(page)
    write(page, "a __colors/warm__ {fox|owl}")
    seed = seed_of(page)
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('2 images')")
    page.wait_for_function("document.querySelectorAll('#orchestrator_gallery button img').length === 2")
    infos = [read_image(path).infotext for path in reversed(newest(forge)[:2])]
    drafts = [Template("a __colors/warm__ {fox|owl}").draw(BUNDLED, seed + number) for number in (0, 1)]
    assert [info.request.positive for info in infos if info] == [draft.positive for draft in drafts]
    for number, info in enumerate(infos):
        assert info is not None
        assert info.notes.template == "a __colors/warm__ {fox|owl}"
        assert (info.request.seed, info.request.steps, info.request.width) == (seed + number, 2, 64)
        with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
            assert store.load_run(info.notes.run_id).images[0].path == newest(forge)[1 - number]
    images(page).first.click()
    page.wait_for_function("document.querySelector('#orchestrator_infotext textarea')?.value.includes('Seed: ')")
    assert f"Seed: {seed}" in page.input_value("#orchestrator_infotext textarea")


def test_a_scene_is_rendered_in_this_process_and_seen_and_edited_in_its_story(page: Page):
    from playwright.sync_api import TimeoutError as TooLong

    tab(page, "Profiles")
    page.click('.orc-profile[data-send="characters/mira"]')
    page.wait_for_selector("#orchestrator_profile_tried:has-text('she reads a letter by the window, 1woman')")
    tab(page, "Stories")
    page.get_by_text("Begin a story").click()
    fill(page, "#orchestrator_stories_name", "The lamp")
    names = page.locator("#orchestrator_stories_profiles input").first
    names.fill("characters/mira")
    names.press("Enter")
    page.click("#orchestrator_stories_begin")
    page.wait_for_selector("#orchestrator_story_head:has-text('with characters/mira')")
    page.click("#orchestrator_story_continue")
    small(page, prompts=1)
    write(page, "Mira on the stairs, night")
    page.wait_for_selector("#orchestrator_preview:has-text('scene 1 of The lamp')")
    page.wait_for_selector("#orchestrator_preview:has-text('Mira on the stairs, night, 1woman')")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    tab(page, "Stories")
    page.wait_for_selector("#orchestrator_story_timeline .orc-scene img")
    changed = page.locator("#orchestrator_story_log tr:has-text('you'):has-text('mood: tense')")
    for _ in range(4):  # while the form is being filled with the new scene, the page says so, and to click once more
        fill(page, "#orchestrator_story_mood", "tense")
        page.click("#orchestrator_story_save")
        with suppress(TooLong):
            changed.wait_for(timeout=20_000)
            break
    assert changed.count()
    page.click("#orchestrator_story_undo")
    page.wait_for_selector("#orchestrator_story_log tr.undone:has-text('mood: tense')")


def test_steps_and_a_picture_are_shown_and_an_interrupt_stops_the_rest(page: Page, forge: Forge):
    small(page, steps=150, prompts=3, size=256)  # long enough for a picture to come while it renders
    before = newest(forge)
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_generate[disabled]")
    page.wait_for_selector("#orchestrator_progress:has-text('prompt 1 of 3: step')")
    page.wait_for_selector("#orchestrator_progress img.orc-preview")
    page.click("#orchestrator_interrupt")
    page.wait_for_selector("#orchestrator_progress:has-text('0 images, 3 stopped')")
    assert newest(forge) == before
    small(page)
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('2 images')")


def test_what_the_host_refuses_is_said_on_the_page(page: Page):
    small(page, prompts=1)
    write(page, "a fox <lora:not there:1>")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('is not in the list; there are')")


def test_a_prompt_is_sent_to_the_hosts_own_page(page: Page):
    small(page, prompts=1)
    write(page, "a {red|red} fox")
    fill(page, "#orchestrator_generate_prompt_negative_template", "{blurry|blurry}")
    page.wait_for_selector(f"{CARDS} .orc-negative")
    page.click("#orchestrator_generate")
    page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    images(page).first.click()
    page.wait_for_selector("#orchestrator_send:visible")
    page.wait_for_timeout(1_000)
    page.click("#orchestrator_send")
    page.wait_for_selector("#txt2img_prompt textarea:visible")
    assert page.input_value("#txt2img_prompt textarea") == "a red fox"
    assert page.input_value("#txt2img_neg_prompt textarea") == "blurry"


def test_nothing_of_the_tab_is_kept_in_the_hosts_list_of_element_values(page: Page, forge: Forge):
    kept = json.loads((forge.folder / "ui-config.json").read_text("utf-8"))
    assert [key for key in kept if "rchestrator" in key] == []


def test_settings_are_the_hosts_own(page: Page, forge: Forge):
    tab(page, "Config")
    assert page.locator("#orchestrator_settings_forge_url").count() == 0
    wanted = {"comfy_url": "http://127.0.0.1:9999", "wildcard_folders": "one folder\nanother"}

    def is_saved() -> bool:  # "Saved" may stand there since another test
        with suppress(json.JSONDecodeError):  # it is being written
            kept = json.loads((forge.folder / "config.json").read_text("utf-8"))
            return all(kept[f"orchestrator_{name}"] == value for name, value in wanted.items())
        return False

    try:
        for _ in range(5):  # a page that was just opened may still be filled with what was saved before
            for name, value in wanted.items():
                fill(page, f"#orchestrator_settings_{name}", value)
            page.click("#orchestrator_save")
            page.wait_for_selector("#orchestrator_saved:has-text('Saved in Forge')")
            with suppress(AssertionError):
                eventually(is_saved, 10)
                break
        assert is_saved()
        tab(page, "Settings")
        page.locator("#settings").get_by_role("tab", name="Orchestrator").click()
        assert page.input_value("#setting_orchestrator_dialect input:checked") == "dynamicprompts"
        forge.post("/sdapi/v1/options", {"orchestrator_dialect": "impact"})
        tab(page, "Orchestrator")
        tab(page, "Generate")
        tab(page, "Config")
        page.wait_for_function("document.querySelector('#orchestrator_settings_dialect input').value === 'impact'")
    finally:
        defaults = {"comfy_url": "http://127.0.0.1:8188", "wildcard_folders": "", "dialect": "dynamicprompts"}
        forge.post("/sdapi/v1/options", {f"orchestrator_{name}": value for name, value in defaults.items()})


def test_a_batch_goes_half_to_this_forge_and_half_to_a_comfyui(
    page: Page, forge: Forge, comfyui: ComfyUI, tmp_path: Path
):
    forge.post("/sdapi/v1/options", {"orchestrator_comfy_url": comfyui.url})
    targets = ["forge", "comfyui"]
    rows = [
        {"template": "a {fox|owl} __colors/warm__", "seed": n, "target": targets[n % 2], "width": 64, "height": 64}
        for n in range(4)
    ]
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps([{**row, "steps": 2} for row in rows]))
    try:
        tab(page, "Batch")
        page.set_input_files("#orchestrator_batch_files input[type=file]", str(file))
        page.wait_for_selector("#orchestrator_batch_summary:has-text('4 prompts · 2 to Forge · 2 to ComfyUI')")
        page.click("#orchestrator_batch_run")
        page.wait_for_selector("#orchestrator_batch_progress:has-text('4 images')", timeout=120_000)
    finally:
        forge.post("/sdapi/v1/options", {"orchestrator_comfy_url": "http://127.0.0.1:8188"})
    here = [path for path in newest(forge) if "comfyui" not in path.parts][:2]
    there = sorted((forge.images / "comfyui").rglob("*.png"))
    assert len(there) == 2
    found = {}
    for path in [*here, *there]:
        image = read_image(path)
        assert image.request is not None
        assert image.notes is not None
        assert image.notes.template == "a {fox|owl} __colors/warm__"
        found[image.request.seed] = image
    assert sorted(found) == [0, 1, 2, 3]
    for seed, image in found.items():
        draft = Template("a {fox|owl} __colors/warm__").draw(BUNDLED, seed)
        assert image.request.positive == draft.positive
        assert (image.workflow is not None or image.graph is not None) == (seed % 2 == 1), "only ComfyUI's have a graph"


# the script in the host's own page


def generate(page: Page, prompt: str, *, steps: int = 1) -> None:
    page.fill("#txt2img_prompt textarea", prompt)
    for name in ("width", "height"):
        page.locator(f"#txt2img_{name} input[type=number]").fill("64")
    page.locator("#txt2img_steps input[type=number]").fill(str(steps))
    page.wait_for_timeout(500)
    page.click("#txt2img_generate")
    page.wait_for_selector("#html_info_txt2img:has-text('Steps: ')")


def paste(page: Page, infotext: str, seed: int) -> None:
    """As the host's own button does it. The page of a Forge Neo has been seen to keep the whole text as its prompt."""
    for text, number in (("a plain fox\nSteps: 2, Sampler: Euler, CFG scale: 7, Seed: 3", 3), (infotext, seed)):
        page.fill("#txt2img_prompt textarea", text)
        page.click("#paste")
        page.wait_for_function(f"document.querySelector('#txt2img_seed input').value === '{number}'")
        page.wait_for_timeout(1_000)
        if page.input_value("#txt2img_prompt textarea") == text:
            pytest.skip("this Forge pastes no prompt, of whatever infotext")


def wait_for_prompt(page: Page, text: str) -> None:
    page.wait_for_function(f"document.querySelector('#txt2img_prompt textarea').value === {json.dumps(text)}")


def test_wildcards_are_resolved_in_txt2img_and_pasting_the_image_restores_the_template(opened: Opened, forge: Forge):
    page = opened(start="Txt2img")
    page.locator(f"{SCRIPT}_enabled-visible-checkbox").check()
    page.locator("#txt2img_seed input").fill("77")
    generate(page, "a __colors/warm__ {fox|owl}")
    infotext = page.locator("#html_info_txt2img").inner_text()
    assert infotext.startswith(Template("a __colors/warm__ {fox|owl}").draw(BUNDLED, 77).positive)
    text = read_image(newest(forge)[0]).texts["parameters"]

    other = opened(start="Txt2img")
    assert not other.locator(f"{SCRIPT}_enabled-visible-checkbox").is_checked()
    paste(other, text, seed=77)
    wait_for_prompt(other, "a __colors/warm__ {fox|owl}")
    other.wait_for_function(f"document.querySelector('{SCRIPT}_enabled-visible-checkbox').checked")


def test_an_image_whose_template_gives_something_else_today_is_pasted_with_its_prompt(opened: Opened, forge: Forge):
    page = opened(start="Txt2img")
    line = "Steps: 1, Sampler: Euler, Schedule type: Simple, CFG scale: 7.0, Seed: 5, Size: 64x64"
    ours = json.dumps(json.dumps({"schema_version": 1, "run_id": "0f", "dialect": "dynamicprompts"}))
    paste(page, f'a drawn prompt\n{line}, Template: "a {{b|c}}, d", Orchestrator: {ours}', seed=5)
    wait_for_prompt(page, "a drawn prompt")
    assert not page.locator(f"{SCRIPT}_enabled-visible-checkbox").is_checked()


def test_reloading_the_page_of_the_host_leaves_one_of_everything(opened: Opened, forge: Forge):
    before = len(forge.log)
    page = opened()
    page.evaluate("fetch('/sdapi/v1/script-info')")
    page.locator("#settings_restart_gradio").evaluate("button => button.click()")
    end = time.monotonic() + 240
    while "Startup time:" not in forge.log[before:]:
        assert time.monotonic() < end, forge.log[before:]
        time.sleep(0.5)
    page.close()
    assert PACK not in forge.log[before:]
    again = opened()
    assert again.get_by_role("tab", name="Orchestrator", exact=True).count() == 1
    info = [script for script in forge.get("/sdapi/v1/script-info") if script["name"] == "orchestrator"]
    assert [script["is_img2img"] for script in info] == [False, True]
    small(again, prompts=1)
    again.click("#orchestrator_generate")
    again.wait_for_selector("#orchestrator_progress:has-text('1 image')")
    script = {"Orchestrator": {"args": [True]}}
    body = {"prompt": "{fox|fox}", "steps": 1, "width": 64, "height": 64, "alwayson_scripts": script}
    (infotext,) = json.loads(forge.post("/sdapi/v1/txt2img", body)["info"])["infotexts"]
    assert infotext.startswith("fox\n")
    assert infotext.count("Orchestrator: ") == 1


@pytest.mark.skipif("ORCHESTRATOR_PICTURES" not in os.environ, reason="ORCHESTRATOR_PICTURES names no folder")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_tab(opened: Opened, forge: Forge, theme: str):
    folder = Path(os.environ["ORCHESTRATOR_PICTURES"])
    page = opened(theme)
    small(page, steps=4, prompts=4, size=256)
    fill(page, "#orchestrator_generate_prompt_seed", "2048")
    write(page, "a __colors/warm__ {fox|owl} in {the snow|__places/city__}, __light/*__")
    page.wait_for_selector(f"{CARDS}:has-text('seed 2048')")
    forge.get("/probe/paint?on=true")
    try:
        page.click("#orchestrator_generate")
        page.wait_for_selector("#orchestrator_progress:has-text('4 images')", timeout=120_000)
    finally:
        forge.get("/probe/paint?on=false")
    page.wait_for_function("document.querySelectorAll('#orchestrator_gallery button img').length === 4")
    page.wait_for_timeout(1_000)
    page.screenshot(path=folder / ("forge_tab.png" if theme == "light" else "forge_tab_dark.png"))
