"""Arguments that several commands share, so that the same words mean the same in each."""

from __future__ import annotations

import argparse

MAX_SEED = 2**64 - 1
METHODS = ("random", "combinatorial", "cyclical")
DIALECTS = ("dynamicprompts", "impact")


def description(docstring: str | None) -> str:
    """A command's own docstring, without its name, as the text of its --help."""
    text = (docstring or "").partition("``: ")[2].strip()
    return text[:1].upper() + text[1:]


def add_wildcards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wildcards",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of wildcard files; may be given again, the first one wins, 'bundled' is the one that comes with "
        "this pack (default: your own one in the data folder, then bundled)",
    )


def add_template(parser: argparse.ArgumentParser, *, more: str = "", optional: bool = False) -> None:
    parser.add_argument(
        "template",
        nargs="?" if optional else None,
        metavar="TEMPLATE",
        help="a template; or a file with one (.yaml, .json), with many prompts (.json, .txt, .csv), @FILE for the text "
        f"of a file, @quick, @portrait and @landscape for the bundled ones, - for standard input{more}",
    )


def add_drawing(parser: argparse.ArgumentParser, count: str) -> None:
    """What decides which prompts are drawn."""
    group = parser.add_argument_group("drawing")
    group.add_argument("-n", "--count", type=count_or_all, metavar="N", help=f"how many prompts, or 'all' ({count})")
    group.add_argument("-s", "--seed", type=seed, metavar="S", help="of the first prompt; each one after has the next")
    group.add_argument("--negative", metavar="TEMPLATE", help="the template of the negative prompt")
    group.add_argument("--dialect", choices=DIALECTS, help="whose syntax the template is in (default: dynamicprompts)")
    group.add_argument("--method", choices=METHODS, help="at random, all combinations in order, or in turn")
    group.add_argument("--index", type=whole, metavar="I", help="the first combination or turn, counted from 0")
    group.add_argument("--missing", choices=("keep", "remove", "error"), help="what a missing wildcard leaves")
    group.add_argument("--weights", metavar="FILE", help="JSON or YAML: odds multipliers by key, as --json shows them")
    add_wildcards(group)  # type: ignore[arg-type]


def seed(text: str) -> int:
    number = whole(text)
    if number > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text} is more than a seed can be, {MAX_SEED}")
    return number


def whole(text: str) -> int:
    # isdecimal is true for digits of other scripts too, which int() reads just as well
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def count_or_all(text: str) -> int:
    """At least 1; -1 stands for all."""
    if text == "all":
        return -1
    if (number := whole(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def add_loras(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loras",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of LoRAs; may be given again (default: those that are named in the studio's Config)",
    )
