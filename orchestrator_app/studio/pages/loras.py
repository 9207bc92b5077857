"""LoRAs: cards of all that there are, a search, what is missing, and what comes and goes while the page is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import html, lora_asking, loras_html
from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.compat import hidden, html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_listing import lacking_csv, listing
from orchestrator_app.studio.lora_place import OpenLoras
from orchestrator_app.studio.pages.civitai import AskCivitai
from orchestrator_app.studio.pages.lora_details import LoraDetails
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.loras.query import SORTS
from orchestrator_core.loras.record import LoraRecord

PICK, FLAG, NEWS = "orchestrator_lora_pick", "orchestrator_lora_flag", "orchestrator_lora_news"
LOOK = "orchestrator_lora_look"
_EXAMPLE = 'ink portrait · base:pony tag:style -nsfw:yes · missing:preview · "film grain" sort:newest'


class LoraNews:
    """What the watcher found. Above all pages: gradio 6 makes what is in a tab only once that tab is opened."""

    def __init__(self) -> None:
        self.shown = html_box("", elem_id="orchestrator_lora_news_shown", elem_classes=["orc-empty"])
        self.click = hidden(NEWS)


class LorasPage:
    """``tab`` and ``tabs`` show this page when a notice is clicked on."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any, tabs: Any, news: LoraNews, clock: Clock) -> None:
        self.live, self.session, self.tab, self.tabs, self.news, self.clock = live, session, tab, tabs, news, clock
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.search = kw(
                gr.Textbox, label="Search", placeholder=_EXAMPLE, lines=1, max_lines=1, scale=8, min_width=260,
                elem_id="orchestrator_loras_search",
            )  # fmt: skip
            self.sort = kw(
                gr.Dropdown, label="Sort by", choices=list(SORTS), value="name", scale=2, min_width=110,
                elem_id="orchestrator_loras_sort",
            )  # fmt: skip
            with kw(gr.Column, scale=2, min_width=120, elem_classes=["orc-stack"]):
                self.refresh = kw(gr.Button, value="Look again", size="sm", elem_id="orchestrator_loras_refresh")
                self.export = kw(gr.Button, value="What is missing", size="sm", elem_id="orchestrator_loras_export")
        self.flags = html_box("", elem_id="orchestrator_loras_flags", elem_classes=["orc-chips-box"])
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-status"]):
            self.status = html_box("", elem_id="orchestrator_loras_status")
            self.civitai = AskCivitai(live, session, _wanted, single=False)
        self.civitai.add_panel()
        self.said = html_box("", elem_id="orchestrator_loras_said", elem_classes=["orc-empty"])
        self.exported = kw(
            gr.File, label="What is missing, as CSV", visible=False, interactive=False, height=90,
            elem_id="orchestrator_loras_exported",
        )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=7, min_width=320):
                self.cards = html_box("", elem_id="orchestrator_loras_cards")
                with kw(gr.Row, elem_classes=["orc-line", "orc-pager"]):
                    self.previous = kw(gr.Button, value="‹ Previous", size="sm", min_width=100, scale=0)
                    self.where = html_box("", elem_id="orchestrator_loras_where")
                    self.next = kw(gr.Button, value="Next ›", size="sm", min_width=100, scale=0)
            with kw(gr.Column, scale=5, min_width=300, elem_classes=["orc-beside"]):
                self.details = LoraDetails(live, session)
        self.pick, self.flag = hidden(PICK), hidden(FLAG)

    @property
    def _shown(self) -> list[Any]:
        """What ``_list`` gives values for."""
        return [self.cards, self.where, self.flags, self.status, self.civitai.ask]

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        shown, session = self._shown, self.session
        listen(self.tab.select, self._on_open, [session], shown, **quiet)
        listen(self.search.change, self._on_search, [self.search, session], shown, **quiet)
        listen(self.sort.change, self._on_sort, [self.sort, session], shown, **quiet)
        listen(self.flag.change, self._on_flag, [self.flag, session], shown, **quiet)
        listen(self.previous.click, self._turn(-1), [session], shown, **quiet)
        listen(self.next.click, self._turn(1), [session], shown, **quiet)
        listen(self.pick.change, self._on_pick, [self.pick, session], self.details.outputs, **quiet)
        listen(self.refresh.click, self._on_refresh, [session], [self.said, *shown])
        listen(self.export.click, self._on_export, None, [self.exported, self.said])
        look = hidden(LOOK)  # above all pages: see compat.folded
        self.clock.on_tick(self._on_look, [self.news.shown, look])
        listen(look.change, self._on_tick, [session], [self.news.shown, *shown], **quiet)
        clicked = [self.news.shown, self.tabs, self.search, *shown]
        listen(self.news.click.change, self._on_news, [self.news.click, session], clicked, **quiet)
        self.details.connect(self._list, shown)
        self.details.civitai.show_on(self.pick.change)
        self.civitai.connect([(self._list, [session], shown), self.details.facts_anew])

    # what is shown

    def _list(self, session: Session) -> tuple[Any, ...]:
        """The cards, where in the list they are, the flags, and how the library is."""
        try:
            loras = self.live.loras
        except OrchestratorError as error:
            return html.notice(str(error), "hint"), "", "", "", lora_asking.button_text(())
        state = _state(loras)
        texts = self._texts(session, loras)
        session.loras = session.loras.replacing(opened=True, state=state, shown=texts)
        return texts

    def _texts(self, session: Session, loras: OpenLoras) -> tuple[str, ...]:
        view = session.loras
        found = listing(loras.records().values(), view.wish)
        if view.wish.page != found.page:
            session.loras = view = view.wishing(page=found.page)
        cards = loras_html.cards_html(found, view.picked, loras.thumbnails.get, PICK)
        flags = loras_html.flags_html(found.counts, view.wish.flag, FLAG)
        asking = lora_asking.button_text(found.all)
        return cards, loras_html.where_html(found), flags, loras_html.status_html(loras), asking

    # what happens

    def _on_open(self, session: Session) -> tuple[Any, ...]:
        return self._list(session)

    def _on_search(self, text: str, session: Session) -> tuple[Any, ...]:
        paths = session.loras.wish.paths if not text else None  # who searches looks at all again
        session.loras = session.loras.wishing(query=text or "", paths=paths)
        return self._list(session)

    def _on_sort(self, sort: str, session: Session) -> tuple[Any, ...]:
        session.loras = session.loras.wishing(sort=sort)
        return self._list(session)

    def _on_flag(self, sent: str, session: Session) -> tuple[Any, ...]:
        session.loras = session.loras.wishing(flag=html.clicked(sent))
        return self._list(session)

    def _turn(self, pages: int) -> Callable[[Session], tuple[Any, ...]]:
        def turn(session: Session) -> tuple[Any, ...]:
            session.loras = session.loras.wishing(page=session.loras.wish.page + pages)
            return self._list(session)

        return turn

    def _on_pick(self, sent: str, session: Session) -> tuple[Any, ...]:
        return self.details.shown(session, html.path_clicked(sent))

    def _on_refresh(self, session: Session) -> tuple[Any, ...]:
        try:
            loras = self.live.loras
            message = loras.watcher.refresh().message or "Nothing has changed."
        except OrchestratorError as error:
            return html.notice(str(error)), *self._list(session)
        session.loras = session.loras.wishing(paths=None).replacing(news=loras.last_notice)
        return html.notice(message, "good"), *self._list(session)

    def _on_export(self) -> tuple[Any, str]:
        try:
            text = lacking_csv(self.live.loras.records().values())
        except OrchestratorError as error:
            return gr.update(visible=False), html.notice(str(error))
        path = save_bytes_to_cache(text.encode("utf-8-sig", "replace"), "loras.csv", self.exported.GRADIO_CACHE)
        count = text.count("\n") - 1
        return gr.update(value=str(path), visible=True), html.notice(
            f"{html.number(count, 'LoRA')} in the list.", "good"
        )

    # what comes and goes

    def _on_look(self, session: Session) -> tuple[Any, Any]:
        """The news, and another text as soon as the list is another one."""
        try:
            loras = self.live.loras
        except OrchestratorError:
            return gr.update(), gr.update()
        news, view = self._news(session, loras), session.loras
        state = _state(loras)
        return news, gr.update() if not view.opened or view.state == state else repr(state)

    def _on_tick(self, session: Session) -> tuple[Any, ...]:
        """What is new since the last look; nothing is sent where nothing is."""
        nothing = tuple(gr.update() for _ in self._shown)
        try:
            loras = self.live.loras
        except OrchestratorError:
            return gr.update(), *nothing
        news = self._news(session, loras)
        view = session.loras
        if not view.opened or view.state == _state(loras):
            return news, *nothing
        before, texts = view.shown, self._list(session)
        return news, *(text if text != old else gr.update() for text, old in zip(texts, before, strict=True))

    def _news(self, session: Session, loras: OpenLoras) -> Any:
        """The notices that this page has not put away; those from before it was opened are none of its."""
        view = session.loras
        if view.news < 0:
            session.loras = view.replacing(news=loras.last_notice)
            return gr.update()
        return self._notices(session, loras) if loras.last_notice > view.news else gr.update()

    def _notices(self, session: Session, loras: OpenLoras) -> str:
        view = session.loras
        new = [one for one in loras.notices if one.number > view.news and one.number not in view.away]
        return loras_html.notices_html(new[-3:], NEWS)

    def _on_news(self, sent: str, session: Session) -> tuple[Any, ...]:
        what, _, number = html.clicked(sent).partition(":")
        try:
            loras = self.live.loras
        except OrchestratorError:
            return "", gr.update(), gr.update(), *self._list(session)
        session.loras = session.loras.replacing(away=session.loras.away | {int(number)})
        paths = next((one.paths for one in loras.notices if one.number == int(number)), ())
        if what != "show":
            return self._notices(session, loras), gr.update(), gr.update(), *(gr.update() for _ in self._shown)
        session.loras = session.loras.wishing(query="", flag="", paths=frozenset(paths))
        return self._notices(session, loras), gr.update(selected="loras"), "", *self._list(session)


def _wanted(session: Session, loras: OpenLoras) -> list[LoraRecord]:
    """Raises ConfigError, StoreError."""
    found = listing(loras.records().values(), session.loras.wish)
    if found.problem:
        raise ConfigError(found.problem)
    return lora_asking.chosen(found.all, loras.not_found)


def _state(loras: OpenLoras) -> tuple[object, ...]:
    """What the shown cards and lines depend on."""
    asking = loras.asking and (loras.asking.progress, loras.asking.done.is_set())
    background = loras.thumbnails.made, loras.hashing.progress, asking
    return loras.library.version, *background, loras.watcher.mode, loras.problem
