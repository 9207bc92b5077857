"""``/orchestrator/share`` and ``/orchestrator/runs``: the open graph, or a past run, as a template for others.

The browser shows what was taken out, and saves the file; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator_core.errors import NoDatabase, OrchestratorError
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.run import Run
from orchestrator_core.stages.generate_prompt import generate, options_from_widgets
from orchestrator_core.template import Wildcards

from .routes import Route, route

MAX_BODY = 4 << 20  # bytes: a workflow with its graph
_SHOWN = 300  # characters of a prompt in the list of runs
_ID_MS = 12  # hex digits of an id that are the time

NodeInfo = Callable[[Iterable[str]], dict[str, Any]]
ViewOf = Callable[[Path], "Mapping[str, str] | None"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Share(_Asked):
    kind: Literal["stock", "live"]
    workflow: dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    name: str = Field("", max_length=300)
    run_id: str = Field("", pattern="^([0-9a-f]{32})?$")

    @model_validator(mode="after")
    def _one_of_both(self) -> _Share:
        if (self.workflow is None) == (not self.run_id):
            raise ValueError("give either a workflow or a run_id")
        return self


class _Runs(_Asked):
    limit: int = Field(30, ge=1, le=100)
    before: str = Field("", max_length=200)
    search: str = Field("", max_length=1_000)


@dataclass(frozen=True, slots=True)
class SharingAnswers:
    """``node_info`` describes node classes as ``/object_info`` does; ``view_of`` says how the browser gets an image."""

    wildcards: Wildcards
    version: Callable[[], str] = lambda: ""
    node_info: NodeInfo = lambda kinds: {}
    view_of: ViewOf = lambda path: None
    profiles: ProfileSource | None = None

    def share(self, body: dict[str, Any]) -> dict[str, Any]:
        # Imported when it is asked for: the start of ComfyUI does not wait for it.
        from orchestrator_core.formats.sharing import Host, share_workflow
        from orchestrator_core.formats.sharing_clean import node_types_in

        asked = _Share.model_validate(body)
        if asked.run_id:
            return self._share_run(asked)
        info = self.node_info(node_types_in(asked.workflow))
        host = Host(info, self.version(), self._draw)
        shared = share_workflow(asked.workflow, asked.kind, asked.name, asked.prompt, host)
        return {"template": shared.template, "taken_out": shared.taken_out, "warnings": shared.warnings}

    def _share_run(self, asked: _Share) -> dict[str, Any]:
        from orchestrator_core.formats.sharing import Host
        from orchestrator_core.formats.sharing_clean import node_types_in
        from orchestrator_core.formats.sharing_rendered import carried_by, share_rendered
        from orchestrator_core.stages.dispatch import request_of
        from orchestrator_core.store import Store

        with Store.open(create=False) as store:
            run = store.load_run(asked.run_id)
        carried = carried_by(run)
        host = Host(self.node_info(node_types_in(carried.workflow or carried.graph)), self.version(), self._draw)
        shared = share_rendered(run, request_of(run), asked.kind, carried, host)
        return {
            "template": shared.template,
            "taken_out": shared.taken_out,
            "warnings": shared.warnings,
            "image": self._image(run),
        }

    def _draw(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        try:
            draft = generate(options_from_widgets(values), self.wildcards, profiles=self.profiles)
        except (OrchestratorError, ValidationError):
            return None
        return draft.positive, draft.negative_prompt

    def runs(self, query: dict[str, Any]) -> dict[str, Any]:
        """The newest first; for more, give the last one's id as ``before``. No database yet is no run yet."""
        from orchestrator_core.store import Store

        asked = _Runs.model_validate(query)
        before = asked.before or None
        try:
            with Store.open(create=False) as store:
                found = (
                    store.find_runs(asked.search, asked.limit, before)
                    if asked.search
                    else store.runs(asked.limit, before)
                )
        except NoDatabase:
            found = []
        return {"runs": [self._described(run) for run in found]}

    def _described(self, run: Run) -> dict[str, Any]:
        time, source = run.id[:_ID_MS], run.draft.source
        return {
            "id": run.id,
            "made_ms": int(time, 16) if len(run.id) == 32 and _is_hex(time) else None,
            "positive": run.draft.positive[:_SHOWN],
            "template": source.template[:_SHOWN],
            "seed": str(run.draft.seed),  # a browser's numbers end at 2**53
            "images": len(run.images),
            "image": self._image(run),
        }

    def _image(self, run: Run) -> Mapping[str, str] | None:
        return next((view for image in run.images if (view := self.view_of(image.path))), None)


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)


def sharing_routes(answers: SharingAnswers) -> tuple[Route, ...]:
    thread = ThreadPoolExecutor(1, "orchestrator-sharing")  # which runs no earlier than it is asked
    return (
        route(thread, "POST", "/orchestrator/share", answers.share, MAX_BODY),
        route(thread, "GET", "/orchestrator/runs", answers.runs),
    )
