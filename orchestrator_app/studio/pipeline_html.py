"""The stages of a pipeline as cards with a form each, and its batch as rows. ``pipeline_keys`` makes them work.

What changes while somebody types or something runs (problems, states, results) stands in slots of the cards, which are
filled from ``marks_html``: the fields themselves are never made anew under a person's fingers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from orchestrator_app.studio.forms import FormField, fields_of
from orchestrator_app.studio.html import escape, notice, number
from orchestrator_app.studio.pipeline_draft import FLOW, AxisRow, Card, Draft
from orchestrator_app.studio.pipeline_typed import by_chance, fields_for, option_text, text_of, values_of
from orchestrator_core.pipeline import STAGES
from orchestrator_core.spec import USUAL, StageSpec

SENT, ACT = "orchestrator_pipeline_sent", "orchestrator_pipeline_act"
AGAIN, PICK = "orchestrator_pipeline_again", "orchestrator_pipeline_pick"
LISTS = "orchestrator_pipeline_list"  # what the ids of the lists that fields offer begin with
# The options that a card shows at once; all others are under "More".
_COMMON: Mapping[str, Sequence[str]] = {
    "generatePrompt": ("template", "negative_template", "profiles", "genre", "seed"),
    "followStory": ("story", "action", "who", "where"),
    "llmEnhance": ("mode", "style", "amount", "instruction"),
    "selectLoras": ("include", "exclude", "max_loras", "insert_trigger_words"),
    "dispatch": ("checkpoint", "sampler", "scheduler", "steps", "cfg", "width", "height", "seed"),
    "scoreImages": ("style", "compare", "learn"),
}
_WHAT = {
    "generatePrompt": "a template becomes a prompt",
    "followStory": "the next scene of a story",
    "llmEnhance": "more words",
    "selectLoras": "LoRAs that fit",
    "dispatch": "renders it",
    "scoreImages": "how far the image shows it",
}
_LISTED = ("checkpoint", "vae", "sampler", "scheduler", "profiles", "genre", "story")
_LONG = ("template", "negative_template")  # as wide as the card
_LINES = ("outfit", "include", "never_together", "instruction", "references", "extra", "rerolls", "fallback")
_FLOW = fields_of(StageSpec)
_GRIP = '<span class="orc-grip" draggable="true" title="Drag it to another place" aria-hidden="true">⠿</span>'


def cards_html(draft: Draft, filled: int) -> str:
    """``filled``: how often cards were made; what a page sends of an earlier making is none of these.

    It names the element: gradio 6 makes new HTML out of the old, element by element, and a field that a person typed
    into would keep that. An element of another name is replaced.
    """
    cards = "".join(_card(card, place, len(draft.cards)) for place, card in enumerate(draft.cards, 1))
    add = "".join(
        f'<button type="button" class="orc-chip" data-act="add" data-value="{kind}" title="{escape(_WHAT[kind])}">'
        f"{kind}</button>"
        for kind in STAGES
    )
    return (
        f'<orc-cards-{filled} class="orc-pipe" data-filled="{filled}" data-sent="{SENT}" data-acts="{ACT}" '
        f'data-again="{AGAIN}">'
        f'<div class="orc-said">{_rest(draft, "name", "Name")}{_rest(draft, "description", "What it is for")}</div>'
        f'<div class="orc-stages">{cards}</div>'
        f'<p class="orc-add"><span>Add a stage</span>{add}</p>{_batch(draft)}</orc-cards-{filled}>'
    )


def _rest(draft: Draft, name: str, label: str) -> str:
    text = str(draft.rest.get(name, ""))
    return f'<label class="orc-f"><span>{label}</span><input data-rest="{name}" value="{escape(text)}"></label>'


def _card(card: Card, place: int, count: int) -> str:
    off = card.raw.get("enabled", True) is False
    return (
        f'<article class="orc-stage{" off" if off else ""}" data-key="{card.key}">{_head(card, place, off)}'
        f'<div data-slot="problem"></div>{_options(card)}{_flow(card)}<p class="orc-needs" data-slot="needs"></p>'
        '<div data-slot="result"></div></article>'
    )


def _head(card: Card, place: int, off: bool) -> str:
    tools = "".join(
        f'<button type="button" data-{what} title="{said}" aria-label="{said}">{sign}</button>'
        for what, said, sign in (
            ('move="-1"', "Move up", "↑"),
            ('move="1"', "Move down", "↓"),
            ('act="duplicate"', "Duplicate", "+"),
            ('act="remove"', "Remove", "✕"),
        )
    )
    return (
        f'<header>{_GRIP}<b class="orc-no">{place}</b>'
        f'<input class="orc-id" data-field="id" aria-label="Id of the stage" value="{escape(card.id)}">'
        f'<span class="orc-type" title="{escape(_WHAT.get(card.type, ""))}">{escape(card.type)}</span>'
        f'<span class="orc-states" data-slot="state"></span>'
        f'<label class="orc-on"><input type="checkbox" data-field="enabled"{"" if off else " checked"}> on</label>'
        f'<span class="orc-acts">{tools}</span></header>'
    )


def _options(card: Card) -> str:
    fields = fields_for(card.type)
    common = [name for name in _COMMON.get(card.type, ()) if name in fields]
    more = [name for name in fields if name not in common]
    shown = "".join(_option(card, fields[name]) for name in common)
    said = [name for name in more if name in card.options]
    told = f" <small>{number(len(said), 'option')} set</small>" if said else ""
    rest = "".join(_option(card, fields[name]) for name in more)
    folded = f'<details><summary>More{told}</summary><div class="orc-fields">{rest}</div></details>' if rest else ""
    return f'<div class="orc-fields">{shown}</div>{_unknown(card, fields)}{folded}'


def _unknown(card: Card, fields: Mapping[str, FormField]) -> str:
    """What has no field here stays as it is, and is said."""
    left = {name: value for name, value in card.options.items() if name not in fields}
    text = json.dumps(left, ensure_ascii=False)
    return f'<p class="orc-unknown">Also, as it is in the JSON: <code>{escape(text)}</code></p>' if left else ""


def _option(card: Card, field: FormField) -> str:
    hint = "by chance" if by_chance(card.type, field.name) else ""
    return _field(f'data-option="{field.name}"', field, option_text(card, field), hint)


def _flow(card: Card) -> str:
    fields = "".join(
        _field(f'data-flow="{name}"', _FLOW[name], text_of(_FLOW[name], card.raw.get(name, _FLOW[name].default)))
        for name in FLOW
    )
    when, policy = str(card.raw.get("when", "")), str(card.raw.get("on_error", "fail"))
    told = " · ".join(filter(None, (f"only when {when}" if when else "", policy if policy != "fail" else "")))
    return (
        f"<details><summary>When, and if it fails <small>{escape(told)}</small></summary>"
        f'<div class="orc-fields">{fields}</div></details>'
    )


def _field(name: str, field: FormField, text: str, hint: str = "") -> str:
    limits = f" ({field.limits})" if field.limits else ""
    tip = escape(f"{field.description}{limits}")
    wide = " wide" if field.name in _LONG else ""
    label = f'<span data-tip="{tip}">{escape(field.label)}</span>'
    named = f'{name} aria-label="{escape(field.label)}" aria-description="{tip}"'
    if field.kind == "switch":
        on = " checked" if text else ""
        return f'<label class="orc-f check"><input type="checkbox" {named}{on}>{label}</label>'
    return f'<label class="orc-f{wide}">{label}{_input(named, field, text, hint)}</label>'


def _input(named: str, field: FormField, text: str, hint: str) -> str:
    if field.kind == "choice":
        values = [*field.choices, *([] if text in field.choices else [text])]
        options = "".join(f"<option{' selected' if one == text else ''}>{escape(one)}</option>" for one in values)
        return f"<select {named}>{options}</select>"
    if field.name in _LONG or field.name in _LINES or "\n" in text:
        rows = 3 if field.name == "template" else 1
        return f'<textarea {named} rows="{rows}" dir="auto">{escape(text)}</textarea>'
    number_like = ' inputmode="decimal"' if field.kind in ("whole", "number", "big") else ""
    listed = f' list="{LISTS}_{field.name}"' if field.name in _LISTED else ""
    shown = f' placeholder="{hint}"' if hint else ""
    return f'<input {named}{number_like}{listed}{shown} dir="auto" value="{escape(text)}">'


# the batch


def _batch(draft: Draft) -> str:
    rows = "".join(_axis(axis, first=place == 0) for place, axis in enumerate(draft.axes))
    return (
        '<section class="orc-batch"><h4>Batch</h4>'
        '<p class="orc-hint">Each row makes as many items as it has values, and rows are multiplied.</p>'
        f"{rows}"
        '<p class="orc-add"><button type="button" class="orc-chip" data-act="axis">Vary something</button>'
        '<span data-slot="count"></span></p></section>'
    )


def _axis(axis: AxisRow, *, first: bool) -> str:
    vary = escape(str(axis.raw.get("vary", "")))
    joined = (
        ""
        if first
        else '<label class="orc-on" title="Goes on together with the row above, instead of being multiplied with it">'
        f'<input type="checkbox" data-field="joined"{" checked" if axis.joined else ""}> with the row above</label>'
    )
    return (
        f'<div class="orc-axis" data-axis="{axis.key}"><label class="orc-f"><span data-tip="An option of a stage, as'
        ' render.cfg; or seeds, templates, profiles, loras.">Vary</span>'
        f'<input data-field="vary" list="{LISTS}_vary" value="{vary}"></label>'
        '<label class="orc-f"><span data-tip="Whole numbers as 1..8, or one value a line.">Values</span>'
        f'<textarea data-field="values" rows="1" dir="auto">{escape(values_of(axis.raw))}</textarea></label>'
        f'{joined}<button type="button" data-act="unaxis" title="Remove" aria-label="Remove">✕</button></div>'
    )


def lists_html(offered: Mapping[str, Iterable[str]]) -> str:
    """What fields offer to choose from, by the name of an option: as a target and the libraries have it."""
    return "".join(
        f'<datalist id="{LISTS}_{name}">{"".join(f"<option>{escape(one)}</option>" for one in values)}</datalist>'
        for name, values in offered.items()
    )


def varied(draft: Draft) -> list[str]:
    """What a batch of it can vary."""
    kinds = {card.type for card in draft.cards}
    usual = [name for name, (kind, _) in USUAL.items() if kind in kinds]
    return [*usual, *(f"{card.id}.{name}" for card in draft.cards for name in fields_for(card.type))]


# what is known of the cards


def marks_html(slots: Mapping[tuple[str, str], str]) -> str:
    """The contents of slots, by the key of the card ("" for those of no card) and the name of the slot.

    Their element has a name of its own for each content, as ``cards_html``.
    """
    marks = "".join(
        f'<template data-key="{key}" data-of="{slot}">{content}</template>' for (key, slot), content in slots.items()
    )
    name = f"orc-marks-{crc32(marks.encode('utf-8', 'replace')):x}"
    return f"<{name}>{marks}</{name}>"


def needs_text(card: Card, before: Card | None) -> str:
    """From which stages it goes on."""
    needs = card.raw.get("needs")
    if needs is None:
        return escape(f"goes on from {before.id}" if before else "")
    told = ", ".join(map(str, needs)) if isinstance(needs, list | tuple) else str(needs)
    return escape(f"needs: {told}" if told else "needs nothing: begins by itself")


def problem_html(text: str) -> str:
    return notice(text)
