"""What the actions of ``orchestrator gallery`` share: their arguments, and the gallery that they open."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_wildcards
from orchestrator_app.commands.worker import add_database, using_database

if TYPE_CHECKING:
    from orchestrator_core.gallery.marking import Marking
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.run import Run
    from orchestrator_core.template import Wildcards

QUERY = "words, lora:ink, wildcard:colors/warm=crimson, score>0.7, date:2026-11, rating>=4, favourite:yes, sort:score"


def action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:])
    add_database(parser)
    parser.set_defaults(run=function)
    return parser


def add_taught(parser: argparse.ArgumentParser) -> None:
    """Where to look for what an image says that it was drawn from: ``marking_in`` takes it."""
    add_wildcards(parser)
    parser.add_argument("--profile-folder", action="append", default=[], metavar="FOLDER", help="of the profiles")


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Gallery]:
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.store import Store

    with using_database(arguments), Store.open() as store:
        yield Gallery(store)


@contextmanager
def marking_in(arguments: argparse.Namespace) -> Iterator[Marking]:
    from orchestrator_core.gallery.marking import Marking

    @cache
    def drawn_with() -> tuple[Wildcards, ProfileSource]:
        from orchestrator_app.folders import open_profiles, open_wildcards

        return open_wildcards(arguments.wildcards), open_profiles(arguments.profile_folder)

    def run_of(path: Path) -> Run:
        from orchestrator_app.image_runs import run_of as told_by

        return told_by(path, *drawn_with())

    with opened(arguments) as gallery:
        yield Marking(gallery, run_of if hasattr(arguments, "wildcards") else None)
