"""``orchestrator pipeline rerun``: one stage of a finished run again, from its stored input, and what has changed."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_app.commands.pipeline.running import STOPPED, cache_of, in_folder, tell, waited, write_record
from orchestrator_app.console import problem, remark, say


def rerun_stage(arguments: argparse.Namespace) -> int:
    """The run before, its record and its images stay as they are. Exit status 130 after Ctrl-C."""
    from orchestrator_app.pipeline_place import place_for, with_odds
    from orchestrator_app.rendering import Memory
    from orchestrator_core.formats.json_text import read_json_file
    from orchestrator_core.pipeline.batches import Items
    from orchestrator_core.pipeline.rerunning import record_from_json, rerun

    record = record_from_json(read_json_file(Path(arguments.record)))
    options = _options(arguments.set, arguments.stage)
    with place_for(arguments, record.pipeline) as context:
        title = f"{record.pipeline.name or 'pipeline'} {arguments.stage}"
        folder, context = in_folder(arguments, title, context, Items(record.pipeline))
        context, cache = with_odds(arguments, context, record.pipeline), cache_of(arguments)
        again = partial(rerun, record, arguments.stage, context, options, only=arguments.only, watch=tell, cache=cache)
        done = waited(again, context.cancellation)
    if done is None:
        problem("stopped", "by Ctrl-C.")
        return STOPPED
    memory = Memory(lambda text: problem("warning", text))
    memory.save(done.record.result.run)
    memory.close()
    name = write_record(done.record, folder, "0001.json")
    for change in done.changes:
        say(str(change))
    if not done.changes:
        remark("Nothing has changed.")
    if done.record.stale:
        stale = ", ".join(done.record.stale)
        remark(f"Stale now: {stale}. Do the first of them again, and the rest follows.")
    say(f"{folder.path / name}")
    return 0


def _options(pairs: list[str], stage: str) -> dict[str, Any]:
    """``max_loras=1`` or ``loras.max_loras=1``. Raises ConfigError for the option of another stage."""
    from orchestrator_app.pipeline_asking import stage_settings
    from orchestrator_core.errors import ConfigError

    prefix = f"{stage}."
    named = [pair if pair.partition("=")[0].strip().startswith(prefix) else prefix + pair for pair in pairs]
    options = stage_settings(named).get(stage, {})
    if len(options) < len({pair.partition("=")[0] for pair in pairs}):
        raise ConfigError(f"--set sets options of the stage that is done again, {stage!r}; do another one by itself.")
    return options
