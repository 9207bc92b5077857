"""The table of a batch: a fixed number of rows that show one page of the list.

Making elements anew for each change would take the cursor out of the text that somebody is typing. What stands in the
rows goes along with every click, with the page that it belongs to, so that no change can be lost between two clicks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from orchestrator_app.studio import batch, job_html
from orchestrator_app.studio.compat import html_box, kw
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.prepared_html import told_of
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError

_FIELDS = 4  # inputs of a row


@dataclass(frozen=True)
class _Row:
    group: Any
    head: Any
    text: Any
    target: Any
    seed: Any
    skip: Any

    @property
    def inputs(self) -> list[Any]:
        return [self.text, self.target, self.seed, self.skip]


class BatchTable:
    """Elements, and what they show of a session's rows."""

    def __init__(self, live: LiveEnvironment) -> None:
        self.live, self.targets = live, list(live.targets)
        self.page = kw(gr.Textbox, value="0", elem_classes=["orc-hidden"], show_label=False)
        self.rows = [self._row(place) for place in range(batch.PAGE)]
        with kw(gr.Row, elem_classes=["orc-line", "orc-pager"], visible=False) as self.pager:
            self.previous = kw(gr.Button, value="‹ Previous", size="sm", min_width=100, scale=0)
            self.where = html_box("")
            self.next = kw(gr.Button, value="Next ›", size="sm", min_width=100, scale=0)

    def _row(self, place: int) -> _Row:
        name = f"orchestrator_row{place}"
        with kw(gr.Row, visible=False, elem_classes=["orc-row"], elem_id=name) as group:
            with gr.Column(scale=5, min_width=180):
                head = html_box("")
            text = kw(
                gr.Textbox, label="Prompt", show_label=False, lines=1, max_lines=4, container=False, scale=9,
                min_width=260, elem_id=f"{name}_text",
            )  # fmt: skip
            target = kw(
                gr.Radio, choices=self.targets, label="Send to", show_label=False, container=False,
                elem_id=f"{name}_target", elem_classes=["orc-toggle"], scale=3, min_width=180,
            )  # fmt: skip
            seed = kw(
                gr.Textbox, label="Seed", show_label=False, container=False, placeholder="seed", lines=1, max_lines=1,
                elem_id=f"{name}_seed", scale=2, min_width=110,
            )  # fmt: skip
            skip = kw(
                gr.Checkbox, label="skip", container=False, elem_id=f"{name}_skip", scale=1, min_width=64,
                elem_classes=["orc-skip"],
            )  # fmt: skip
        return _Row(group, head, text, target, seed, skip)

    @property
    def inputs(self) -> list[Any]:
        """What a click sends along: see ``keep``."""
        return [self.page, *(element for row in self.rows for element in row.inputs)]

    @property
    def heads(self) -> list[Any]:
        return [row.head for row in self.rows]

    @property
    def outputs(self) -> list[Any]:
        """What ``shown`` gives values for."""
        elements = [element for row in self.rows for element in (row.group, row.head, *row.inputs)]
        return [self.page, self.pager, self.where, *elements]

    @property
    def edits(self) -> list[Any]:
        """Events by which a person changes a row; not ``change``, which comes in the middle of turning a page too."""
        return [
            event
            for row in self.rows
            for event in (
                row.text.blur,
                row.text.submit,
                row.seed.blur,
                row.seed.submit,
                row.target.input,
                row.skip.input,
            )
        ]

    # what was typed

    def keep(self, session: Session, values: Sequence[Any]) -> None:
        """Takes over what the rows say (``inputs``). A seed that is none stays as it was, and its row says so."""
        first = int(values[0] or 0) * batch.PAGE
        wildcards = self.live.wildcards
        rows, problems = session.rows, dict(session.row_problems)
        for place in range(first, min(first + batch.PAGE, len(rows))):
            start = 1 + (place - first) * _FIELDS
            text, target, seed, skip = values[start : start + _FIELDS]
            problems.pop(place, None)
            try:
                rows = batch.edited(
                    rows, place, batch.Edit(text or "", target, seed or "", bool(skip)), wildcards, self.live.profiles
                )
            except OrchestratorError as error:
                problems[place] = str(error)
        session.rows, session.row_problems = rows, problems

    # what is shown

    def shown(self, session: Session, page: int | None = None) -> tuple[Any, ...]:
        """Values for ``outputs``: the given page of the list, or the same as before."""
        count = len(session.rows)
        last = max(0, (count - 1) // batch.PAGE)
        session.page = min(max(0, session.page if page is None else page), last)
        first = session.page * batch.PAGE
        self.look_up(session)
        where = f"{first + 1:,} – {min(first + batch.PAGE, count):,} of {count:,}"
        found: list[Any] = [
            str(session.page),
            gr.update(visible=count > batch.PAGE),
            f'<p class="orc-where">{where}</p>',
        ]
        wildcards = self.live.wildcards
        for place in range(first, first + batch.PAGE):
            if place >= count:
                found += [gr.update(visible=False), *(gr.update() for _ in range(1 + _FIELDS))]
                continue
            row = session.rows[place]
            text = batch.text_of(row, wildcards, self.live.profiles)
            found += [gr.update(visible=True), self._head(session, place), text, row.target, str(row.seed), row.skip]
        return tuple(found)

    def look_up(self, session: Session) -> None:
        """What the templates of the rows on the page have to say, and which LoRAs they would get, for ``heads_of``."""
        choose, wildcards = self.live.choose(session.wanted), self.live.wildcards
        first = session.page * batch.PAGE
        rows = session.rows[first : first + batch.PAGE]
        session.row_hints = {
            first + place: batch.hint_of(row, wildcards, self.live.profiles) for place, row in enumerate(rows)
        }
        session.row_loras = (
            {}
            if choose is None
            else {
                first + place: batch.loras_of(row, wildcards, choose, session.wanted.checkpoint, self.live.profiles)
                for place, row in enumerate(rows)
                if not row.skip
            }
        )

    def heads_of(self, session: Session) -> list[str]:
        """The line of each row on the page."""
        first = session.page * batch.PAGE
        places = range(first, first + batch.PAGE)
        return [self._head(session, place) if place < len(session.rows) else "" for place in places]

    def _head(self, session: Session, place: int) -> str:
        row, job = session.rows[place], session.batch.job
        state = job.state(place + 1) if job else None
        problem, hint = session.row_problems.get(place, ""), session.row_hints.get(place, "")
        told = told_of(state.run.draft if state else row.draft)
        told = " · ".join(filter(None, (told, session.row_loras.get(place, ""))))
        return job_html.row_head(place + 1, row.place, row.skip, state, problem, told=told, hint=hint)
