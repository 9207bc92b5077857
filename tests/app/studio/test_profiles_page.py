"""The Profiles page: what it shows, how a file is changed, and that nothing of a stranger's text becomes a page's."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio import profile_desk, profiles_html
from orchestrator_app.studio.environment import StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.profile_form import FIELDS, changes, form_of
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ProfileError
from orchestrator_core.memory.book_folder import BookFolder
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.reading import profile_from_text
from orchestrator_core.request import Choices
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
CLICK = "\u241f1"  # what follows on what was clicked
CARDS = Path(__file__).resolve().parents[2] / "data" / "cards"
TOM = """# of the river
name: Tom
kind: character
appearance_tags: [1man, red beard]  # as painted
wildcard_weights:
  nature/weather: {fog: 4}
loras:
  - name: characters/tom
    strength: 0.8
    required: true
state: {outfit: grey coat, facts: [has a boat]}
lore:
  - river
  - {keys: [ferry], content: The ferry is old.}
"""
INK = "name: Ink\nkind: style\nstyle: [ink drawing]\n"


class Page:
    """The page with folders of its own; events are called as gradio calls them."""

    def __init__(self, folder: Path) -> None:
        from orchestrator_app.studio.clock import Clock
        from orchestrator_app.studio.pages.profiles import ProfilesPage

        self.own, self.bundled, self.session = folder / "own", folder / "bundled", Session()
        self.own.mkdir()
        self.bundled.mkdir()
        self.library = ProfileLibrary((self.own, self.bundled), clock=iter(range(10**6)).__next__)
        target = Target("ComfyUI", FakeHost(folder).generator, Choices)
        environment = StudioEnvironment(
            lambda _: (target,),
            lambda _: Wildcards([]),
            KeptSettings(),
            profiles=self.library,
            books=BookFolder((folder / "lore",)),
        )
        self.live = LiveEnvironment(environment)
        with gr.Blocks(analytics_enabled=False):
            with gr.Tabs(), gr.Tab("Profiles") as tab:
                self.page = ProfilesPage(self.live, gr.State(self.session), tab, Clock())
            self.page.connect()
        self.editor = self.page.editor
        self.seen: dict[Any, Any] = {}

    def cards(self) -> str:
        return self.page._list(self.session)[0]

    def take(self, values: tuple[Any, ...]) -> None:
        """What an event gave for the editor's elements, as a browser would take it in."""
        for element, value in zip(self.editor.outputs, values, strict=True):
            if isinstance(value, dict) and "__type__" in value:
                value = value.get("value", self.seen.get(element))
            self.seen[element] = value

    def pick(self, key: str) -> None:
        self.take(self.page._on_pick(key + CLICK, self.session, *self.typed()))

    def typed(self, **fields: str) -> list[Any]:
        for name, value in fields.items():
            element = getattr(self.editor, name, None) or self.editor.elements[name]
            self.seen[element] = value
        return [self.seen.get(element, "") for element in self.editor.inputs]

    def save(self, **fields: str) -> str:
        self.take(self.editor._on_save(self.session, *self.typed(**fields)))
        return str(self.seen[self.editor.said])

    def switch(self, mode: str, **fields: str) -> None:
        self.take(self.editor._on_mode(self.session, *self.typed(mode=mode, **fields)))

    def said(self, template: str = "reading", **fields: str) -> tuple[str, Any]:
        said, tried = self.editor._on_typed(self.session, template, *self.typed(**fields))
        return said, tried

    def __getitem__(self, name: str) -> Any:
        return self.seen[getattr(self.editor, name, None) or self.editor.elements[name]]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    found = Page(tmp_path)
    (found.own / "tom.yaml").write_text(TOM)
    (found.bundled / "ink.yaml").write_text(INK)
    return found


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_list_shows_each_kind_who_owns_it_and_what_is_wrong(page: Page):
    (page.own / "bad.yaml").write_text("name: Bad\nlooks: [hat]\n")
    (page.own / "heir.yaml").write_text("name: Heir\nextends: nobody\n")
    cards, kinds, where = page.page._list(page.session)
    assert "Tom character · tom yours 1man, red beard" in words(cards)
    assert "Ink style · ink ink drawing" in words(cards)
    assert "there is no 'looks' in a profile" in words(cards)
    assert "There is no profile 'nobody'" in words(cards)
    assert words(kinds) == "Characters 1 Styles 1 Mixed 1"
    assert str(page.own) in where
    assert "Tom" not in page.page._on_kind("style" + CLICK, page.session)[0]
    assert "Ink" not in page.page._on_search("beard", page.session)[0] + page.page._on_kind(CLICK, page.session)[0]


def test_the_form_changes_what_was_changed_and_no_other_line_of_the_file(page: Page):
    page.pick("tom")
    assert page["loras"] == "characters/tom: 0.8, always"
    assert page["state"] == 'outfit: grey coat\nfacts: ["has a boat"]'
    assert "Saved" in page.save(appearance_tags="1man, red beard, patched hat")
    after = (page.own / "tom.yaml").read_text()
    assert "1man, red beard, patched hat" in after and "# as painted" in after
    assert [line for line in after.splitlines() if "appearance" not in line] == [
        line for line in TOM.splitlines() if "appearance" not in line
    ]
    page.save(lore="river\nharbor")
    assert page.library.get("tom").lore == ("river", "harbor", {"keys": ["ferry"], "content": "The ferry is old."})


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("wildcard_weights", "nature/weather#fog: 2\nnature/weather#sun: 0", {"nature/weather": {"fog": 2, "sun": 0}}),
        ("loras", "a/b: × 3\nc: never\nd", [{"name": "a/b", "weight": 3}, {"name": "c", "weight": 0}, {"name": "d"}]),
        ("loras", "odd: name", [{"name": "odd: name"}]),
        ("state", "where: pier\nfacts: [\"a\", \"b\"]", {"where": "pier", "facts": ["a", "b"]}),
        ("negative", "young, (clean, shaven:1.2)", ["young", "(clean, shaven:1.2)"]),
        ("extends", "one\ntwo, three", ["one", "two", "three"]),
        ("family", "", None),
    ],
)  # fmt: skip
def test_a_field_says_a_value_of_the_file(field: str, text: str, value: Any):
    profile = profile_from_text("name: A\nfamily: SDXL\n", "a.yaml", "a")
    before = form_of(profile)
    assert changes(before, {**before, field: text}, profile) == {field: value}


def test_a_form_that_nobody_touched_changes_nothing(page: Page):
    profile = profile_from_text(TOM, "tom.yaml", "tom")
    form = form_of(profile)
    assert set(form) == set(FIELDS)
    assert changes(form, {**form, "state": form["state"] + "\n"}, profile) == {}


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [("wildcard_weights", "fog", "should be as nature/weather#fog: 3"), ("state", "pier", "should be as where:")],
)
def test_a_field_that_means_nothing_is_told_and_not_saved(page: Page, field: str, text: str, told: str):
    page.pick("tom")
    assert told in page.said(**{field: text})[0]
    assert told in page.save(**{field: text})
    assert (page.own / "tom.yaml").read_text() == TOM


def test_what_is_wrong_is_said_as_one_types_with_its_line(page: Page):
    page.pick("tom")
    page.switch("YAML")
    said, tried = page.said(yaml=TOM.replace("kind: character", "kind: charakter"))
    assert "tom.yaml" in said and "line 3, kind" in said
    assert tried == gr.update()
    page.switch("Form")  # what cannot be shown in the form stays as YAML
    assert page["mode"] == "YAML" and "charakter" in page["yaml"]


def test_the_preview_shows_what_a_profile_adds_in_the_colour_of_its_origin(page: Page):
    (page.own / "young.yaml").write_text("extends: tom\nname: Young Tom\nkind: character\nnegative: [old]\n")
    page.pick("young")
    said, tried = page.said("in {fog|rain} he waits", appearance_tags="-red beard, freckles")
    assert said == ""
    assert "he waits, 1man , freckles" in words(tried) and "red beard" not in words(tried)
    assert 'class="w profile' in tried and 'class="w option' in tried
    assert "negative old" in words(tried)


def test_form_and_yaml_are_two_views_of_one_text(page: Page):
    page.pick("tom")
    page.switch("YAML", name="Thomas")
    assert "name: Thomas" in page["yaml"] and "# of the river" in page["yaml"]
    page.switch("Form", yaml=page["yaml"].replace("red beard", "grey beard"))
    assert page["appearance_tags"] == "1man, grey beard"
    assert (page.own / "tom.yaml").read_text() == TOM  # nothing is saved without a click
    assert "Saved" in page.save(negative="young")
    saved = page.library.get("tom")
    assert (saved.name, saved.appearance_tags, saved.negative) == ("Thomas", ("1man", "grey beard"), ("young",))


def test_a_bundled_profile_is_saved_as_ones_own_and_wins(page: Page):
    page.pick("ink")
    assert "Saved" in page.save(style="ink drawing, wet paper")
    assert (page.bundled / "ink.yaml").read_text() == INK
    assert page.library.get("ink").style == ("ink drawing", "wet paper")
    assert page.library.path_of("ink") == page.own / "ink.yaml"


def test_another_name_saves_another_profile_and_keeps_both(page: Page):
    page.pick("tom")
    page.save(key="river/../Old Tom", name="Old Tom")
    assert sorted(path.relative_to(page.own).as_posix() for path in page.own.rglob("*.yaml")) == [
        "river/old-tom.yaml",
        "tom.yaml",
    ]
    page.pick("ink")
    assert "is there already" in page.save(key="tom")
    assert (page.own / "tom.yaml").read_text() == TOM


def test_new_and_duplicate_write_nothing_before_they_are_saved(page: Page):
    page.take(page.page._beginning("genre")(page.session, *page.typed()))
    assert page["kind"] == "genre" and page["template"] == "{prompt}"
    page.pick("tom")
    page.take(page.editor._on_copy(page.session, *page.typed(name="Tim")))
    assert page["key"] == "tom-copy" and page["name"] == "Tim (copy)"
    assert [path.name for path in page.own.iterdir()] == ["tom.yaml"]
    page.save()
    assert page.library.get("tom-copy").appearance_tags == ("1man", "red beard")
    assert "# of the river" in (page.own / "tom-copy.yaml").read_text()


def test_what_was_typed_waits_when_another_profile_is_looked_at(page: Page):
    page.pick("tom")
    page.typed(negative="young")
    page.pick("ink")
    assert page["negative"] == "" and "not saved" in words(page.cards())
    page.pick("tom")
    assert page["negative"] == "young" and "not saved yet" in page["said"]
    page.save()
    assert page.library.get("tom").negative == ("young",) and "not saved" not in words(page.cards())


def test_what_was_changed_in_the_file_meanwhile_is_kept(page: Page):
    page.pick("tom")
    (page.own / "tom.yaml").write_text(TOM + "negative: [young]\n")
    *_, said = page.page._on_tick(page.session)
    assert said == gr.update()  # the page was not opened yet
    page.cards()
    assert page.page._on_look(page.session) == gr.update()
    (page.own / "tom.yaml").write_text(TOM + "negative: [very young]\n")
    assert page.page._on_look(page.session) == page.library.version
    *_, said = page.page._on_tick(page.session)
    assert "changed meanwhile" in said
    page.save(style="oil")  # the form says only what was changed in it
    assert page.library.get("tom").negative == ("very young",)
    page.switch("YAML")
    (page.own / "tom.yaml").write_text(TOM)
    assert "changed meanwhile" in page.save(yaml="name: Tom\n")
    assert (page.own / "tom.yaml").read_text() == TOM


def test_what_a_page_sends_before_it_has_taken_in_another_profile_changes_nothing(page: Page):
    """gradio 5 tells that the view was set before the other fields are filled in."""
    page.pick("ink")
    before = page.typed(style="wet paper")
    page.take(page.page._on_pick("tom" + CLICK, page.session, *before))  # on its way, while the page sends what it has
    assert page.editor._on_mode(page.session, *before) == page.editor.unchanged(gr.update())
    assert page.editor._on_typed(page.session, "x", *before) == (gr.update(), gr.update())
    said = page.editor._on_save(page.session, *before)[page.editor.outputs.index(page.editor.said)]
    assert "Click once more" in said and (page.own / "tom.yaml").read_text() == TOM
    assert page.editor._on_mode(page.session, *page.typed()) == page.editor.unchanged(gr.update())
    page.pick("ink")
    assert page["style"] == "wet paper"


def test_a_broken_file_is_mended_as_yaml(page: Page):
    (page.own / "bad.yaml").write_text("name: [Bad\n")
    page.pick("bad")
    assert page["mode"] == "YAML" and "bad.yaml" in page["said"]
    assert "Saved" in page.save(yaml="name: Good\n")
    assert page.library.get("bad").name == "Good"


def test_a_style_of_another_program_becomes_a_file_of_its_own(page: Page):
    (page.own / "styles.csv").write_text('name,prompt,negative_prompt\nOil,"oil painting of {prompt}",photo\n')
    page.pick("styles/Oil")
    assert page["template"] == "oil painting of {prompt}"
    assert "Saved" in page.save(style="impasto")
    assert page.library.get("genres/oil").style == ("impasto",)


def imported(page: Page, file: Path, name: str = "", use: str = "as a profile") -> tuple[str, str]:
    """(what the preview shows, what is said of the import)."""
    importing = page.page.importing
    _, preview, problem = importing._on_file(str(file), name)
    before = sorted(page.own.rglob("*"))
    assert sorted(page.own.rglob("*")) == before  # a look writes nothing
    function: Callable[..., Any] = importing.importer(page.page._on_imported, page.editor.outputs)
    said, _, *shown = function(page.session, str(file), name, use)
    page.take(tuple(shown))
    return f"{preview}{problem if isinstance(problem, str) else ''}", said


@pytest.mark.parametrize("name", ["v1.json", "v2.json", "v3_sillytavern.json"])
def test_a_card_is_shown_before_it_is_taken_and_comes_out_as_it_was(page: Page, name: str):
    preview, said = imported(page, CARDS / name)
    card = json.loads((CARDS / name).read_text())
    data = card.get("data") or card
    called = data.get("nickname") or data["name"]
    assert called in words(preview) and "Nothing is written yet" in preview
    assert "Imported: 1 profile" in said
    assert page["name"] == called or called in page["yaml"]
    opened = page.session.profiles.open
    assert json.loads(profile_desk.card_of(opened.parsed(opened.draft))) == card
    assert "is there already" in imported(page, CARDS / name)[1]  # nothing is overwritten


def test_a_world_file_becomes_a_setting_or_a_lore_book(page: Page, tmp_path: Path):
    _, said = imported(page, CARDS / "world_info.json", "coast", "as a lore book for stories")
    assert "coast.json" in said and (tmp_path / "lore" / "coast.json").is_file()
    assert page.live.environment.books is not None
    assert page.live.environment.books.book("coast").entries
    assert "1 profile" in imported(page, CARDS / "world_info.json")[1]


def test_what_is_no_card_is_said_and_writes_nothing(page: Page, tmp_path: Path):
    odd = tmp_path / "odd.png"
    odd.write_bytes(b"\x89PNG\r\n\x1a\n")
    preview, said = imported(page, odd)
    assert "odd.png" in preview and "odd.png" in said
    assert len(list(page.own.iterdir())) == 1


def test_a_hostile_card_is_shown_as_text(page: Page, tmp_path: Path):
    texts = {name: f"{EVIL} {name}" for name in ("description", "personality", "scenario", "first_mes")}
    book = {"entries": [{"keys": [EVIL], "content": EVIL, "extensions": {}, "enabled": True, "insertion_order": 1}]}
    data = {"name": EVIL, **texts, "character_book": book, "extensions": {EVIL: EVIL}}
    card = tmp_path / "evil.json"
    card.write_text(json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}))
    preview, said = imported(page, card)
    assert "Imported" in said
    (page.own / "worse.yaml").write_text(f"name: {json.dumps(EVIL)}\n{json.dumps(EVIL)}: 1\n")
    shown = [preview, said, *page.page._list(page.session), page["head"], page["kept"], page["said"]]
    page.pick("worse")
    shown += [page["head"], page["said"], *map(str, page.said(EVIL, name=EVIL, appearance_tags=EVIL))]
    for text in shown:
        assert not re.search(r"<(script|img)", text), text
    assert "&lt;script&gt;" in "".join(shown)


def test_a_card_cannot_be_exported_of_what_was_none():
    with pytest.raises(ProfileError, match="not made from a character card"):
        profile_desk.card_of(profile_from_text(TOM, "tom.yaml", "tom"))


def test_a_place_without_profiles_says_so(page: Page):
    live = LiveEnvironment(StudioEnvironment(lambda _: (), lambda _: Wildcards([]), KeptSettings()))
    page.page.live = live
    assert "no folder of profiles" in page.page._list(page.session)[0]


def test_many_profiles_are_shown_in_part():
    profiles = [profile_from_text(f"name: P{number}\n", "p.yaml", f"p{number}") for number in range(400)]
    shown = profiles_html.cards_html(profiles, (), "", "to", lambda _: ())
    assert shown.count("<article") == 300 and "100 profiles more" in shown
