"""What is wrong in wildcard files, found without drawing: broken lines, names that lead nowhere, circles, hidden names.

A name made of variables is not looked up, since only a draw knows it. Every file is read once and every value parsed
once, so the time grows with the files' size alone; only so many names that no file has are looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_core.prompt import Diagnostic
from orchestrator_core.template.circles import circles
from orchestrator_core.template.dialects import DYNAMICPROMPTS, Dialect
from orchestrator_core.template.parse import is_syntax
from orchestrator_core.template.tree import Assign, If, Node, Nodes, ToNegative, Use, Variant, WildcardRef, Wrap
from orchestrator_core.template.values import Values
from orchestrator_core.template.wildcards import Wildcards

_MAX_SOUGHT = 2_000  # names that no file has just so; to find what comes near takes a look at all names
_MAX_SUGGESTED = 50  # missing names for which the most similar one is looked for, which takes longer still


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a wildcard file that a person should know; one that is not ``serious`` may well be meant.

    ``kind``: unreadable, broken-line, missing-wildcard, cycle, shadowed, other-wildcard, not-checked. ``text`` is the
    value in question, and ``span`` the characters in it; ``also`` how many more values of the file say the same.
    """

    kind: str
    message: str
    file: str  # as long as the folder was given, so absolute where that was
    line: int = 0  # 1-based; 0: the whole file
    serious: bool = True
    text: str = ""
    span: tuple[int, int] = (0, 0)
    also: int = 0


@dataclass(frozen=True, slots=True)
class _Reference:
    """The first place in a file that refers to ``name``."""

    name: str
    file: str
    line: int
    text: str
    span: tuple[int, int]


@dataclass(slots=True)
class _Survey:
    """What one pass over all values collects."""

    findings: list[Finding] = field(default_factory=list)
    references: dict[tuple[str, str], _Reference] = field(default_factory=dict)  # by (name, file)
    repeats: dict[tuple[str, str], int] = field(default_factory=dict)
    links: dict[str, dict[str, _Reference]] = field(default_factory=dict)  # wildcard → names that it refers to


def check(wildcards: Wildcards, dialect: Dialect = DYNAMICPROMPTS) -> list[Finding]:
    """Everything that is found in all files, by file and line."""
    found = [Finding("unreadable", p.message, _place(wildcards, p.path), p.line) for p in wildcards.check()]
    found += _shadowed(wildcards)
    survey = _Survey()
    known: set[str] = set()
    for path, values in wildcards.written():
        _survey_values(survey, path, values, dialect, wins=values.name not in known)
        known.add(values.name)
    found += survey.findings
    targets = _resolve(survey, wildcards, dialect, found)
    found += _cycles(survey, targets)
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.span))


def _place(wildcards: Wildcards, relative: str) -> str:
    """A problem knows its path inside a folder; the first folder that has it is the likeliest."""
    paths = [root / relative for root in wildcards.roots]
    return str(next((path for path in paths if path.exists()), paths[0] if paths else relative))


def _shadowed(wildcards: Wildcards) -> Iterator[Finding]:
    for name, winner, hidden in wildcards.shadowed():
        roots = [next((root for root in wildcards.roots if root in path.parents), None) for path in (winner, hidden)]
        deliberate = roots[0] != roots[1]  # a folder that is given first is given first for this
        message = f"Wildcard {name!r} of this file is hidden by {winner}. Rename one of them to use both."
        yield Finding("shadowed", message, str(hidden), serious=not deliberate)


def _survey_values(survey: _Survey, path: Path, values: Values, dialect: Dialect, *, wins: bool) -> None:
    for index in range(len(values)):
        note = values.note(index) if values.notes else None
        text = values.text(index)
        if note is not None and note.include:
            _refer(survey, str(path), values, index, note.include, (0, len(text)), links=False)
        elif is_syntax(text) and (parsed := values.tree(index, dialect)):
            survey.findings += [_broken(diagnostic, path, values, index) for diagnostic in parsed.diagnostics]
            for node in references(parsed.nodes):
                _refer(survey, str(path), values, index, str(node.name), node.span, links=wins)


def _broken(diagnostic: Diagnostic, path: Path, values: Values, index: int) -> Finding:
    span = (diagnostic.start, diagnostic.end)
    line = values.place(index)[1]
    return Finding("broken-line", diagnostic.message, str(path), line, text=values.text(index), span=span)


def _refer(
    survey: _Survey, file: str, values: Values, index: int, name: str, span: tuple[int, int], *, links: bool
) -> None:
    key = (name, file)
    survey.repeats[key] = survey.repeats.get(key, -1) + 1
    known = survey.links.setdefault(values.name, {}) if links else {}
    if key in survey.references and (not links or name in known):
        return
    reference = _Reference(name, file, values.place(index)[1], values.text(index), span)
    survey.references.setdefault(key, reference)
    known.setdefault(name, reference)


def references(nodes: Nodes) -> Iterator[WildcardRef]:
    """The wildcards that a tree names, at any depth, but for names that are made of variables."""
    waiting: list[Node] = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, WildcardRef) and isinstance(node.name, str):
            yield node
        for inner in reversed(_inside(node)):
            waiting += reversed(inner)


def _inside(node: Node) -> Sequence[Nodes]:
    if isinstance(node, Variant):
        return [option.body for option in node.options]
    if isinstance(node, WildcardRef):
        return [nodes for _, nodes in node.parameters]
    if isinstance(node, Assign):
        return [node.value]
    if isinstance(node, Use):
        return [node.default or ()]
    if isinstance(node, Wrap):
        return [node.wrapper, node.inner]
    if isinstance(node, If):
        return [body for _, body in node.branches]
    return [node.body] if isinstance(node, ToNegative) else []


def _resolve(
    survey: _Survey, wildcards: Wildcards, dialect: Dialect, found: list[Finding]
) -> dict[str, tuple[str, ...]]:
    """What each name leads to; names that lead nowhere, or not where they say, are added to ``found``."""
    exact = set(wildcards.names())
    near = [name for name in dict.fromkeys(name for name, _ in survey.references) if name not in exact]
    unsought = set(near[_MAX_SOUGHT:])
    resolved = {name: wildcards.find(name, dialect) for name, _ in survey.references if name not in unsought}
    missing = [name for name, leads in resolved.items() if leads is None]
    messages = {name: _missing(name, wildcards, number) for number, name in enumerate(missing)}
    messages |= {name: f"{leads.note} Write the whole name to be sure." for name, leads in resolved.items() if leads}
    for (name, file), first in survey.references.items():
        leads, also = resolved.get(name), survey.repeats[name, file]
        if name in unsought:
            message = f"{_MAX_SOUGHT:,} names are not just so a file's name; this one was not looked for any more."
            found.append(_about("not-checked", message, first, also, serious=True))
        elif leads is None:
            found.append(_about("missing-wildcard", messages[name], first, also, serious=True))
        elif leads.note:
            found.append(_about("other-wildcard", messages[name], first, also, serious=False))
    return {name: leads.values.names for name, leads in resolved.items() if leads}


def _missing(name: str, wildcards: Wildcards, before: int) -> str:
    similar = wildcards.similar(name) if before < _MAX_SUGGESTED else ""
    return f"There is no wildcard {name!r}. " + (
        f"Did you mean {similar!r}?" if similar else "Add its file, or take the name out."
    )


def _about(kind: str, message: str, place: _Reference, also: int, *, serious: bool) -> Finding:
    return Finding(kind, message, place.file, place.line, serious, place.text, place.span, also)


def _cycles(survey: _Survey, targets: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    """One finding for each group of wildcards that lead to one another, at the first step of a shortest way round."""
    graph: dict[str, list[str]] = {}
    for owner, links in survey.links.items():
        graph[owner] = [_step(name, targets) for name in links if name in targets]
    graph |= {_SEVERAL + name: list(names) for name, names in targets.items() if len(names) > 1}
    for circle in circles(graph):
        start = next(number for number, step in enumerate(circle) if step in survey.links)
        turned = circle[start:] + circle[:start]
        following = turned[1 % len(turned)]
        links = survey.links[turned[0]]
        steps = {_step(name, targets): reference for name, reference in links.items() if name in targets}
        chain = " → ".join(step.removeprefix(_SEVERAL) for step in [*turned, turned[0]])
        message = f"These wildcards lead back to themselves: {chain}. Take one of the references out."
        yield _about("cycle", message, steps[following], 0, serious=True)


_SEVERAL = "\0"  # marks a step that is no wildcard but a name for several, such as a glob


def _step(name: str, targets: dict[str, tuple[str, ...]]) -> str:
    """The next step of a way: the one wildcard that a name leads to, or the name where it leads to several."""
    names = targets[name]
    return names[0] if len(names) == 1 else _SEVERAL + name
