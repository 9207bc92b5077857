"""The LoRAs page: its list, its details, what comes and goes, and that nothing of a file's text becomes a page's."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio import chosen_html, loras_html
from orchestrator_app.studio.environment import StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_listing import Wish, listing
from orchestrator_app.studio.lora_place import LoraPlace, Notice
from orchestrator_app.studio.session import Session
from orchestrator_core.loras.record import ExamplePrompt, Fact, LoraRecord
from orchestrator_core.request import Choices
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings
from tests.core.loras.library_files import write_lora

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
CLICK = "\u241f1"  # what follows on what was clicked
CARDS, WHERE, FLAGS, STATUS = range(4)


class Page:
    """The page in a studio with a LoRA folder; events are called as gradio calls them."""

    def __init__(self, folder: Path) -> None:
        from orchestrator_app.studio.clock import Clock
        from orchestrator_app.studio.pages.loras import LoraNews, LorasPage

        self.folder, self.session = folder / "loras", Session()
        self.folder.mkdir()
        self.place = LoraPlace(lambda _: [self.folder])
        target = Target("ComfyUI", FakeHost(folder).generator, Choices)
        environment = StudioEnvironment(lambda _: (target,), lambda _: Wildcards([]), KeptSettings(), loras=self.place)
        self.live = LiveEnvironment(environment)
        with gr.Blocks(analytics_enabled=False):
            news, clock = LoraNews(), Clock()
            with gr.Tabs() as tabs, gr.Tab("LoRAs") as tab:
                self.page = LorasPage(self.live, gr.State(self.session), tab, tabs, news, clock)
            self.page.connect()

    def opened(self) -> tuple[Any, ...]:
        self.live.loras.watcher.refresh()
        self.page._on_tick(self.session)
        return self.page._on_open(self.session)

    def pick(self, path: Path) -> tuple[Any, ...]:
        return self.page._on_pick(f"{path}{CLICK}", self.session)

    def form(self, **changes: Any) -> list[Any]:
        from dataclasses import asdict

        return list((asdict(self.session.loras.form) | changes).values())


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    found = Page(tmp_path)
    write_lora(found.folder / "styles" / "ink.safetensors", "zorblax ink")
    write_lora(found.folder / "fox.safetensors")
    yield found
    found.place.close()


def test_the_page_shows_cards_flags_and_how_the_library_is(page: Page):
    cards, where, flags, status, _ = page.opened()
    assert cards.count('class="orc-lora"') == 2
    assert "zorblax ink" in cards
    assert "1 – 2 of 2" in where
    assert "No trigger words <small>1</small>" in flags
    assert "2 LoRAs · watched: live" in status


def test_a_search_and_a_flag_narrow_the_list_and_a_wrong_query_is_said_where_the_cards_are(page: Page):
    page.opened()
    found = page.page._on_search("trigger:zorblax", page.session)
    assert "1 – 1 of 1" in found[WHERE]
    assert "cannot be" in page.page._on_search("favourite:perhaps", page.session)[CARDS]
    page.page._on_search("", page.session)
    found = page.page._on_flag(f"trigger_words{CLICK}", page.session)
    assert ("fox" in found[CARDS], "zorblax" in found[CARDS]) == (True, False)
    assert 'data-send="" ' in found[FLAGS]  # a second click takes it away
    assert "1 – 2 of 2" in page.page._on_flag(CLICK, page.session)[WHERE]


def test_what_a_person_says_is_saved_shown_and_can_be_taken_back(page: Page):
    page.opened()
    path = page.folder / "fox.safetensors"
    detail, form, said, *values = page.pick(path)
    assert "fox" in detail
    assert form["visible"] is True
    assert values == page.form()
    detail, _, said, *values = page.page.details._on_save(
        page.session, *page.form(trigger_words="red fox", favourite=True)
    )
    assert "Saved: trigger words, favourite." in said
    assert "<small>user</small>" in detail
    assert "red fox" in page.page._list(page.session)[CARDS]
    assert "★" in page.page._list(page.session)[CARDS]
    detail, _, said, *values = page.page.details._on_back(page.session)
    assert "2 values taken back" in said
    assert values[0] == ""


def test_what_cannot_be_saved_is_said_and_nothing_is_lost(page: Page):
    page.opened()
    page.pick(page.folder / "fox.safetensors")
    said = page.page.details._on_save(page.session, *page.form(preferred_strength="much"))[2]
    assert "Not saved. Strength is" in said
    (page.folder / "fox.safetensors").unlink()
    assert "Saved" in page.page.details._on_save(page.session, *page.form(notes="mine"))[2]


def test_what_comes_while_the_page_is_open_is_told_once_and_a_click_shows_it(page: Page):
    page.opened()
    write_lora(page.folder / "new" / "owl.safetensors", "quibble owl")
    page.live.loras.watcher.refresh()
    news, cards, *_ = page.page._on_tick(page.session)
    assert news.count("1 new LoRA") == 1
    assert "quibble owl" in cards
    number = page.live.loras.last_notice
    news, tabs, search, cards, *_ = page.page._on_news(f"show:{number}{CLICK}", page.session)
    assert (news, tabs["selected"], search) == ("", "loras", "")
    assert ("quibble owl" in cards, "zorblax" in cards) == (True, False)
    assert page.page._on_tick(page.session)[0] == ""


def test_what_came_before_a_page_was_opened_is_none_of_its_news(page: Page):
    page.live.loras.watcher.refresh()
    news = page.page._on_tick(page.session)[0]
    assert not isinstance(news, str)


def test_a_page_where_nothing_has_changed_is_sent_nothing(page: Page):
    page.opened()
    end = time.monotonic() + 20
    while True:
        sent = page.page._on_tick(page.session)
        if not any(isinstance(value, str) for value in sent):
            break
        assert time.monotonic() < end, sent
        time.sleep(0.1)


def test_the_export_is_a_file_with_what_is_missing(page: Page):
    page.opened()
    file, said = page.page._on_export()
    text = Path(file["value"]).read_text("utf-8-sig")
    assert text.splitlines()[0].startswith("name,file,")
    assert "fox" in text
    assert "LoRAs in the list" in said


def test_without_a_library_the_page_says_what_to_do(page: Page):
    page.place._folders = lambda _: []
    assert "No LoRA folder is named yet" in page.page._on_open(page.session)[CARDS]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode there")
def test_a_name_in_another_encoding_keeps_no_page_from_being_sent(page: Page):
    write_lora(page.folder / os.fsdecode(b"caf\xe9.safetensors"), content=b"any")
    sent = re.search(r'data-send="([^"]*caf[^"]*)"', page.opened()[CARDS])
    assert sent
    detail = page.page._on_pick(sent[1] + CLICK, page.session)[0]
    assert "caf?.safetensors" in detail
    "".join([*page.opened(), detail]).encode()  # as a server sends it


def test_nothing_of_a_strangers_text_is_markup():
    record = LoraRecord(
        EVIL, f"/loras/{EVIL}", title=EVIL, trigger_words=(EVIL,), description=EVIL, notes=EVIL, preview=EVIL,
        facts=(Fact("trigger_words", EVIL, EVIL, 0.5),), training_tags=((EVIL, 3),), base_model=EVIL,
        examples=(ExamplePrompt(EVIL, 0.5),), sha256=EVIL, missing=("preview",),
    )  # fmt: skip
    shown = [
        loras_html.cards_html(listing([record], Wish()), "", lambda _: b"", "x"),
        loras_html.details_html(record, b"", (EVIL,)),
        loras_html.notices_html([Notice(1, EVIL, (EVIL,))], "x"),
        chosen_html.problems_html([EVIL]),
    ]
    for text in shown:
        assert "<script" not in text
        assert "<img src=x" not in text


def test_details_and_cards_have_room_for_strangers_of_any_length():
    record = LoraRecord("x", "/x", trigger_words=("word " * 4000, "short"))
    details = loras_html.details_html(record, b"", [f"copy {number}" for number in range(29)])
    assert "The same content: copy 0, copy 1, copy 2, and 26 more." in details
    assert 30 < details.count("word ") < 50
    assert "<code>short</code>" in details
    assert loras_html.cards_html(listing([record], Wish()), "", lambda _: b"", "x").count("word ") < 50


def test_conflicting_facts_are_marked_and_each_says_who_says_so():
    facts = (
        Fact("base_model", "SDXL", ".civitai.info", 0.9),
        Fact("base_model", "Flux.1", "modelspec", 0.8),
        Fact("notes", "x", "user", 1.0),
    )
    shown = loras_html.details_html(LoraRecord("x", "/x", facts=facts, missing=("conflict",)), b"")
    assert shown.count('class="conflict"') == 2
    assert ".civitai.info" in shown
    assert "set the right one by hand" in shown


def test_the_preview_of_prompts_is_chosen_anew_when_the_library_has_changed(page: Page):
    from orchestrator_app.studio.build import build

    blocks = build(page.live.environment)
    generate = next(
        function.fn.__self__
        for function in blocks.fns.values()
        if function.fn is not None and getattr(function.fn, "__name__", "") == "_on_change"
    )
    values = [element.value for element in generate.inputs[1:]]
    at = generate.inputs[1:].index(generate.loras.is_on)
    values[0], values[at] = 1, True
    values[generate.inputs[1:].index(generate.draw_form.elements["template"])] = "a wumple hat"
    page.live.loras.watcher.refresh()
    assert "No LoRA fits" in generate._on_change(page.session, *values)[0]
    assert not any(isinstance(value, str) for value in generate._on_tick(page.session, *values))
    write_lora(page.folder / "hat.safetensors", "wumple hat")
    page.live.loras.watcher.refresh()
    cards, summary, *_ = generate._on_tick(page.session, *values)
    assert "wumple hat" in cards
    assert "LoRA hat" in summary
