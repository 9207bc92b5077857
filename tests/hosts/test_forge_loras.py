"""LoRAs in a real Forge with a LoRA folder of its own: chosen by the prompt, with reasons; a new one comes by itself.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the tab are written there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.image_metadata import read_image
from tests.hosts.forge import Forge, ForgeParts, running_forge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "#orchestrator_generate_prompt_template textarea"
CARDS = "#orchestrator_preview .orc-card"
CHOSEN = "#orchestrator_preview .orc-chosen-loras"
NEWS = "#orchestrator_lora_news_shown .orc-notice"


@pytest.fixture(scope="module")
def forge(forge_parts: ForgeParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """A Forge that was started with --lora-dir; there are two LoRAs, one with trigger words."""
    folder = tmp_path_factory.mktemp("forge_loras")
    loras = folder / "my loras"
    shutil.copytree(forge_parts.models / "Lora", loras)
    sidecar(loras / "tiny_fox.json", "zorblax fox")
    with running_forge(folder / "data", forge_parts, ["--lora-dir", str(loras)]) as server:
        yield server


@pytest.fixture
def loras(forge: Forge) -> Path:
    return forge.folder.parent / "my loras"


@pytest.fixture
def page(forge: Forge, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    errors: list[str] = []
    page: Page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{forge.url}/?__theme=light")
    page.wait_for_selector("#tabs button")
    tab(page, "Orchestrator")
    page.wait_for_selector(CARDS)
    yield page
    context.close()
    assert errors == []


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=re.compile(f"^{name}$", re.IGNORECASE)).last.click()


def sidecar(path: Path, words: str) -> None:
    """As A1111 and Forge write it."""
    path.write_text(json.dumps({"activation text": words, "preferred weight": 0.8}), encoding="utf-8")


def fill(page: Page, place: str, text: str) -> None:
    page.locator(f"{place} textarea, {place} input").first.fill(text)


def small(page: Page) -> None:
    """One picture, as a tiny model makes it in a moment."""
    values = {"dispatch_steps": "2", "dispatch_width": "64", "dispatch_height": "64", "count": "1"}
    for name, value in values.items():
        fill(page, f"#orchestrator_{name}", value)
    fill(page, "#orchestrator_generate_prompt_seed", "77")
    page.wait_for_selector("#orchestrator_summary:has-text('1 prompt · 64 × 64 · 2 steps')")


def choose(page: Page, *, is_on: bool) -> None:
    box = page.locator("#orchestrator_choose input")
    if not box.is_visible():
        page.locator("#orchestrator_choose_loras > button, #orchestrator_choose_loras .label-wrap").first.click()
    box.set_checked(is_on)


def rendered(page: Page, forge: Forge) -> Path:
    """The image of a click on Generate."""
    before = set(forge.images.rglob("*.png")) if list(forge.folder.glob("output*")) else set()
    page.click("#orchestrator_generate")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if list(forge.folder.glob("output*")) and (new := set(forge.images.rglob("*.png")) - before):
            page.wait_for_selector("#orchestrator_progress:has-text('1 image')")
            return new.pop()
        time.sleep(0.3)
    raise AssertionError(page.locator("#orchestrator_progress").inner_text())


def loras_in(image: Path) -> list[tuple[str, float]]:
    infotext = read_image(image).infotext
    assert infotext is not None
    request = infotext.request
    tags = (*request.loras, *extract_loras(request.positive)[1])
    return [(lora.name, lora.strength_model) for lora in tags]


def test_the_lora_whose_trigger_is_in_the_prompt_is_chosen_and_changes_the_image(page: Page, forge: Forge):
    small(page)
    page.fill(TEMPLATE, "a zorblax fox in the snow")
    page.wait_for_selector(f"{CARDS}:has-text('zorblax')")
    plain = rendered(page, forge)
    choose(page, is_on=True)
    page.wait_for_selector(f"{CHOSEN}:has-text('tiny_fox')")
    said = page.locator(CHOSEN).first.inner_text()
    assert "trigger 'zorblax fox' is in the prompt" in said
    assert "the LoRA is for SD 1.5" in said or "SD 1.5" in said
    page.wait_for_selector("#orchestrator_summary:has-text('LoRA tiny_fox')")
    changed = rendered(page, forge)
    assert (loras_in(plain), loras_in(changed)) == ([], [("tiny_fox", 0.8)])
    assert pixels(plain) != pixels(changed)


def pixels(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as image:
        return image.tobytes()


def test_a_lora_that_is_copied_slowly_appears_once_and_whole_and_can_be_chosen(page: Page, forge: Forge, loras: Path):
    small(page)
    page.wait_for_timeout(4000)  # the page has looked once: what is new from now on is told
    data = (loras / "tiny_fox.safetensors").read_bytes()
    new = loras / "new" / "tiny_owl.safetensors"
    new.parent.mkdir()
    sidecar(new.with_suffix(".json"), "quibble owl")
    told: list[str] = []
    step = len(data) // 3
    with new.open("wb") as file:
        for start in range(0, len(data), step):
            file.write(data[start : start + step])
            file.flush()
            page.wait_for_timeout(3500)  # longer than the quiet time: it is not whole all the same
            told += page.locator(NEWS).all_inner_texts()
    assert told == []
    page.wait_for_selector(f"{NEWS}:has-text('1 new LoRA')")
    page.wait_for_timeout(6000)
    assert len(page.locator(NEWS).all_inner_texts()) == 1
    page.locator(f"{NEWS} [data-send^='show']").click()
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('quibble owl')")
    assert page.locator("#orchestrator_loras_cards .orc-lora").count() == 1
    tab(page, "Generate")
    choose(page, is_on=True)
    page.fill(TEMPLATE, "a quibble owl")
    page.wait_for_selector(f"{CHOSEN}:has-text('tiny_owl')")
    assert loras_in(rendered(page, forge)) == [("tiny_owl", 0.8)]


def test_nothing_runs_on_after_reload_ui(page: Page, forge: Forge):
    """The next load of the extension makes a library of its own; that of the last one has let the folders go."""
    assert forge.process is not None
    before = watches(forge.process.pid)
    assert before > 0
    started = len(forge.log)
    page.locator("#settings_restart_gradio").evaluate("button => button.click()")
    end = time.monotonic() + 240
    while "Startup time:" not in forge.log[started:]:
        assert time.monotonic() < end, forge.log[started:]
        time.sleep(0.5)
    page.goto(f"{forge.url}/?__theme=light")
    tab(page, "Orchestrator")
    page.wait_for_selector(CARDS)
    page.wait_for_timeout(5000)
    assert watches(forge.process.pid) == before


def watches(pid: int) -> int:
    """How many of the system's watches this process has open."""
    links = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            links.append(str(path.readlink()))
    return links.count("anon_inode:inotify")


@pytest.mark.skipif(not os.environ.get("ORCHESTRATOR_PICTURES"), reason="pictures are only made when asked for")
def test_pictures(page: Page, forge: Forge):
    folder = Path(os.environ["ORCHESTRATOR_PICTURES"])
    tab(page, "LoRAs")
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora")
    page.wait_for_timeout(3000)
    page.locator("#orchestrator_loras_cards .orc-lora").first.click()
    page.wait_for_selector(".orc-lora-details")
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "forge_loras.png")
