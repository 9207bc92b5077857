"""What is shown of a desk: the slots of its cards, filled from the draft, the job and what the last run left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_app.studio.html import escape, notice
from orchestrator_app.studio.pipeline_desk import State
from orchestrator_app.studio.pipeline_draft import Card
from orchestrator_app.studio.pipeline_html import marks_html, needs_text, problem_html
from orchestrator_app.studio.pipeline_job import Finished, Stand
from orchestrator_app.studio.pipeline_results_html import Pictures, result_html, state_html, working_html
from orchestrator_app.studio.pipeline_stale import Stale, stale_in
from orchestrator_core.pipeline.differences import Change, changes_by_stage
from orchestrator_core.pipeline.running import LEFT, given_to
from orchestrator_core.run import Run

Slots = dict[tuple[str, str], str]


def marks_of(state: State, pictures: Pictures | None = None, stand: Stand | None = None) -> str:
    """``pictures`` None: without results, which stay as they are while somebody types. ``stand``: of a job at work."""
    slots = _written(state)
    stale = _stale(state)
    shown = _Shown.of(state.results.shown) if pictures is not None else None
    for card in state.draft.cards:
        slots[card.key, "state"] = _state(state, card, stale, stand)
        if stand is not None:
            slots[card.key, "result"] = _at_work(card, stand)
        elif pictures is not None:
            slots[card.key, "result"] = _result(card, shown, pictures) if shown else ""
    return marks_html(slots)


def problems_of(state: State) -> str:
    """What is wrong and how many items there are, while a job says how all else stands."""
    return marks_html(_written(state))


def _written(state: State) -> Slots:
    """What is wrong, what each stage goes on from, and how many items there are."""
    found, before = Slots(), None
    check = state.check
    for card in state.draft.cards:
        found[card.key, "problem"] = problem_html(check.cards.get(card.key, ""))
        found[card.key, "needs"] = needs_text(card, before)
        before = card
    told = f'<b class="orc-count">Items: {escape(check.count)}</b>' if check.count else ""
    found["", "count"] = told + notice(check.batch)
    return found


def _stale(state: State) -> Stale | None:
    shown, pipeline = state.results.shown, state.check.stages
    return stale_in(shown.record, pipeline, state.results.varied) if shown and pipeline else None


def _state(state: State, card: Card, stale: Stale | None, stand: Stand | None) -> str:
    if stand is not None:
        known = stand.stands.get(card.id)
        return state_html(known) if known else ""
    shown = state.results.shown
    known = shown.stands.get(card.id) if shown else None
    if shown is None:
        return ""
    is_changed = stale is not None and card.id in stale.changed
    return state_html(known, is_stale=stale is not None and card.id in stale.stale, is_changed=is_changed)


def _at_work(card: Card, stand: Stand) -> str:
    known = stand.stands.get(card.id)
    return working_html(known) if known and known.state not in LEFT else ""


@dataclass(frozen=True, slots=True)
class _Shown:
    finished: Finished
    changes: Mapping[str, tuple[Change, ...]]
    runs: Mapping[str, tuple[Run, Run]]

    @classmethod
    def of(cls, finished: Finished | None) -> _Shown | None:
        if finished is None:
            return None
        pipeline, result = finished.record.pipeline, finished.record.result
        ids = [stage.id for stage in pipeline.stages if stage.id in result.snapshots]
        runs = {one: (given_to(one, pipeline, result), result.snapshots[one]) for one in ids}
        return cls(finished, changes_by_stage(pipeline, result), runs)


def _result(card: Card, shown: _Shown, pictures: Pictures) -> str:
    stand = shown.finished.stands.get(card.id)
    # against an input that has since become another, a stale stage would seem to have changed what it did not
    changes = () if card.id in shown.finished.record.stale else shown.changes.get(card.id, ())
    return result_html(stand, changes, shown.runs.get(card.id), pictures, can_again=True)
