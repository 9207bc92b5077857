"""Pipeline: its stages as cards or as JSON, what they would do and did, and any of them again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, pipeline_shelf
from orchestrator_app.studio.compat import listen
from orchestrator_app.studio.pages.pipeline_elements import CARDS, JSON, PipelineElements
from orchestrator_app.studio.pages.pipeline_opening import PipelineOpening, runs_of
from orchestrator_app.studio.pages.pipeline_running import PipelineRunning
from orchestrator_app.studio.pages.target import where_set
from orchestrator_app.studio.pipeline_desk import Edit, State
from orchestrator_app.studio.pipeline_draft import Draft
from orchestrator_app.studio.pipeline_html import cards_html, lists_html, varied
from orchestrator_app.studio.pipeline_keys import PIPELINE_SCRIPT
from orchestrator_app.studio.pipeline_results_html import changed_html, items_html
from orchestrator_app.studio.pipeline_view import marks_of, problems_of
from orchestrator_app.studio.scene_pictures import ScenePictures
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.request import Choices

_FIRST = "quick"
_QUIET: dict[str, Any] = {"show_progress": "hidden"}


class PipelinePage(PipelineElements):
    """``connect`` is called once all pages are there."""

    def connect(self) -> None:
        self.pictures = ScenePictures()
        quiet: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 4, **_QUIET}
        session, sent = self.session, self.sent
        listen(self.tab.select, None, None, None, js=PIPELINE_SCRIPT)
        listen(self.tab.select, self._on_open, [session, self.target], self.opened, **_QUIET)
        listen(self.target.change, self._on_target, [session, self.target], [self.lists, self.said], **_QUIET)
        listen(sent.change, self._on_sent, [session, sent], [self.marks], **quiet)
        listen(self.act.change, self._on_act, [self.act, session, sent], self.written, **_QUIET)
        listen(self.pick.change, self._on_pick, [self.pick, session, sent], self.shown, **quiet)
        listen(self.text.change, self._on_text, [self.text, session], [self.said, self.marks], **quiet)
        listen(self.mode.change, self._on_mode, [self.mode, session, sent], self.modes, **_QUIET)
        PipelineOpening(self).connect()
        PipelineRunning(self).connect()

    # what it gives

    @property
    def shown(self) -> list[Any]:
        """What is known of the pipeline: see ``show``."""
        return [self.marks, self.items, self.changed]

    @property
    def written(self) -> list[Any]:
        """The cards too: see ``rewritten``."""
        return [self.cards, self.lists, *self.shown]

    @property
    def modes(self) -> list[Any]:
        return [self.mode, self.cards_box, self.json_box, self.text, self.said, *self.written]

    @property
    def whole(self) -> list[Any]:
        """All of a pipeline that is opened: see ``opened_now``."""
        return [self.said, self.name, self.save_as, self.delete, self.text, self.planned, *self.written]

    @property
    def opened(self) -> list[Any]:
        return [self.run_folder, *self.whole]

    def show(self, session: Session) -> tuple[Any, ...]:
        """Values for ``shown``, with what the last run left."""
        state = session.pipeline.state
        shown, results = state.results.shown, state.results
        items = items_html(results.done, results.chosen, self.pick.elem_id)
        return marks_of(state, self.pictures.get), items, changed_html(shown, self.pictures.get)

    def rewritten(self, session: Session) -> tuple[Any, ...]:
        """Values for ``written``."""
        state = session.pipeline.state
        return cards_html(state.draft, state.filled), self._lists(session), *self.show(session)

    # opening

    def _on_open(self, session: Session, target: str) -> tuple[Any, ...]:
        desk = session.pipeline
        runs = gr.update(choices=runs_of(self.live))
        if not desk.state.draft.cards and not desk.state.filled:
            desk.open(pipeline_shelf.read(_FIRST), _FIRST, is_listed=True)
            found = list(self.opened_now(session))
        else:
            found = [gr.update() for _ in self.whole]
            found[self.whole.index(self.name)] = gr.update(choices=pipeline_shelf.names())
        lists, problem = self._listed(session, target)
        found[self.whole.index(self.lists)] = lists
        if problem:
            found[0] = problem
        return runs, *found

    def _listed(self, session: Session, target: str) -> tuple[Any, str]:
        """As ``_on_target``; one that has answered is not asked again whenever the page is looked at."""
        with suppress(OrchestratorError):
            if session.pipeline.listed_from == self.live.target(target).where:
                return self._lists(session), ""
        return self._on_target(session, target)

    def _on_target(self, session: Session, target: str) -> tuple[str, str]:
        """What the target and the libraries offer; where it does not answer, that is said and all can be written."""
        desk = session.pipeline
        desk.choices, desk.listed_from, problem = Choices(), "", ""
        try:
            chosen = self.live.target(target)
            desk.choices = self.live.choices(chosen)
            desk.listed_from = chosen.where
        except OrchestratorError as error:
            problem = html.notice(f"{error}{where_set(error)}", "hint")
        return self._lists(session), problem

    def _lists(self, session: Session) -> str:
        desk = session.pipeline
        offered = {
            "checkpoint": desk.choices.checkpoints, "vae": desk.choices.vaes, "sampler": desk.choices.samplers,
            "scheduler": desk.choices.schedulers, "vary": varied(desk.state.draft), **self._of_library(),
        }  # fmt: skip
        return lists_html(offered)

    def _of_library(self) -> dict[str, list[str]]:
        library, stories = self.live.profiles, self.live.environment.stories
        genres = list(library.genres) if library else []
        found = {"profiles": [name for name in (library.names if library else ()) if name not in genres]}
        with suppress(OrchestratorError):  # a name can be written all the same
            found["story"] = [brief.name for brief in stories.list()] if stories else []
        return {**found, "genre": genres}

    def opened_now(self, session: Session, said: str = "") -> tuple[Any, ...]:
        """Values for ``whole``: this pipeline is open now."""
        state = session.pipeline.state
        is_own = state.is_listed and state.name.endswith(pipeline_shelf.OWN)
        listed = pipeline_shelf.names()
        return (
            said,
            gr.update(choices=listed, value=state.name if state.is_listed and state.name in listed else None),
            "" if state.is_listed and not is_own else state.name.removesuffix(pipeline_shelf.OWN),
            gr.update(visible=is_own),
            state.draft.text,
            "",
            *self.rewritten(session),
        )

    # writing

    def _on_sent(self, session: Session, sent: str) -> Any:
        desk = session.pipeline
        if not desk.type(sent):
            return gr.update()
        return problems_of(desk.state) if desk.is_busy else marks_of(desk.state)

    def _on_act(self, said: str, session: Session, sent: str) -> tuple[Any, ...]:
        try:
            asked = json.loads(said or "{}")
        except ValueError:
            asked = {}
        desk = session.pipeline
        edit = _edit(asked.get("act", ""), str(asked.get("key", "")), str(asked.get("value", "")))
        if edit is None or not desk.is_new_act(said) or not desk.type(sent):
            return tuple(gr.update() for _ in self.written)
        desk.edit(edit)
        return self.rewritten(session)

    def _on_pick(self, said: str, session: Session, sent: str) -> tuple[Any, ...]:
        """Another item of the last run."""
        desk = session.pipeline
        desk.type(sent)
        place = html.clicked(said)
        results = desk.state.results
        if place.isdecimal() and int(place) < len(results.done) and not desk.is_busy:
            desk.set(results=replace(results, chosen=int(place)))
        return self.show(session)

    def _on_text(self, text: str, session: Session) -> tuple[Any, Any]:
        """What was written as JSON; what Python put there is what it was."""
        if session.pipeline.state.mode != JSON:
            return gr.update(), gr.update()
        try:
            state = session.pipeline.write(text or "")
        except OrchestratorError as error:
            return html.notice(str(error)), gr.update()
        return html.notice(state.check.problem), gr.update()

    def _on_mode(self, mode: str, session: Session, sent: str) -> tuple[Any, ...]:
        desk = session.pipeline
        if mode == CARDS and desk.state.text_problem:  # what is written there would be lost
            stays: list[Any] = [gr.update() for _ in self.modes]
            stays[0] = JSON
            return tuple(stays)
        if mode == JSON:
            desk.type(sent)
        state: State = desk.set(mode=mode)
        is_json = mode == JSON
        said = html.notice(state.check.problem) if is_json else ""
        text = state.draft.text if is_json else gr.update()
        boxes = gr.update(visible=not is_json), gr.update(visible=is_json)
        return gr.update(), *boxes, text, said, *self.rewritten(session)


def _edit(act: str, key: str, value: str) -> Edit | None:
    edits: dict[str, Edit] = {
        "add": lambda draft: draft.added(value),
        "duplicate": lambda draft: draft.duplicated(key),
        "remove": lambda draft: draft.removed(key),
        "axis": Draft.with_axis,
        "unaxis": lambda draft: draft.without_axis(key),
    }
    return edits.get(act)
