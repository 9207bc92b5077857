"""Profiles and Stories of the standalone studio in headless Chromium: from a card to a story that is edited.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the pages are written there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from tests.hosts.studio import Painter, Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mara",
        "description": f"{{{{char}}}} has long silver hair and green eyes. {HOSTILE}\nOutfit: red cloak",
        "personality": "calm",
        "scenario": "",
        "first_mes": "Hello.\nWho is there?",
        "mes_example": "",
        "extensions": {"other": {"kept": [1, 2]}},
        "character_book": {
            "extensions": {},
            "entries": [
                {
                    "keys": ["tavern"], "content": f"Old Ben runs it. {HOSTILE}", "extensions": {}, "enabled": True,
                    "insertion_order": 1, "name": "The inn",
                }
            ],
        },
    },
}  # fmt: skip
PICTURES = os.environ.get("ORCHESTRATOR_PICTURES")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    from tests.core.generators.stand_in_comfy import StandIn

    pytest_socket.enable_socket()
    painter = Painter()
    comfy = StandIn(painter)
    with running_studio(tmp_path_factory.mktemp("stories"), comfy.url, "http://127.0.0.1:9") as found:
        yield found
    comfy.stop()
    comfy.join()


@pytest.fixture
def page(studio: Studio, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(90_000)
    errors, _ = watch(page)
    page.goto(studio.url)
    page.wait_for_selector("#orchestrator_preview .orc-card")
    yield page
    assert errors == []
    assert page.evaluate("window.hacked") is None
    context.close()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def fill(page: Page, element: str, text: str) -> None:
    page.fill(f"#orchestrator_{element} textarea, #orchestrator_{element} input", text)


def value(page: Page, element: str) -> str:
    return page.input_value(f"#orchestrator_{element} textarea, #orchestrator_{element} input")


def until(page: Page, element: str, text: str) -> None:
    page.wait_for_selector(f"#orchestrator_{element}:has-text({json.dumps(text)})")


def until_holds(page: Page, element: str, text: str) -> None:
    page.wait_for_function(
        "([id, text]) => document.querySelector(`#${id} textarea, #${id} input`)?.value.includes(text)",
        arg=[f"orchestrator_{element}", text],
    )


def save_until(page: Page, logged: str) -> None:
    """As a person would on a slow machine: while the form is being filled, Save asks to be clicked once more."""
    log = page.locator(f"#orchestrator_story_log:has-text({json.dumps(logged)})")
    for _ in range(9):
        page.click("#orchestrator_story_save")
        for _ in range(50):
            if log.count():
                return
            page.wait_for_timeout(200)
    log.wait_for()


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.mouse.move(0, 0)
        page.wait_for_timeout(700)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def test_a_profile_is_tried_changed_in_form_and_yaml_and_saved_with_its_comments(page: Page, studio: Studio):
    tab(page, "Profiles")
    page.click('.orc-profile[data-send="characters/mira"]')
    until(page, "profile_tried", "freckles")
    fill(page, "profile_appearance_tags", "1woman, grey braid")
    until(page, "profile_tried", "she reads a letter by the window, 1woman, grey braid")
    picture(page, "studio_profiles")
    own = studio.home / "profiles" / "characters" / "mira.yaml"
    assert not own.exists()
    page.click('#orchestrator_profile_mode label:has-text("YAML")')
    until_holds(page, "profile_yaml", "grey braid")
    text = value(page, "profile_yaml")
    assert "She once rowed out alone" in text  # what is in a part of the form that was never opened stays
    fill(page, "profile_yaml", text.replace("kind: character", "kind: charakter"))
    until(page, "profile_said", "line 4, kind")
    fill(page, "profile_yaml", text)
    page.wait_for_selector("#orchestrator_profile_said .orc-notice.problem", state="detached")
    page.click("#orchestrator_profile_save")
    until(page, "profile_said", "Saved")
    bundled = (Path(__file__).resolve().parents[2] / "profiles" / "characters" / "mira.yaml").read_text()
    saved = own.read_text()
    assert "grey braid" in saved
    assert [line for line in bundled.splitlines() if "#" in line] == [
        line for line in saved.splitlines() if "#" in line
    ]
    page.click('#orchestrator_profile_mode label:has-text("Form")')
    until_holds(page, "profile_appearance_tags", "grey braid")
    fill(page, "profile_negative", "young")
    until(page, "profile_tried", "young")
    page.click("#orchestrator_profile_save")
    page.wait_for_function("document.querySelector('.orc-profile.picked em')?.innerText === 'yours'")
    until(page, "profile_said", "Saved")
    assert "negative: [young]" in own.read_text() or "negative:\n  - young" in own.read_text()
    own.write_text(own.read_text().replace("name: Mira", "name: Mira of the lamp"))
    page.wait_for_selector('.orc-profile:has-text("Mira of the lamp")')
    until(page, "profile_said", "changed meanwhile")


def test_a_card_drives_a_story_that_is_rendered_seen_edited_and_undone(page: Page, studio: Studio, tmp_path: Path):
    import_card(page, tmp_path)
    begin_story(page)
    tell(page, "Mara in the old tavern, night", "The letter", "1 image")
    tab(page, "Stories")
    page.wait_for_selector("#orchestrator_story_timeline .orc-scene img")
    until(page, "story_timeline", "Mara in the old tavern, night, long silver hair, green eyes, red cloak")
    until_holds(page, "story_where", "old tavern")
    page.get_by_text("What the next scene would be").click()
    until(page, "story_next_scene", "told: key tavern")
    fill(page, "story_where", "lighthouse")
    save_until(page, "where: lighthouse")
    until(page, "story_next_scene", "lighthouse")
    picture(page, "studio_stories")
    page.click("#orchestrator_story_undo")
    until_holds(page, "story_where", "old tavern")
    page.click("#orchestrator_story_continue")
    tell(page, "she waits", "The letter", "1 image")
    tab(page, "Stories")
    page.wait_for_selector("#orchestrator_story_timeline .orc-scene >> nth=1")
    until(page, "story_timeline", "she waits, long silver hair, green eyes, red cloak, old tavern, night")
    page.locator("#orchestrator_story_timeline .orc-link >> nth=0").click()
    page.wait_for_selector("#orchestrator_story_timeline .orc-scene.out")


def import_card(page: Page, folder: Path) -> None:
    card = folder / "mara.json"
    card.write_text(json.dumps(CARD))
    tab(page, "Profiles")
    page.get_by_text("Import a card, a lorebook or styles").click()
    page.set_input_files("#orchestrator_profiles_file input[type=file]", card)
    until(page, "profiles_preview", "Nothing is written yet")
    until(page, "profiles_preview", "<script>")  # as text
    page.click("#orchestrator_profiles_do_import")
    until(page, "profiles_imported", "Imported: 1 profile")
    until_holds(page, "profile_appearance_tags", "silver hair")
    page.wait_for_selector("#orchestrator_profile_export")
    with page.expect_download() as found:
        page.click("#orchestrator_profile_export")
    assert json.loads(Path(found.value.path()).read_text("utf-8")) == CARD


def begin_story(page: Page) -> None:
    tab(page, "Stories")
    page.get_by_text("Begin a story").click()
    fill(page, "stories_name", "The letter")
    choice: Any = page.locator("#orchestrator_stories_profiles input")
    choice.click()
    choice.fill("mara")
    choice.press("Enter")
    page.click("#orchestrator_stories_begin")
    until(page, "story_head", "The letter")
    until(page, "story_head", "with mara")
    page.click("#orchestrator_story_continue")


def tell(page: Page, words: str, story: str, done: str) -> None:
    """On Generate, where the story's button leads."""
    until_holds(page, "follow_story_story", story)
    fill(page, "count", "1")
    fill(page, "generate_prompt_template", words)
    until(page, "preview", f"{words}, long silver hair")
    page.click("#orchestrator_generate")
    until(page, "progress", done)
