"""What tests do in the pipeline builder: stages are dragged, connected and found as a person does it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator, Page

DRAW, ENHANCE, LORAS, RENDER = "Generate prompt", "Enhance", "Select LoRAs", "Render"
_SEE_ALL_MS = 350  # as long as the canvas moves; on a busy machine it takes longer
_WAIT_S = 30


def node(page: Page | FrameLocator, stage: str) -> Locator:
    return page.locator(f'.react-flow__node[data-id="{stage}"]')


def kind(page: Page, title: str) -> Locator:
    return page.locator(".b-kind").filter(has_text=title)


def middle(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def see_all(page: Page) -> None:
    page.keyboard.press("f")
    before = ""
    while (now := page.locator(".react-flow__viewport").get_attribute("style") or "") != before:
        before = now
        page.wait_for_timeout(_SEE_ALL_MS)


def connect(page: Page, source: str, target: str) -> None:
    drag(page, middle(node(page, source).locator(".source")), middle(node(page, target).locator(".target")))


def edges(page: Page) -> list[str]:
    return sorted(page.locator(".react-flow__edge").evaluate_all("all => all.map(one => one.dataset.id)"))


def has_edges(page: Page, *wanted: str) -> None:
    """These and no others, as soon as the canvas has drawn them."""
    until = time.monotonic() + _WAIT_S
    while edges(page) != sorted(wanted) and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert edges(page) == sorted(wanted)


def fill(page: Page, stage: str, label: str, text: str) -> None:
    node(page, stage).focus()  # which brings it into view, where a run has moved the canvas
    page.keyboard.press("Enter")
    page.get_by_label(label, exact=True).fill(text)


def build_by_mouse(page: Page) -> None:
    """draw → enhance → loras → render: four stages are dragged to the canvas and connected."""
    for title, place in ((DRAW, (640, 200)), (ENHANCE, (330, 680)), (LORAS, (820, 780)), (RENDER, (330, 820))):
        drag(page, middle(kind(page, title)), place)
        see_all(page)
    for source, target in (("draw", "enhance"), ("enhance", "loras"), ("loras", "render")):
        if f"{source} → {target}" not in edges(page):
            connect(page, source, target)
    has_edges(page, "draw → enhance", "enhance → loras", "loras → render")
    page.get_by_role("button", name="Tidy up").click()


def save_as(page: Page, name: str) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(name)
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.get_by_text(f"Saved as '{name}'.").first.wait_for()
