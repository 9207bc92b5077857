"""Stories: which there are, their scenes with images, how they stand, and what the next scene would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, stories_html
from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.compat import folded, hidden, html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.generate import GeneratePage
from orchestrator_app.studio.pages.story_state import StoryState, found, names_of
from orchestrator_app.studio.scene_pictures import ScenePictures
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.shelves import stories_of
from orchestrator_app.studio.story_next import next_scene
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.memory.library import StoryBrief
from orchestrator_core.memory.story import Action, Story

PICK, SCENE, NEWS = "orchestrator_story_pick", "orchestrator_story_scene", "orchestrator_story_news"
_PICK = "Click on a story to see what was told in it."
_GO_ON: Mapping[Action, str] = {
    "continue": "Continue the scene",
    "new_scene": "New scene",
    "develop": "Develop a character",
}
_WORDS = "looking out of the window"


@dataclass(frozen=True)
class GoingOn:
    """Where a story goes on: the page Generate, to which ``tabs`` lead."""

    tabs: Any
    generate: GeneratePage


class StoriesPage:
    """By ``clock`` the page looks for new scenes; ``going_on`` None: it only shows them."""

    def __init__(
        self, live: LiveEnvironment, session: Any, tab: Any, clock: Clock, going_on: GoingOn | None = None
    ) -> None:
        self.live, self.session, self.tab, self.clock, self.going_on = live, session, tab, clock, going_on
        self.pictures = ScenePictures()
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self._list_of_all()
                with kw(gr.Column, elem_id="orchestrator_story_state", elem_classes=["orc-of-chosen"]):
                    self.state = StoryState(live, session)
            with gr.Column(scale=7, min_width=340):
                self.said = html_box("", elem_id="orchestrator_story_said", elem_classes=["orc-empty"])
                self.head = html_box(html.nothing_yet(_PICK), elem_id="orchestrator_story_head")
                with kw(gr.Column, elem_id="orchestrator_story_scenes_box", elem_classes=["orc-of-chosen"]):
                    self._scenes()
        self.pick, self.scene = hidden(PICK), hidden(SCENE)

    def _list_of_all(self) -> None:
        self.list = html_box("", elem_id="orchestrator_stories_list")
        with gr.Accordion("Begin a story", open=False, elem_id="orchestrator_stories_new"):
            self.new_name = kw(
                gr.Textbox, label="Name", max_lines=1, placeholder="The letter", elem_id="orchestrator_stories_name",
                elem_classes=["orchestrator-field"],
            )  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.new_profiles = names_of("orchestrator_stories_profiles", "Profiles")
                self.new_books = names_of("orchestrator_stories_books", "Lore books")
            self.begin = kw(
                gr.Button, value="Begin", variant="primary", size="sm", elem_id="orchestrator_stories_begin"
            )

    def _scenes(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
            self.go_on = {
                action: kw(
                    gr.Button, value=text, size="sm", min_width=120, elem_id=f"orchestrator_story_{action}",
                    variant="primary" if action == "continue" else "secondary",
                )
                for action, text in _GO_ON.items()
            }  # fmt: skip
        with folded("What the next scene would be, and its lore", "orchestrator_story_next"):
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.words = kw(
                    gr.Textbox, label="What happens", value=_WORDS, lines=1, max_lines=4, scale=6, min_width=200,
                    elem_id="orchestrator_story_words",
                )  # fmt: skip
                self.action = kw(
                    gr.Dropdown, label="Action", choices=list(_GO_ON), value="continue", scale=2, min_width=110,
                    elem_id="orchestrator_story_try_action",
                )  # fmt: skip
            self.next = html_box("", elem_id="orchestrator_story_next_scene")
        self.timeline = html_box("", elem_id="orchestrator_story_timeline")
        with kw(gr.Row, elem_classes=["orc-line", "orc-pager", "orc-if-many"]):
            self.later = kw(gr.Button, value="‹ Later", size="sm", min_width=90, scale=0, interactive=False)
            self.where = html_box("", elem_id="orchestrator_story_scenes_where")
            self.earlier = kw(gr.Button, value="Earlier ›", size="sm", min_width=90, scale=0, interactive=False)

    # what it takes and gives

    @property
    def outputs(self) -> list[Any]:
        places = [self.list, self.said, self.head, self.timeline, self.where]
        return [*places, self.earlier, self.later, self.next, *self.state.outputs]

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        session, outputs, trying = self.session, self.outputs, [self.words, self.action]
        new = [self.new_profiles, self.new_books]
        listen(self.tab.select, self._on_open, [session, *trying], [*new, *outputs], **quiet)
        listen(self.pick.change, self._on_pick, [self.pick, session, *trying], outputs, **quiet)
        listen(self.scene.change, self._on_scene, [self.scene, session, *trying], outputs, **quiet)
        listen(self.earlier.click, self._turn(1), [session, *trying], outputs, **quiet)
        listen(self.later.click, self._turn(-1), [session, *trying], outputs, **quiet)
        begun = [session, self.new_name, *new, *trying]
        listen(self.begin.click, self._on_begin, begun, [self.new_name, *outputs], show_progress="hidden")
        listen([self.words.change, self.action.change], self._on_try, [session, *trying], [self.next], **quiet)
        news = hidden(NEWS)  # above all pages: see compat.folded
        self.clock.on_tick(self._on_tick, [news])
        listen(news.change, self._on_news, [session, self.state.filled, *trying, *self.state.fields], outputs, **quiet)
        self.state.connect(self._shown, self.unchanged, outputs)
        if self.going_on is not None:
            self._connect_going_on(self.going_on)

    def _connect_going_on(self, to: GoingOn) -> None:
        """The buttons fill in the story and the action on Generate, and lead there."""
        story = to.generate.sections.story
        outputs = [to.tabs, story.accordion, story.story, story.action]
        for name, button in self.go_on.items():
            to.generate.filled_by(
                listen(button.click, self._going_on(name), [self.session], outputs, show_progress="hidden")
            )

    # what is shown

    def _shown(
        self, session: Session, said: str = "", words: str = _WORDS, action: Action = "continue"
    ) -> tuple[Any, ...]:
        """Values for ``outputs``: the list, and the story that is open as it is now."""
        try:
            stories = stories_of(self.live)
            briefs = stories.list()
            story = stories.find(session.stories.name) if session.stories.name else None
        except OrchestratorError as error:
            return self.unchanged(html.notice(str(error)))
        session.stories = session.stories.replacing(told=_told(briefs), is_open=True)
        if story is None:
            session.stories = session.stories.replacing(name="")
            nothing = self.unchanged(said)[3:]
            return stories_html.list_html(briefs, "", PICK), said, html.nothing_yet(_PICK), *nothing
        return self._story(session, said, briefs, story, (words, action), self.state.shown(session, story))

    def _story(
        self,
        session: Session,
        said: Any,
        briefs: Sequence[StoryBrief],
        story: Story,
        trying: tuple[str, Action],
        state: tuple[Any, ...],
    ) -> tuple[Any, ...]:
        _, page = stories_html.shown_scenes(story, session.stories.page)
        session.stories = session.stories.replacing(page=page, name=story.name)
        return (
            stories_html.list_html(briefs, story.name, PICK),
            said,
            stories_html.head_html(story),
            stories_html.timeline_html(story, page, SCENE, self.pictures.get),
            stories_html.where_html(story, page),
            gr.update(interactive=(page + 1) * stories_html.PAGE < len(story.scenes)),
            gr.update(interactive=page > 0),
            self._next(story, *trying),
            *state,
        )

    def _next(self, story: Story, words: str, action: Action) -> str:
        environment = self.live.environment
        try:
            found = next_scene(story, words or "", action, self.live.wildcards, environment.profiles, environment.books)
        except OrchestratorError as error:
            return html.notice(str(error))
        return stories_html.next_html(found)

    def unchanged(self, said: Any) -> tuple[Any, ...]:
        place = self.outputs.index(self.said)
        return tuple(said if index == place else gr.update() for index in range(len(self.outputs)))

    # what happens

    def _on_open(self, session: Session, *trying: Any) -> tuple[Any, ...]:
        names = gr.update(choices=self.state.profile_names(())), gr.update(choices=self.state.book_names())
        return *names, *self._shown(session, "", *trying)

    def _on_pick(self, sent: str, session: Session, *trying: Any) -> tuple[Any, ...]:
        session.stories = session.stories.replacing(name=html.clicked(sent), page=0)
        return self._shown(session, "", *trying)

    def _turn(self, pages: int) -> Callable[..., tuple[Any, ...]]:
        def turn(session: Session, *trying: Any) -> tuple[Any, ...]:
            session.stories = session.stories.replacing(page=session.stories.page + pages)
            return self._shown(session, "", *trying)

        return turn

    def _on_begin(
        self, session: Session, name: str, profiles: Sequence[str], books: Sequence[str], *trying: Any
    ) -> tuple[Any, ...]:
        try:
            story = stories_of(self.live).create(name or "", profiles or (), books or ())
        except OrchestratorError as error:
            return gr.update(), *self.unchanged(html.notice(str(error)))
        session.stories = session.stories.replacing(name=story.name, page=0)
        return "", *self._shown(session, html.notice(f"{story.name} has begun.", "good"), *trying)

    def _on_scene(self, sent: str, session: Session, *trying: Any) -> tuple[Any, ...]:
        what, _, number = html.clicked(sent).partition(":")
        try:
            stories_of(self.live).leave_out(session.stories.name, int(number), what == "out")
        except OrchestratorError as error:
            return self.unchanged(html.notice(str(error)))
        return self._shown(session, "", *trying)

    def _on_try(self, session: Session, words: str, action: Action) -> Any:
        if not session.stories.name:
            return gr.update()
        try:
            return self._next(found(stories_of(self.live), session.stories.name), words, action)
        except OrchestratorError as error:
            return html.notice(str(error))

    def _on_tick(self, session: Session) -> Any:
        """Another text as soon as something was told since the last look, here or elsewhere."""
        if not session.stories.is_open:
            return gr.update()
        try:
            told = _told(stories_of(self.live).list())
        except OrchestratorError:
            return gr.update()
        return gr.update() if told == session.stories.told else repr(told)

    def _on_news(self, session: Session, filled: str, words: str, action: Action, *typed: str) -> tuple[Any, ...]:
        nothing = self.unchanged(gr.update())
        if not self.state.is_current(session, filled):  # what is on its way is newer
            return nothing
        try:
            stories = stories_of(self.live)
            briefs = stories.list()
            story = stories.find(session.stories.name) if session.stories.name else None
        except OrchestratorError:
            return nothing
        session.stories = session.stories.replacing(told=_told(briefs))
        if story is None:
            return stories_html.list_html(briefs, "", PICK), *nothing[1:]
        state = self.state.learned(session, story, typed)
        return self._story(session, gr.update(), briefs, story, (words, action), state)

    def _going_on(self, action: Action) -> Callable[[Session], tuple[Any, ...]]:
        def go_on(session: Session) -> tuple[Any, ...]:
            return gr.update(selected="generate"), gr.update(open=True), session.stories.name, action

        return go_on


def _told(briefs: Sequence[StoryBrief]) -> tuple[object, ...]:
    return tuple((brief.name, brief.scenes, brief.told_ms) for brief in briefs)
