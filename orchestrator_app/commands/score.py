"""``orchestrator score``: how far images show each part of the prompt that they were made from.

The prompt is taken from the image's own metadata. The model is a folder of a CLIP, SigLIP, BLIP or vision-language
model.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from orchestrator_app.commands.arguments import add_wildcards, description
from orchestrator_app.console import heading, problem, say, table

if TYPE_CHECKING:
    from orchestrator_core.run import Run
    from orchestrator_core.vision.port import Scorer

SCHEMA_VERSION = 1


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="score images part by part", description=description(__doc__))
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--model", required=True, metavar="FOLDER", help="the model that looks at the images")
    parser.add_argument("--backend", default="auto", metavar="NAME", help="open_clip, transformers, blip, vqa, tagger")
    parser.add_argument("--counts", action="store_true", help="the model was trained to count")
    parser.add_argument("--record", action="store_true", help="keep the scores, and learn from them while that is on")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_wildcards(parser)
    parser.add_argument("--profile-folder", action="append", default=[], metavar="FOLDER", help="of the profiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 if an image could not be scored."""
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.image_runs import run_of
    from orchestrator_core.errors import FormatError
    from orchestrator_core.stages.score_images import score

    scorer, wildcards = _scorer(arguments), open_wildcards(arguments.wildcards)
    profiles = open_profiles(arguments.profile_folder)
    broken = 0
    for path in arguments.images:
        try:
            found = run_of(path, wildcards, profiles)
        except FormatError as error:
            broken += 1
            problem("error", str(error))
            continue
        scored = score(found.images, found.draft, scorer, wildcards)
        for text in scored.problems:
            broken += 1
            problem("error", text)
        found = found.replacing(scores=scored.scores)
        _show(path, found, arguments)
        if arguments.record and found.scores:
            _record(found)
    return 1 if broken else 0


def _scorer(arguments: argparse.Namespace) -> Scorer:
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.vision.opening import Backend, ScorerSettings, open_scorer

    if arguments.backend not in get_args(Backend):
        raise ConfigError(f"There is no backend {arguments.backend!r}. Use one of: {', '.join(get_args(Backend))}.")
    given: dict[str, Any] = {"backend": arguments.backend, "model": arguments.model}
    return open_scorer(ScorerSettings(**given, measures_counts=arguments.counts))


def _show(path: Path, run: Run, arguments: argparse.Namespace) -> None:
    if arguments.json:
        import json
        from dataclasses import asdict

        scores = [asdict(score) for score in run.scores]
        found = {"schema_version": SCHEMA_VERSION, "file": str(path), "run_id": run.id, "scores": scores}
        say(json.dumps(found, ensure_ascii=False))
        return
    heading(str(path))
    rows = [
        (one.text or "the image, in the mean", f"{one.value:.0%}", f"{one.low:.0%}–{one.high:.0%}" if one.text else "",
         "" if one.calibrated or not one.text else "not calibrated")
        for one in run.scores
    ]  # fmt: skip
    table(("part", "fulfilled", "90 %", ""), rows, right=(1,))


def _record(run: Run) -> None:
    """The run as it is stored keeps all of its images, and gets these scores in place of the same scorer's."""
    from orchestrator_app.learning import open_ledger
    from orchestrator_core.errors import StoreError
    from orchestrator_core.store import Store

    with Store.open() as store:
        try:
            before = store.load_run(run.id)
        except StoreError:
            store.save_run(run)
        else:
            told = {(score.image, score.scorer) for score in run.scores}
            others = tuple(score for score in before.scores if (score.image, score.scorer) not in told)
            store.save_run(before.replacing(scores=(*others, *run.scores)))
    open_ledger().learn(run)
