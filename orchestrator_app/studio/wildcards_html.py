"""Wildcards as HTML: the tree of names, the values of one, what is wrong in the files, what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_app.studio.html import clickable, escape, notice, number
from orchestrator_core.provenance import percent
from orchestrator_core.template import Wildcards
from orchestrator_core.template.check import Finding
from orchestrator_core.template.folders import Changes

_NAMES = 2_000  # in the tree
_OPEN = 60  # names up to which all folders are open
_VALUES = 300  # of one wildcard
_FINDINGS = 200
_NAMED = 8  # changed files that are named


def tree_html(wildcards: Wildcards, text: str, to: str) -> str:
    """The names that hold every word of ``text``, by folder; a click sends the name to the text box ``to``."""
    names = sorted(wildcards.search(text)) if text.strip() else wildcards.names()
    shown = names[:_NAMES]
    if not shown:
        what = f"No name holds {text.strip()!r}." if text.strip() else "There are no wildcards."
        return notice(f"{what} Folders: {_folders(wildcards)}", "quiet")
    more = notice(f"… and {len(names) - _NAMES:,} more. A longer search finds them.", "quiet") if names[_NAMES:] else ""
    is_open = bool(text.strip()) or len(shown) <= _OPEN
    head = f'<p class="orc-count">{number(len(names), "wildcard")}</p>'
    return head + clickable(to, _branch(shown, 0, is_open), "orc-tree") + more


def _branch(names: Sequence[str], depth: int, is_open: bool) -> str:
    """One level of the tree: sub-folders first, then the names of this level."""
    folders: dict[str, list[str]] = {}
    leaves = []
    for name in names:
        parts = name.split("/")
        if len(parts) > depth + 1:
            folders.setdefault(parts[depth], []).append(name)
        else:
            leaves.append(name)
    found = [
        f"<details{' open' if is_open else ''}><summary>{escape(folder)} <small>{len(inside):,}</small></summary>"
        f"<div>{_branch(inside, depth + 1, is_open)}</div></details>"
        for folder, inside in folders.items()
    ]
    found += [
        f'<span class="orc-leaf" role="button" tabindex="0" data-send="{escape(name)}">'
        f"{escape(name.rpartition('/')[2])}</span>"
        for name in leaves
    ]
    return "".join(found)


def _folders(wildcards: Wildcards) -> str:
    return ", ".join(f"{root}{'' if root.is_dir() else ' (not there)'}" for root in wildcards.roots) or "none"


def folders_html(wildcards: Wildcards) -> str:
    return notice(f"Read from {_folders(wildcards)}. Of two with one name the first is taken.", "quiet")


def values_html(wildcards: Wildcards, name: str) -> str:
    """The values of one wildcard or of a glob, with their weights, chances and places."""
    wildcards.look()
    found = wildcards.find(name)
    if found is None:
        return notice(f"There is no wildcard {name!r}.")
    values = found.values
    total = values.total or 1.0
    rows = []
    for _, value in zip(range(_VALUES), values, strict=False):
        rows.append(
            f"<tr><td>{escape(value.text)}</td><td>{value.weight:g}</td><td>{percent(value.weight / total)}</td>"
            f"<td><small>{escape(value.file)}:{value.line}</small></td></tr>"
        )
    more = notice(f"… and {len(values) - _VALUES:,} more.", "quiet") if len(values) > _VALUES else ""
    return (
        f'<h3 class="orc-name">__{escape(name)}__ <small>{number(len(values), "value")}</small></h3>'
        + notice(found.note, "hint")
        + '<div class="orc-values"><table><tr><th>value</th><th>weight</th><th>chance</th><th>place</th></tr>'
        + "".join(rows)
        + f"</table></div>{more}"
    )


def hits_html(wildcards: Wildcards, text: str, to: str) -> str:
    """Values that hold every word of ``text``, with the names that they belong to. Reads every file."""
    words, hits = text.lower().split(), []
    for _, values in wildcards.written() if words else ():
        for value in values:
            if all(word in value.text.lower() for word in words):
                hits.append(value)
        if len(hits) > _VALUES:
            break
    rows = "".join(
        f'<tr><td>{escape(value.text)}</td><td><span class="orc-leaf" role="button" tabindex="0"'
        f' data-send="{escape(value.name)}">{escape(value.name)}</span></td>'
        f"<td><small>{escape(value.file)}:{value.line}</small></td></tr>"
        for value in hits[:_VALUES]
    )
    if not rows:
        return notice(
            f"No value holds {text.strip()!r}." if words else "Type what to look for, then press Enter.", "quiet"
        )
    more = notice("There are more; a longer search finds them.", "quiet") if len(hits) > _VALUES else ""
    head = f'<h3 class="orc-name">Values with “{escape(text.strip())}”</h3>'
    return head + clickable(to, f"<table>{rows}</table>", "orc-values") + more


def findings_html(findings: Sequence[Finding]) -> str:
    """What is wrong, problems before notes, each with its place and the text in question."""
    if not findings:
        return notice("Nothing is wrong in any file.", "good")
    serious = [finding for finding in findings if finding.serious]
    notes = [finding for finding in findings if not finding.serious]
    head = f"{number(len(serious), 'problem')}, {number(len(notes), 'note')}"
    shown = [*serious, *notes][:_FINDINGS]
    more = notice(f"… and {len(findings) - _FINDINGS:,} more.", "quiet") if len(findings) > _FINDINGS else ""
    return f'<h3 class="orc-name">{head}</h3><div class="orc-findings">{"".join(map(_finding, shown))}</div>{more}'


def _finding(finding: Finding) -> str:
    place = finding.file + (f":{finding.line}" if finding.line else "")
    also = f" (and {finding.also:,} more in this file)" if finding.also else ""
    text = ""
    if finding.text:
        start, end = finding.span
        end = max(end, start + 1)
        before, marked, after = finding.text[:start][-80:], finding.text[start:end][:200], finding.text[end:][:120]
        text = f"<code>{escape(before)}<mark>{escape(marked)}</mark>{escape(after)}</code>"
    kind = "problem" if finding.serious else "hint"
    return f'<div class="orc-notice {kind}">{escape(finding.message + also)}{text}<small>{escape(place)}</small></div>'


def changes_html(changes: Changes) -> str:
    """What a reload found."""
    if not changes:
        return notice("Read again: nothing has changed.", "quiet")
    parts = [
        f"{len(names):,} {what} ({_named(names)})"
        for what, names in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed))
        if names
    ]
    return notice(f"Read again: {', '.join(parts)}.", "good")


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_NAMED]) + (", …" if len(listed) > _NAMED else "")
