"""The contact sheet in headless Chromium: its script runs under its own policy, and it asks for nothing but images."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator_app.contact_sheet import Card, Sheet, contact_sheet
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.template import Template, Wildcards

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """A sheet of two prompts with an image each; any complaint of the browser fails the test."""
    cards = []
    for number in (1, 2):
        draft = Template("a {fox|fox} in {the snow|the snow}", "{blur|blur}").draw(Wildcards([]), number)
        Image.new("RGB", (64, 64), "red").save(tmp_path / f"{number}.png")
        request = GenerationRequest(draft.positive, draft.negative_prompt, seed=number)
        cards.append(
            Card(number, Run("0001", draft), request, (f"{number}.png",), {"workflow": "w.json", "graph": "g.json"})
        )
    sheet = tmp_path / "contact_sheet.html"
    sheet.write_text(contact_sheet(Sheet("fox", datetime.now(timezone.utc)), cards), encoding="utf-8")
    complaints: list[str] = []
    asked: set[str] = set()
    opened = chromium.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.add(request.url))
    opened.goto(sheet.as_uri())
    yield opened
    opened.close()
    assert complaints == []
    expected = {sheet.as_uri(), (tmp_path / "1.png").as_uri(), (tmp_path / "2.png").as_uri()}
    assert {url for url in asked if not url.startswith("data:")} == expected


@pytest.mark.parametrize("width", [390, 820, 1280, 1600, 2200])
def test_two_cards_take_the_page_and_what_is_below_them_stays_together(page: Page, width: int):
    page.set_viewport_size({"width": width, "height": 1000})
    cards = [card.bounding_box() for card in page.locator(".card").all()]
    rights = [card["x"] + card["width"] for card in cards if card]
    assert width - max(rights) <= 60 or all(card and card["width"] == 760 for card in cards)
    rows = page.locator(".does").evaluate_all(
        "spans => spans.map(span => new Set([...span.children].map(child => child.offsetTop)).size)"
    )
    assert rows == [1, 1]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_words_tell_where_they_come_from_and_show_their_like(page: Page):
    page.hover("#p1 .prompt .w >> nth=0")
    assert page.inner_text("#tip") == "{fox|fox} · 50 %, 1 of 2"
    assert page.locator(".w.same").all_inner_texts() == ["fox", "fox"]
    page.hover("h1")
    assert page.locator("#tip").is_hidden()


def test_buttons_copy_and_say_so(page: Page):
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    button = page.locator("#p2 [data-copy]").nth(1)
    button.click()
    assert page.evaluate("window.copied") == "a fox in the snow"
    assert button.inner_text() == "Copied"
    page.locator("#p2").get_by_text("Copy", exact=True).wait_for()


def test_a_kind_of_words_is_brought_out_and_let_go(page: Page):
    page.click("[data-kind=option]")
    assert page.locator(".w.on").count() == 6
    page.click("[data-kind=option]")
    assert page.locator("body.focus").count() == 0


def test_images_open_large_and_keys_go_through_them(page: Page):
    page.click("#p1 [data-zoom]")
    assert page.evaluate("zoom.open && zoom.firstElementChild.src").endswith("/1.png")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("zoom.firstElementChild.src").endswith("/2.png")
    page.keyboard.press("Escape")
    assert page.evaluate("zoom.open") is False
