"""``orchestrator pipeline list``, ``show`` and ``check``: what there is, and whether it can run."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from orchestrator_app.console import problem, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.pipeline.rerunning import PipelineRecord


def list_all(arguments: argparse.Namespace) -> int:
    """The bundled pipelines."""
    from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline

    found = {name: bundled_pipeline(name) for name in bundled_files()}
    if arguments.json:
        for name, pipeline in found.items():
            stages = [stage.type for stage in pipeline.stages]
            said = {"name": name, "title": pipeline.name, "description": pipeline.description, "stages": stages}
            say(json.dumps(said, ensure_ascii=False))
        return 0
    table(("name", "what it does"), [(name, pipeline.description) for name, pipeline in found.items()], wraps=1)
    remark("One of your own begins with: orchestrator pipeline show quick > mine.json")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """A pipeline as it is understood, in today's version; of a record, what each stage changed."""
    from orchestrator_app.pipeline_asking import read_pipeline, read_record
    from orchestrator_core.spec import pipeline_to_json

    if (record := read_record(arguments.pipeline)) is not None:
        _show_record(record)
        return 0
    say(json.dumps(pipeline_to_json(read_pipeline(arguments.pipeline)), ensure_ascii=False, indent=2))
    return 0


def _show_record(record: PipelineRecord) -> None:
    from orchestrator_core.pipeline.differences import changes_by_stage

    changes = changes_by_stage(record.pipeline, record.result)
    for stage in record.pipeline.ordered:
        state = record.result.states.get(stage.id, "not done")
        say(f"{stage.id}: {state}{', stale' if stage.id in record.stale else ''}")
        for change in changes.get(stage.id, ()):
            say(f"    {change}")
    if record.rerun_of:
        remark(f"Made from run {record.rerun_of}.")


def check(arguments: argparse.Namespace) -> int:
    """Every file is looked at, also after one that cannot run."""
    from orchestrator_app.pipeline_asking import read_pipeline
    from orchestrator_core.errors import OrchestratorError
    from orchestrator_core.pipeline.batches import Items, product_of

    bad = 0
    for name in arguments.pipeline:
        wrong, told = "", ""
        try:
            pipeline = read_pipeline(name)
            Items(pipeline)
            order = " → ".join(stage.id for stage in pipeline.ordered)
            told = f"{order}; items: {product_of(pipeline)}"
        except OrchestratorError as error:
            bad, wrong = bad + 1, str(error)
        if arguments.json:
            say(json.dumps({"file": name, "ok": not wrong, "problem": wrong}, ensure_ascii=False))
        elif wrong:
            problem("error", wrong if wrong.startswith(f"{name}: ") else f"{name}: {wrong}")
        else:
            say(f"{name}: {told}")
    return 1 if bad else 0
