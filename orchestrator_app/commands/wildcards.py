"""``orchestrator wildcards``: which wildcards there are, what is in them, and what is wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import DIALECTS, add_wildcards, description, whole
from orchestrator_app.console import caret_lines, heading, problem, remark, say, short, table, width

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards
    from orchestrator_core.template.check import Finding
    from orchestrator_core.template.values import Value, Values

_SHOWN = 50
_INDENT = "    "


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="list, search, show and check wildcards", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = _action(actions, "list", list_names, "all names, how many values each has, and its file")
    listed.add_argument("--json", action="store_true", help="as one JSON list")
    search = _action(actions, "search", search_text, "names and values that hold all these words")
    search.add_argument("text", nargs="+", metavar="TEXT")
    search.add_argument("--limit", type=whole, default=_SHOWN, metavar="N", help="of values (default: %(default)s)")
    show = _action(actions, "show", show_values, "the values of a name or a glob, with their chances")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--limit", type=whole, default=_SHOWN, metavar="N", help="0: all (default: %(default)s)")
    check = _action(actions, "check", check_files, "what is wrong in the files; exit status 1 if anything is")
    check.add_argument("--lenient", action="store_true", help="exit status 0 all the same")
    check.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0])


def _action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    add_wildcards(parser)
    parser.set_defaults(run=function)
    return parser


def _opened(arguments: argparse.Namespace) -> Wildcards:
    from orchestrator_app.folders import open_wildcards

    return open_wildcards(arguments.wildcards)


# list


def list_names(arguments: argparse.Namespace) -> int:
    wildcards = _opened(arguments)
    hidden = {name: path for name, _, path in wildcards.shadowed()}
    rows = [
        (name, len(values), _files_of(values), short(hidden[name]) if name in hidden else "")
        for name in wildcards.names()
        if (values := wildcards.values(name)) is not None
    ]
    if arguments.json:
        import json

        say(json.dumps([dict(zip(("name", "values", "file", "hides"), row, strict=True)) for row in rows], indent=1))
        return 0
    shown = [(name, f"{size:,}", file, hides) for name, size, file, hides in rows]
    heads = ["name", "values", "file", "hides"] if hidden else ["name", "values", "file"]
    table(heads, [row[: len(heads)] for row in shown], right=(1,))
    remark(_summary(wildcards, len(rows), sum(size for _, size, _, _ in rows)))
    for found in wildcards.problems:
        problem("warning", str(found))
    return 0


def _files_of(values: Values) -> str:
    files = dict.fromkeys(values.place(index)[0] for index in range(min(len(values), 1000)))
    return ", ".join(files)


def _summary(wildcards: Wildcards, names: int, values: int) -> str:
    folders = ", ".join(f"{short(root)}{'' if root.is_dir() else ' (not there yet)'}" for root in wildcards.roots)
    return f"\n{names:,} wildcards with {values:,} values in {folders}"


# search


def search_text(arguments: argparse.Namespace) -> int:
    wildcards = _opened(arguments)
    text = " ".join(arguments.text)
    names = wildcards.search(text)
    if names:
        rows = [(name, f"{len(values):,}", _files_of(values)) for name in names if (values := wildcards.values(name))]
        table(("name", "values", "file"), rows, right=(1,))
    hits, more = _search_values(wildcards, text.lower().split(), arguments.limit)
    if hits:
        say() if names else None
        rows = [(value.text, value.name, f"{value.file}:{value.line}") for value in hits]
        table(("value", "name", "place"), rows, wraps=0)
    if more:
        remark(f"\nand {more:,} values more (--limit N shows them)")
    if not names and not hits:
        remark(f"Nothing holds {text!r}. orchestrator wildcards list shows all names.")
        return 1
    return 0


def _search_values(wildcards: Wildcards, words: Sequence[str], limit: int) -> tuple[list[Value], int]:
    """The first values that hold every word, and how many more do."""
    hits: list[Value] = []
    more = 0
    for _, values in wildcards.written():
        for value in values:
            if all(word in value.text.lower() for word in words):
                if len(hits) < limit:
                    hits.append(value)
                else:
                    more += 1
    return hits, more


# show


def show_values(arguments: argparse.Namespace) -> int:
    from orchestrator_core.errors import WildcardError
    from orchestrator_core.provenance import percent

    wildcards = _opened(arguments)
    wildcards.look()
    name = arguments.name.strip().removeprefix("__").removesuffix("__")
    found = wildcards.find(name)
    if found is None:
        near = wildcards.search(name) or wildcards.search(name.rpartition("/")[2])
        others = f" Near it: {', '.join(near[:5])}." if near else " orchestrator wildcards list shows all names."
        raise WildcardError(f"There is no wildcard {name!r}.{others}")
    if found.note:
        remark(found.note)
    values = found.values
    limit = arguments.limit or len(values)
    total = values.total or 1.0
    rows = []
    for number, value in enumerate(values):
        if number >= limit:
            break
        chance = percent(value.weight / total)
        rows.append((value.text, f"{value.weight:g}", chance, f"{value.file}:{value.line}"))
    table(("value", "weight", "chance", "place"), rows, right=(1, 2), wraps=0)
    left = f", the first {limit:,} shown (--limit 0 shows all)" if limit < len(values) else ""
    remark(f"\n{len(values):,} values{left}")
    return 0


# check


def check_files(arguments: argparse.Namespace) -> int:
    from orchestrator_core.template.check import check
    from orchestrator_core.template.dialects import find_dialect

    wildcards = _opened(arguments)
    findings = check(wildcards, find_dialect(arguments.dialect))
    serious = sum(finding.serious for finding in findings)
    for finding in findings:
        _show_finding(finding)
    names = wildcards.names()
    _show_verdict(findings, serious)
    remark(_summary(wildcards, len(names), sum(len(wildcards.values(name) or ()) for name in names)).lstrip())
    return 1 if serious and not arguments.lenient else 0


def _show_finding(finding: Finding) -> None:
    place = short(finding.file) + (f":{finding.line}" if finding.line else "")
    more = f" (and {finding.also:,} more in this file)" if finding.also else ""
    heading(place)
    say(f"{_INDENT}{'' if finding.serious else 'note: '}{finding.message}{more}")
    if finding.text:
        line, marks, _, _ = caret_lines(finding.text, *finding.span, width() - 2 * len(_INDENT))
        say(f"{_INDENT * 2}{line}\n{_INDENT * 2}{marks}")


_KINDS = {
    "unreadable": "files or entries that cannot be used",
    "broken-line": "values with broken syntax, which stays as text",
    "missing-wildcard": "names that lead nowhere, and stay in the prompt",
    "not-checked": "names that were not looked for, since there are so many",
    "cycle": "wildcards that lead back to themselves",
    "shadowed": "names of which another file has the say",
    "other-wildcard": "names that are found in another place than they say",
}


def _show_verdict(findings: Sequence[Finding], serious: int) -> None:
    if not findings:
        say("Nothing is wrong.")
        return
    numbers: dict[tuple[str, bool], int] = {}
    for finding in findings:
        key = (finding.kind, finding.serious)
        numbers[key] = numbers.get(key, 0) + 1
    rows = [
        (f"{numbers[kind, bad]:,}", kind if bad else f"{kind} (note)", text)
        for kind, text in _KINDS.items()
        for bad in (True, False)
        if (kind, bad) in numbers
    ]
    say()
    table(("number", "kind", "what it is"), rows, right=(0,))
    notes = len(findings) - serious
    say(f"\n{serious:,} problem{_s(serious)}, {notes:,} note{_s(notes)}")


def _s(number: int) -> str:
    return "" if number == 1 else "s"
