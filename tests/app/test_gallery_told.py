"""What the gallery's page tells of one image beside it: what its marks taught, and where it can be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.store import Store
from tests.api_client import ApiServer
from tests.app.api_server import standalone
from tests.app.conftest import ROOT
from tests.core.gallery.test_finding import a_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "web" / "dist" / "index.html").is_file(), reason="the page is not built"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    pytest_socket.enable_socket()
    with Store.open(tmp_path / "store.sqlite3") as store:
        store.save_run(a_run(tmp_path, 1))
    with standalone(tmp_path) as api:
        yield api


@pytest.fixture
def page(server: ApiServer, chromium: Browser) -> Iterator[Page]:
    """With what the server would say of much learning and of several hosts."""
    taught = [("more", 0.2, 0.3), ("less", 0.3, 0.2), ("alike", 0.25, 0.25), ("nearly", 0.3334, 0.3301)]
    values = [
        {"slot": "colors", "value": value, "profile": "", "before": before, "after": after, "why": "so"}
        for value, before, after in taught
    ]
    targets = [
        {"name": "comfyui", "title": "ComfyUI", "away": ""},
        {"name": "forge", "title": "Forge", "away": "Nothing answers at 127.0.0.1:7860."},
    ]
    said: dict[str, Any] = {
        "**/gallery/images/*/taught*": {"values": values, "is_learning": True, "notice": "It is left out."},
        "**/gallery/targets*": {"targets": targets},
    }
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    for address, answer in said.items():
        page.route(address, answering(answer))
    page.goto(f"{server.url}/app/#/")
    page.locator(".cell[data-image] img").first.dblclick()
    yield page
    context.close()


def answering(answer: object) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=answer)


def test_odds_that_stay_are_neither_good_nor_bad_and_signs_say_it_without_colours(page: Page) -> None:
    page.get_by_text("What did this teach").click()
    page.locator(".lessons .odds").first.wait_for()
    assert page.locator(".lessons [role=note]").inner_text() == "It is left out."
    shown = page.locator(".lessons li > .more, .lessons li > .less, .lessons li > .same")
    assert [" ".join(text.split()) for text in shown.all_inner_texts()] == [
        "▲ 20 % → 30 %",
        "▼ 30 % → 20 %",
        "= 25 % → 25 %",
        "= 33 % → 33 %",
    ]
    colours = shown.evaluate_all("all => all.map(one => getComputedStyle(one).color)")
    assert colours[2] == colours[3]
    assert len(set(colours)) == 3
    assert page.get_by_role("img", name="as often as before").count() == 2


def test_a_host_that_is_away_cannot_be_chosen_and_says_why(page: Page) -> None:
    options = page.get_by_label("Render it there").locator("option")
    options.nth(2).wait_for(state="attached")
    assert options.evaluate_all("all => all.map(one => [one.value, one.disabled])") == [
        ["", False],
        ["comfyui", False],
        ["forge", True],
    ]
    assert options.nth(2).inner_text() == "Forge, away: Nothing answers at 127.0.0.1:7860."
