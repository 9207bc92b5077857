"""A real ComfyUI and a real Forge at once, with one gallery: what either renders is seen in both at once, and what is
said of it in the page teaches both.

With ``ORCHESTRATOR_PICTURES`` set to a folder, pictures and a recording of each page are written there: an animated
picture, and a trace for Playwright's viewer.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_core.gallery.service import Gallery
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.weights.ledger import Ledger
from tests.api_client import ApiServer
from tests.core.jobs.at_work import eventually
from tests.hosts.comfyui import NoComfyUI, running_comfyui
from tests.hosts.forge import ForgeParts, running_forge
from tests.recording import Recording

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

PICTURES = os.environ.get("ORCHESTRATOR_PICTURES", "")
SLOT = "probe/hue"
HUES = ("crimson", "teal", "amber", "olive", "violet")
TEMPLATE = f"a __{SLOT}__ fox in the snow"
VALUE = "crimson"
CARD, HEART = "[data-image]", "[data-heart='♥']"


@dataclass
class Hosts:
    store: Store
    wildcards: Wildcards
    servers: dict[str, ApiServer]  # by target
    jobs: list[int] = field(default_factory=list)

    @property
    def queue(self) -> Queue:
        return Queue(self.store)

    def render(self, target: str, seeds: Iterable[int]) -> None:
        """An image of each, by the host's own worker."""
        for seed in seeds:
            draw = {"id": "draw", "type": "generatePrompt", "options": {"template": TEMPLATE, "seed": seed}}
            render = {"id": "render", "type": "dispatch", "options": {"steps": 1, "width": 64, "height": 64}}
            self.jobs.append(self.queue.add(NewJob(pipeline=[draw, render], target=target)).id)

    def await_all(self) -> None:
        def states() -> set[str]:
            return {self.queue.job(job).state for job in self.jobs}

        eventually(lambda: not {"waiting", "running"} & states(), 240)
        assert states() == {"done"}

    def count(self, query: str = "") -> int:
        return Gallery(self.store).count(query)

    def newest(self) -> int:
        return max((image.id for image in Gallery(self.store).page(limit=50).images), default=0)

    def seeds_of(self, value: str, count: int) -> list[int]:
        """Seeds with which this value is drawn."""
        template = Template(TEMPLATE)
        drawn = ((seed, template.draw(self.wildcards, seed).positive) for seed in itertools.count(1000))
        return [seed for seed, _ in itertools.islice((one for one in drawn if value in one[1]), count)]

    def chance(self, target: str) -> float:
        """How probable the value is now in this host's own draws."""
        asked = {"template": TEMPLATE, "count": 20, "seed": 5}
        drawn = self.servers[target].ask("POST", "/prompts:draw", asked).json
        parts = [part for prompt in drawn["prompts"] for part in prompt["components"]]
        found = [choice["probability"] for part in parts for choice in part["choices"] if VALUE in part["text"]]
        assert found, [prompt["positive"] for prompt in drawn["prompts"]]
        return float(found[0])


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, forge_parts: ForgeParts) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("both")
    home = folder / "home"
    values = home / "wildcards" / f"{SLOT}.txt"
    values.parent.mkdir(parents=True)
    values.write_text("\n".join(HUES) + "\n", encoding="utf-8")
    with ExitStack() as stack:
        try:
            comfyui = stack.enter_context(running_comfyui(folder / "comfyui", shared_home=home))
        except NoComfyUI as reason:
            pytest.skip(f"no ComfyUI: {reason}")
        forge = stack.enter_context(running_forge(folder / "forge", forge_parts, shared_home=home))
        urls = {"comfyui": comfyui.url, "forge": forge.url}
        servers = {target: ApiServer(f"{url}/orchestrator/v1") for target, url in urls.items()}
        store = stack.enter_context(Store.open(comfyui.store))
        yield Hosts(store, Wildcards([home / "wildcards"]), servers)


@pytest.fixture(scope="module")
def pages(hosts: Hosts, chromium: Browser) -> Iterator[dict[str, Page]]:
    """The gallery as each host serves it, in a browser of its own."""
    found: dict[str, Page] = {}
    recordings: dict[str, Recording] = {}
    errors: list[str] = []
    for target, server in hosts.servers.items():
        context = chromium.new_context(viewport={"width": 1400, "height": 1600}, color_scheme="dark")
        if PICTURES:
            context.tracing.start(screenshots=True, snapshots=True, title=f"The gallery in {target}")
        found[target] = context.new_page()
        found[target].set_default_timeout(60_000)
        found[target].on("pageerror", lambda error: errors.append(str(error)))
        if PICTURES:
            recordings[target] = Recording(found[target])
        found[target].goto(f"{server.url}/app/")
    yield found
    for target, page in found.items():
        if PICTURES:
            assert recordings[target].save(Path(PICTURES) / f"gallery_{target}.webp")
            page.context.tracing.stop(path=f"{PICTURES}/gallery_{target}.zip")
        page.context.close()
    assert errors == []


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=f"{PICTURES}/{name}.png")


def search(page: Page, query: str) -> None:
    page.get_by_label("Search", exact=True).fill(query)
    page.keyboard.press("Enter")


def test_what_either_host_renders_is_seen_in_both_within_two_seconds(hosts: Hosts, pages: dict[str, Page]) -> None:
    for target in hosts.servers:  # the first one loads the models
        hosts.render(target, [1])
    hosts.await_all()
    for target, page in pages.items():
        page.goto(f"{hosts.servers[target].url}/app/")  # without what another test searched for
        page.wait_for_selector(f"{CARD} >> nth=1")
    for target in hosts.servers:
        known = hosts.newest()
        hosts.render(target, [2])
        eventually(lambda known=known: hosts.newest() > known, 120)
        for page in pages.values():
            page.wait_for_selector(f"[data-image='{hosts.newest()}']", timeout=2_000)
        hosts.await_all()


def test_thirty_favourites_of_a_value_raise_its_odds_in_both_hosts(hosts: Hosts, pages: dict[str, Page]) -> None:
    ledger = Ledger(lambda: nullcontext(hosts.store))  # type: ignore[arg-type, return-value]
    ledger.change("switch", value=True)
    ledger.change("direction", slot=SLOT, value="prefer")
    seeds = hosts.seeds_of(VALUE, 30)
    hosts.render("comfyui", seeds[:15])
    hosts.render("forge", seeds[15:])
    hosts.await_all()
    before = {target: hosts.chance(target) for target in hosts.servers}
    assert before == pytest.approx(dict.fromkeys(hosts.servers, 1 / len(HUES)))

    page, other = pages["comfyui"], pages["forge"]
    for each in pages.values():
        search(each, f"wildcard:{SLOT}={VALUE} sort:-date")
        each.wait_for_selector(f"{CARD} >> nth=29")
    page.get_by_role("listbox").focus()
    for _ in range(5):  # one by one, as a person begins, and then all that is left at once
        page.keyboard.press("f")
        page.keyboard.press("ArrowRight")
    picture(page, "gallery_marking")
    page.keyboard.press("Control+a")
    page.keyboard.press("f")
    eventually(lambda: hosts.count(f"favourite:yes wildcard:{SLOT}={VALUE}") >= 30, 60)
    other.wait_for_selector(f"{HEART} >> nth=29", timeout=5_000)  # seen in the other host's page without a reload
    picture(other, "gallery_in_forge")

    after = {target: hosts.chance(target) for target in hosts.servers}
    assert after["comfyui"] == pytest.approx(after["forge"])
    assert after["comfyui"] > before["comfyui"] * 1.5
    for key in ("Escape", "Home", "Enter"):  # nothing chosen, the first one, opened
        page.keyboard.press(key)
    page.get_by_text("What did this teach").click()
    page.wait_for_selector(f"aside.info details :text('{VALUE}')")
    picture(page, "gallery_taught")
    for target, server in hosts.servers.items():
        image = int(str(page.locator(CARD).first.get_attribute("data-image")))
        taught = server.ask("GET", f"/gallery/images/{image}/taught").json
        (one,) = [each for each in taught["values"] if each["slot"] == SLOT]
        assert (taught["is_learning"], one["value"]) == (True, VALUE)
        assert one["before"] < one["after"] == pytest.approx(after[target])
