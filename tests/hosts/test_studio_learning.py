"""The page Learn in headless Chromium, over a real ledger: what it learned, what that brought, and the way back.

``python -m pytest tests/hosts/test_studio_learning.py`` with another Python drives it with the gradio of that one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from orchestrator_core.config import DATABASE_NAME
from orchestrator_core.store import Store
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.observation import Observation
from tests.hosts.studio import Studio, running_studio, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

gradio: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

pytestmark = [pytest.mark.host, pytest.mark.slow]

NOWHERE = "http://127.0.0.1:9"
VALUES = {"colors": ("red", "blue", "gold"), "shapes": ("star", "ring", "<b>disc</b>")}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    pytest_socket.enable_socket()
    with running_studio(tmp_path_factory.mktemp("learning"), NOWHERE, NOWHERE) as found:
        for name, values in VALUES.items():
            (found.wildcards / f"{name}.txt").write_text("\n".join(values) + "\n", encoding="utf-8")
        yield found


@pytest.fixture(scope="module")
def ledger(studio: Studio) -> Ledger:
    """200 images, half of them by learned odds: red is seldom shown, and gold spoils stars."""
    made, chance = Ledger(partial(Store.open, studio.home / DATABASE_NAME)), random.Random(4)
    made.change("switch", value=True)
    made.change("mode", value="fast")
    made.change("direction", slot="colors", value="prefer")
    for batch in range(20):
        made.observe(one for number in range(10) for one in scores_of(10 * batch + number, chance))
    return made


def scores_of(number: int, chance: random.Random) -> Iterator[Observation]:
    is_late = number >= 100
    drawn = {"colors": chance.choice(("blue", "gold", *(() if is_late else ("red",)))), "shapes": ""}
    drawn["shapes"] = chance.choice(VALUES["shapes"])
    for slot, value in drawn.items():
        is_bad = value == "red" or set(drawn.values()) == {"gold", "star"}
        score = chance.uniform(-4.0, -2.0) if is_bad else chance.uniform(1.5, 4.0)
        yield Observation(f"r{number}", "a.png", "||", slot, f"{slot}#{value}", score, "score", "clip", 1.0, 3, is_late)


@pytest.fixture(scope="module")
def page(studio: Studio, ledger: Ledger, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    found = context.new_page()
    found.set_default_timeout(90_000)
    errors, _ = watch(found)
    found.goto(studio.url)
    found.get_by_role("tab", name="Learn").click()
    found.wait_for_selector("#orchestrator_learn_odds tr")
    yield found
    assert errors == []
    context.close()


def text_of(page: Page, name: str) -> str:
    return page.locator(f"#orchestrator_learn_{name}").inner_text()


def unfold(page: Page, name: str) -> None:
    page.locator(f"#orchestrator_learn_{name} input[type=checkbox]").first.check()


def test_it_is_seen_what_was_learned_what_that_brought_and_what_spoils_what(page: Page) -> None:
    page.locator(".orc-slot", has_text="colors").click()
    page.wait_for_function("document.querySelector('#orchestrator_learn_odds').innerText.includes('blue')")
    rows = page.locator("#orchestrator_learn_odds tbody tr").all_inner_texts()
    assert rows[-1].startswith("red")
    assert "by the odds as written" in text_of(page, "status")
    unfold(page, "time")
    brought = text_of(page, "over_time")
    assert "100 images" in brought
    assert "gold + star" in brought
    assert "worse" in brought
    assert page.locator("#orchestrator_learn_over_time svg").is_visible()
    assert page.locator("#orchestrator_learn_over_time b").count() == 0  # a value's name is no markup


def test_a_click_takes_the_last_step_back_once_its_effect_was_seen(page: Page, ledger: Ledger) -> None:
    unfold(page, "past")
    number, before = ledger.number, ledger.odds("||").multipliers
    ledger.change("pin", key="colors#red", value=7.0)
    page.locator("#orchestrator_learn_history", has_text="colors#red: pinned at 7.0×").wait_for()  # by itself
    page.locator("#orchestrator_learn_undo").click()
    page.locator("#orchestrator_learn_moves", has_text="Takes back: colors#red: pinned at 7.0×").wait_for()
    assert ledger.number == number + 1
    page.locator("#orchestrator_learn_apply").click()
    page.locator("#orchestrator_learn_said", has_text="Done").wait_for()
    assert ledger.odds("||").multipliers == before


def test_a_slot_is_switched_off_and_what_was_learned_goes_out_and_comes_in(
    page: Page, ledger: Ledger, tmp_path: Path
) -> None:
    page.locator("#orchestrator_learn_direction label", has_text="off: nothing moves").click()
    page.locator("#orchestrator_learn_moves", has_text="Switch __colors__ off").wait_for()
    page.locator("#orchestrator_learn_apply").click()
    page.locator(".orc-slot em.off").wait_for()
    assert ledger.odds("||").multipliers == {}
    unfold(page, "files")
    page.locator("#orchestrator_learn_save").click()
    page.wait_for_selector("#orchestrator_learn_json:not([disabled]):not(.disabled)")
    with page.expect_download() as download:
        page.locator("#orchestrator_learn_json").click()
    learned = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert len(learned["observations"]) == 400
    learned["observations"][0]["weight"] = float("nan")
    (tmp_path / "poisoned.json").write_text(json.dumps(learned), encoding="utf-8")
    number = ledger.number
    page.locator("#orchestrator_learn_import input[type=file]").set_input_files(tmp_path / "poisoned.json")
    page.locator("#orchestrator_learn_said", has_text="weight").wait_for()
    assert ledger.number == number
