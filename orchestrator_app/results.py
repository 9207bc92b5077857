"""Writes what a run leaves in its folder beside the images: workflows, graphs, prompt files and the contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_app.contact_sheet import Card, Sheet, contact_sheet
from orchestrator_app.exporting import Export, OwnGraph, export, prompt_file
from orchestrator_app.output_folder import LORAS_TEXT, PROMPTS_JSON, PROMPTS_TEXT, SHEET, TRIES_TEXT, OutputFolder
from orchestrator_app.planning import Planned
from orchestrator_app.rendering import Result
from orchestrator_app.selecting import report_lines
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.image_metadata import read_image


def write_prompts(folder: OutputFolder, planned: Sequence[Planned]) -> None:
    """Before the rendering, so that nothing can lose what was drawn."""
    folder.write(PROMPTS_JSON, prompt_file((prompt.run, prompt.request) for prompt in planned))
    lines = [" ".join(prompt.run.draft.positive.split()) for prompt in planned]
    folder.write(PROMPTS_TEXT, "\n".join(lines) + "\n")
    reasons = [
        line
        for prompt in planned
        for selection in prompt.selections
        for line in (*report_lines(prompt.number, selection), "")
    ]
    if reasons:
        folder.write(LORAS_TEXT, "\n".join(reasons))


def write_results(
    folder: OutputFolder,
    results: Sequence[Result],
    own: OwnGraph,
    object_info: Mapping[str, Any] | None,
    sheet: Sheet,
) -> list[str]:
    """Writes all the rest; returns what could not be exported, each reason once."""
    problems: dict[str, None] = {}
    cards = []
    for result in results:
        exported = _export(result, own, object_info)
        if exported.problem:
            problems[exported.problem] = None
        stem = f"{result.planned.number:04}.json"
        links = {}
        if exported.workflow is not None:
            links["workflow"] = folder.write_json(f"workflows/{stem}", exported.workflow)
        if exported.graph is not None:
            links["graph"] = folder.write_json(f"graphs/{stem}", exported.graph)
        images = tuple(folder.relative(image.path) for image in result.images)
        cards.append(Card(result.planned.number, result.run, result.planned.request, images, links, result.error))
    if tried := [f"[{result.planned.number}] {result.tries}\n" for result in results if result.tries]:
        folder.write(TRIES_TEXT, "\n".join(tried))
    folder.write(SHEET, contact_sheet(sheet, cards))
    return list(problems)


def _export(result: Result, own: OwnGraph, object_info: Mapping[str, Any] | None) -> Export:
    """What the image itself carries, which is what was rendered, down to the server's names; else what would be."""
    for image in result.images[:1]:
        try:
            found = read_image(image.path)
        except FormatError:
            continue  # a film, which has no place for texts
        if found.graph is not None and found.workflow is not None:
            return Export(dict(found.graph), dict(found.workflow))
    request = result.planned.request
    if result.images and not request.checkpoint:  # what a host without graphs had loaded
        request = request.replacing(checkpoint=result.images[0].request.checkpoint)
    return export(result.run, request, own, object_info)
