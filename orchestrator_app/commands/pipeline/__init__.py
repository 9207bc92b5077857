"""``orchestrator pipeline``: files that say how an image is made: look at them, plan, run, and run parts again."""

from __future__ import annotations

import argparse
from typing import Any

from orchestrator_app.commands.arguments import (
    add_embedder,
    add_loras,
    add_profile_folder,
    add_wildcards,
    description,
    seed,
    whole,
)
from orchestrator_app.commands.enhance_arguments import add_model
from orchestrator_app.commands.pipeline import looking, planning, rerunning, running, workflows

__all__ = ["add_to"]

_PIPELINE = "a file (.json, .yaml), or a bundled one as quick"
_SHOWN = 10


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="list, check, plan and run pipelines", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_looking(actions)
    _add_workflows(actions)
    plan = _action(
        actions, "plan", planning.plan, "what it would do: prompts, seeds, LoRAs, requests; no model is asked"
    )
    _add_asking(plan)
    plan.add_argument(
        "--most", type=whole, default=_SHOWN, metavar="N", help="items that are shown; 0: all (%(default)s)"
    )
    plan.add_argument("--json", action="store_true", help="one JSON object a line for each item")
    plan.add_argument("--payload", choices=("comfyui", "forge"), help="with --json: also what the host would be sent")
    run = _action(actions, "run", running.run, "do it, each item of its batch after the other")
    _add_asking(run)
    rerun = _action(
        actions, "rerun", rerunning.rerun_stage, "one stage of a finished run again, and what follows from it"
    )
    rerun.add_argument("record", metavar="RECORD", help="what a run left: outputs/…/pipeline/0001.json")
    rerun.add_argument("stage", metavar="STAGE", help="the id of the stage")
    rerun.add_argument(
        "--only", action="store_true", help="leave the stages behind it as they are, and mark them stale"
    )
    for one in (run, rerun):
        one.add_argument("-o", "--output", default="outputs", metavar="FOLDER", help="default: %(default)s")
        one.add_argument("--no-cache", action="store_true", help="do all stages, also those that were done before")
        _add_server(one)
    for one in (plan, run, rerun):
        _add_place(one)


def _add_looking(actions: Any) -> None:
    listed = _action(actions, "list", looking.list_all, "the bundled ones")
    show = _action(actions, "show", looking.show, "one as JSON, as it is understood; a beginning for your own")
    show.add_argument("pipeline", metavar="PIPELINE", help=f"{_PIPELINE}; of a record, what each stage changed")
    check = _action(actions, "check", looking.check, "whether files can run; exit status 1 if one cannot")
    check.add_argument("pipeline", nargs="+", metavar="PIPELINE", help=_PIPELINE)
    for one in (listed, check):
        one.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_workflows(actions: Any) -> None:
    export = _action(actions, "export", workflows.export, "as a workflow that opens on ComfyUI's canvas")
    export.add_argument("pipeline", metavar="PIPELINE", help=_PIPELINE)
    export.add_argument("--workflow", default="-", metavar="FILE", help="a new file (default: standard output)")
    export.add_argument("--checkpoint", default="", metavar="NAME", help="loaded where the pipeline names none")
    export.add_argument("--force", action="store_true", help="replace the file if it is there")
    take_in = _action(actions, "import", workflows.take_in, "the pipeline that a workflow with our nodes is, as JSON")
    take_in.add_argument("workflow", metavar="WORKFLOW", help="a workflow, or a graph for the API (.json)")
    for one in (export, take_in):
        one.add_argument("--object-info", metavar="FILE", help="what a server answers at /object_info, of more nodes")


def _add_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE", help=_PIPELINE)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="OPTION=VALUES",
        help="one item for each: seeds=1..8, profiles=mira,tom, render.cfg=5,7; those of several --vary are "
        'multiplied, and \'seeds=1..2 & templates=["a fox","an owl"]\' go on together',
    )
    parser.add_argument(
        "-s", "--seed", type=seed, metavar="S", help="of the prompts (default: the file's, or by chance)"
    )


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="a running ComfyUI or Forge, or embedded:FOLDER")
    parser.add_argument("--host", choices=("comfyui", "forge"), help="what the server is (default: what it answers as)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.OPTION=VALUE",
        help="as draw.template='a fox'; of rerun the stage's own option, as max_loras=1",
    )
    add_wildcards(parser)
    add_profile_folder(parser)
    parser.add_argument("--lore-folder", action="append", default=[], metavar="FOLDER", help="a folder of lore books")
    add_loras(parser)
    add_embedder(parser)
    parser.add_argument("--base-model", metavar="NAME", help="what the checkpoint is, as SDXL (default: its name)")
    parser.add_argument("--scorer", metavar="FOLDER", help="the CLIP, SigLIP, … model that scoreImages looks with")
    parser.add_argument("--scorer-counts", action="store_true", help="the model was trained to count")
    parser.add_argument("--learn", action="store_true", help="draw by the learned odds, and let scores move them")
    add_model(parser)


def _action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:])
    parser.set_defaults(run=function)
    return parser
