"""Choosing LoRAs for drawn prompts, of those that the target has, under the names that it knows them by."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Meanings, Target
from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.naming import plain
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.source import LibrarySource
from orchestrator_core.profiles.source import ProfileSource, used_by
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import Choices
from orchestrator_core.stages import select_loras
from orchestrator_core.stages.select_loras import Selection

if TYPE_CHECKING:
    from orchestrator_app.studio.lora_place import OpenLoras

_NAMED = 5

Choose = Callable[[PromptDraft], Selection]
Learned = Callable[[PromptDraft], Mapping[str, float]]  # the learned weights for a draft


def nothing_learned(draft: PromptDraft) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page's elements say of choosing LoRAs."""

    is_on: bool = False
    options: select_loras.Options = field(default_factory=select_loras.Options)
    checkpoint: str = ""  # of the Generate page: rows of a batch may have their own


@dataclass(frozen=True, slots=True)
class Choosing:
    """Chooses for one target and checkpoint. ``note`` says which LoRAs of the library that target has not."""

    index: LoraIndex
    names: Mapping[str, str]  # by path
    checkpoint: BaseModel
    options: select_loras.Options
    note: str = ""
    meanings: Meanings | None = None
    profiles: ProfileSource | None = None  # whose LoRAs drafts are drawn with
    learned: Learned = nothing_learned

    def __call__(self, draft: PromptDraft) -> Selection:
        """Raises FormatError for a query that cannot be read."""
        with self.meanings() if self.meanings and self.options.semantic else nullcontext() as meanings:
            profile = used_by(draft, self.profiles)
            selection = select_loras.select(
                draft, self.index, self.checkpoint, self.options, self.learned(draft), meanings, profile
            )
        return replace(selection, draft=self._renamed(draft, selection))

    def _renamed(self, before: PromptDraft, selection: Selection) -> PromptDraft:
        """With the LoRAs that were added as the target calls them: of two of one name it means one file."""
        kept, added = selection.draft.loras[: len(before.loras)], selection.draft.loras[len(before.loras) :]
        records = [record for use in selection.chosen for record in (use.record, use.candidate.partner) if record]
        named = [
            replace(lora, name=self.names.get(record.path, lora.name))
            for lora, record in zip(added, records, strict=True)
        ]
        return selection.draft.replacing(loras=(*kept, *named))


class TargetLoras:
    """The LoRAs of a library that one target has, as an index that is changed by what changed. Threads may share it.

    A target that has all is looked up in the library's own index.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: tuple[Mapping[str, LoraRecord], Choices | None] | None = None
        self._indexed: Mapping[str, LoraRecord] = {}
        self._index = LoraIndex()
        self._names: Mapping[str, str] = {}
        self._note = ""

    def look(
        self, source: LibrarySource, target: Target, choices: Choices | None
    ) -> tuple[LoraIndex, Mapping[str, str], str]:
        """(the index, the target's names by path, which it has not)."""
        with self._lock:
            records = source.records()
            if self._seen is None or self._seen[0] is not records or self._seen[1] is not choices:
                usable = {path: record for path, record in records.items() if record.state == "complete"}
                self._names = names_at(usable.values(), target, choices)
                absent = [record for path, record in usable.items() if path not in self._names]
                self._note = absent_note(absent, target)
                self._put({path: usable[path] for path in usable if path in self._names} if absent else {})
                self._seen = records, choices
            return self._index if self._note else source.index(), self._names, self._note

    def _put(self, wanted: Mapping[str, LoraRecord]) -> None:
        for path in self._indexed.keys() - wanted.keys():
            self._index.remove(path)
        for path, record in wanted.items():
            if self._indexed.get(path) is not record:
                self._index.add(record)
        self._indexed = wanted


class LoraChooser:
    """What the pages choose with: an index for each target of the library that is open."""

    def __init__(self, meanings: Meanings | None = None, profiles: ProfileSource | None = None) -> None:
        self._meanings, self._profiles = meanings, profiles
        self._lock = threading.Lock()
        self._of: OpenLoras | None = None
        self._targets: dict[str, TargetLoras] = {}

    def __call__(
        self, loras: OpenLoras, target: Target, choices: Choices | None, wanted: Wanted, checkpoint: str
    ) -> Choosing:
        with self._lock:
            if self._of is not loras:
                self._of, self._targets = loras, {}
            kept = self._targets.setdefault(target.name, TargetLoras())
        index, names, note = kept.look(loras.source, target, choices)
        return Choosing(
            index, names, target.base_model(checkpoint), wanted.options, note, self._meanings, self._profiles
        )


def names_at(records: Collection[LoraRecord], target: Target, choices: Choices | None) -> Mapping[str, str]:
    """What the target calls each LoRA, by path; what it has not is absent. One that does not say has all."""
    if target.lora_names is not None:
        return target.lora_names(records)
    if choices is None or choices.loras is None:
        return {record.path: record.name for record in records}
    by_path = {plain(name): name for name in choices.loras}
    stems = Counter(stem_of(name) for name in choices.loras)
    by_stem = {stem_of(name): name for name in choices.loras if stems[stem_of(name)] == 1}
    ours = Counter(stem_of(record.name) for record in records)
    found = {}
    for record in records:
        stem = stem_of(record.name)
        # Another folder there may hold the same file; of two of ours with that name, it may be either.
        name = by_path.get(plain(record.name)) or (by_stem.get(stem) if ours[stem] == 1 else None)
        if name is not None:
            found[record.path] = name
    return found


def stem_of(name: str) -> str:
    return plain(name).rpartition("/")[2]


def absent_note(absent: Collection[LoraRecord], target: Target) -> str:
    """``2 LoRAs of the library are not at ComfyUI (http://…) and are not chosen: a, b.``"""
    if not absent:
        return ""
    names = sorted(record.name for record in absent)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    many = f"{len(names):,} LoRAs of the library are" if len(names) > 1 else "One LoRA of the library is"
    where = f" ({target.where})" if target.where else ""
    return f"{many} not known to {target.name}{where}, and not chosen: {', '.join(names[:_NAMED])}{more}."
