"""Asking Civitai by a click: never by itself, said before the first time, at most so many, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio import lora_asking
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_asking import MOST, askable, button_text, chosen, consent_text, outcome
from orchestrator_app.studio.lora_place import LoraPlace
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.civitai import Fetched
from orchestrator_core.loras.record import Fact, LoraRecord
from orchestrator_core.request import Choices
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings
from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

CLICK = "\u241f1"
ASK, STOP, CONSENT, TOLD, SAID = range(5)


# which, and what is said


def lora(name: str, **values: Any) -> LoraRecord:
    return LoraRecord(name, f"/loras/{name}", **{"state": "complete", **values})


ANSWERED = lora("answered", facts=(Fact("title", "A", "civitai", 0.9),))


def test_a_lora_is_asked_about_whose_file_is_there_and_that_was_not_answered():
    of_a_sidecar = lora("sidecar", facts=(Fact("title", "A", ".civitai.info", 0.9),))
    found = [lora("new"), ANSWERED, lora("short", state="truncated"), lora("gone", state="missing"), of_a_sidecar]
    assert [record.name for record in found if askable(record)] == ["new", "sidecar"]
    assert button_text(found) == "Ask Civitai about those shown (2)"


def test_never_more_than_two_hundred_at_once_and_first_those_that_it_may_know():
    shown = [lora(f"{number:03}", sha256=f"{number:064x}") for number in range(MOST + 50)]
    assert button_text(shown) == "Ask Civitai about those shown (200 of 250)"
    asked = chosen(shown, lambda: {record.sha256 for record in shown[:60]})
    assert [record.name for record in asked] == [record.name for record in (*shown[60:], *shown[:10])]


def test_what_was_not_found_is_not_looked_up_where_all_can_be_asked():
    def not_found() -> set[str]:
        raise AssertionError

    assert chosen([lora("a"), ANSWERED], not_found) == [lora("a")]
    with pytest.raises(ConfigError, match="nothing to ask"):
        chosen([ANSWERED], not_found)


def test_before_the_first_use_it_is_said_what_goes_where():
    assert "civitai.com is sent the SHA-256 hash of each file" in consent_text({})
    assert "key" not in consent_text({"CIVITAI_API_KEY": " "})
    assert "the key that you set in CIVITAI_API_KEY" in consent_text({"CIVITAI_API_KEY": "x"})


def test_the_outcome_is_a_line():
    several = [ANSWERED] * 2
    done = Fetched(("a",) * 7, ("b", "c"), (("fox", "it is cut short"),))
    assert outcome(done, several) == "7 known, 2 not known to Civitai, 1 could not be asked: fox: it is cut short."
    many = Fetched(problems=tuple((name, "no") for name in "abcde"))
    assert outcome(many, several) == "0 known, 5 could not be asked: a: no; b: no; c: no … and 2 more."
    assert outcome(Fetched(("a",), left=3, stopped="Too often."), several) == "1 known, 3 left: Too often."
    assert outcome(Fetched(("ink",)), [ANSWERED]).startswith("Civitai knows ink:")
    assert outcome(Fetched(unknown=("ink",)), [ANSWERED]) == "Civitai does not know the file of ink."
    assert outcome(Fetched(problems=(("ink", "gone."),)), [ANSWERED]) == "ink could not be asked about: gone."
    assert outcome(Fetched(left=1, stopped="Off."), [ANSWERED]) == "0 known, 1 left: Off."


# the page


class Page:
    """The LoRAs page with three LoRAs, and a Civitai that knows the ink; events are called as gradio calls them."""

    def __init__(self, folder: Path, civitai: StandIn) -> None:
        from orchestrator_app.studio.clock import Clock
        from orchestrator_app.studio.pages.loras import LoraNews, LorasPage

        self.folder, self.session, self.civitai, self.settings = folder / "loras", Session(), civitai, KeptSettings()
        for name in ("fox", "ink", "owl"):
            write_lora(self.folder / f"{name}.safetensors")
        digest = self.digest("ink")
        civitai.known[digest] = version(digest, baseModel="SD 1.5", trainedWords=["zorblax ink"])
        self.place = LoraPlace(lambda _: [self.folder], lambda: Store.open(folder / "store.sqlite3"))
        target = Target("ComfyUI", FakeHost(folder).generator, Choices)
        environment = StudioEnvironment(
            lambda _: (target,), lambda _: Wildcards([]), self.settings, loras=self.place, civitai_url=civitai.url
        )
        self.live = LiveEnvironment(environment)
        with gr.Blocks(analytics_enabled=False):
            news, clock = LoraNews(), Clock()
            with gr.Tabs() as tabs, gr.Tab("LoRAs") as tab:
                self.page = LorasPage(self.live, gr.State(self.session), tab, tabs, news, clock)
            self.page.connect()
        self.live.loras.watcher.refresh()
        self.page._on_open(self.session)
        self.all, self.one = self.page.civitai, self.page.details.civitai

    def digest(self, name: str) -> str:
        return sha256((self.folder / f"{name}.safetensors").read_bytes()).hexdigest()

    def pick(self, name: str) -> tuple[Any, ...]:
        return self.page._on_pick(f"{self.folder / name}.safetensors{CLICK}", self.session)

    def allow(self) -> None:
        self.settings.save(Settings(ask_civitai=True))

    def said(self, events: Iterator[tuple[Any, ...]]) -> str:
        """What stands there in the end."""
        *_, last = events
        assert (last[ASK]["interactive"], last[STOP]["visible"], last[CONSENT]["visible"]) == (True, False, False)
        return str(last[SAID])


@pytest.fixture
def civitai(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr("orchestrator_core.loras.civitai.PAUSE_S", 0.0)
    monkeypatch.delenv("CIVITAI_API_KEY", raising=False)
    with StandIn() as server:
        yield server


@pytest.fixture
def page(tmp_path: Path, civitai: StandIn) -> Iterator[Page]:
    found = Page(tmp_path, civitai)
    yield found
    found.place.close()


pytestmark = pytest.mark.network


def test_the_first_click_asks_the_person_and_not_civitai(page: Page):
    page.pick("ink")
    for button in (page.all, page.one):
        (event,) = button._on_ask(page.session)
        assert event[CONSENT]["visible"] is True
        assert "civitai.com is sent the SHA-256 hash" in event[TOLD]
    assert page.civitai.asked == []
    assert page.settings.load().ask_civitai is False


def test_yes_asks_and_is_remembered_and_the_answer_is_among_the_facts_at_once(page: Page):
    detail, *_ = page.pick("ink")
    assert "zorblax" not in detail
    said = page.said(page.one._on_yes(page.session))
    assert "Civitai knows ink" in said
    assert page.civitai.hashes == [page.digest("ink")]
    assert page.settings.load().ask_civitai is True
    detail, words, *_ = page.page.details._on_learned(page.session, *form(page))
    assert "<small>civitai</small>" in detail
    assert words == "zorblax ink"
    assert "zorblax ink" in page.page._list(page.session)[0]
    assert "Civitai knows ink" in page.said(page.one._on_ask(page.session))  # without a word before


def form(page: Page, **changes: Any) -> list[Any]:
    from dataclasses import asdict

    return list((asdict(page.session.loras.form) | changes).values())


def test_those_shown_are_asked_about_once_each_with_an_outcome_in_a_line(page: Page):
    page.allow()
    page.civitai.known[page.digest("owl")] = ["no version"]
    assert page.page._list(page.session)[-1] == "Ask Civitai about those shown (3)"
    first, *_ = events = list(page.all._on_ask(page.session))
    assert (first[ASK]["interactive"], first[STOP]["visible"]) == (False, True)
    said = page.said(iter(events))
    assert "1 known, 1 not known to Civitai, 1 could not be asked: owl: " in said
    assert page.civitai.hashes == [page.digest(name) for name in ("fox", "ink", "owl")]
    page.said(page.all._on_ask(page.session))
    assert page.civitai.hashes[3:] == [page.digest("owl")]
    assert page.page._list(page.session)[-1] == "Ask Civitai about those shown (2)"


def test_only_what_a_search_finds_is_asked_about(page: Page):
    page.allow()
    page.page._on_search("ink", page.session)
    page.said(page.all._on_ask(page.session))
    assert page.civitai.hashes == [page.digest("ink")]
    assert "nothing to ask" in page.said(page.all._on_ask(page.session))
    page.page._on_search("bass:pony", page.session)
    assert "there is no key" in page.said(page.all._on_ask(page.session))


def test_what_is_typed_and_not_saved_survives_an_answer(page: Page):
    page.allow()
    page.pick("ink")
    page.said(page.one._on_ask(page.session))
    learned = page.page.details._on_learned(page.session, *form(page, notes="mine"))
    assert learned[1] == "zorblax ink"
    assert learned[1 + list(form_names()).index("notes")] == gr.update()
    again = page.page.details._on_learned(page.session, *form(page))
    assert again[1:] == (gr.update(),) * len(again[1:])  # somebody may be typing just now
    assert "Saved: notes." in page.page.details._on_save(page.session, *form(page, notes="mine"))[2]


def form_names() -> Iterator[str]:
    from dataclasses import fields

    from orchestrator_app.studio.lora_editing import LoraForm

    return (field.name for field in fields(LoraForm))


def test_it_can_be_stopped_and_says_what_is_left(page: Page, monkeypatch: pytest.MonkeyPatch):
    page.allow()
    began, go = threading.Event(), threading.Event()

    def slowly(path: str) -> tuple[int, dict[str, str], bytes]:
        began.set()
        assert go.wait(20)
        return 404, {}, b'{"error":"Model not found"}'

    monkeypatch.setattr(page.civitai, "answer", slowly)
    events = page.all._on_ask(page.session)
    next(events)
    assert began.wait(20)
    assert "Asking Civitai: 0 of 3 · fox" in next(events)[SAID]
    assert "asking Civitai: 0 of 3" in page.page._list(page.session)[3]
    assert page.all._on_stop()["interactive"] is False
    assert "Stopping" in next(events)[SAID]
    go.set()
    assert "0 known, 1 not known to Civitai, 2 left: It was stopped." in page.said(events)
    assert len(page.civitai.asked) == 1


def test_a_click_while_another_page_asks_shows_that_and_asks_nothing_itself(page: Page, monkeypatch: Any):
    page.allow()
    go = threading.Event()
    monkeypatch.setattr(page.civitai, "answer", lambda path: go.wait(20) and (404, {}, b'{"error":"no"}'))
    first = page.all._on_ask(page.session)
    next(first)
    page.pick("ink")
    second = page.one._on_ask(page.session)
    next(second)
    go.set()
    assert "Click again to ask yours." in page.said(second)
    assert "Click again" not in page.said(first)
    assert len(page.civitai.asked) == 3


def test_the_end_of_the_library_ends_the_asking(page: Page):
    page.civitai.next = [(429, {"Retry-After": "60"}, b"")] * 9
    page.civitai.next.insert(0, (404, {}, b'{"error":"no"}'))
    page.allow()
    next(page.all._on_ask(page.session))
    asking = page.live.loras.asking
    end = time.monotonic() + 20
    while len(page.civitai.asked) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    page.place.close()
    assert asking is not None
    assert asking.done.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "orchestrator-asking"]


def test_where_yes_cannot_be_remembered_it_is_asked_all_the_same_and_said(page: Page, monkeypatch: Any):
    def frozen(settings: Settings) -> None:
        raise ConfigError("Settings are frozen.")

    monkeypatch.setattr(page.settings, "save", frozen)
    page.pick("ink")
    said = page.said(page.one._on_yes(page.session))
    assert "Civitai knows ink" in said
    assert "You will be told this again: Settings are frozen." in said


def test_settings_that_cannot_be_read_are_not_written_over():
    class Broken(KeptSettings):
        def load(self) -> Settings:
            raise ConfigError("Line 3 is wrong.")

    keeper = Broken()
    assert lora_asking.remember_consent(keeper) == "You will be told this again: Line 3 is wrong."
    assert keeper.settings == Settings()


def test_without_a_store_civitai_is_not_asked(tmp_path: Path, civitai: StandIn):
    write_lora(tmp_path / "ink.safetensors")
    place = LoraPlace(lambda _: [tmp_path])
    loras = place(Settings())
    loras.watcher.refresh()
    with pytest.raises(ConfigError, match="could not be kept, so it is not asked"):
        loras.ask(list(loras.records().values()), civitai.url)
    place.close()
    assert civitai.asked == []


def test_an_end_that_nobody_foresaw_is_told(page: Page, monkeypatch: Any):
    page.allow()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(page.live.loras.library, "set_facts", broken)
    assert "This should not have happened (ZeroDivisionError: oh)." in page.said(page.all._on_ask(page.session))
