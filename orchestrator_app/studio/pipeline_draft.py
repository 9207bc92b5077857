"""A pipeline while it is being written: whatever it holds is kept, also what cannot run yet, and told at its card."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_core.errors import PipelineError
from orchestrator_core.spec import SCHEMA_VERSION, pipeline_from

FLOW = ("when", "on_error", "tries", "wait_s", "then", "fallback")  # what a card asks beside the stage's own options
_EMPTY_LIST = ("schema_version", "name", "description", "stages", "batch")
_IDS = {
    "generatePrompt": "draw", "followStory": "scene", "llmEnhance": "enhance", "selectLoras": "loras",
    "dispatch": "render", "scoreImages": "score",
}  # fmt: skip

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A stage as its file has it. ``key`` is the card's for as long as the page is open, whatever its id becomes."""

    key: str
    raw: Raw

    @property
    def id(self) -> str:
        return str(self.raw.get("id", ""))

    @property
    def type(self) -> str:
        return str(self.raw.get("type", ""))

    @property
    def options(self) -> Raw:
        return self.raw.get("options") or {}


@dataclass(frozen=True, slots=True)
class AxisRow:
    """An axis of the batch; ``joined``: it goes on together with the row above."""

    key: str
    raw: Raw
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """``rest``: what the file says beside its stages and its batch. ``made``: how many keys were given out."""

    cards: tuple[Card, ...] = ()
    axes: tuple[AxisRow, ...] = ()
    rest: Raw = field(default_factory=dict)
    made: int = 0

    @property
    def data(self) -> dict[str, Any]:
        """As a file has it."""
        groups: list[list[Raw]] = []
        for axis in self.axes:
            if axis.joined and groups:
                groups[-1].append(axis.raw)
            else:
                groups.append([axis.raw])
        batch = {"batch": [group if len(group) > 1 else group[0] for group in groups]} if groups else {}
        head = {"schema_version": SCHEMA_VERSION, **self.rest}
        return copy.deepcopy({**head, "stages": [dict(card.raw) for card in self.cards], **batch})

    @property
    def text(self) -> str:
        return json.dumps(self.data, ensure_ascii=False, indent=2)

    def card(self, key: str) -> Card | None:
        return next((card for card in self.cards if card.key == key), None)

    def added(self, kind: str) -> Draft:
        """With one more stage of this type at the end."""
        raw = {"id": _free(_IDS.get(kind, kind), self.cards), "type": kind}
        return replace(self, cards=(*self.cards, Card(str(self.made), raw)), made=self.made + 1)

    def duplicated(self, key: str) -> Draft:
        cards: list[Card] = []
        for card in self.cards:
            cards.append(card)
            if card.key == key:
                raw = {**copy.deepcopy(dict(card.raw)), "id": _free(card.id, self.cards)}
                cards.append(Card(str(self.made), raw))
        return replace(self, cards=tuple(cards), made=self.made + 1)

    def removed(self, key: str) -> Draft:
        """Without it, and nothing that stays says that it needs it."""
        gone = self.card(key)
        if gone is None:
            return self
        kept = [_without_need(card, gone.id) for card in self.cards if card.key != key]
        return replace(self, cards=tuple(kept))

    def with_axis(self) -> Draft:
        raw = {"vary": "seeds", "first": 1, "count": 4}
        return replace(self, axes=(*self.axes, AxisRow(str(self.made), raw)), made=self.made + 1)

    def without_axis(self, key: str) -> Draft:
        return replace(self, axes=tuple(axis for axis in self.axes if axis.key != key))


def draft_of(data: Any, made: int = 0) -> Draft:
    """Of parsed JSON or YAML, of any version. Raises PipelineError for what cannot be shown as cards."""
    if isinstance(data, list):
        data = {"stages": data}
    if not isinstance(data, Mapping) or not isinstance(data.get("stages"), list):
        raise PipelineError("This is no pipeline: it has no list of 'stages'.")
    version = data.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        pipeline_from(data)  # what a newer version means is not known, and an older one means the same
    stages, groups = data["stages"], data.get("batch") or []
    for number, stage in enumerate(stages, 1):
        if not isinstance(stage, Mapping) or not isinstance(stage.get("options") or {}, Mapping):
            raise PipelineError(f"Stage {number} cannot be shown as a card: it is no object with 'options' as another.")
    rest = {name: value for name, value in data.items() if name not in ("stages", "batch", "schema_version")}
    cards = tuple(Card(str(made + number), dict(stage)) for number, stage in enumerate(stages))
    axes = _axes(groups, made + len(cards))
    return Draft(cards, axes, rest, made + len(cards) + len(axes))


def _axes(groups: Any, made: int) -> tuple[AxisRow, ...]:
    if not isinstance(groups, list):
        raise PipelineError("This batch cannot be shown as rows: it is no list.")
    found: list[AxisRow] = []
    for group in groups:
        for place, axis in enumerate(group if isinstance(group, list) else [group]):
            if not isinstance(axis, Mapping):
                raise PipelineError("This batch cannot be shown as rows: an axis is an object that says what to vary.")
            found.append(AxisRow(str(made + len(found)), dict(axis), joined=place > 0))
    return tuple(found)


def _free(wanted: str, cards: Sequence[Card]) -> str:
    """The id, with a number behind it where it is taken."""
    taken = {card.id for card in cards}
    stem = wanted.rstrip("0123456789") or wanted
    return next(name for name in (wanted, *(f"{stem}{n}" for n in range(2, 1000))) if name not in taken)


def _without_need(card: Card, gone: str) -> Card:
    needs = card.raw.get("needs")
    if not isinstance(needs, list | tuple) or gone not in needs:
        return card
    left = [need for need in needs if need != gone]
    raw = {name: value for name, value in card.raw.items() if name != "needs"}
    return replace(card, raw={**raw, "needs": left} if left else raw)
