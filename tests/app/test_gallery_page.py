"""The gallery's page in headless Chromium, before the API as ``orchestrator serve`` runs it.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import pytest_socket

from orchestrator_core.gallery import grids
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.api_client import ApiServer
from tests.app.api_server import standalone
from tests.app.conftest import ROOT
from tests.app.fresh_pages import fresh_pages
from tests.core.gallery.images import LONG_AGO, a1111, picture, with_metadata

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "web" / "dist" / "index.html").is_file(), reason="the page is not built"),
]

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
MANY = 300
SCRIPT = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> of a fox'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    pytest_socket.enable_socket()
    folder = tmp_path_factory.mktemp("gallery")
    pictures = folder / "pictures"
    pictures.mkdir()
    for at in range(MANY):
        _write(pictures / f"{at:05}.png", at, f"a {'crimson' if at % 3 else 'grey'} fox, number {at}, <lora:ink:0.7>")
    (pictures / "00298.png").write_bytes(picture()[:40])
    os.utime(pictures / "00298.png", (LONG_AGO + 298, LONG_AGO + 298))
    _write(pictures / "00297.png", 297, SCRIPT)
    _write(pictures / "00260.png", 260, "a crimson fox, number 260, <lora:ink:0.7>", "64x96")
    _write(pictures / "come.png", 0, "an owl that comes first")
    with Store.open(folder / "store.sqlite3") as store:
        gallery = Gallery(store)
        gallery.add_root(pictures)
        gallery.index()
        for lora, strength, seed in (("", 0.0, 7), ("", 0.0, 8), ("<b>ink</b>", 0.5, 8)):
            grids.add(store, "t1", "Ink & <i>", grids.NewImage(lora, strength, "a fox, {trigger}", seed, "none"))
    with standalone(folder) as api:
        yield api


def _write(path: Path, at: int, prompt: str, size: str = "8x8") -> None:
    texts = {name: text.replace("8x8", size) for name, text in a1111(prompt, at).items()}
    path.write_bytes(with_metadata(picture("PNG", (64, 96), at), texts))
    os.utime(path, (LONG_AGO + at, LONG_AGO + at))


Opened = Callable[..., "Page"]


@pytest.fixture
def opened(server: ApiServer, chromium: Browser) -> Iterator[Opened]:
    """``opened()`` is the gallery in a browser that has never seen it; no script of the page may fail."""
    with fresh_pages(chromium, 1280, 800) as (made, errors):

        def open_page(query: str = "", theme: str = "dark", **context: Any) -> Page:
            page = made(**context)
            page.goto(f"{server.url}/app/?theme={theme}#/{query and '?q=' + quote(query)}")
            page.wait_for_selector(".cell[data-image] img")
            return page

        yield open_page
    assert errors == []


def marks(server: ApiServer, image: int) -> tuple[bool, bool, int]:
    card = server.get(f"/gallery/images/{image}")
    return card["favourite"], card["reject"], card["rating"]


def marked(server: ApiServer, page: Page, image: int, wanted: tuple[bool, bool, int]) -> None:
    """Wait until the server has these marks."""
    for _ in range(200):
        if marks(server, image) == wanted:
            return
        page.wait_for_timeout(25)
    assert marks(server, image) == wanted


def total(server: ApiServer, query: str = "") -> int:
    return int(server.get(f"/gallery/count?q={quote(query)}")["total"])


def current(page: Page) -> int:
    return int(page.locator(".grid .cell[data-current]").get_attribute("data-image") or 0)


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("ORCHESTRATOR_PICTURES"):
        page.wait_for_timeout(600)
        page.screenshot(path=str(Path(folder) / f"gallery_{name}.png"))


def axe(page: Page) -> list[str]:
    """What axe finds that is serious."""
    if not AXE.is_file():
        pytest.skip("no axe-core: npm ci in web/")
    page.evaluate(AXE.read_text("utf-8"))
    page.wait_for_timeout(300)  # what moves has come to rest
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[item['html'][:160] for item in one['nodes']]}" for one in serious]


def test_what_is_searched_is_found_and_a_wrong_query_is_told_in_words(server: ApiServer, opened: Opened):
    page = opened()
    assert page.locator(".total").inner_text() == f"{total(server)} images"
    page.keyboard.press("/")
    page.keyboard.type("crimson lora:ink")
    page.get_by_text("199 images").wait_for()
    assert "q=crimson" in page.url
    page.get_by_label("Search", exact=True).fill("lorra:ink")
    told = page.locator("#search-problem")
    told.wait_for()
    assert "lora" in told.inner_text()
    page.get_by_label("Search", exact=True).fill('"number 12,"')
    page.get_by_text("1 image", exact=True).wait_for()
    assert page.locator(".cell[data-image]").count() == 1
    page.get_by_label("Search", exact=True).fill("nothing is so")
    page.get_by_text("Nothing is found.").wait_for()
    page.get_by_role("button", name="Show all images").click()
    page.get_by_text(f"{total(server)} images").wait_for()


def test_who_has_typed_goes_on_with_what_is_found_by_keys(server: ApiServer, opened: Opened):
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type('"fox, number 27"')
    page.keyboard.press("Enter")
    page.get_by_text("11 images").wait_for()
    page.keyboard.press("ArrowRight")
    second = current(page)
    page.keyboard.press("4")
    marked(server, page, second, (False, False, 4))
    page.keyboard.press("/")
    page.keyboard.press("Escape")  # empties a search box in browsers
    page.keyboard.press("Space")
    page.get_by_role("dialog").get_by_text("2 of 11").wait_for()
    page.keyboard.press("Space")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.get_by_label("Search", exact=True).input_value() == '"fox, number 27"'
    assert page.get_by_text("11 images").is_visible()


def test_what_is_half_written_is_not_searched_for_yet(server: ApiServer, opened: Opened):
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("lora:")
    page.wait_for_timeout(600)  # longer than the page waits for more
    assert page.locator("#search-problem").count() == 0
    assert page.locator(".cell[data-image]").count()
    page.keyboard.press("Enter")
    page.locator("#search-problem").wait_for()


def test_a_name_is_completed_by_keys_and_by_the_mouse(server: ApiServer, opened: Opened):
    page = opened()
    box, offered = page.get_by_label("Search", exact=True), page.locator(".choices li")
    page.keyboard.press("/")
    page.keyboard.type("crimson lo")
    assert offered.all_inner_texts() == ["lora:\na part of its name"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert box.input_value() == "crimson lora:"
    ink = offered.filter(has_text="ink")
    ink.wait_for()
    page.keyboard.type("I")
    count = total(server, "lora:ink")
    assert ink.inner_text() == f"ink\n{count}"
    shot(page, "completing")
    assert axe(page) == []
    page.keyboard.press("Escape")  # closes the list alone
    assert offered.count() == 0
    assert box.input_value() == "crimson lora:I"
    page.keyboard.press("Backspace")
    ink.click()
    assert box.input_value() == "crimson lora:ink "
    page.get_by_text(f"{total(server, 'crimson lora:ink')} images").wait_for()
    page.keyboard.type("favourite:n")
    offered.get_by_text("no", exact=True).wait_for()
    page.keyboard.press("Enter")  # without a choice it searches, as ever
    page.locator("#search-problem").wait_for()


def test_a_job_that_nobody_renders_is_told(server: ApiServer, opened: Opened):
    page = opened('"fox, number 260"')
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Run again").click()
    page.get_by_text("One job in the queue, and nobody renders").wait_for()


def test_what_is_chosen_is_marked_counted_and_taken_back_together(server: ApiServer, opened: Opened):
    page = opened('"fox, number 25"')
    favourites = page.locator(".facets").get_by_role("button", name="Favourites")
    before = favourites.get_attribute("data-count")
    page.keyboard.press("a")
    page.get_by_text("11 chosen").wait_for()
    page.keyboard.press("f")
    told = page.locator(".toast").filter(has_text="Favourite: 11 images.")
    told.wait_for()
    bar, said = page.locator(".bulk").bounding_box(), told.bounding_box()
    assert bar and said
    assert said["y"] + said["height"] <= bar["y"]
    page.locator('.facets [title="Favourites"][data-count="11"]').wait_for()
    page.keyboard.press("u")
    page.get_by_text(re.compile("Taken back: the marks? of")).wait_for()  # of 11 without those that were marked before
    assert told.count() == 0  # its Undo would take back what was before
    page.locator(f'.facets [title="Favourites"][data-count="{before}"]').wait_for()


def test_a_facet_narrows_and_a_second_click_takes_it_back(server: ApiServer, opened: Opened):
    page = opened()
    facet = page.locator(".facets").get_by_role("button", name="ink")
    facet.click()
    page.get_by_text(f"{total(server, 'lora:ink')} images").wait_for()
    assert page.get_by_label("Search", exact=True).input_value() == "lora:ink"
    assert facet.get_attribute("aria-pressed") == "true"
    facet.click()
    page.get_by_text(f"{total(server)} images").wait_for()


def test_pictures_are_marked_by_keys_alone_and_the_last_mark_is_taken_back(server: ApiServer, opened: Opened):
    page = opened('"fox, number 29"')
    first = current(page)
    page.keyboard.press("5")
    page.keyboard.press("f")
    marked(server, page, first, (True, False, 5))
    assert "★★★★★" in page.locator(f'[data-image="{first}"] .badges').inner_text()
    page.keyboard.press("u")
    marked(server, page, first, (False, False, 5))
    page.keyboard.press("x")
    marked(server, page, first, (False, True, 5))
    page.keyboard.press("0")
    marked(server, page, first, (False, True, 0))
    page.keyboard.press("ArrowRight")
    second = current(page)
    assert second != first
    page.keyboard.press("l")
    page.keyboard.press("h")
    assert current(page) == second
    page.keyboard.press("Shift+Digit3")  # mark and go on
    marked(server, page, second, (False, False, 3))
    assert current(page) not in (first, second)
    assert page.evaluate("document.querySelector('.grid').getAttribute('aria-activedescendant')")


def test_what_another_set_meanwhile_is_told_with_both_and_the_person_decides(server: ApiServer, opened: Opened):
    page = opened('"fox, number 28"')
    image = current(page)
    page.route("**/gallery/changes*", lambda route: route.abort())  # so that the page does not hear of it
    page.wait_for_timeout(100)
    assert server.ask("PUT", f"/gallery/images/{image}/marks", {"rating": 3}).status == 200
    page.keyboard.press("5")
    told = page.get_by_role("alertdialog")
    told.wait_for()
    assert re.search("3 stars meanwhile on .*; you set 5 stars", told.inner_text())
    assert marks(server, image)[2] == 3
    told.get_by_role("button", name="Set mine").click()
    marked(server, page, image, (False, False, 5))
    assert told.count() == 0


def test_marks_made_without_the_server_are_sent_when_it_is_back(server: ApiServer, opened: Opened):
    page = opened('"fox, number 27"')
    image = current(page)
    page.context.set_offline(True)
    page.keyboard.press("4")
    page.get_by_text("a mark waits").wait_for()
    assert "★★★★" in page.locator(f'[data-image="{image}"] .badges').inner_text()
    assert marks(server, image)[2] == 0
    page.context.set_offline(False)
    marked(server, page, image, (False, False, 4))
    page.get_by_text("A mark that waited for the server is kept now.").wait_for()


def test_many_are_chosen_and_marked_at_once_and_that_is_one_step(server: ApiServer, opened: Opened):
    page = opened('"fox, number 26"')
    cells = page.locator(".cell[data-image]")
    images = [int(cells.nth(at).get_attribute("data-image") or 0) for at in range(4)]
    cells.nth(0).click(modifiers=["Control"])
    cells.nth(2).click(modifiers=["Shift"])
    page.get_by_text("3 chosen").wait_for()
    page.keyboard.press("f")
    for image in images[:3]:
        marked(server, page, image, (True, False, 0))
    assert marks(server, images[3]) == (False, False, 0)
    page.keyboard.press("u")
    for image in images[:3]:
        marked(server, page, image, (False, False, 0))
    page.keyboard.press("a")
    page.get_by_text("11 chosen").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".bulk").count() == 0


def test_what_another_browser_marks_is_seen_here_within_moments(opened: Opened):
    one, other = opened('"fox, number 25"'), opened('"fox, number 25"')
    image = current(one)
    one.keyboard.press("f")
    other.wait_for_selector(f'[data-image="{image}"] .badges[data-heart="♥"]')


def test_a_new_image_appears_by_itself_and_is_told_of_to_whoever_is_far_down(server: ApiServer, opened: Opened):
    page = opened("comes")
    pictures = Path(server.get("/gallery/folders")["folders"][0]["path"])
    _write(pictures / "new1.png", MANY + 1, "a fox that comes later")
    assert server.ask("POST", "/gallery/index", {}).status == 200
    page.wait_for_selector('.cell[aria-label^="a fox that comes later"]')
    page.get_by_label("Search", exact=True).fill("")
    page.get_by_text(f"{total(server)} images").wait_for()
    page.wait_for_selector('.cell[data-image][aria-posinset="12"]')
    page.locator(".grid").evaluate("grid => grid.scrollTo(0, 3000)")
    _write(pictures / "new2.png", MANY + 2, "a second fox that comes")
    assert server.ask("POST", "/gallery/index", {}).status == 200
    page.get_by_role("button", name="1 new").click()
    page.wait_for_selector('.cell[aria-posinset="1"][aria-label^="a second fox that comes"]')
    page.keyboard.press("Enter")
    seen = page.get_by_role("dialog").locator(".where b")
    seen.wait_for()
    _write(pictures / "new3.png", MANY + 3, "a third fox that comes")
    assert server.ask("POST", "/gallery/index", {}).status == 200
    page.locator(".fresh").wait_for()
    assert seen.inner_text() == "new2.png"  # what one looks at stays


def test_an_image_is_looked_at_large_with_what_is_known_of_it(opened: Opened):
    page = opened('"fox, number 24"')
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog")
    box.wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('.pane img')].some(one => one.naturalWidth === 64)")
    info = box.get_by_label("About this image")
    info.get_by_text("blurry").wait_for()
    assert "number 249" in info.inner_text()
    page.keyboard.press("ArrowRight")
    box.get_by_text("2 of 11").wait_for()
    page.keyboard.press("+")
    assert page.locator(".pane").get_attribute("data-zoomed") == "yes"
    page.keyboard.press("2")
    assert box.get_by_role("button", name="2 stars").get_attribute("aria-pressed") == "true"
    shot(page, "lightbox")
    assert axe(page) == []
    page.keyboard.press("c")
    page.get_by_role("dialog", name="Compare 2 images").wait_for()
    page.wait_for_function("() => history.state?.dialog")
    page.go_back()  # closes what is on top, and only that
    box.get_by_text("2 of 11").wait_for()
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert page.locator(".grid .cell[data-current]").get_attribute("aria-posinset") == "2"
    page.get_by_role("link", name="Builder").click()  # which asks the server some of the same
    page.get_by_text("Build a pipeline").wait_for()


def test_two_are_compared_and_the_words_that_differ_are_told(opened: Opened):
    page = opened('"fox, number 23"')
    page.keyboard.press("c")
    sides = page.locator(".side")
    sides.nth(1).locator("del").first.wait_for()
    changed = sides.nth(1).locator(".prose")
    assert changed.locator("del").first.inner_text() == "239"
    assert changed.locator("ins").first.inner_text() == "238"
    page.keyboard.press("+")
    zooms = page.locator(".pane .inner").evaluate_all("all => all.map(one => one.style.transform)")
    assert len(set(zooms)) == 1
    assert "scale(1.4)" in zooms[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")
    page.wait_for_function("() => document.querySelectorAll('.side')[1].querySelectorAll('[data-on]').length === 3")
    shot(page, "compare")
    assert axe(page) == []


def test_a_script_in_a_prompt_is_text(opened: Opened):
    page = opened("onerror")
    page.keyboard.press("Enter")
    page.get_by_label("About this image").get_by_text("<script>window.hurt=1</script>").wait_for()
    assert "onerror" in (page.locator(".cell").get_attribute("aria-label") or "")
    assert page.evaluate("window.hurt") is None


def test_a_broken_image_says_why(opened: Opened):
    page = opened("name:0029")
    why = page.locator(".cell.broken .why")
    why.wait_for()
    assert len(why.inner_text()) > 10


def test_far_down_there_are_still_few_nodes(server: ApiServer, opened: Opened):
    page = opened()
    page.keyboard.press("End")
    page.wait_for_selector(f'.cell[data-image][aria-posinset="{total(server)}"]')
    assert page.locator("*").count() <= 400
    page.keyboard.press("Home")
    page.wait_for_selector('.cell[data-current][aria-posinset="1"]')


def test_it_works_on_a_phone_with_a_thumb(server: ApiServer, opened: Opened):
    page = opened('"fox, number 22"', viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    image = current(page)
    page.locator(".cell").first.tap()
    page.get_by_role("dialog").wait_for()
    shot(page, "phone")
    small = page.locator("[role=dialog] button:visible").evaluate_all(
        "all => all.filter(one => Math.min(one.offsetWidth, one.offsetHeight) < 40)"
        ".map(one => one.ariaLabel || one.innerText)"
    )
    assert small == []
    page.get_by_role("button", name="4 stars").tap()
    marked(server, page, image, (False, False, 4))
    page.go_back()  # as a phone's Back does
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Filter").tap()
    page.get_by_role("button", name="Done").wait_for()
    assert axe(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_in_either_theme(opened: Opened, theme: str):
    page = opened(theme=theme)
    page.wait_for_selector(".facets .entry")
    page.keyboard.press("s")
    shot(page, theme)
    assert axe(page) == []
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.wait_for_function("() => !history.state?.dialog")
    for name in ("stories", "grids", "folders"):
        page.goto(f"{page.url.split('#')[0]}#/{name}")
        page.wait_for_selector("h1")
        assert axe(page) == []


@pytest.mark.parametrize("width", [236, 300, 400])  # ComfyUI's sidebar is no narrower
def test_every_page_fits_the_narrowest_sidebar(opened: Opened, width: int):
    page = opened(viewport={"width": width, "height": 820})
    tabs = page.locator("nav.tabs .tab")
    for name in ("", "stories", "grids", "folders", "builder"):
        page.goto(f"{page.url.split('#')[0]}#/{name}")
        page.locator("nav.tabs [aria-current=page]").wait_for()
        cut = tabs.evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > innerWidth"
            " || one.scrollWidth > one.offsetWidth).map(one => one.innerText)"
        )
        assert cut == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.get_by_role("link", name="LoRA tests").count() == 1
    page.get_by_role("link", name="Builder").click()
    page.locator(".b-canvas").wait_for()


def test_a_lora_test_shows_equal_prompts_and_seeds_below_each_other(opened: Opened):
    page = opened()
    page.goto(f"{page.url.split('#')[0]}#/grids/t1")
    page.get_by_text("From left to right: seeds 7, 8. Nothing is scored yet.").wait_for()
    assert page.locator(".about").get_by_text("a fox, {trigger}", exact=True).count() == 1
    assert page.locator(".test li").evaluate_all("all => all.map(row => row.querySelectorAll('.shown').length)") == [
        2,
        2,
    ]
    assert page.locator(".test b").all_inner_texts() == ["No LoRA", "<b>ink</b>"]
