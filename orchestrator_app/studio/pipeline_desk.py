"""What one open page has of a pipeline: its draft, what is wrong in it, and what its last run left."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator_app.studio.pipeline_checking import Check, check
from orchestrator_app.studio.pipeline_draft import Draft, draft_of
from orchestrator_app.studio.pipeline_job import Finished, PipelineJob, StageStand
from orchestrator_app.studio.pipeline_stale import Place
from orchestrator_app.studio.pipeline_typed import typed
from orchestrator_core.errors import ConfigError
from orchestrator_core.pipeline.rerunning import PipelineRecord
from orchestrator_core.request import Choices

Edit = Callable[[Draft], Draft]


@dataclass(frozen=True, slots=True)
class Results:
    """What a run left, item by item. ``varied``: the options that its batch gave each a value of its own."""

    done: tuple[Finished, ...] = ()
    varied: frozenset[Place] = frozenset()
    chosen: int = 0
    folder: Path | None = None

    @property
    def shown(self) -> Finished | None:
        return self.done[self.chosen] if self.chosen < len(self.done) else None

    def with_shown(self, finished: Finished) -> Results:
        """With this one in place of the item that is shown."""
        done = tuple(finished if place == self.chosen else one for place, one in enumerate(self.done))
        return replace(self, done=done)


@dataclass(frozen=True, slots=True)
class State:
    """``is_listed``: it is the one of that name in the list. ``filled``: how often the cards were made; ``mode``: the
    view."""

    draft: Draft = field(default_factory=Draft)
    check: Check = field(default_factory=Check)
    name: str = ""
    is_listed: bool = False
    filled: int = 0
    mode: str = ""
    text_problem: str = ""  # why what stands in the JSON view is no pipeline
    results: Results = field(default_factory=Results)


class PipelineDesk:
    """Several events of a page may run at once: a change is made of what is there then, under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State()
        self._last_act = ""
        self.job: PipelineJob | None = None
        self.choices = Choices()  # of the target that the page's lists are from
        self.listed_from = ""  # where that is; "" where it did not answer

    @property
    def state(self) -> State:
        return self._state

    @property
    def is_busy(self) -> bool:
        return self.job is not None and not self.job.is_over

    def is_new_act(self, said: str) -> bool:
        """Whether this click, which says when it was, is another than the last one."""
        with self._lock:
            is_new, self._last_act = bool(said) and said != self._last_act, said
            return is_new

    def set(self, **changes: Any) -> State:
        with self._lock:
            self._state = replace(self._state, **changes)
            return self._state

    def open(self, data: Any, name: str, *, is_listed: bool = False) -> State:
        """Another pipeline; what the one before left is put away. Raises PipelineError for what is no pipeline."""
        with self._lock:
            draft = draft_of(data, self._state.draft.made)
            self._state = State(draft, check(draft), name, is_listed, self._state.filled + 1, self._state.mode)
            return self._state

    def type(self, sent: str) -> bool:
        """Takes in what the page's fields hold. False where that is of cards that are not there any more."""
        form = _form(sent)
        with self._lock:
            if form.get("filled") != str(self._state.filled):
                return False
            draft = typed(self._state.draft, form)
            if draft != self._state.draft:
                self._state = replace(self._state, draft=draft, check=check(draft))
            return True

    def edit(self, change: Edit) -> State:
        """Makes the cards anew, with a change of the draft."""
        with self._lock:
            draft = change(self._state.draft)
            filled = self._state.filled + 1
            self._state = replace(self._state, draft=draft, check=check(draft), filled=filled)
            return self._state

    def write(self, text: str) -> State:
        """Takes in what was written as JSON. Raises ConfigError, PipelineError; the draft then stays as it was."""
        with self._lock:
            if text == self._state.draft.text:
                self._state = replace(self._state, text_problem="")
                return self._state
            try:
                draft = draft_of(_parsed(text), self._state.draft.made)
            except Exception as error:
                self._state = replace(self._state, text_problem=str(error))
                raise
            filled = self._state.filled + 1
            self._state = replace(self._state, draft=draft, check=check(draft), filled=filled, text_problem="")
            return self._state


def results_of(records: Sequence[PipelineRecord], folder: Path | None) -> Results:
    """Of a run that is opened again."""
    varied = _differing(records)
    done = tuple(
        Finished(number, record, "", stands_of(record), values=_values(record, varied))
        for number, record in enumerate(records, 1)
    )
    return Results(done, varied, 0, folder)


def stands_of(record: PipelineRecord) -> Mapping[str, StageStand]:
    return {stage_id: StageStand(state) for stage_id, state in record.result.states.items()}


def _differing(records: Sequence[PipelineRecord]) -> frozenset[Place]:
    """The options that are not the same in all."""
    seen: dict[Place, set[str]] = {}
    for record in records:
        for stage in record.pipeline.stages:
            for option, value in stage.options.items():
                seen.setdefault((stage.id, option), set()).add(json.dumps(value, sort_keys=True, default=str))
    return frozenset(place for place, values in seen.items() if len(values) > 1)


def _values(record: PipelineRecord, varied: frozenset[Place]) -> str:
    options = {(stage.id, name): value for stage in record.pipeline.stages for name, value in stage.options.items()}
    return ", ".join(f"{place[0]}.{place[1]}={options[place]}" for place in sorted(varied) if place in options)


def _form(sent: str) -> Mapping[str, Any]:
    try:
        found = json.loads(sent or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError("This is nested too deeply.") from None
    except ValueError as error:
        raise ConfigError(f"This is not valid JSON: {error}.") from None
