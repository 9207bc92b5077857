"""What a person typed into the cards, as values of the pipeline's file, and how these stand in the cards' fields.

The page sends all of its fields at once, so that no change is lost where several follow one another quickly. A field
that was not changed leaves the value of the file as it is, whatever that is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_app.studio.forms import FormField, fields_of
from orchestrator_app.studio.pipeline_draft import AxisRow, Card, Draft, Raw
from orchestrator_core.pipeline import STAGES
from orchestrator_core.spec import StageSpec

_RANGE = re.compile(r"(\d{1,18})\s*\.\.\s*(\d{1,18})")
_FLOW = fields_of(StageSpec)


def fields_for(kind: str) -> Mapping[str, FormField]:
    """The options of a type of stage; none of one that is not known."""
    stage = STAGES.get(kind)
    return fields_of(stage.options) if stage else {}


def text_of(field: FormField, value: Any) -> str:
    """A value as its field shows it; of a switch "on" or ""."""
    if field.kind == "switch":
        return "on" if value is True else ""
    if isinstance(value, str):
        return value
    if value is None or value == {}:
        return ""
    if isinstance(value, bool | dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) and value == round(value, 6) else str(value)


def by_chance(kind: str, option: str) -> bool:
    """Whether that is chosen anew at each run where nothing is said: empty is another thing than 0."""
    return (kind, option) == ("generatePrompt", "seed")


def option_text(card: Card, field: FormField) -> str:
    """An option as its card shows it."""
    if by_chance(card.type, field.name) and field.name not in card.options:
        return ""
    return text_of(field, card.options.get(field.name, field.default))


def value_of(field: FormField, text: str) -> Any:
    """What a field's text stands for; a text that is none of its kind stays one, which the stage then complains of."""
    if field.kind == "switch":
        return text == "on"
    if field.kind in ("text", "choice"):
        return text
    stripped = text.strip()
    if not stripped:
        return {} if field.kind == "json" else None if field.optional else ""
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return text
    return value if not isinstance(value, bool) and (field.kind == "json" or isinstance(value, int | float)) else text


def values_of(raw: Raw) -> str:
    """The values of an axis: ``1..8``, or one a line."""
    values = raw.get("values")
    if not isinstance(values, list | tuple):
        first, count = raw.get("first", 0), raw.get("count", 0)
        is_range = type(first) is int and type(count) is int and count > 0
        return f"{first}..{first + count - 1}" if is_range else ""
    return "\n".join(map(_line, values))


def _line(value: Any) -> str:
    if isinstance(value, str) and value.strip().splitlines() == [value] and _parsed(value) == value:
        return json.dumps(value) if _RANGE.fullmatch(value) else value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text.splitlines()) == 1 else json.dumps(value)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def axis_of(raw: Raw, vary: str, text: str) -> Raw:
    """The axis with what was typed."""
    if text == values_of(raw):
        return {**raw, "vary": vary}
    if (numbers := _RANGE.fullmatch(text.strip())) and int(numbers[2]) >= int(numbers[1]):
        first = int(numbers[1])
        return {"vary": vary, "first": first, "count": int(numbers[2]) - first + 1}
    return {"vary": vary, "values": [_parsed(line.strip()) for line in text.splitlines() if line.strip()]}


def typed(draft: Draft, form: Mapping[str, Any]) -> Draft:
    """The draft with all that the page's fields hold, in the order of its cards."""
    cards = {card.key: card for card in draft.cards}
    sent = [one for one in form.get("cards", []) if one.get("key") in cards]
    order = [_typed_card(cards.pop(one["key"]), one) for one in sent]
    axes = {axis.key: axis for axis in draft.axes}
    rows = [_typed_axis(axes.pop(one["key"]), one) for one in form.get("axes", []) if one.get("key") in axes]
    rest = dict(draft.rest)
    for name in ("name", "description"):
        text = str(form.get(name, rest.get(name, "")))
        if text or name in rest:
            rest[name] = text
    return replace(draft, cards=(*order, *cards.values()), axes=(*rows, *axes.values()), rest=rest)


def _typed_card(card: Card, sent: Mapping[str, Any]) -> Card:
    raw = dict(card.raw)
    if "id" in sent:
        raw["id"] = str(sent["id"])
    if bool(sent.get("enabled", True)) != (raw.get("enabled", True) is not False):
        raw["enabled"] = bool(sent["enabled"])
    options = _options(card, sent.get("options", {}))
    raw = {**raw, "options": options} if options or "options" in raw else raw
    return replace(card, raw=_changed(raw, _FLOW, sent.get("flow", {})))


def _options(card: Card, texts: Mapping[str, Any]) -> dict[str, Any]:
    fields = fields_for(card.type)
    chance = [name for name in texts if by_chance(card.type, name)]
    found = _changed(card.options, fields, {name: text for name, text in texts.items() if name not in chance})
    for name in chance:
        text = str(texts[name])
        if text != option_text(card, fields[name]):
            found.pop(name, None)
            found |= {name: value_of(fields[name], text)} if text.strip() else {}
    return found


def _changed(before: Raw, fields: Mapping[str, FormField], texts: Mapping[str, Any]) -> dict[str, Any]:
    """With what another text stands for; what is as usual and was not said before is not said."""
    after = dict(before)
    for name, text in texts.items():
        field = fields.get(name)
        if field is None or text == text_of(field, before.get(name, field.default)):
            continue
        value = value_of(field, str(text))
        if value == field.default and type(value) is type(field.default):
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _typed_axis(axis: AxisRow, sent: Mapping[str, Any]) -> AxisRow:
    raw = axis_of(axis.raw, str(sent.get("vary", "")).strip(), str(sent.get("values", "")))
    return replace(axis, raw=raw, joined=bool(sent.get("joined")))
