"""``orchestrator mark``: say of an image that it is a favourite or a reject, or how many stars it has.

A mark is kept. While learning is on it tells which values of wildcards to draw more often; given while it is off, it
counts as soon as learning is switched on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_wildcards, description
from orchestrator_app.commands.score_remarks import NO_CHOICE
from orchestrator_app.console import say

if TYPE_CHECKING:
    from orchestrator_core.weights.marking import Marks

_MARKS = ("favourite", "reject", "1", "2", "3", "4", "5", "none")


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="mark an image as a person sees it", description=description(__doc__))
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("mark", choices=_MARKS)
    add_wildcards(parser)
    parser.add_argument("--profile-folder", action="append", default=[], metavar="FOLDER", help="of the profiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.image_runs import run_of
    from orchestrator_app.learning import open_ledger

    marks = _marks(arguments.mark)
    found = run_of(arguments.image, open_wildcards(arguments.wildcards), open_profiles(arguments.profile_folder))
    ledger = open_ledger()
    count = ledger.mark(found, arguments.image.name, marks)
    say(f"{arguments.image.name}: {_told(arguments.mark, count, ledger.settings.on)}.")
    return 0


def _told(mark: str, count: int, is_on: bool) -> str:
    values = f"{count} value{'s' * (count != 1)}"
    if mark == "none":
        return "its marks are taken away" + (f", and count no more for {values}" if count else "")
    return f"{mark}; {_learned(count, values, is_on)}"


def _learned(count: int, values: str, is_on: bool) -> str:
    if not count:
        return f"nothing is learned from it, as {NO_CHOICE}"
    return f"learned for {values}" if is_on else f"kept for {values}, which it counts for once learning is on"


def _marks(mark: str) -> Marks:
    from orchestrator_core.weights.marking import Marks

    stars = int(mark) if mark.isdecimal() else 0
    return Marks(mark == "favourite", stars, mark == "reject")
