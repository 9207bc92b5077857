"""``orchestrator loras evaluate`` and ``fetch``: what selection finds, and what Civitai says."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orchestrator_app.console import problem, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.loras.civitai import Fetched
    from orchestrator_core.loras.evaluating import Evaluation

CIVITAI = "https://civitai.com"


# evaluate


def evaluate_library(arguments: argparse.Namespace) -> int:
    from orchestrator_app.lora_library import learned_meanings, open_library
    from orchestrator_app.progress_bar import progress_bar
    from orchestrator_core.loras.evaluating import evaluate
    from orchestrator_core.loras.source import LibrarySource

    with open_library(arguments.loras) as (library, store):
        index = LibrarySource(library).index()
        meanings = learned_meanings(arguments.embedder, index, store)
        with progress_bar("asking") as report:
            found = evaluate(
                index, most=arguments.most, on_progress=lambda done, of: report(done, of, ""), meanings=meanings
            )
    if arguments.json:
        _print_evaluation_json(found)
    else:
        _print_evaluation(found, arguments.misses)
    return 0 if found.questions else 1


def _print_evaluation(found: Evaluation, shown: int) -> None:
    if not found.questions:
        say(str(found))
        return
    rows = [
        ("the right LoRA came first", f"{found.recall_1:.1%}"),
        ("it was among the first 3", f"{found.recall_3:.1%}"),
        ("it was among the first 10", f"{found.recall_10:.1%}"),
        ("none had enough evidence", f"{found.abstained:.1%}"),
    ]
    table((f"of {found.questions:,} example prompts", ""), rows, right=(1,))
    if found.misses and shown:
        say()
        misses = [
            (miss.question.answer.name, str(miss.rank or "-"), miss.first, _shortened(miss.question.text))
            for miss in found.misses[:shown]
        ]
        table(("not first", "rank", "first was", "for the prompt"), misses, right=(1,), wraps=3)
    remark(
        f"\nThe prompts are those of your LoRAs' own example images, without their tags and trigger words. "
        f"{found.without_examples:,} LoRAs have none."
    )


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _print_evaluation_json(found: Evaluation) -> None:
    import json

    misses = [
        {"prompt": miss.question.text, "lora": miss.question.answer.name, "rank": miss.rank, "first": miss.first}
        for miss in found.misses
    ]
    numbers = {
        name: getattr(found, name)
        for name in ("questions", "recall_1", "recall_3", "recall_10", "abstained", "without_examples")
    }
    say(json.dumps({"schema_version": 1, **numbers, "misses": misses}, ensure_ascii=False))


# fetch


def fetch_metadata(arguments: argparse.Namespace) -> int:
    """Exit status 1 if something could not be asked for, 130 after Ctrl-C; what was found is kept."""
    from orchestrator_app.commands.loras.listing import matching
    from orchestrator_app.lora_library import open_library
    from orchestrator_app.progress_bar import going_on, progress_bar
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.loras.civitai import Civitai, fetch, wants_metadata
    from orchestrator_core.store.civitai import CivitaiAnswers

    with open_library(arguments.loras) as (library, store):
        if store is None:
            raise ConfigError("What Civitai says could not be kept, so it is not asked.")
        asked = [record for record in matching(library, " ".join(arguments.query)) if record.state == "complete"]
        wanted = asked if arguments.all or arguments.again else wants_metadata(asked)
        if not wanted:
            say("There is nothing to ask for: no LoRA lacks what Civitai could know. --all asks about all.")
            return 0
        remark(f"Asking Civitai about {len(wanted):,} LoRA{_s(len(wanted))} by their hashes, a second each.")
        civitai = Civitai(CivitaiAnswers(store), CIVITAI)
        with going_on("What was found is kept"), progress_bar("asking Civitai") as report:
            done = fetch(library, wanted, civitai, report, again=arguments.again)
    _print_fetched(done)
    return 1 if done.stopped or done.problems else 0


def _print_fetched(done: Fetched) -> None:
    for name in done.found:
        say(f"found    {name}")
    for name in done.unknown:
        say(f"unknown  {name}")
    for name, why in done.problems:
        problem("warning", f"{name}: {why}")
    if done.stopped:
        problem("error", f"{done.stopped} {done.left:,} LoRA{_s(done.left)} are left; the same command goes on there.")
    remark(f"{done.message.partition(' ' + done.stopped)[0] if done.stopped else done.message}")


def _s(number: int) -> str:
    return "" if number == 1 else "s"
