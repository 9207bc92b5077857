"""Learn: whether odds are learned and which, what a change would move before it is made, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import html, learn_html
from orchestrator_app.studio.compat import hidden, listen
from orchestrator_app.studio.learn_desk import Change, LearnDesk, Learned, What
from orchestrator_app.studio.pages.learn_elements import EVERYTHING, MOMENT, NEWS, SLOT, VALUE, LearnElements
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.trends_html import effect_words, over_time_html
from orchestrator_core.errors import ConfigError, OrchestratorError

_HISTORY = 1_000  # entries that are shown, images some at a time
_LARGEST = 32 * 1024 * 1024  # bytes of a file that is taken in
_NOTHING = (
    "Nothing was learned yet. Switch on the scoring of finished images on the page Config, or mark those of Generate "
    "with the keys 1 to 5, F and X: what was drawn for them appears here."
)


class LearnPage(LearnElements):
    """``connect`` is called once all pages are there."""

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4}
        session, outputs = self.session, self.outputs
        listen(self.tab.select, self._on_open, [session], outputs, **quiet)
        listen(self.slot.change, self._on_slot, [self.slot, session], outputs, **quiet)
        listen(self.context.change, self._on_context, [self.context, session], outputs, **quiet)
        wanted: tuple[tuple[Any, What], ...] = (
            (self.is_on, "switch"), (self.mode, "mode"), (self.direction, "direction"),
        )  # fmt: skip
        for element, what in wanted:
            listen(element.change, self._changing(what), [element, session], outputs, **quiet)
        listen(self.value.change, self._on_value, [self.value, session], outputs, **quiet)
        listen(self.moment.change, self._on_moment, [self.moment, session], outputs, **quiet)
        listen(self.undo.click, self._on_undo, [session], outputs, **quiet)
        listen(self.reset_slot.click, self._on_reset_slot, [session], outputs, **quiet)
        listen(self.reset.click, lambda session: self._propose(session, Change("reset")), [session], outputs, **quiet)
        listen(self.file.upload, self._on_file, [self.file, session], [self.file, *outputs], **quiet)
        listen(self.apply.click, self._on_apply, [session], outputs, **quiet)
        listen(self.cancel.click, self._on_cancel, [session], outputs, **quiet)
        listen(self.save.click, self._on_save, None, [self.exported, *self.tables.values(), self.said], **quiet)
        news = hidden(NEWS)  # a small answer to each tick, see compat.folded
        self.clock.on_tick(self._on_tick, [news])
        listen(news.change, self._on_news, [session], outputs, **quiet)

    @property
    def desk(self) -> LearnDesk:
        """Raises ConfigError."""
        if self.live.environment.desk is None:
            raise ConfigError("This place has no store, so nothing is learned here.")
        return self.live.environment.desk

    # what is shown

    def _shown(self, session: Session, said: Any = "") -> tuple[Any, ...]:
        """Values for ``outputs``: what holds, and the change that waits, if any."""
        view = session.learn
        try:
            now = self.desk.look(view.context, view.slot)
            pending = self._waiting(session)
            past = learn_html.history_html(self.desk.happenings(_HISTORY), MOMENT)
            over_time = self.desk.over_time(now.context)
            plot = self.desk.plot(now.context, now.slot) if now.slot else ""
        except OrchestratorError as error:
            return self._unchanged(html.notice(str(error)))
        session.learn = session.learn.replacing(context=now.context, slot=now.slot, number=now.number, is_open=True)
        slot = next((each for each in now.slots if each.name == now.slot), None)
        return (
            _status(now, effect_words(over_time)),
            *(now.is_on, now.mode, gr.update(choices=[EVERYTHING, *_named(now)], value=now.context)),
            learn_html.slots_html(now.slots, now.slot, SLOT),
            said,
            *pending,
            html.nothing_yet(_NOTHING) if slot is None else f'<h3 class="orc-name">{html.escape(slot.title)}</h3>',
            gr.update() if slot is None else slot.direction,
            "" if slot is None else learn_html.odds_html(slot, VALUE),
            plot,
            over_time_html(over_time) or html.notice("Nothing was scored yet.", "quiet"),
            past,
            gr.update(interactive=now.number > 0),
        )

    def _waiting(self, session: Session) -> tuple[Any, str]:
        """The change that waits to be applied, by what holds now. Raises OrchestratorError."""
        change = session.learn.pending
        if change is None:
            return gr.update(visible=False), ""
        planned = self.desk.planned(change, session.learn.context)
        title = f'<h3 class="orc-name">{html.escape(planned.title)}</h3>'
        remarks = "".join(html.notice(said, "hint") for said in planned.remarks)
        return gr.update(visible=True), title + remarks + learn_html.moves_html(planned.moves)

    def _unchanged(self, said: Any) -> tuple[Any, ...]:
        place = self.outputs.index(self.said)
        return tuple(said if index == place else gr.update() for index in range(len(self.outputs)))

    # what happens

    def _on_open(self, session: Session) -> tuple[Any, ...]:
        return self._shown(session)

    def _on_slot(self, sent: str, session: Session) -> tuple[Any, ...]:
        session.learn = session.learn.replacing(slot=html.clicked(sent))
        return self._shown(session)

    def _on_context(self, context: str, session: Session) -> tuple[Any, ...]:
        if (context or "") == session.learn.context:  # it was the page itself that filled it in
            return self._unchanged(gr.update())
        session.learn = session.learn.replacing(context=context or "")
        return self._shown(session)

    def _propose(self, session: Session, change: Change) -> tuple[Any, ...]:
        """Shows what a change would move, before it is made."""
        try:
            self.desk.planned(change, session.learn.context)
        except OrchestratorError as error:
            return self._shown(session, html.notice(str(error)))
        session.learn = session.learn.replacing(pending=change)
        return self._shown(session)

    def _changing(self, what: What) -> Callable[[Any, Session], tuple[Any, ...]]:
        def change(value: Any, session: Session) -> tuple[Any, ...]:
            slot = session.learn.slot if what == "direction" else ""
            try:
                now = self.desk.look(session.learn.context, session.learn.slot)
            except OrchestratorError as error:
                return self._unchanged(html.notice(str(error)))
            if value == _held(now, what):  # it was the page itself that filled it in
                return self._unchanged(gr.update())
            return self._propose(session, Change(what, slot, value=value))

        return change

    def _on_value(self, sent: str, session: Session) -> tuple[Any, ...]:
        what, _, key = html.clicked(sent).partition(":")
        kinds: dict[str, What] = {"pin": "pin", "unpin": "unpin", "off": "off", "on": "on"}
        if what not in kinds:
            return self._unchanged(gr.update())
        return self._propose(session, Change(kinds[what], session.learn.slot, key))

    def _on_moment(self, sent: str, session: Session) -> tuple[Any, ...]:
        number = html.clicked(sent)
        return self._propose(session, Change("undo", value=int(number))) if number.isdecimal() else self._shown(session)

    def _on_undo(self, session: Session) -> tuple[Any, ...]:
        try:
            past = self.desk.happenings(_HISTORY)
        except OrchestratorError as error:
            return self._unchanged(html.notice(str(error)))
        newest = next((one.number for one in past if not one.undone and one.kind != "undo"), 0)
        return self._propose(session, Change("undo", value=newest - 1)) if newest else self._shown(session)

    def _on_reset_slot(self, session: Session) -> tuple[Any, ...]:
        if not session.learn.slot:
            return self._unchanged(html.notice("Choose a slot first.", "hint"))
        return self._propose(session, Change("reset", session.learn.slot))

    def _on_file(self, path: str | None, session: Session) -> tuple[Any, ...]:
        if not path:
            return None, *self._unchanged(gr.update())
        try:
            text = _text_of(Path(path))
        except (OSError, ValueError) as error:
            return None, *self._unchanged(html.notice(f"{Path(path).name} cannot be read: {error}."))
        return None, *self._propose(session, Change("import", value=text))

    def _on_apply(self, session: Session) -> tuple[Any, ...]:
        change = session.learn.pending
        if change is None:
            return self._shown(session)
        try:
            self.desk.apply(change)
        except OrchestratorError as error:
            return self._shown(session, html.notice(str(error)))
        session.learn = session.learn.replacing(pending=None)
        return self._shown(session, html.notice("Done. The history has the way back.", "good"))

    def _on_cancel(self, session: Session) -> tuple[Any, ...]:
        session.learn = session.learn.replacing(pending=None)
        return self._shown(session)

    def _on_save(self) -> tuple[Any, ...]:
        try:
            desk = self.desk
        except OrchestratorError as error:
            return *([gr.update()] * (1 + len(self.tables))), html.notice(str(error))
        made = [self._file("learned.json", desk.exported)]
        made += [self._file(f"{name}.csv", partial(desk.table, name)) for name in self.tables]
        return *(file for file, _ in made), html.notice(next((said for _, said in made if said), ""))

    def _file(self, name: str, make: Callable[[], str]) -> tuple[Any, str]:
        """(the download, why there is none)."""
        try:
            path = save_bytes_to_cache(make().encode(), name, self.exported.GRADIO_CACHE)
        except OrchestratorError as error:
            return gr.update(), str(error)
        return gr.update(value=str(path), interactive=True), ""

    def _on_tick(self, session: Session) -> Any:
        """Another text as soon as something was learned since the last look, here or elsewhere."""
        if not session.learn.is_open or self.live.environment.desk is None:
            return gr.update()
        try:
            number = self.desk.moment()
        except OrchestratorError:
            return gr.update()
        return gr.update() if number == session.learn.number else str(number)

    def _on_news(self, session: Session) -> tuple[Any, ...]:
        return self._shown(session, gr.update())


def _held(now: Learned, what: What) -> Any:
    if what == "direction":
        return next((slot.direction for slot in now.slots if slot.name == now.slot), None)
    return now.is_on if what == "switch" else now.mode


def _named(now: Learned) -> list[tuple[str, str]]:
    return [(said, context) for context, said in now.contexts.items() if context]


def _status(now: Learned, brought: str) -> str:
    said = f"Learning is {'on, ' + now.mode if now.is_on else 'off'}: {html.number(now.images, 'image')} so far."
    return html.summary_html(f"{said} {brought}".strip())


def _text_of(path: Path) -> str:
    """Raises OSError, ValueError."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST >> 20} MB; orchestrator learn import takes larger ones")
    return path.read_text("utf-8")
