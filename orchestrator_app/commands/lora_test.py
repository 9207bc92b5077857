"""``orchestrator lora-test``: renders LoRA × strength × prompt × seed beside a row without any LoRA, as a grid.

In a folder that holds a test already only what is missing is rendered: interrupt it, widen it, or delete an image, and
run it again. In a prompt {trigger} is where each LoRA's trigger words go; without it they come at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands import run as run_command
from orchestrator_app.commands.arguments import DIALECTS, add_loras, add_wildcards, description, seed, whole
from orchestrator_app.console import problem, remark, say

if TYPE_CHECKING:
    from orchestrator_app.lora_test.asking import Asked
    from orchestrator_app.lora_test.folder import TestFolder
    from orchestrator_app.lora_test.running import TestRun
    from orchestrator_app.servers import Server
    from orchestrator_app.studio.environment import Target
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.request import Choices, GenerationRequest

_MANY = 500  # images that are rendered without being asked for by number


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="compare LoRAs in a grid of images", description=description(__doc__))
    parser.add_argument(
        "lora",
        nargs="*",
        metavar="LORA",
        help="names, or patterns as 'styles/*'; none: go on with the test in --folder",
    )
    parser.add_argument("-o", "--folder", metavar="FOLDER", help="of the test (default: a new one in outputs)")
    _add_matrix(parser)
    _add_rendering(parser)
    parser.set_defaults(run=run)


def _add_matrix(parser: argparse.ArgumentParser) -> None:
    group: Any = parser.add_argument_group("what is tested")
    group.add_argument("-q", "--query", default="", help="LoRAs by a search, as 'base:sdxl tag:style -nsfw:yes'")
    add_loras(group)
    group.add_argument("--strengths", default="0.4,0.7,1", metavar="LIST", help="default: %(default)s")
    group.add_argument("-p", "--prompt", action="append", default=[], metavar="TEMPLATE", help="may be given again")
    group.add_argument("--prompts", metavar="FILE", help="a file with a prompt on each line")
    group.add_argument("--negative", default="", metavar="TEMPLATE", help="the negative prompt of all")
    group.add_argument("--seeds", default="1,2", metavar="LIST", help="of the images, as 1,2 or 10-13 (default: 1,2)")
    group.add_argument("-s", "--prompt-seed", type=seed, default=0, metavar="S", help="what templates are drawn with")
    group.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0], help="whose syntax the templates are in")
    add_wildcards(group)


def _add_rendering(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rendering")
    usual = " or ".join(run_command.SERVERS.values())
    group.add_argument("--server", metavar="URL", help=f"ComfyUI, Forge, or embedded:FOLDER (default: {usual})")
    group.add_argument(
        "--host", choices=tuple(run_command.SERVERS), help="what the server is (default: what it answers as)"
    )
    group.add_argument("--no-render", action="store_true", help="only say how many images, and write the grid so far")
    group.add_argument("--checkpoint", metavar="NAME", help="the model (default: the server's own)")
    group.add_argument("--base-model", default="", metavar="NAME", help="of the model, where its name does not say")
    group.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as steps=8 or width=768")
    group.add_argument("--most", type=whole, default=_MANY, metavar="N", help="images at most (default: %(default)s)")
    group.add_argument("--workflow", metavar="FILE", help="also write the test as a workflow for ComfyUI's canvas")
    group.add_argument("--one-file", metavar="FILE", help="also write the grid as one file, its images within")


def run(arguments: argparse.Namespace) -> int:
    """What is finished is always kept.

    Exit status 1 if an image could not be rendered or a server that was named does not answer, 130 after Ctrl-C.
    """
    from orchestrator_core.errors import ConfigError

    server = _server(arguments)
    folder = _folder(arguments, server)
    folder.read_scores()
    say(folder.plan.sentence)
    for one in folder.plan.refused:
        problem("not tested", f"{one.name}: {one.reason}")
    if folder.plan.count > arguments.most:
        raise ConfigError(f"That is more than {arguments.most:,}. Give --most {folder.plan.count} if it is meant.")
    if arguments.workflow is not None:
        _write_workflow(Path(arguments.workflow), folder, server)
    target, _ = _target(server)
    status = _unrendered(folder, server, arguments) if target is None else _rendered(folder, target)
    if arguments.one_file is not None:
        _write(Path(arguments.one_file), folder.one_file())
    return status


def _server(arguments: argparse.Namespace) -> Server:
    from orchestrator_app.exporting import OwnGraph
    from orchestrator_app.servers import Server, Wanted, find_server

    if arguments.no_render:
        return Server(reason="Nothing was rendered, as asked.")
    wanted = Wanted(arguments.server, arguments.host, run_command.SERVERS, arguments.loras or ())
    found = find_server(wanted, OwnGraph(), Path(arguments.folder or "outputs"))
    if found.generator is None:
        return Server(reason=f"Nothing was rendered. {found.reason} For one elsewhere run again with --server ADDRESS.")
    return found


def _target(server: Server) -> tuple[Target | None, Choices | None]:
    """The server as the studio knows it, and what it offers."""
    from orchestrator_app.studio.environment import Target
    from orchestrator_app.studio.targets import comfy_choices
    from orchestrator_core.generators.comfy_http import ComfyGenerator
    from orchestrator_core.generators.embedded import EmbeddedGenerator

    generator = server.generator
    if generator is None:
        return None, None
    if isinstance(generator, ComfyGenerator):
        choices = comfy_choices(generator.object_info())
        return Target("ComfyUI", lambda: generator, lambda: choices, generator.api.client.url), choices
    choices = generator.choices()
    if isinstance(generator, EmbeddedGenerator):
        return Target("embedded", lambda: generator, lambda: choices, "this process"), choices
    return Target("Forge", lambda: generator, lambda: choices, generator.api.url), choices


def _folder(arguments: argparse.Namespace, server: Server) -> TestFolder:
    """The test that is asked for; without LoRAs the one that is in the folder."""
    from orchestrator_app.folders import open_wildcards
    from orchestrator_app.lora_test.asking import plan_of_asked, title_of
    from orchestrator_app.lora_test.folder import FILE, TestFolder
    from orchestrator_app.selecting import in_a_terminal
    from orchestrator_core.errors import ConfigError

    path = None if arguments.folder is None else Path(arguments.folder)
    if not arguments.lora and not arguments.query:
        if path is None or not (path / FILE).is_file():
            where = "names LoRAs" if path is None else f"holds a test in {path}"
            raise ConfigError(
                f"Nothing {where}. Name LoRAs, as: orchestrator lora-test 'styles/*' -p 'a hill, {{trigger}}'"
            )
        return TestFolder.reopened(path)
    asked = _asked(arguments)
    target, choices = _target(server)
    with _records(arguments, choices) as records:
        try:
            plan = plan_of_asked(asked, records, open_wildcards(arguments.wildcards), target, choices)
        except ConfigError as error:
            raise ConfigError(in_a_terminal(str(error))) from None
    where = f"{target.name} ({target.where})" if target is not None else ""
    return TestFolder(path or _new_folder(), plan, title_of(plan), where)


def _new_folder() -> Path:
    from datetime import datetime

    from orchestrator_app.output_folder import OutputFolder

    return OutputFolder.make(Path("outputs"), "lora test", datetime.now().astimezone()).path


def _asked(arguments: argparse.Namespace) -> Asked:
    from orchestrator_app.lora_test.asking import Asked, lines_of
    from orchestrator_core.loras.testing_numbers import numbers_in, seeds_in

    return Asked(
        loras="\n".join(arguments.lora),
        query=arguments.query,
        prompts=(*arguments.prompt, *lines_of(_prompts_of(arguments.prompts))),
        negative=arguments.negative,
        strengths=numbers_in(arguments.strengths, "--strengths"),
        seeds=seeds_in(arguments.seeds),
        prompt_seed=arguments.prompt_seed,
        dialect=arguments.dialect,
        base_model=arguments.base_model,
        settings=_settings(arguments),
    )


def _prompts_of(file: str | None) -> list[str]:
    from orchestrator_core.errors import FormatError

    if file is None:
        return []
    try:
        return [Path(file).read_text("utf-8-sig")]
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{file} cannot be read as text: {error}. Give --prompts a file with a prompt a line."
        ) from None


def _settings(arguments: argparse.Namespace) -> GenerationRequest:
    from orchestrator_app.planning import parse_settings
    from orchestrator_core.pipeline import options_of
    from orchestrator_core.prompt import PromptDraft
    from orchestrator_core.spec import StageSpec
    from orchestrator_core.stages import dispatch

    settings = parse_settings(arguments.set)
    if arguments.checkpoint is not None:
        settings["checkpoint"] = arguments.checkpoint
    options = options_of(StageSpec(id="lora-test", type="dispatch", options=settings))
    assert isinstance(options, dispatch.Options)
    return dispatch.request_for(PromptDraft(()), options)


@contextmanager
def _records(arguments: argparse.Namespace, choices: Choices | None) -> Iterator[list[LoraRecord]]:
    """Those of the library. Where no folder is known, the server's own names are all that there is."""
    from orchestrator_app.lora_library import open_library
    from orchestrator_core.errors import ConfigError

    try:
        with open_library(arguments.loras) as (library, _):
            yield list(library.records(all_states=True))
    except ConfigError as error:
        if arguments.loras or choices is None or choices.loras is None:
            raise
        problem("warning", f"the trigger words and base models of the LoRAs are not known. {error}")
        yield []


def _unrendered(folder: TestFolder, server: Server, arguments: argparse.Namespace) -> int:
    folder.look_at_all()
    folder.remember(lambda text: problem("warning", text))
    remark(server.reason)
    say(f"{folder.done:,} of {folder.plan.count:,} images are there: {folder.path}")
    remark(f"Open {folder.write_grid()} in a browser. To go on: orchestrator lora-test --folder {folder.path}")
    return 1 if arguments.server is not None and not arguments.no_render else 0


def _rendered(folder: TestFolder, target: Target) -> int:
    from orchestrator_app.lora_test.folder import GRID
    from orchestrator_app.lora_test.running import TestRun
    from orchestrator_app.rendering import Memory

    memory = Memory(lambda text: problem("warning", text))
    try:
        test = TestRun(folder, target, memory.save, keep=memory.keep_test)
        if kept := folder.plan.count - test.total:
            remark(f"{kept:,} of them are there already.")
        stopped = _followed(test.start())
    finally:
        memory.close()
    if test.problem:
        problem("error", test.problem)
    for note in test.job.notes:
        problem("warning", note)
    left = len(folder.missing())
    again = f", {left:,} still missing" if left else ""
    say(f"{folder.done:,} of {folder.plan.count:,} images{again}: {folder.path}")
    more = f" To go on: orchestrator lora-test --folder {folder.path}" if left else ""
    remark(f"Open {folder.path / GRID} in a browser.{more}")
    return 130 if stopped else int(bool(left or test.problem))


def _followed(test: TestRun) -> bool:
    """Shows how far it is until it is over; whether it was stopped by hand. The second Ctrl-C goes through."""
    from orchestrator_app.lora_test.watching import Watching
    from orchestrator_app.progress import progress_for

    stopped = False
    with progress_for(test.total) as lines:
        watching = Watching(test, lines)
        while not test.done.is_set():
            try:
                test.done.wait(0.2)  # without a limit, Windows would not notice the key
                watching.look()
            except KeyboardInterrupt:
                if stopped:
                    raise
                stopped = True
                test.stop()
        watching.look()
    return stopped


def _write_workflow(path: Path, folder: TestFolder, server: Server) -> None:
    import json

    from orchestrator_core.loras.testing_graph import workflow_of_test

    plan = folder.plan
    _write(path, json.dumps(workflow_of_test(plan, server.object_info), indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.formats.image_metadata import replace_file

    try:
        replace_file(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    remark(f"Written: {path}")
