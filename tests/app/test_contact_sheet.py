"""The contact sheet: everything is in it, nothing gets out of its place, and nothing is asked of the network."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator_app.contact_sheet import Card, Sheet, contact_sheet
from orchestrator_core.prompt import Component, Origin, PromptDraft, PromptSource
from orchestrator_core.provenance import LEGEND
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.template import Template, Wildcards

WHEN = datetime(2026, 3, 1, 9, 5, tzinfo=timezone.utc)
EVIL = """<script>alert(1)</script>"'&amp; </style> ${x} $title"""


class Page(HTMLParser):
    """What a browser would make of the page, as far as the tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def card(text: str = "a {fox|owl} in the __x__", number: int = 1, **changes: object) -> Card:
    draft = Template(text, "{blur|noise}").draw(Wildcards([]), number)
    request = GenerationRequest(draft.positive, draft.negative_prompt, seed=number, steps=8)
    return Card(number, Run("0001", draft), request, **changes)  # type: ignore[arg-type]


def sheet(*cards: Card, **changes: object) -> Page:
    return Page(contact_sheet(Sheet("quick", WHEN, **changes), cards))  # type: ignore[arg-type]


def test_it_is_a_whole_page_with_every_prompt():
    page = sheet(card(), card("an {old|old} heron", 2))
    assert page.open == []
    assert "1 March 2026, 09:05" in page.text
    assert "2 prompts" in page.text
    for text in ("an old heron", "in the __x__", "euler normal, 8 steps"):
        assert text in re.sub(r"\s+", " ", page.text)
    copied = [button["data-copy"] for button in page.all("button") if "data-copy" in button]
    assert "an old heron" in copied
    assert any("Steps: 8" in (text or "") for text in copied)


def test_words_say_where_they_come_from():
    page = sheet(card("a {fox|fox}"))
    (word,) = [tag for tag in page.all("span") if "data-tip" in tag and tag["data-from"] == "{fox|fox}"]
    assert word["class"] == "w option s0"
    assert word["data-tip"] == "{fox|fox} · 50 %, 1 of 2"


def test_words_of_one_source_have_one_shade_on_all_cards():
    page = sheet(card("{a|b} {c|d} {a|b}", 1), card("{c|d} {a|b}", 2))
    shades: dict[str | None, set[str | None]] = {}
    for tag in page.all("span"):
        if "data-from" in tag:
            shades.setdefault(tag["data-from"], set()).add(tag["class"])
    assert all(len(found) == 1 for found in shades.values())
    assert shades["{a|b}"] != shades["{c|d}"]


def test_nothing_in_a_prompt_is_markup():
    draft = PromptDraft(
        (Component(EVIL, Origin.llm),), (Component(EVIL, Origin.user),), source=PromptSource(EVIL, EVIL)
    )
    evil = Card(1, Run(EVIL, draft), GenerationRequest(EVIL, EVIL, checkpoint=EVIL), (EVIL,), {"workflow": EVIL}, EVIL)
    page = Page(contact_sheet(Sheet(EVIL, WHEN, EVIL, draft.source), [evil]))
    assert page.open == []
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert page.text.count("<script>alert(1)</script>") >= 6


def test_the_page_can_reach_nothing_and_run_only_its_own_script():
    text = contact_sheet(Sheet("x", WHEN), [card(images=("images/0001.png",))])
    page = Page(text)
    (policy,) = [tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:;")
    assert re.search(r"script-src 'sha256-[\w+/]{43}='$", policy)
    assert "//" not in re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"url\(|@import|https?:", text)


def test_images_and_links_are_relative_and_escaped():
    run = card().run
    request = GenerationRequest("x", width=64, height=32)
    run = run.replacing(images=(GeneratedImage(Path("a b.png"), request, "0001"),))
    found = Card(1, run, request, ("images/a b#1.png",), {"workflow": "workflows/0001.json"})
    page = sheet(found)
    (image,) = page.all("img")[:-1]  # the last is the empty one that zooms
    assert (image["src"], image["width"], image["height"]) == ("images/a%20b%231.png", "64", "32")
    assert "workflows/0001.json" in [link["href"] for link in page.all("a")]


def test_errors_and_the_reason_are_shown():
    page = sheet(card(error="ComfyUI failed"), reason="Nothing was rendered.")
    assert "ComfyUI failed" in page.text
    assert "Nothing was rendered." in page.text


def test_the_legend_has_what_occurs():
    buttons = [tag["data-kind"] for tag in sheet(card("{a|b} c")).all("button") if "data-kind" in tag]
    assert buttons == ["template", "option"]


def test_every_kind_has_a_colour():
    style = (Path(contact_sheet.__code__.co_filename).parent / "sheet.css").read_text("utf-8")
    for kind in LEGEND:
        assert f".{kind} " in style


def test_a_thousand_prompts_are_one_page_in_no_time():
    cards = [card(number=number) for number in range(1, 1001)]
    page = sheet(*cards)
    assert len(page.all("article")) == 1000
    assert sum(tag.get("loading") == "lazy" for tag in page.all("img")) == 0


@pytest.mark.parametrize("name", ["", "quick"])
def test_a_sheet_without_a_name_has_a_title(name: str):
    page = Page(contact_sheet(Sheet(name, WHEN), [card()]))
    assert f"{name or 'Prompts'} · contact sheet" in page.text
