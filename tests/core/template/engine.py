"""What the engine's tests share: wildcard folders from a dict, and a template's prompts by each way of drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.template import Template, Wildcards

NONE = Wildcards([])


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wildcards_in(folder: Path, files: Mapping[str, str | bytes]) -> Wildcards:
    return Wildcards([write(folder / "wildcards", files)])


def drawn(text: str, wildcards: Wildcards = NONE, seed: int = 0, dialect: str = "dynamicprompts") -> str:
    return Template(text, dialect=dialect).draw(wildcards, seed).positive


def counts(text: str, wildcards: Wildcards = NONE, draws: int = 300, dialect: str = "dynamicprompts") -> Counter[str]:
    template = Template(text, dialect=dialect)
    return Counter(template.draw(wildcards, seed).positive for seed in range(draws))


def outcomes(text: str, wildcards: Wildcards = NONE, draws: int = 300, dialect: str = "dynamicprompts") -> set[str]:
    return set(counts(text, wildcards, draws, dialect))


def listed(text: str, wildcards: Wildcards = NONE, limit: int = 5000, dialect: str = "dynamicprompts") -> list[str]:
    combinations = Template(text, dialect=dialect).combinations(wildcards)
    return [draft.positive for draft in islice(combinations, limit)]


def cycled(text: str, wildcards: Wildcards = NONE, count: int = 6) -> list[str]:
    template = Template(text)
    return [template.cycle(wildcards, index).positive for index in range(count)]


def kinds(found: Iterable[Diagnostic] | Template | PromptDraft) -> list[str]:
    diagnostics = found.diagnostics if isinstance(found, Template | PromptDraft) else found
    return [diagnostic.kind for diagnostic in diagnostics]
