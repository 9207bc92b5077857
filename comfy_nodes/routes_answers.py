"""What ``/orchestrator/…`` answers: completions, drawn prompts, the wildcards, and what a reload changed.

Each method takes what was asked, as JSON has it, and returns what JSON can say. They raise pydantic's ValidationError
and OrchestratorError, and are called from several threads at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import TemplateError
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards
from orchestrator_core.template.completion import Known, complete, describe
from orchestrator_core.template.folders import Changes, Signatures, changes_between, listing

from .drawn import drawn_as_json

_PREVIEWED = 200_000  # characters of templates that are drawn at once: some seconds
_PROBLEMS = 50  # that are told at once
_SAMPLES = 8  # values that are shown of a wildcard


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Complete(_Asked):
    text: str = Field("", max_length=100_000)
    cursor: int | None = Field(None, ge=0)  # None: at the end
    kind: str = ""  # "wildcard", "value", …, several with commas; "": all
    dialect: str = "dynamicprompts"
    limit: int = Field(30, ge=1, le=200)


class _Wildcards(_Asked):
    search: str = Field("", max_length=1_000)
    limit: int = Field(50, ge=0, le=500)


class _Reload(_Asked):
    pass


class _Draw(Options):
    count: int = Field(1, ge=1, le=20)


def _check_length(asked: _Draw) -> None:
    """Raises TemplateError for what would keep others' previews waiting."""
    length = asked.count * (len(asked.template) + len(asked.negative_template))
    if length > _PREVIEWED:
        raise TemplateError(
            f"The template is too long to preview {asked.count} prompts of it. When the graph runs, it is drawn."
            if asked.count > 1
            else "The template is too long to preview. When the graph runs, it is drawn."
        )


class Answers:
    """``embeddings`` lists the host's files."""

    def __init__(
        self, wildcards: Wildcards, embeddings: Callable[[], Sequence[str]], profiles: ProfileSource | None = None
    ) -> None:
        self._wildcards = wildcards
        self._profiles = profiles
        self._embeddings = embeddings
        self._told: Signatures | None = None  # the files as they were when changes were last told
        self._lock = threading.Lock()

    def complete(self, query: dict[str, Any]) -> dict[str, Any]:
        asked = _Complete.model_validate(query)
        wanted = {kind.strip() for kind in asked.kind.split(",") if kind.strip()}
        known = Known(self._wildcards, self._embeddings() if "embedding:" in asked.text.lower() else ())
        cursor = len(asked.text) if asked.cursor is None else asked.cursor
        found = complete(asked.text, cursor, known, asked.dialect, asked.limit)
        return {"items": [asdict(item) for item in found if not wanted or item.kind in wanted]}

    def draw(self, body: dict[str, Any]) -> dict[str, Any]:
        """``count`` prompts: of this seed and the ones after it, or of this index and the ones after it."""
        asked = _Draw.model_validate(body)
        _check_length(asked)
        options = Options(**asked.model_dump(exclude={"count"}))
        return {"prompts": [self._drawn(options.nth(number)) for number in range(asked.count)]}

    def _drawn(self, options: Options) -> dict[str, Any]:
        return drawn_as_json(generate(options, self._wildcards, profiles=self._profiles))

    def wildcards(self, query: dict[str, Any]) -> dict[str, Any]:
        """``found`` of ``total`` names hold the words of ``search``; the first ``limit`` are described."""
        asked = _Wildcards.model_validate(query)
        with self._lock:
            self._told = self._told or listing(self._wildcards.roots)
        self._wildcards.look()
        names = self._wildcards.search(asked.search)
        return {
            "total": len(self._wildcards.names()),
            "found": len(names),
            "wildcards": [self._described(name) for name in names[: asked.limit]],
            "folders": self._folders(),
        }

    def _folders(self) -> list[str]:
        """Where wildcards are looked for, a person's own folder first, whether it is there yet or not."""
        return [str(root) for root in self._wildcards.roots]

    def _described(self, name: str) -> dict[str, Any]:
        found = self._wildcards.find(name)
        values = found.values if found else None
        return {
            "name": name,
            "detail": describe(name, self._wildcards),
            "samples": [values.text(index).strip() for index in range(min(_SAMPLES, len(values)))] if values else [],
        }

    def reload(self, body: dict[str, Any]) -> dict[str, Any]:
        """Looks at all folders now; says what changed since this was last asked, or since a page was first opened."""
        _Reload.model_validate(body)
        with self._lock:
            self._wildcards.refresh()
            now = listing(self._wildcards.roots)
            changes = changes_between(now if self._told is None else self._told, now, self._wildcards.roots)
            self._told = now
        self._read(changes)
        problems = self._wildcards.problems
        return {
            **{kind: list(names) for kind, names in asdict(changes).items()},
            "total": len(self._wildcards.names()),
            "folders": self._folders(),
            "problems": [str(problem) for problem in problems[:_PROBLEMS]],
            "more_problems": max(0, len(problems) - _PROBLEMS),
        }

    def _read(self, changes: Changes) -> None:
        """Reads what is new, one file at a time, so that draws go on in between; problems come to light by it."""
        for name in (*changes.added, *changes.changed):
            self._wildcards.find(name)
