"""From a selection to files: what a node has to load, what it hands on as LORA_STACK, and what its draft says of both.

A draft's own LoRAs are those that a LoRA Selector before has loaded already: they count for budgets and conflicts, and
are not loaded again. A stack, and ``<lora:…>`` tags in the text, are what has yet to be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.loras.composing import Chosen
from orchestrator_core.loras.files import strip_suffix
from orchestrator_core.loras.guesses import noise_half
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.strengths import Strength
from orchestrator_core.prompt import Component, LoraUse, Origin, PromptDraft
from orchestrator_core.template.align import aligned

from .lora_cards import file_of
from .lora_loading import LoraFile
from .lora_names import Stack, StackItem, file_named


@dataclass(frozen=True, slots=True)
class Files:
    """The host's LoRA files: their names as it lists them, and the path of one."""

    names: Callable[[], Sequence[str]]
    path: Callable[[str], str | None]

    def found(self, items: Iterable[StackItem]) -> tuple[list[LoraFile], list[str]]:
        """Those that are there, and a sentence for each that is not."""
        names: Sequence[str] = ()
        files, problems = [], []
        for name, model, clip in items:
            names = names or self.names()
            file = file_named(name, names)
            path = self.path(file) if file else None
            if file and path:
                files.append(LoraFile(file, path, model, clip))
            else:
                problems.append(f"There is no LoRA {name!r}, or more than one is called so; it is left out.")
        return files, problems


@dataclass(frozen=True, slots=True)
class Given:
    """What a node is given: the draft to choose for, and the LoRAs that are to be loaded whatever is chosen."""

    draft: PromptDraft
    items: tuple[StackItem, ...]
    problems: tuple[str, ...] = ()


def given(draft: PromptDraft | None, text: str | None, stack: Stack) -> Given:
    """A text in place of the draft's own keeps the origin of the words that are still there."""
    before = draft if isinstance(draft, PromptDraft) else PromptDraft(())
    plain, tags = extract_loras(before.positive if text is None else text)
    loaded = {_base(use.name) for use in before.loras}
    uses = {_base(name): (name, model, clip) for name, model, clip in stack.items}
    for tag in tags:
        uses.setdefault(_base(tag.name), (tag.name, tag.strength_model, tag.strength_clip))
    items = tuple(item for base, item in uses.items() if base not in loaded)
    if plain != before.positive:
        components = aligned(before.components, plain) if before.components else _own(plain)
        before = before.replacing(components=components)
    new = tuple(LoraUse(strip_suffix(name.replace("\\", "/")), model, clip) for name, model, clip in items)
    return Given(before.replacing(loras=(*before.loras, *new)), items, stack.problems)


def _own(text: str) -> tuple[Component, ...]:
    return (Component(text, Origin.user),) if text else ()


def _base(name: str) -> str:
    return strip_suffix(name.replace("\\", "/")).rpartition("/")[2].casefold()


def chosen_files(chosen: Iterable[Chosen], loader: str) -> Iterator[LoraFile]:
    """The files of a selection; of a Wan pair the half that fits the model, which its loader's file tells."""
    for use in chosen:
        record, strength = _half(use, loader)
        yield LoraFile(file_of(record), record.path, strength.model, strength.clip)


def _half(use: Chosen, loader: str) -> tuple[LoraRecord, Strength]:
    partner, strength = use.candidate.partner, use.partner_strength
    wanted = noise_half(strip_suffix(loader))
    if partner is None or strength is None or wanted is None:
        return use.record, use.strength
    other = noise_half(partner.name)
    return (partner, strength) if other is not None and other[1] == wanted[1] else (use.record, use.strength)


def as_stack(files: Iterable[LoraFile]) -> list[StackItem]:
    return [(file.name, file.strength_model, file.strength_clip) for file in files]
