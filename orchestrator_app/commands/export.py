"""``orchestrator export``: a stored run, an image or a template as a workflow, a graph, a prompt file or a template.

With --template, a workflow for others that tells nothing of this machine.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_selection, add_wildcards, description, seed
from orchestrator_app.console import printable, problem, remark

if TYPE_CHECKING:
    from orchestrator_core.formats.image_metadata import ImageMetadata
    from orchestrator_core.formats.sharing import Shared
    from orchestrator_core.request import GenerationRequest
    from orchestrator_core.run import Run

FORMATS = ("workflow", "graph", "prompts", "template")
_IMAGE = re.compile(r".+\.(png|jpe?g|webp)", re.IGNORECASE)
_RUN_ID = re.compile(r"[0-9a-f]{8,32}")


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="give a prompt away as a file", description=description(__doc__))
    parser.add_argument(
        "what",
        metavar="RUN_ID|IMAGE|TEMPLATE",
        help="the id of a run or its first 8 digits, an image, or a template; with --template also a workflow",
    )
    as_what = parser.add_mutually_exclusive_group()
    as_what.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        default="workflow",
        help="workflow opens on ComfyUI's canvas, graph is for its API, prompts and template are for orchestrator run "
        "(default: %(default)s)",
    )
    as_what.add_argument(
        "--template",
        choices=("stock", "live"),
        help="a workflow to give away: stock has the drawn prompt and ComfyUI's own nodes, live draws anew with ours; "
        "paths, keys, accounts and the like are taken out, and listed",
    )
    parser.add_argument(
        "--thumbnail",
        nargs="?",
        const="",
        metavar="IMAGE",
        help="with --template: write FILE.jpg beside it, a small picture of this image, or of the one that is exported",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="a new file (default: standard output)")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.add_argument("-s", "--seed", type=seed, metavar="S", help="for a template: which prompt is drawn")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for a template: a setting")
    add_wildcards(parser)
    add_selection(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Thing:
    """What is to be exported. ``graph`` and ``workflow`` are those that an image carries."""

    run: Run
    request: GenerationRequest
    settings: dict[str, Any]
    graph: dict[str, Any] | None = None
    workflow: dict[str, Any] | None = None


def run(arguments: argparse.Namespace) -> int:
    if arguments.template:
        return _share(arguments)
    thing = _find(arguments)
    if arguments.format == "template" and arguments.select_loras:
        problem("warning", "a template draws anew, so the LoRAs that were chosen for this prompt are not in it")
    _put(_formatted(thing, arguments.format), arguments)
    return 0


def _put(text: str, arguments: argparse.Namespace) -> None:
    if arguments.output is None:
        print(printable(text) if sys.stdout.isatty() else text, end="")
        return
    _write(Path(arguments.output), text.encode("utf-8", "replace"), force=arguments.force)
    remark(f"Wrote {arguments.output}")


def _share(arguments: argparse.Namespace) -> int:
    from orchestrator_app.sharing import thumbnail
    from orchestrator_core.errors import ConfigError

    picture = b""
    if arguments.thumbnail is not None:
        image = arguments.thumbnail or arguments.what
        if arguments.output is None or not _IMAGE.fullmatch(image):
            raise ConfigError("--thumbnail takes an image, and lies beside the file that --output names.")
        picture = thumbnail(Path(image))
    shared = _shared(arguments)
    for text in shared.warnings:
        problem("warning", text)
    for text in shared.taken_out:
        remark(f"Taken out: {text}")
    _put(shared.text, arguments)
    if picture:
        path = Path(arguments.output).with_suffix(".jpg")
        _write(path, picture, force=arguments.force)
        remark(f"Wrote {path}")
    return 0


def _shared(arguments: argparse.Namespace) -> Shared:
    from orchestrator_app.exporting import read_graph
    from orchestrator_app.folders import open_wildcards
    from orchestrator_app.sharing import drawing_with, is_comfyui_file
    from orchestrator_core.formats.sharing import Host, share_workflow
    from orchestrator_core.formats.sharing_rendered import Carried, share_rendered

    host = Host(draw=drawing_with(open_wildcards(arguments.wildcards)))
    path = Path(arguments.what)
    if path.suffix.lower() == ".json" and path.is_file() and is_comfyui_file(data := read_graph(path)):
        return share_workflow(data, arguments.template, path.stem.replace("_", " "), host=host)
    thing = _find(arguments)
    return share_rendered(thing.run, thing.request, arguments.template, Carried(thing.graph, thing.workflow), host)


def _find(arguments: argparse.Namespace) -> _Thing:
    what = arguments.what
    is_image = _IMAGE.fullmatch(what) is not None
    if not is_image and not _RUN_ID.fullmatch(what):
        return _of_template(arguments)
    if arguments.select_loras:
        from orchestrator_core.errors import ConfigError

        raise ConfigError(f"{what} has the LoRAs that it was rendered with: --select-loras is for a template.")
    return _of_image(Path(what)) if is_image else _of_run(what)


def _of_run(run_id: str) -> _Thing:
    """Raises StoreError for an id that is no run's, or that of several."""
    from orchestrator_core.errors import StoreError
    from orchestrator_core.formats.sharing_rendered import carried_by
    from orchestrator_core.stages.dispatch import request_of
    from orchestrator_core.store import Store

    with Store.open(create=False) as store:
        if len(run_id) < 32:
            # Ids sort by time, so those that begin with these digits follow one another; the newest comes first.
            near = store.runs(2, before=run_id + "g")
            found = [run for run in near if run.id.startswith(run_id)]
            if len(found) != 1:
                raise StoreError(f"{'No run begins' if not found else 'Several runs begin'} with {run_id}.")
            run_id = found[0].id
        run = store.load_run(run_id)
    request = request_of(run)
    return _Thing(run, request, _settings(request), *carried_by(run))


def _of_image(path: Path) -> _Thing:
    from orchestrator_core.errors import FormatError
    from orchestrator_core.formats.image_metadata import read_image

    metadata = read_image(path)
    if metadata.request is None:
        raise FormatError(f"{path} says nothing of how it was made.")
    for text in metadata.problems:
        problem("warning", f"{path}: {text}")
    run = _run_of(metadata)
    graph = None if metadata.graph is None else dict(metadata.graph)
    workflow = None if metadata.workflow is None else dict(metadata.workflow)
    return _Thing(run, metadata.request, _settings(metadata.request), graph, workflow)


def _run_of(metadata: ImageMetadata) -> Run:
    """A run that says what the image does; where each word came from is in the store, or nowhere."""
    from orchestrator_core.prompt import Component, Origin, PromptDraft
    from orchestrator_core.request import GenerationRequest, ImageNotes
    from orchestrator_core.run import Run

    request, notes = metadata.request or GenerationRequest(""), metadata.notes or ImageNotes("")
    draft = PromptDraft(
        (Component(request.positive, Origin.user),),
        (Component(request.negative, Origin.user),) if request.negative else (),
        request.loras,
        request.seed if notes.prompt_seed is None else notes.prompt_seed,
        notes.source,
    )
    return Run(notes.run_id, draft)


def _of_template(arguments: argparse.Namespace) -> _Thing:
    from orchestrator_app.diagnostics import Reporter
    from orchestrator_app.drawing import Drawing
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.planning import RENDER, parse_settings, plan
    from orchestrator_app.selecting import has_stage, lora_source, report_selections, selecting_of
    from orchestrator_app.sources import read_source
    from orchestrator_app.storytelling import Storytelling, open_books, stories_for
    from orchestrator_core.context import StageContext

    source = read_source(arguments.what)
    selecting = selecting_of(arguments)
    drawing = Drawing(count=1, seed=arguments.seed)
    with lora_source(arguments, arguments.select_loras or has_stage(source.pipeline)) as library:
        context = StageContext(
            open_wildcards(arguments.wildcards),
            loras=library.loras,
            meanings=library.meanings,
            profiles=open_profiles(),
            stories=stories_for(Storytelling(), source.pipeline),
            books=open_books(),
        )
        prompts = plan(source, drawing, parse_settings(arguments.set), context, 1, selecting)
    reporter = Reporter(context.wildcards)
    for text in source.notes:
        reporter.note(text)
    reporter.report(prompts[0].run.draft)
    report_selections(prompts[:1])
    if len(prompts) > 1:
        problem("warning", f"of {len(prompts):,} prompts only the first is exported; orchestrator run exports all")
    first = prompts[0]
    settings = next((stage.options for stage in first.pipeline.stages if stage.type == RENDER), {})
    return _Thing(first.run, first.request, dict(settings))


def _settings(request: GenerationRequest) -> dict[str, Any]:
    from orchestrator_app.exporting import SETTINGS

    defaults = type(request)("")
    return {name: getattr(request, name) for name in SETTINGS if getattr(request, name) != getattr(defaults, name)}


def _formatted(thing: _Thing, wanted: str) -> str:
    """Raises FormatError where there is no such thing."""
    from orchestrator_app.exporting import OwnGraph, export, prompt_file, template_file
    from orchestrator_core.errors import FormatError

    if wanted == "prompts":
        return prompt_file([(thing.run, thing.request)])
    if wanted == "template":
        return template_file(thing.run.draft, thing.settings)
    carried = thing.workflow if wanted == "workflow" else thing.graph
    if carried is None:
        found = export(thing.run, thing.request, OwnGraph(thing.graph if wanted == "workflow" else None))
        carried = found.workflow if wanted == "workflow" else found.graph
        if carried is None:
            raise FormatError(found.problem)
    return json.dumps(carried, indent=1) + "\n"


def _write(path: Path, data: bytes, *, force: bool) -> None:
    """Raises ConfigError rather than replace a file, and OSError."""
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.formats.image_metadata import replace_file

    if path.exists() and not force:
        raise ConfigError(f"{path} is there already. Give another name, or --force to replace it.")
    replace_file(path, data)
