"""A Run as rows of the tables, and back: pure, and lossless for every Run whose ``request.extra`` holds JSON values."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from orchestrator_core.errors import StoreError
from orchestrator_core.prompt import (
    Background,
    Choice,
    Component,
    Diagnostic,
    Enhancement,
    LoraUse,
    Origin,
    PromptDraft,
    PromptSource,
    StoryUse,
)
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store.contents import file_facts

Row = dict[str, Any]
Stored = Mapping[Any, Any]  # a row as it comes from the database, by column name
ByRun = dict[str, list[Stored]]
Side = tuple[str, str]  # a run's id, and one of SIDES

SIDES = ("positive", "negative")
# The fields of a PromptSource in one column; an older pack wrote fewer of them.
DRAWING = ("rerolls", "method", "index", "missing", "profiles", "genre", "odds")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image of a run and what the store knows of its file; ``None`` where it could not be read."""

    image: GeneratedImage
    run_id: str  # of the run that holds it
    index: int  # 0-based, in that run
    sha256: str | None  # 64 lower-case hex digits of the file's content
    width: int | None  # pixels
    height: int | None


def rows_of(run: Run, now_ms: int) -> dict[str, list[Row]]:
    """The rows of each table, by its name. Reads the images' files. Raises StoreError for what JSON cannot hold."""
    sides = tuple(zip(SIDES, (run.draft.components, run.draft.negative), strict=True))
    return {
        "runs": [_run_row(run, now_ms)],
        "components": [row for side, components in sides for row in _component_rows(run.id, side, components)],
        "choices": [row for side, components in sides for row in _choice_rows(run.id, side, components)],
        "run_loras": [{"run_id": run.id, "position": i, **asdict(lora)} for i, lora in enumerate(run.draft.loras)],
        "images": [image_row(run.id, i, image) for i, image in enumerate(run.images)],
        "scores": [_score_row(run.id, i, score) for i, score in enumerate(run.scores)],
    }


def image_row(run_id: str, position: int, image: GeneratedImage) -> Row:
    """Reads the file. Raises StoreError where the request's ``extra`` holds what JSON cannot."""
    facts = file_facts(image.path)
    # Another program, which began in another folder, has to find it too. Of what is not here, nobody knows where it is.
    path = image.path if facts.sha256 is None else image.path.absolute()
    return {
        "run_id": run_id,
        "position": position,
        "of_run": image.run_id,
        "path": str(path),
        "request": _request_json(image),
        "seed": image.request.seed,
        **asdict(facts),
    }


def _run_row(run: Run, now_ms: int) -> Row:
    draft, source = run.draft, run.draft.source
    words = (draft.positive, draft.negative_prompt, source.template, source.negative)
    return {
        "id": run.id,
        "created_ms": now_ms,
        "updated_ms": now_ms,
        "seed": draft.seed,
        "template": source.template,
        "negative_template": source.negative,
        "dialect": source.dialect,
        "drawing": _drawing_json(source),
        "notes": _notes_json(draft),
        "variables": _json(draft.variables),
        "diagnostics": _json([asdict(diagnostic) for diagnostic in draft.diagnostics]),
        "search_text": "\n".join(words).casefold(),
    }


def _drawing_json(source: PromptSource) -> str:
    return _json({name: getattr(source, name) for name in DRAWING})


def _notes_json(draft: PromptDraft) -> str:
    notes = {
        "background": [asdict(told) for told in draft.background],
        "story": draft.story and asdict(draft.story),
        "enhanced": draft.enhanced and asdict(draft.enhanced),
    }
    return _json({name: value for name, value in notes.items() if value})


def _component_rows(run_id: str, side: str, components: Sequence[Component]) -> Iterator[Row]:
    for position, component in enumerate(components):
        start, end = component.span or (None, None)
        yield {
            "run_id": run_id,
            "side": side,
            "position": position,
            "text": component.text,
            "origin": component.origin.value,
            "strength": component.strength,
            "span_start": start,
            "span_end": end,
        }


def _choice_rows(run_id: str, side: str, components: Sequence[Component]) -> Iterator[Row]:
    for at, component in enumerate(components):
        for position, choice in enumerate(component.choices):
            yield {
                "run_id": run_id,
                "side": side,
                "component": at,
                "position": position,
                "key": choice.key,
                "siblings": _json(choice.siblings),
                "file": choice.file,
                "line": choice.line,
                "weight": choice.weight,
                "probability": choice.probability,
                "options": choice.options,
            }


def _score_row(run_id: str, position: int, score: Score) -> Row:
    return {
        "run_id": run_id,
        "position": position,
        "of_run": score.run_id,
        "image": score.image,
        "component": score.component,
        "metric": score.metric,
        "value": score.value,
        "raw": score.raw,
        "low": score.low,
        "high": score.high,
        "calibrated": int(score.calibrated),
        "scorer": score.scorer,
        "key": score.key,
        "text": score.text,
    }


def _request_json(image: GeneratedImage) -> str:
    # Not asdict, which deep-copies: ``extra`` may be a whole graph, or a mapping that cannot be copied.
    values = {field.name: getattr(image.request, field.name) for field in fields(image.request)}
    values["loras"] = [asdict(lora) for lora in image.request.loras]
    values["extra"] = dict(image.request.extra)
    try:
        return _json(values)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"The request of image {image.path} cannot be saved: its 'extra' holds what JSON cannot ({error})."
        ) from error


def _json(value: object) -> str:
    # Non-ASCII as it is, so that people and SQL can read it; AnyText takes care of what a database refuses.
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def runs_of(tables: Mapping[str, Iterable[Stored]]) -> dict[str, Run]:
    """Runs by id from the rows of all tables, which come in order of their primary keys.

    Raises ValueError, TypeError or KeyError where a row holds what no version of this pack wrote.
    """
    choices = _by_component(tables["choices"])
    components: dict[Side, list[Component]] = defaultdict(list)
    for row in tables["components"]:
        place = (row["run_id"], row["side"])
        components[place].append(_component(row, choices.get((*place, row["position"]), [])))
    loras, images, scores = (_by_run(tables[name]) for name in ("run_loras", "images", "scores"))
    return {
        row["id"]: Run(
            row["id"],
            _draft(row, components, loras.get(row["id"], [])),
            tuple(_image(image) for image in images.get(row["id"], [])),
            tuple(_score(score) for score in scores.get(row["id"], [])),
        )
        for row in tables["runs"]
    }


def stored_image(row: Stored) -> StoredImage:
    return StoredImage(_image(row), row["run_id"], row["position"], row["sha256"], row["width"], row["height"])


def _by_run(rows: Iterable[Stored]) -> ByRun:
    grouped: ByRun = defaultdict(list)
    for row in rows:
        grouped[row["run_id"]].append(row)
    return grouped


def _by_component(rows: Iterable[Stored]) -> dict[tuple[str, str, int], list[Choice]]:
    grouped: dict[tuple[str, str, int], list[Choice]] = defaultdict(list)
    for row in rows:
        grouped[row["run_id"], row["side"], row["component"]].append(_choice(row))
    return grouped


def _draft(row: Stored, components: Mapping[Side, list[Component]], loras: Iterable[Stored]) -> PromptDraft:
    return PromptDraft(
        tuple(components.get((row["id"], "positive"), ())),
        tuple(components.get((row["id"], "negative"), ())),
        tuple(LoraUse(x["name"], x["strength_model"], x["strength_clip"], x["sha256"]) for x in loras),
        row["seed"],
        _source(row),
        tuple((name, value) for name, value in json.loads(row["variables"])),
        tuple(Diagnostic(**values) for values in json.loads(row["diagnostics"])),
        *_notes(row),
    )


def _notes(row: Stored) -> tuple[tuple[Background, ...], StoryUse | None, Enhancement | None]:
    notes = json.loads(row["notes"])
    return (
        tuple(Background(**values) for values in notes.get("background", ())),
        StoryUse(**notes["story"]) if "story" in notes else None,
        Enhancement(**notes["enhanced"]) if "enhanced" in notes else None,
    )


def _source(row: Stored) -> PromptSource:
    drawing = json.loads(row["drawing"])
    if "rerolls" in drawing:
        drawing["rerolls"] = tuple((slot, times) for slot, times in drawing["rerolls"])
    return PromptSource(row["template"], row["negative_template"], row["dialect"], **drawing)


def _component(row: Stored, choices: Iterable[Choice]) -> Component:
    span = None if row["span_start"] is None else (row["span_start"], row["span_end"])
    return Component(row["text"], Origin(row["origin"]), tuple(choices), row["strength"], span)


def _choice(row: Stored) -> Choice:
    siblings = json.loads(row["siblings"])
    return Choice(
        row["key"],
        siblings if isinstance(siblings, str) else tuple(siblings),
        row["file"],
        row["line"],
        row["weight"],
        row["probability"],
        row["options"],
    )


def _image(row: Stored) -> GeneratedImage:
    values = json.loads(row["request"])
    values["loras"] = tuple(LoraUse(**lora) for lora in values["loras"])
    return GeneratedImage(Path(row["path"]), GenerationRequest(**values), row["of_run"])


def _score(row: Stored) -> Score:
    raw = None if math.isnan(row["raw"]) else row["raw"]
    measured = (row["metric"], row["value"], raw, row["low"], row["high"], bool(row["calibrated"]))
    return Score(row["of_run"], row["image"], row["component"], *measured, row["scorer"], row["key"], row["text"])
