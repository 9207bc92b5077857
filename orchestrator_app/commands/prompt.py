"""``orchestrator prompt``: draws prompts and prints them, plain, as JSON lines, or with the origin of every word."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_drawing, add_selection, add_story, add_template, description
from orchestrator_app.commands.enhance_arguments import add_enhancing
from orchestrator_app.console import say

if TYPE_CHECKING:
    from orchestrator_app.drawing import Drawing
    from orchestrator_app.sources import Source
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.prompt import PromptDraft
    from orchestrator_core.template import Wildcards


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="draw prompts", description=description(__doc__))
    add_template(parser)
    add_drawing(parser, "default: 1; with --method combinatorial all, while they are few")
    add_selection(parser, checkpoint=True)
    add_story(parser)
    add_enhancing(parser)
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="one JSON object a line, with everything that is known")
    shown.add_argument("--explain", action="store_true", help="show where each word came from")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from orchestrator_app.diagnostics import Reporter
    from orchestrator_app.drawing import drawing_of
    from orchestrator_app.enhancing import enhancer_of
    from orchestrator_app.folders import open_wildcards
    from orchestrator_app.sources import read_source
    from orchestrator_app.storytelling import teller_of

    source = read_source(arguments.template)
    drawing = drawing_of(arguments)
    wildcards = open_wildcards(arguments.wildcards)
    reporter = Reporter(wildcards, explains=not arguments.json)
    for note in source.notes:
        reporter.note(note)
    teller, enhancer = teller_of(arguments, drawing.library), enhancer_of(arguments)
    with _choosing(arguments, teller.profiles) as choose:
        for number, drawn in enumerate(_drafts(source, wildcards, drawing), 1):
            draft = teller.tell(number, drawn)
            reporter.report(draft)
            _show(choose(number, enhancer.enhance(number, draft)), number, arguments)
    reporter.finish()
    return 0


@contextmanager
def _choosing(
    arguments: argparse.Namespace, profiles: ProfileSource | None
) -> Iterator[Callable[[int, PromptDraft], PromptDraft]]:
    """Adds LoRAs to a draft and says why, where that is asked for. Raises ConfigError, PipelineError."""
    from orchestrator_app.selecting import SELECT, Reporter, lora_source, select_for, selecting_of

    selecting = selecting_of(arguments)
    with lora_source(arguments, arguments.select_loras) as library:
        if library.loras is None:
            yield lambda number, draft: draft
            return
        from orchestrator_core.context import StageContext
        from orchestrator_core.spec import StageSpec
        from orchestrator_core.template import Wildcards

        stage = StageSpec(id="loras", type=SELECT, options=dict(selecting.options or {}))
        checkpoint = selecting.checkpoint_of(arguments.checkpoint or "")
        given: Any = {"loras": library.loras, "meanings": library.meanings, "profiles": profiles}
        context = StageContext(Wildcards([]), checkpoint=checkpoint, **given)
        reporter = Reporter()

        def choose(number: int, draft: PromptDraft) -> PromptDraft:
            selection = select_for(draft, stage, context)
            reporter.report(number, 1, selection, checkpoint)
            return selection.draft

        yield choose


def _drafts(source: Source, wildcards: Wildcards, drawing: Drawing) -> Iterator[PromptDraft]:
    from orchestrator_app.drawing import drafts_of
    from orchestrator_core.errors import ConfigError

    if source.pipeline is not None:
        raise ConfigError("This file is a pipeline. Start it with: orchestrator run")
    for offset, wish in enumerate(source.wishes):
        yield from drafts_of(wish, wildcards, drawing, offset)


def _show(draft: PromptDraft, number: int, arguments: argparse.Namespace) -> None:
    if arguments.json:
        import json

        from orchestrator_app.draft_json import draft_as_json

        say(json.dumps(draft_as_json(draft), ensure_ascii=False))
    elif arguments.explain:
        from orchestrator_app.explaining import print_explanation

        print_explanation(draft, number)
    else:
        from orchestrator_app.selecting import with_tags

        # A1111's way of writing both prompts, which its and Forge's prompt box reads when it is pasted.
        show = say if sys.stdout.isatty() else print  # a program gets the prompt to the letter
        show(with_tags(draft) if arguments.select_loras else draft.positive)
        if draft.negative:
            show(f"Negative prompt: {draft.negative_prompt}")
