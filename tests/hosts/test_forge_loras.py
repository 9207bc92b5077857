"""LoRAs in a real Forge with a LoRA folder of its own: chosen by the prompt, with reasons; a new one comes by itself.

Civitai is a stand-in on the loopback: another extension of the server says where it is.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the tab are written there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_socket

from orchestrator_app.lora_test.folder import TestFolder
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.image_metadata import read_image
from tests.api_client import ApiServer
from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version
from tests.hosts.forge import Forge, ForgeParts, running_forge, watch_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "#orchestrator_generate_prompt_template textarea"
CARDS = "#orchestrator_preview .orc-card"
CHOSEN = "#orchestrator_preview .orc-chosen-loras"
ASK = "#orchestrator_civitai_one"
NEWS = "#orchestrator_lora_news_shown .orc-notice"


_STAND_IN = """
from functools import partial
from forge_extension import environment
environment.StudioEnvironment = partial(environment.StudioEnvironment, civitai_url={url!r})
"""


@pytest.fixture(scope="module")
def civitai() -> Iterator[StandIn]:
    pytest_socket.enable_socket()
    with StandIn() as server:
        yield server


@pytest.fixture(scope="module")
def forge(forge_parts: ForgeParts, civitai: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """A Forge that was started with --lora-dir; there are two LoRAs, each with trigger words of its own."""
    folder = tmp_path_factory.mktemp("forge_loras")
    loras = folder / "my loras"
    shutil.copytree(forge_parts.models / "Lora", loras)
    sidecar(loras / "tiny_fox.json", "zorblax fox")
    sidecar(loras / "styles" / "tiny_ink.json", "heron")
    digest = sha256(write_lora(loras / "harbour.safetensors").read_bytes()).hexdigest()
    civitai.known[digest] = version(digest, trainedWords=["ghibli harbour"], baseModel="SDXL 1.0")
    extensions = {"stand-in": _STAND_IN.format(url=civitai.url)}
    with running_forge(folder / "data", forge_parts, ["--lora-dir", str(loras)], extensions) as server:
        yield server


@pytest.fixture
def loras(forge: Forge) -> Path:
    return forge.folder.parent / "my loras"


@pytest.fixture
def page(forge: Forge, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page: Page = context.new_page()
    page.set_default_timeout(90_000)
    errors = watch_errors(page)
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


def test_the_loaded_text_encoder_compares_meanings_where_this_is_wanted(page: Page, forge: Forge):
    """To the text encoder of the tiny random checkpoint a village is nearly a heron."""
    before = len(forge.log)
    small(page)
    choose(page, is_on=False)
    page.fill(TEMPLATE, "a village")
    page.wait_for_selector(f"{CARDS}:has-text('village')")
    rendered(page, forge)  # loads the checkpoint
    choose(page, is_on=True)
    page.wait_for_selector(f"{CHOSEN}:has-text('No LoRA fits clearly enough')")
    page.locator("#orchestrator_select_loras_semantic input").check()
    page.wait_for_selector(f"{CHOSEN}:has-text(\"trigger 'heron' means nearly 'village'\")")
    assert loras_in(rendered(page, forge)) == [("tiny_ink", 0.8)]
    assert "Traceback" not in forge.log[before:]


def test_a_lora_that_is_copied_slowly_appears_once_and_whole_and_can_be_chosen(page: Page, forge: Forge, loras: Path):
    tab(page, "LoRAs")  # those of the host are known, and what was told of them is put away
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('tiny_fox')")
    page.wait_for_timeout(4000)  # the page has looked once: what is new from now on is told
    for notice in page.locator(f"{NEWS} [data-send^='away']").all():
        notice.click()
    page.wait_for_selector(NEWS, state="detached")
    tab(page, "Generate")
    small(page)
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


def test_a_lora_test_is_rendered_in_this_process_and_shown(page: Page, forge: Forge):
    small(page)
    tab(page, "LoRA test")
    for name, text in {"loras": "tiny_fox", "prompts": "a hill, {trigger}", "strengths": "1", "seeds": "3"}.items():
        fill(page, f"#orchestrator_lora_test_{name}", text)
    page.wait_for_selector("#orchestrator_lora_test_summary:has-text('2 images')")
    page.click("#orchestrator_lora_test_run")
    page.wait_for_selector("#orchestrator_lora_test_progress:has-text('2 of 2 images')", timeout=120_000)
    page.frame_locator("#orchestrator_lora_test_grid iframe").locator("tbody .row", has_text="tiny_fox").wait_for()
    (folder,) = (path.parent for path in forge.home.rglob("lora_test.json"))
    done = TestFolder.reopened(folder)
    images = {cell.request.positive: done.image(cell) for cell in done.cells}
    assert images.keys() == {"a hill", "a hill, zorblax fox"}
    assert [loras_in(image) for image in images.values() if image] == [[], [("tiny_fox", 1.0)]]


def test_civitai_is_asked_after_a_yes_that_forge_keeps(page: Page, forge: Forge, civitai: StandIn):
    tab(page, "LoRAs")
    page.locator("#orchestrator_loras_cards .orc-lora", has_text="harbour").click()
    page.wait_for_selector("#orchestrator_lora_detail:has-text('harbour.safetensors')")
    page.click(ASK)
    page.wait_for_selector(f"{ASK}_told:has-text('civitai.com is sent the SHA-256 hash')")
    assert civitai.asked == []
    page.click(f"{ASK}_yes")
    page.wait_for_selector(f"{ASK}_said:has-text('Civitai knows harbour')")
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('ghibli harbour')")
    assert len(civitai.asked) == 1
    kept = json.loads((forge.folder / "config.json").read_text("utf-8"))
    assert kept["orchestrator_ask_civitai"] is True


def test_nothing_runs_on_after_reload_ui(page: Page, forge: Forge):
    """The next load of the extension makes a library of its own; that of the last one has let the folders go."""
    assert forge.process is not None
    before = watches(forge.process.pid)
    assert before > 0
    api = ApiServer(f"{forge.url}/orchestrator/v1")
    with closing(api.connect()) as connection:
        connection.request("GET", "/orchestrator/v1/events")
        reload_ui(page, forge)
        connection.getresponse().read()  # whoever listened to the load before is told that this is over
    assert api.get("/health")["place"] == "forge"
    page.goto(f"{forge.url}/?__theme=light")
    tab(page, "Orchestrator")
    page.wait_for_selector(CARDS)
    page.wait_for_timeout(5000)
    assert watches(forge.process.pid) == before


def reload_ui(page: Page, forge: Forge) -> None:
    started = len(forge.log)
    page.locator("#settings_restart_gradio").evaluate("button => button.click()")
    end = time.monotonic() + 240
    while "Startup time:" not in forge.log[started:]:
        assert time.monotonic() < end, forge.log[started:]
        time.sleep(0.5)


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
