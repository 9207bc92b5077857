"""``orchestrator loras``: the LoRAs of your folders, what is known of each and from where, and what is missing."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from orchestrator_app.commands.arguments import add_embedder, add_loras, description, whole
from orchestrator_app.commands.loras import asking, checking, exporting, hashing, listing, showing

__all__ = ["add_to"]

_EXCLUDED = re.compile(r"-[A-Za-z_]+:")
_QUERY = "as in the search box: words, base:pony, tag:style, -tag:nsfw, missing:preview, sort:newest"


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="list, search, check and look up LoRAs", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    _add_looking(actions)
    _add_checking(actions)
    _add_working(actions)


def _add_looking(actions: Any) -> None:
    listed = _action(actions, "list", listing.list_all, "all LoRAs")
    search = _action(actions, "search", listing.search, "those that fit a query")
    search.add_argument("query", nargs="+", metavar="QUERY", help=_QUERY)
    for parser in (listed, search):
        parser.add_argument("--limit", type=whole, default=0, metavar="N", help="at most so many; 0: all (default)")
        parser.add_argument("--json", action="store_true", help="one JSON object a line, with everything that is known")
    show = _action(actions, "show", showing.show, "everything that is known of one, and which file says it")
    show.add_argument("name", metavar="NAME", help="its name, its file, its title, or a hash")
    show.add_argument("--prompt", metavar="TEXT", help="also: what the selection would think of it for this prompt")
    show.add_argument("--checkpoint", metavar="NAME", help="the model that the prompt is for")
    show.add_argument(
        "--base-model", metavar="NAME", help="its base model, as SDXL or Pony, where its name does not say"
    )
    show.add_argument("--json", action="store_true", help="one JSON object")


def _add_checking(actions: Any) -> None:
    missing = _action(actions, "missing", checking.missing, "which LoRAs lack what, and what to do about it")
    missing.add_argument("query", nargs="*", metavar="QUERY", help=_QUERY)
    missing.add_argument("--kind", action="append", default=[], metavar="KIND", help="only this kind; may be repeated")
    shown = missing.add_mutually_exclusive_group()
    shown.add_argument("--csv", action="store_true", help="as a table for a spreadsheet")
    shown.add_argument("--json", action="store_true", help="one JSON object a line")
    check = _action(actions, "check", checking.check, "what is wrong with the files; exit status 1 if anything is")
    check.add_argument("--lenient", action="store_true", help="exit status 0 all the same")
    check.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_working(actions: Any) -> None:
    hashed = _action(
        actions, "hash", hashing.hash_files, "compute what is not hashed yet; goes on where it was stopped"
    )
    evaluate = _action(actions, "evaluate", asking.evaluate_library, "how well selection finds your own LoRAs")
    evaluate.add_argument("--most", type=whole, default=500, metavar="N", help="questions (default: %(default)s)")
    evaluate.add_argument("--misses", type=whole, default=10, metavar="N", help="shown (default: %(default)s)")
    evaluate.add_argument("--json", action="store_true", help="one JSON object, with all misses")
    add_embedder(evaluate)
    fetch = _action(
        actions, "fetch", asking.fetch_metadata, "ask Civitai, by their hashes, about those that lack metadata"
    )
    fetch.add_argument("--all", action="store_true", help="also about those that lack nothing")
    fetch.add_argument("--again", action="store_true", help="also what was answered before")
    export = _action(
        actions, "export", exporting.export_sidecars, "what is known into the .json that A1111 and Forge read"
    )
    export.add_argument("--write", action="store_true", help="do it; without, it is only said what would be written")
    for parser, what in ((hashed, "hash only these"), (fetch, "ask only about these"), (export, "only these")):
        parser.add_argument("query", nargs="*", metavar="QUERY", help=f"{what}; {_QUERY}")


class _Parser(argparse.ArgumentParser):
    """Knows ``-tag:nsfw`` as a part of a query, which begins as an option does."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # What holds a space is no option to argparse; in a query it means nothing.
        args = [f" {text}" if _EXCLUDED.match(text) else text for text in (sys.argv[1:] if args is None else args)]
        return super().parse_known_args(args, namespace)


def _action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:])
    add_loras(parser)
    parser.set_defaults(run=function)
    return parser
