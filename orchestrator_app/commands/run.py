"""``orchestrator run``: draws prompts and renders them with ComfyUI or Forge, or writes the workflows that render them.

Every run gets a folder of its own below --output, with a contact sheet to open in a browser.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_drawing, add_selection, add_story, add_template, description
from orchestrator_app.commands.enhance_arguments import add_enhancing
from orchestrator_app.commands.retry_arguments import add_retrying
from orchestrator_app.console import problem, remark, say

if TYPE_CHECKING:
    from orchestrator_app.exporting import OwnGraph
    from orchestrator_app.output_folder import OutputFolder
    from orchestrator_app.planning import Planned
    from orchestrator_app.rendering import Renderer, Result
    from orchestrator_app.servers import Server, ServerGenerator
    from orchestrator_app.studio.retrying import Retry
    from orchestrator_core.context import StageContext

EXAMPLE = "@quick"
COUNT = 4
SERVERS = {"comfyui": "http://127.0.0.1:8188", "forge": "http://127.0.0.1:7860"}


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="draw prompts and render them", description=description(__doc__))
    add_template(parser, more=", or a pipeline (.json, .yaml); without any, the bundled example", optional=True)
    parser.add_argument("-o", "--output", default="outputs", metavar="FOLDER", help="default: %(default)s")
    add_drawing(parser, f"default: {COUNT}; of a file with many prompts, 1 of each")
    group = parser.add_argument_group("rendering")
    usual = " or ".join(SERVERS.values())
    group.add_argument(
        "--server", metavar="URL", help=f"a running ComfyUI or Forge, or embedded:FOLDER (default: {usual})"
    )
    group.add_argument("--host", choices=tuple(SERVERS), help="what the server is (default: what it answers as)")
    group.add_argument("--no-render", action="store_true", help="only write prompts and workflows")
    group.add_argument("--checkpoint", metavar="NAME", help="the model (default: the server's first)")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting, as steps=8 or width=768, or NODE.INPUT=VALUE for any input of a node by its id or title",
    )
    group.add_argument("--graph", metavar="FILE", help="a workflow of your own, best exported with Export (API)")
    group.add_argument(
        "--bind",
        action="append",
        default=[],
        metavar="PART=NODE.INPUT",
        help="where a part of the prompt goes in --graph, as positive=6.text, for what is not found by itself",
    )
    group.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="NODE.INPUT=FILE",
        help="an image that is uploaded for a node of --graph",
    )
    add_selection(parser)
    add_story(parser)
    add_enhancing(parser)
    add_retrying(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """What is finished is always kept.

    Exit status 1 if a prompt could not be rendered or a server that was named does not answer, 130 after Ctrl-C.
    """
    from datetime import datetime

    from orchestrator_app.output_folder import OutputFolder
    from orchestrator_app.results import write_prompts, write_results
    from orchestrator_app.retrying import retrying_of

    retrying = retrying_of(arguments)
    source_name, context, planned = _planned(arguments)
    own = _own_graph(arguments)
    server = _server(arguments, own, planned)
    title = source_name or " ".join(planned[0].run.draft.positive.split()[:5])
    folder = OutputFolder.make(Path(arguments.output), title, datetime.now().astimezone())
    write_prompts(folder, planned)
    retry = retrying.retry(context, planned[0].checkpoint)
    results, renderer = _render(planned, context, server.generator, folder, retry)
    reason = server.reason
    notice = f"{reason} {_use(results, own)}." if reason else ""
    problems = write_results(folder, results, own, server.object_info, _sheet(source_name, results, notice))
    for text in problems:
        problem("warning", f"some workflows could not be written: {text}")
    if reason:
        _report_unrendered(folder, results, reason, _use(results, own))
        return 1 if arguments.server is not None and not _is_asked(arguments, planned) else 0
    return _report(folder, results, renderer)


def _planned(arguments: argparse.Namespace) -> tuple[str, StageContext, list[Planned]]:
    """The name of what was given, and the prompts drawn from it."""
    from orchestrator_app.diagnostics import Reporter
    from orchestrator_app.drawing import drawing_of
    from orchestrator_app.enhancing import asked_model, enhancing_of, report_enhanced
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.planning import parse_settings, plan
    from orchestrator_app.selecting import has_stage, lora_source, report_selections, selecting_of
    from orchestrator_app.sources import read_source
    from orchestrator_app.storytelling import open_books, report_scenes, stories_for, storytelling_of
    from orchestrator_core.context import StageContext

    source = read_source(EXAMPLE if arguments.template is None else arguments.template)
    settings = parse_settings(arguments.set, arguments.image)
    if arguments.checkpoint is not None:
        settings["checkpoint"] = arguments.checkpoint
    drawing = drawing_of(arguments)
    learned = drawing.learned()  # for a pipeline, which draws for itself
    selecting, telling, enhancing = selecting_of(arguments), storytelling_of(arguments), enhancing_of(arguments)
    model, answers = asked_model(enhancing, source.pipeline)
    with lora_source(arguments, arguments.select_loras or has_stage(source.pipeline)) as library:
        context = StageContext(
            open_wildcards(arguments.wildcards),
            weights=learned.weights,
            odds=learned.odds,
            loras=library.loras,
            meanings=library.meanings,
            profiles=drawing.library or open_profiles(arguments.profile_folder),
            stories=stories_for(telling, source.pipeline),
            books=open_books(arguments.lore_folder),
            llm=model,
            answers=answers,
        )
        planned = plan(source, drawing, settings, context, COUNT, selecting, (telling, enhancing))
    reporter = Reporter(context.wildcards)
    for note in source.notes:
        reporter.note(note)
    for prompt in planned:
        reporter.report(prompt.run.draft)
    reporter.finish()
    report_scenes(planned)
    report_enhanced(planned)
    report_selections(planned)
    return source.name, context, planned


def _own_graph(arguments: argparse.Namespace) -> OwnGraph:
    from orchestrator_app.exporting import OwnGraph, read_graph
    from orchestrator_core.errors import ConfigError

    bindings = {}
    for pair in arguments.bind:
        part, equals, place = pair.partition("=")
        if not equals:
            raise ConfigError(f"--bind {pair!r} says no place; write it as --bind positive=6.text.")
        bindings[part.strip()] = place.strip()
    if arguments.graph is None:
        if bindings:
            raise ConfigError("--bind is for a workflow of your own, which --graph names.")
        return OwnGraph()
    return OwnGraph(read_graph(Path(arguments.graph)), bindings)


def _server(arguments: argparse.Namespace, own: OwnGraph, planned: list[Planned]) -> Server:
    from orchestrator_app.servers import Server, Wanted, find_server

    if arguments.no_render:
        return Server(reason="Nothing was rendered, as asked.")
    if _is_asked(arguments, planned):
        return Server(reason="Nothing was rendered: the pipeline has no dispatch stage.")
    wanted = Wanted(arguments.server, arguments.host, SERVERS, arguments.loras or ())
    found = find_server(wanted, own, Path(arguments.output))
    if found.generator is None:
        return Server(reason=f"Nothing was rendered. {found.reason} For one elsewhere run again with --server ADDRESS.")
    return found


def _is_asked(arguments: argparse.Namespace, planned: list[Planned]) -> bool:
    """Was nothing to be rendered in the first place?"""
    return arguments.no_render or all(prompt.first_rendering is None for prompt in planned)


def _use(results: list[Result], own: OwnGraph) -> str:
    """What to do with the workflows, as a sentence without its end."""
    has_model = own.graph is not None or all(result.planned.request.checkpoint for result in results)
    model = "" if has_model else ' choose a model in its node "checkpoint" (or run again with --checkpoint NAME),'
    return f"Drop a workflow on ComfyUI's canvas,{model} and press Run"


def _render(
    planned: list[Planned],
    context: StageContext,
    generator: ServerGenerator | None,
    folder: OutputFolder,
    retry: Retry | None,
) -> tuple[list[Result], Renderer | None]:
    from orchestrator_app.progress import progress_for
    from orchestrator_app.rendering import Memory, Renderer, Result

    memory = Memory(lambda text: problem("warning", text))
    try:
        if generator is None:
            for prompt in planned:
                memory.save(prompt.run)
            return [Result(prompt, prompt.run) for prompt in planned], None
        generator.output_folder = folder.path
        renderer = Renderer(context, generator, folder, memory.save, retry)
        return renderer.render(planned, progress_for(len(planned))), renderer
    finally:
        memory.close()


def _report_unrendered(folder: OutputFolder, results: list[Result], reason: str, use: str) -> None:
    from orchestrator_app.output_folder import SHEET

    remark(reason)
    what = "1 prompt with its workflow" if len(results) == 1 else f"{len(results):,} prompts with their workflows"
    say(f"{what}: {folder.path}")
    remark(f"Open {folder.path / SHEET} in a browser. {use}.")


def _report(folder: OutputFolder, results: list[Result], renderer: Renderer | None) -> int:
    from orchestrator_app.output_folder import SHEET

    images = sum(len(result.images) for result in results)
    failed = sum(bool(result.error) for result in results)
    left = f", {_number(failed, 'prompt')} not rendered" if failed else ""
    say(f"{_number(images, 'image')}{left}: {folder.path}")
    remark(f"Open {folder.path / SHEET} in a browser.")
    if renderer is not None and renderer.stopped_by_hand:
        return 130
    return 1 if failed else 0


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _sheet(name: str, results: list[Result], reason: str) -> Any:
    from datetime import datetime

    from orchestrator_app.contact_sheet import Sheet

    sources = {result.run.draft.source for result in results}
    return Sheet(name, datetime.now().astimezone(), reason, sources.pop() if len(sources) == 1 else None)
