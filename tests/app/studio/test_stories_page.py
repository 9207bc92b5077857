"""The Stories page: scenes and state of a story, edits that are steps of its log, and what the next scene would be."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_app.studio import stories_html, story_form
from orchestrator_app.studio.environment import StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import StoryError
from orchestrator_core.memory.book_folder import BookFolder
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.memory.state import Person, SceneState
from orchestrator_core.memory.story import Story
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import Choices, GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.follow_story import Options, follow_story
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
CLICK = "\u241f1"
MARA = "name: Mara\nkind: character\nappearance_tags: [1girl, silver hair]\nstate: {outfit: red cloak}\nlore: [coast]\n"
COAST = (
    '{"entries": {"0": {"uid": 0, "key": ["tavern"], "content": "Old Ben runs it."},'
    ' "1": {"uid": 1, "key": ["whale"], "content": "A white one."}}}'
)
STATE = SceneState(
    ("Mira", "Tom"), "pier", "night", "", (Person("Mira", "red cloak", ("lost a brother",)), Person("Tom")), ("war",)
)


class Page:
    """The page with a store of its own; events are called as gradio calls them."""

    def __init__(self, folder: Path, store: Store) -> None:
        from orchestrator_app.studio.clock import Clock
        from orchestrator_app.studio.pages.stories import StoriesPage

        self.folder, self.store, self.session = folder, store, Session()
        (folder / "cast").mkdir()
        (folder / "cast" / "mara.yaml").write_text(MARA)
        (folder / "lore").mkdir()
        (folder / "lore" / "coast.json").write_text(COAST)
        self.profiles, self.books = ProfileLibrary((folder / "cast",)), BookFolder((folder / "lore",))
        self.stories = StoryLibrary.of(store)
        target = Target("ComfyUI", FakeHost(folder).generator, Choices)
        environment = StudioEnvironment(
            lambda _: (target,),
            lambda _: Wildcards([]),
            KeptSettings(),
            profiles=self.profiles,
            stories=self.stories,
            books=self.books,
        )
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            with gr.Tabs(), gr.Tab("Stories") as tab:
                self.page = StoriesPage(LiveEnvironment(environment), gr.State(self.session), tab, Clock())
            self.page.connect()
        self.seen: dict[Any, Any] = {}
        self.acts = dict(zip(("save", "undo", "redo", "use", "sure"), self._acts(), strict=True))

    def _acts(self) -> list[Any]:
        state = self.page.state
        return [state._save, state._undo, state._redo, state._use, state._delete]

    def take(self, values: tuple[Any, ...]) -> Page:
        for element, value in zip(self.page.outputs, values, strict=True):
            if isinstance(value, dict) and "__type__" in value:
                value = value.get("value", self.seen.get(element))
            self.seen[element] = value
        return self

    def open(self, name: str) -> Page:
        return self.take(self.page._on_pick(name + CLICK, self.session))

    def act(self, name: str, *values: Any) -> str:
        said = str(self.acts[name](self.session, *values))
        self.take(self.page._shown(self.session))
        return said

    def saving(self) -> Any:
        """What the button Save calls."""
        save = self.page.state.save._id
        return next(one.fn for one in self.blocks.fns.values() if (save, "click") in one.targets)

    def fields(self, **typed: str) -> list[str]:
        form = {name: self.seen[self.page.state.elements[name]] for name in story_form.FIELDS} | typed
        return [form[name] for name in story_form.FIELDS]

    def __getitem__(self, name: str) -> Any:
        state = self.page.state
        return self.seen[getattr(self.page, name, None) or getattr(state, name, None) or state.elements[name]]

    def tell(self, words: str, story: str = "Letter", **options: Any) -> Run:
        """A scene with a picture, as it is kept once it is rendered."""
        draft = PromptDraft((Component(words),), seed=7)
        wish = Options(story=story, **options)
        from orchestrator_core.memory.following import Sources

        followed = follow_story(draft, self.stories.open(story), wish, Sources(self.profiles, self.books))
        run = Run(f"run{len(self.stories.open(story).scenes)}-{story}", followed.draft)
        path = self.folder / f"{run.id}.png"
        Image.new("RGB", (64, 64), "teal").save(path)
        request = GenerationRequest(positive=followed.draft.positive)
        image = GeneratedImage(path, request, run.id)
        run = run.replacing(images=(image,))
        self.store.save_run(run)
        return run


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with Store.open(tmp_path / "o.db") as store:
        yield Page(tmp_path, store)


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_a_story_is_begun_and_listed(page: Page):
    assert "no story yet" in page.page._on_open(page.session, "x", "continue")[2]
    cleared, *values = page.page._on_begin(page.session, "The  letter", ["mara"], ["coast"], "x", "continue")
    page.take(tuple(values))
    assert cleared == "" and "The letter has begun" in page["said"]
    assert words(page["head"]) == "The letter 0 scenes · with mara · lore of coast"
    assert "Nothing was told yet" in page["timeline"]
    _, *again = page.page._on_begin(page.session, "the LETTER", [], [], "x", "continue")
    assert "There is a story" in page.take(tuple(again))["said"]


def test_the_timeline_shows_each_scene_with_picture_words_by_origin_changes_and_state(page: Page):
    page.stories.create("Letter", ["mara"])
    page.tell("Mara in the old tavern, night")
    page.tell("she waits")
    timeline = page.open("Letter")["timeline"]
    first, second = timeline.index("Scene 2"), timeline.index("Scene 1")
    assert first < second  # the newest first
    assert timeline.count("data:image/jpeg") == 2
    assert 'class="w memory' in timeline and 'class="w profile' in timeline and "the story and its lore" in timeline
    told = words(timeline)
    assert "she waits, 1girl , silver hair , red cloak , old tavern , night" in told
    assert "→ Mara is there; Mara's outfit: red cloak; where: old tavern; when: night" in told
    assert "lore: tavern" in told and "seed 7" in told and "Where: old tavern" in told


def test_a_scene_whose_run_or_picture_is_gone_keeps_its_words(page: Page):
    page.stories.create("Letter")
    run = page.tell("a ferry at dawn")
    run.images[0].path.unlink()
    assert "its picture is gone" in page.open("Letter")["timeline"]
    page.store.delete_run(run.id)
    timeline = page.open("Letter")["timeline"]
    assert "no picture" in timeline and "a ferry at dawn" in words(timeline)


def test_scores_of_a_scene_are_shown(page: Page):
    page.stories.create("Letter")
    run = page.tell("a ferry")
    name = run.images[0].path.name
    scores = (
        Score(run.id, name, None, "clip", 0.31234),
        Score(run.id, name, None, "compared:unasked", 0.9, text="tree"),
    )
    page.store.save_run(run.replacing(scores=scores))
    timeline = words(page.open("Letter")["timeline"])
    assert "clip 0.312" in timeline
    assert "unasked" not in timeline  # it is no measure of an image


def test_many_scenes_are_shown_page_by_page(page: Page):
    page.stories.create("Letter")
    for number in range(14):
        page.tell(f"ferry {number}")
    page.open("Letter")
    assert page["timeline"].count("<article") == 12 and "3 – 14 of 14" in words(page["where"])
    page.take(page.page._turn(1)(page.session))
    assert page["timeline"].count("<article") == 2
    page.take(page.page._turn(1)(page.session))  # there is no page after the last
    assert page["timeline"].count("<article") == 2


def test_an_edit_is_a_step_of_the_log_and_can_be_undone_and_done_again(page: Page):
    page.stories.create("Letter", ["mara"])
    page.tell("Mara in the old tavern")
    page.open("Letter")
    said = page.act("save", *page.fields(where="lighthouse", facts="Mara: fears deep water"))
    assert said == "Changed: where: lighthouse; known of Mara: fears deep water."
    assert page["where"] is not None and page.stories.open("Letter").state.where == "lighthouse"
    log = words(page.seen[page.page.state.log])
    assert log.startswith("between you known of Mara: fears deep water between you where: lighthouse scene 1")
    assert "prompt or profile where: old tavern" in log
    assert "where: lighthouse" in page.act("undo")
    assert page.stories.open("Letter").state.where == "old tavern"
    assert "undone" in words(page.seen[page.page.state.log])
    assert "Done again" in page.act("redo")
    assert page.stories.open("Letter").state.person("Mara").facts == ("fears deep water",)
    assert page.act("redo") == "There is nothing to do again."
    assert page.act("save", *page.fields()) == "Nothing was changed."


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({"who": "Mira"}, ["who: Mira"]),
        ({"who": ""}, ["who: no longer said"]),
        ({"where": "", "mood": "tense"}, ["where: no longer said", "mood: tense"]),
        ({"outfit": "mira: blue dress\nTom: grey coat"}, ["Mira's outfit: blue dress", "Tom's outfit: grey coat"]),
        ({"outfit": ""}, ["Mira's outfit: no longer said"]),
        ({"facts": "Mira: lost a brother\nTom: rows"}, ["known of Tom: rows"]),
        ({"facts": ""}, ["no longer known of Mira: lost a brother"]),
        ({"known": "war\nplague: again"}, ["known of the story: plague: again"]),
        ({}, []),
    ],
)  # fmt: skip
def test_what_a_person_types_becomes_changes(typed: dict[str, str], changes: list[str]):
    form = story_form.form_of(STATE)
    assert [str(change) for change in story_form.changes(form, form | typed, STATE)] == changes


def test_clothes_of_nobody_are_told_where_there_are_two(page: Page):
    form = story_form.form_of(STATE)
    with pytest.raises(StoryError, match="write it as Mira: blue dress"):
        story_form.changes(form, form | {"outfit": "blue dress"}, STATE)
    alone = replace(STATE, who=("Mira",), people=STATE.people[:1])
    form = story_form.form_of(alone)
    assert str(story_form.changes(form, form | {"outfit": "blue dress"}, alone)[0]) == "Mira's outfit: blue dress"


def test_a_scene_that_comes_while_somebody_types_leaves_what_was_typed(page: Page):
    page.stories.create("Letter", ["mara"])
    page.open("Letter")
    typed = page.fields(mood="tense")
    assert page.page._on_tick(page.session) == gr.update()
    page.tell("Mara in the old tavern")
    assert "Letter" in page.page._on_tick(page.session)
    page.take(page.page._on_news(page.session, page["filled"], "", "continue", *typed))
    assert page.page._on_tick(page.session) == gr.update()
    assert page["who"] == "Mara" and page.seen[page.page.state.elements["where"]] == "old tavern"
    assert "Scene 1" in page["timeline"]
    assert page.act("save", *page.fields(mood="tense")) == "Changed: mood: tense."


def test_what_a_page_sends_before_it_has_taken_in_another_story_changes_nothing(page: Page):
    page.stories.create("Letter")
    page.stories.create("Other")
    filled = page.open("Letter")["filled"]
    typed = page.fields(where="lighthouse")
    page.open("Other")  # whose answer is on its way while the page sends what it has
    save = page.saving()
    assert "Click once more" in page.take(save(page.session, filled, *typed))["said"]
    assert page.stories.open("Other").state.where == ""
    page.take(save(page.session, page["filled"], *typed))
    assert page.stories.open("Other").state.where == "lighthouse"


def test_a_scene_is_left_out_and_taken_in_by_a_click(page: Page):
    page.stories.create("Letter", ["mara"])
    page.tell("Mara in the old tavern")
    page.open("Letter")
    page.take(page.page._on_scene("out:1" + CLICK, page.session))
    assert "left out" in words(page["timeline"]) and page.stories.open("Letter").state.where == ""
    page.take(page.page._on_scene("in:1" + CLICK, page.session))
    assert page.stories.open("Letter").state.where == "old tavern"


def test_the_next_scene_shows_what_lore_would_be_told_and_why(page: Page):
    page.stories.create("Letter", ["mara"], ["coast"])
    page.tell("Mara in the old tavern, night")
    page.open("Letter")
    shown = words(page.page._on_try(page.session, "she waits", "continue"))
    assert "she waits, 1girl , silver hair , red cloak , old tavern , night" in shown
    assert "Lore: 1 of 2 entries" in shown
    assert "tavern coast · told: key tavern Old Ben runs it." in shown
    assert "whale coast · waits for whale" in shown
    elsewhere = words(page.page._on_try(page.session, "she waits", "new_scene"))
    assert "old tavern" not in elsewhere.split("Lore")[0].split("→")[0]
    assert len(page.stories.open("Letter").scenes) == 1  # a look changes nothing
    assert "missing" not in words(page.page._on_try(page.session, "__nothing__", "continue"))


def test_name_profiles_and_books_are_changed_and_a_story_is_deleted(page: Page):
    page.stories.create("Letter")
    page.open("Letter")
    assert page.act("use", "The letter", ["mara"], ["coast"]) == "Saved."
    assert words(page["head"]) == "The letter 0 scenes · with mara · lore of coast"
    page.stories.create("Other")
    with pytest.raises(StoryError, match="already"):
        page.act("use", "Other", [], [])
    assert "is deleted" in page.act("sure")
    assert [brief.name for brief in page.stories.list()] == ["Other"]
    assert "Click on a story" in page["head"]


def test_a_story_that_somebody_deleted_meanwhile_is_said_to_be_gone(page: Page):
    page.stories.create("Letter")
    page.open("Letter")
    page.stories.delete("Letter")
    assert "no story" in page.page._on_try(page.session, "x", "continue")
    page.take(page.page._on_scene("out:1" + CLICK, page.session))
    assert "Letter" in page["said"]
    page.take(page.page._on_news(page.session, page["filled"], "", "continue", *page.fields()))
    assert "Letter" not in page["list"]


def test_what_strangers_wrote_is_shown_as_text(page: Page):
    page.stories.create(EVIL[:90], [EVIL], [EVIL])
    (page.folder / "lore" / "evil.json").write_text(
        '{"entries": {"0": {"uid": 0, "key": ["ferry"], "comment": "<script>x</script>", "content": "<img src=x>"}}}'
    )
    page.stories.create("Letter", ["mara"], ["evil"])
    page.tell(f"a ferry {EVIL}")
    page.open("Letter")
    page.act("save", *page.fields(where=EVIL, facts=f"{EVIL.split(':')[0]}: {EVIL}"))
    shown = [str(value) for value in page.seen.values() if isinstance(value, str) and "<" in value]
    state = [page.page.state.elements[name] for name in story_form.FIELDS]
    shown = [page.seen[element] for element in page.seen if element not in state]
    for text in [*map(str, shown), str(page.page._on_try(page.session, f"ferry {EVIL}", "develop"))]:
        assert not re.search(r"<(script|img (?!loading))", text), text


def test_a_place_without_stories_says_so(page: Page):
    page.page.live = LiveEnvironment(StudioEnvironment(lambda _: (), lambda _: Wildcards([]), KeptSettings()))
    page.take(page.page._shown(page.session))
    assert "keeps no stories" in page["said"]


def test_the_buttons_fill_in_the_story_on_generate(page: Page):
    page.stories.create("Letter")
    page.open("Letter")
    tab, _, name, action = page.page._going_on("develop")(page.session)
    assert (tab["selected"], name, action) == ("generate", "Letter", "develop")


def test_a_log_of_many_changes_is_shown_in_part():
    from orchestrator_core.memory.change import Change
    from orchestrator_core.memory.story import Logged

    log = tuple(Logged(number, number, Change("set", "where", "", f"place {number}")) for number in range(1, 91))
    shown = stories_html.log_html(Story("Letter", log=log))
    assert shown.count("<tr") == 60 and "30 changes before" in shown and "place 90" in shown
