"""Add to queue, beside Generate and beside Run all: what the page would render now, as jobs of the durable queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_app.studio import batch, html
from orchestrator_app.studio.compat import listen
from orchestrator_app.studio.pages.batch import BatchPage
from orchestrator_app.studio.pages.generate import GeneratePage
from orchestrator_app.studio.pages.generate_elements import Rendering
from orchestrator_app.studio.queue_adding import RENDERED_ONCE, add, jobs_of
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.jobs.model import NewJob

# What a page's elements ask for as jobs, and what else is to be said. Raises OrchestratorError.
Make = Callable[..., tuple[list[NewJob], str]]
_EMPTY = "There is nothing to add: the list is empty, or all of it is skipped."


class Queueing:
    """The two buttons; ``connect`` is called once all pages are there."""

    def __init__(self, generate: GeneratePage, rows: BatchPage) -> None:
        self.generate, self.rows = generate, rows
        self.live = generate.live

    def connect(self) -> None:
        generate, rows = self.generate, self.rows
        everything = [rows.session, *rows.table.inputs, *generate.render_inputs]
        for button, make, inputs, said in (
            (generate.to_queue, self._of_prompts, generate.inputs, [generate.progress]),
            (rows.to_queue, self._of_rows, everything, [rows.progress, *rows.table.heads]),
        ):
            listen(button.click, self._adding(make, len(said) - 1), inputs, said, show_progress="hidden")

    def _adding(self, make: Make, heads: int) -> Callable[..., Any]:
        def click(session: Session, *values: Any) -> Any:
            said = self._added(make, session, *values)
            return (said, *self.rows.table.heads_of(session)) if heads else said

        return click

    def _added(self, make: Make, session: Session, *values: Any) -> str:
        place = self.live.environment.queue
        if place is None:
            return html.notice("This studio has no queue.")
        try:
            jobs, remark = make(session, *values)
            said = add(place, jobs)
        except OrchestratorError as error:
            return html.notice(str(error))
        return html.notice(said, "good") + html.notice(remark, "hint")

    def _of_prompts(self, session: Session, count: Any, target: str, *values: Any) -> tuple[list[NewJob], str]:
        """What Generate would render now."""
        asked = self.generate.asked(count, target, values)
        tasks = self.generate.tasks(asked, self.generate.drawn(session, asked))
        return jobs_of(self.live, tasks, asked.rendering, session.left_out), _remark(asked.rendering)

    def _of_rows(self, session: Session, *values: Any) -> tuple[list[NewJob], str]:
        """What Run all would render; rows that cannot be say so, and the others are added."""
        rows = self.rows
        typed, form = rows.split(values)
        rows.table.keep(session, typed)
        wanted = self.generate.rendering(form)
        plan = self._planned(session, wanted)
        session.row_problems = plan.problems
        if not plan.tasks and not plan.problems:
            raise ConfigError(_EMPTY)
        left = f"{html.number(len(plan.problems), 'row')} cannot be rendered; each says why." if plan.problems else ""
        return jobs_of(self.live, plan.tasks, wanted), "\n".join(filter(None, (left, _remark(wanted))))

    def _planned(self, session: Session, wanted: Rendering) -> batch.Plan:
        """Without LoRAs, which are chosen for what a row is when it was enhanced."""
        live = self.live
        return batch.plan(session.rows, live.wildcards, live.targets, wanted.options, None, live.profiles)


def _remark(wanted: Rendering) -> str:
    return RENDERED_ONCE if wanted.retry is not None else ""
