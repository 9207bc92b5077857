"""``orchestrator score``: how far images show each part of the prompt that they were made from.

The prompt is taken from the image's own metadata. The model is a folder of a CLIP, SigLIP, BLIP or vision-language
model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_wildcards, description
from orchestrator_app.commands.score_remarks import Kept
from orchestrator_app.console import heading, problem, say, table

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.run import Run, Score
    from orchestrator_core.stages.score_images import Options
    from orchestrator_core.template import Wildcards
    from orchestrator_core.vision.port import Scorer

SCHEMA_VERSION = 1


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="score images part by part", description=description(__doc__))
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--model", default="", metavar="FOLDER", help="the model that looks at the images")
    parser.add_argument("--backend", default="auto", metavar="NAME", help="open_clip, transformers, blip, vqa, tagger")
    parser.add_argument("--url", default="", help="of a server whose model sees images; --model is its name there")
    parser.add_argument("--counts", action="store_true", help="the model was trained to count")
    parser.add_argument("--record", action="store_true", help="keep the scores, and learn from them while that is on")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_wildcards(parser)
    parser.add_argument("--profile-folder", action="append", default=[], metavar="FOLDER", help="of the profiles")
    _add_extras(parser)
    parser.set_defaults(run=run)


def _add_extras(parser: argparse.ArgumentParser) -> None:
    """The options of the stage, by their names."""
    group = parser.add_argument_group("beside fulfilment")
    group.add_argument("--style", default="", help="style accuracy: a style, or auto: the one that the prompt asks for")
    group.add_argument("--styles", default="", metavar="LIST", help="what it is compared with, separated by commas")
    group.add_argument(
        "--references", default="", metavar="NAMES", help="likeness to pictures of LoRAs or profiles, or in a folder"
    )
    group.add_argument("--loras", action="append", default=[], metavar="FOLDER", help="where those LoRAs are")
    group.add_argument(
        "--compare", default="", metavar="FOLDER", help="a tagger or captioner: what is fulfilled, missing and unasked"
    )
    group.add_argument("--aesthetic", default="", metavar="FILE", help="a head for aesthetic ratings")
    group.add_argument("--whole", action="store_true", help="the cosine with the whole prompt, nearly noise")
    group.add_argument("--no-learn", dest="learn", action="store_false", help="--record keeps scores, and no more")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 if an image could not be scored, or something of it not be said."""
    from orchestrator_app.image_runs import run_of
    from orchestrator_core.errors import FormatError
    from orchestrator_core.stages.score_images import problems_of, scored

    broken, kept = 0, Kept()
    with _context(arguments) as (context, options):
        for path in arguments.images:
            try:
                found = run_of(path, context.wildcards, context.profiles)
            except FormatError as error:
                broken += 1
                problem("error", str(error))
                continue
            found = scored(found, context, options)
            for text in problems_of(found):
                broken += 1
                problem("error", text)
            _show(path, found, context.wildcards, arguments)
            learned = _record(found, learn=options.learn) if arguments.record and found.scores else 0
            kept.add(found, learned)
    kept.tell(is_recorded=arguments.record, learns=options.learn)
    return 1 if broken else 0


@contextmanager
def _context(arguments: argparse.Namespace) -> Iterator[tuple[StageContext, Options]]:
    """What the stage may touch, and what is asked of it. Raises ConfigError."""
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_core.context import StageContext
    from orchestrator_core.stages.score_images import Options
    from orchestrator_core.vision.extras import ExtraModels

    options = Options(**{name: getattr(arguments, name) for name in Options.model_fields})
    scorer, wildcards = _scorer(arguments), open_wildcards(arguments.wildcards)
    profiles = open_profiles(arguments.profile_folder)
    with _loras(arguments) as loras:
        yield StageContext(wildcards, loras=loras, profiles=profiles, scorer=scorer, extras=ExtraModels()), options


@contextmanager
def _loras(arguments: argparse.Namespace) -> Iterator[LoraSource | None]:
    """The library, where there is one and pictures of it are asked for."""
    from orchestrator_app.lora_library import known_folders, open_library

    if not arguments.references or not known_folders(arguments.loras):
        yield None
        return
    from orchestrator_core.loras.source import LibrarySource

    with open_library(arguments.loras) as (library, _):
        yield LibrarySource(library)


def _scorer(arguments: argparse.Namespace) -> Scorer:
    from orchestrator_app.scorers import open_here
    from orchestrator_core.errors import ConfigError

    if not arguments.model and not arguments.url:
        raise ConfigError("Nothing looks at the images: give --model FOLDER, or --url of a server.")
    given = {"model": arguments.model, "url": arguments.url, "measures_counts": arguments.counts}
    return open_here(arguments.backend, makes_store=arguments.record, **given)


def _show(path: Path, run: Run, wildcards: Wildcards | None, arguments: argparse.Namespace) -> None:
    if arguments.json:
        import json
        from dataclasses import asdict

        scores = [asdict(score) for score in run.scores]
        found = {"schema_version": SCHEMA_VERSION, "file": str(path), "run_id": run.id, "scores": scores}
        say(json.dumps(found, ensure_ascii=False))
        return
    from orchestrator_core.run import COMPARED

    heading(str(path))
    compared = [one for one in run.scores if one.metric.startswith(COMPARED)]
    rows = [*_unmeasured(run, wildcards), *(_row(one) for one in run.scores if one not in compared)]
    table(("part", "fulfilled", "90 %", ""), rows, right=(1,))
    groups = dict.fromkeys(one.metric for one in compared)
    for group in groups:
        parts = (_part(one) for one in compared if one.metric == group)
        say(f"{group.removeprefix(COMPARED)}: {', '.join(parts)}")


def _unmeasured(run: Run, wildcards: Wildcards | None) -> Iterator[tuple[str, str, str, str]]:
    """What the prompt asks for and this scorer cannot see, with the reason."""
    from orchestrator_core.vision.wanted import wanted_in

    measured = {(one.component, one.text) for one in run.scores}
    for each in wanted_in(run.draft, wildcards) if run.scores else ():
        if each.measure != "unscored" and (each.component, each.text) not in measured:
            yield each.text, "not measured", "", each.reason


def _row(one: Score) -> tuple[str, str, str, str]:
    from orchestrator_core.stages.score_images import MEAN

    if one.component is None and one.metric == MEAN:
        return "the image, in the mean", f"{one.value:.0%}", "", ""
    if one.component is None:
        return one.metric.replace("_", " "), f"{one.value:.3g}", "", "for information"
    text = one.text if one.metric == MEAN else f"{one.text} ({one.metric})"
    return text, f"{one.value:.0%}", f"{one.low:.0%}–{one.high:.0%}", "" if one.calibrated else "not calibrated"


def _part(one: Score) -> str:
    return one.text if one.value == 1 else f"{one.text} {one.value:.0%}"


def _record(run: Run, *, learn: bool) -> int:
    """The run as it is stored keeps all of its images, and gets these scores in place of the same scorer's.

    How many of them were learned from.
    """
    from orchestrator_app.learning import open_ledger
    from orchestrator_core.errors import StoreError
    from orchestrator_core.store import Store

    with Store.open() as store:
        try:
            before = store.load_run(run.id)
        except StoreError:
            store.save_run(run)
        else:
            told = {_place(score) for score in run.scores}
            others = tuple(score for score in before.scores if _place(score) not in told)
            store.save_run(before.replacing(scores=(*others, *run.scores)))
    return open_ledger().learn(run) if learn else 0


def _place(score: Score) -> tuple[str, str, str]:
    """What a newer score takes. Likeness is measured against ever more images: its scorer is another each time."""
    scorer, reference, _ = score.scorer.partition(":reference-")
    return score.image, scorer, score.text if reference else ""
