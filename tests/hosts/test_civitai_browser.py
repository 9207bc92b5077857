"""Asking Civitai in the studio, in headless Chromium, with a stand-in on the loopback: only ever after a yes.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version
from tests.hosts.studio import Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

gradio: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

NOWHERE = "http://127.0.0.1:9"
ALL, ONE = "#orchestrator_civitai_shown", "#orchestrator_civitai_one"
# Parts of the page that are wider than their place.
SIDEWAYS = """[...document.querySelectorAll('.orc-beside, .orc-beside > *')].filter(element =>
    element.scrollWidth > element.clientWidth + 1).map(element => `${element.id} ${element.className}`)"""
WORDS = "#orchestrator_lora_trigger_words textarea"


class SlowStandIn(StandIn):
    """Answers when ``go`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        assert self.go.wait(60)
        return super().answer(path)


@pytest.fixture(scope="module")
def civitai() -> Iterator[SlowStandIn]:
    pytest_socket.enable_socket()
    with SlowStandIn() as server:
        yield server
        server.go.set()


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("civitai") / "loras"
    for name in ("fox", "harbour_v1", "owl"):
        write_lora(folder / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def studio(civitai: SlowStandIn, loras: Path) -> Iterator[Studio]:
    digest = sha256((loras / "harbour_v1.safetensors").read_bytes()).hexdigest()
    civitai.known[digest] = version(digest, trainedWords=["ghibli harbour"], description="<img src=x onerror=hack()>")
    with running_studio(loras.parent / "studio", NOWHERE, NOWHERE, civitai.url, lora_folders=[str(loras)]) as found:
        yield found


@pytest.fixture
def page(studio: Studio, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    page: Page = context.new_page()
    page.set_default_timeout(90_000)
    errors, _ = watch(page)
    page.goto(studio.url)
    page.get_by_role("tab", name="LoRAs").click()
    page.wait_for_function("document.querySelectorAll('#orchestrator_loras_cards .orc-lora').length === 3")
    yield page
    assert errors == []
    context.close()


def consent(studio: Studio, *, given: bool) -> None:
    """The studio reads its settings anew at each use."""
    settings = studio.home / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"ask_civitai": given}))


def has_consent(studio: Studio) -> bool:
    return json.loads((studio.home / "settings.json").read_text())["ask_civitai"] is True


def pick(page: Page, name: str) -> None:
    page.locator("#orchestrator_loras_cards .orc-lora", has_text=name).click()
    page.wait_for_selector(f"#orchestrator_lora_detail:has-text('{name}.safetensors')")
    page.wait_for_selector(f"{ONE}:visible")


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_civitai_is_asked_after_a_yes_and_what_it_says_is_seen_at_once(
    page: Page, studio: Studio, civitai: SlowStandIn
):
    consent(studio, given=False)
    asked = len(civitai.asked)
    assert not page.locator(ONE).is_visible()
    pick(page, "harbour_v1")
    page.click(ONE)
    page.wait_for_selector(f"{ONE}_told:has-text('civitai.com is sent the SHA-256 hash')")
    picture(page, "civitai_consent")
    assert page.evaluate(SIDEWAYS) == []
    page.click(f"{ONE}_no")
    page.wait_for_selector(f"{ONE}_consent", state="hidden")
    assert len(civitai.asked) == asked
    page.click(ONE)
    page.fill("#orchestrator_lora_notes textarea", "typed, not saved")
    page.wait_for_timeout(1_500)  # nothing that comes late takes it away
    page.click(f"{ONE}_yes")
    page.wait_for_selector(f"{ONE}_said:has-text('Civitai knows harbour_v1')")
    page.wait_for_selector("#orchestrator_lora_detail td:has-text('ghibli harbour')")
    page.wait_for_function(f"document.querySelector('{WORDS}').value === 'ghibli harbour'")
    page.wait_for_selector("#orchestrator_loras_cards .orc-lora:has-text('ghibli harbour')")
    page.wait_for_selector(f"{ALL}:has-text('(2)')")
    picture(page, "civitai_known")
    assert page.evaluate(SIDEWAYS) == []
    assert page.input_value("#orchestrator_lora_notes textarea") == "typed, not saved"
    assert (len(civitai.asked), has_consent(studio)) == (asked + 1, True)
    pick(page, "fox")  # of which nothing was said
    page.wait_for_function(f"document.querySelector('{ONE}_said .orc-notice') === null")


def test_those_shown_are_asked_about_with_progress_and_can_be_stopped(page: Page, studio: Studio, civitai: SlowStandIn):
    consent(studio, given=True)
    asked = len(civitai.asked)
    page.fill("#orchestrator_loras_search textarea, #orchestrator_loras_search input", "-name:harbour_v1")
    page.wait_for_selector(f"{ALL}:has-text('(2)')")
    civitai.go.clear()
    page.click(ALL)
    page.wait_for_selector(f"{ALL}_said:has-text('Asking Civitai: 0 of 2')")
    page.wait_for_selector("#orchestrator_loras_status:has-text('asking Civitai: 0 of 2')")
    picture(page, "civitai_asking")
    box = page.locator(f"{ALL}_said").bounding_box()
    assert box is not None
    assert box["height"] < 70  # a bar and a line
    page.click(f"{ALL}_stop")
    page.wait_for_selector(f"{ALL}_said:has-text('Stopping')")
    civitai.go.set()
    page.wait_for_selector(f"{ALL}_said:has-text('0 known, 1 not known to Civitai, 1 left: It was stopped.')")
    page.wait_for_selector(f"{ALL}_stop", state="hidden")
    page.click(ALL)
    page.wait_for_selector(f"{ALL}_said:has-text('0 known, 2 not known to Civitai.')")
    picture(page, "civitai_outcome")
    assert len(civitai.asked) == asked + 2
    page.get_by_role("tab", name="Config").click()
    page.wait_for_selector("#orchestrator_settings_ask_civitai input:checked")
