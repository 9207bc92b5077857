"""What became of a prompt between drawing and rendering, as HTML: its scene, who enhanced it, the parts to accept."""

from __future__ import annotations

from urllib.parse import quote, unquote

from orchestrator_app.studio.accepting import Part, parts_of
from orchestrator_app.studio.html import clicked, escape
from orchestrator_app.studio.preparing import LeftOut, Prepared
from orchestrator_core.errors import StoryError
from orchestrator_core.memory.notes import read_notes
from orchestrator_core.prompt import Enhancement, PromptDraft, StoryUse

_STATUS = {
    "enhanced": "enhanced",
    "cached": "enhanced as before",
    "unchanged": "nothing added",
    "kept": "kept as it was",
}
_WAITS = "The language model is asked when you press Generate, or now with the button above."


def prepared_html(prepared: Prepared, tick: str, left_out: LeftOut) -> str:
    """Below a drawn prompt. A click on a part sends ``seed:-part``, or ``+``, to the text box ``tick``."""
    draft = prepared.draft
    lines = [_scene(draft.story) if draft.story else ""]
    if prepared.waits:
        lines.append(f"<p>{_badge('waits', 'not asked yet')} <small>{escape(_WAITS)}</small></p>")
    elif draft.enhanced is not None:
        lines.append(_enhanced(prepared, draft.enhanced, tick, left_out.get(str(draft.seed), frozenset())))
    found = "".join(lines)
    return f'<div class="orc-prepared">{found}</div>' if found else ""


def _enhanced(prepared: Prepared, said: Enhancement, tick: str, left_out: frozenset[str]) -> str:
    draft, before = prepared.draft, prepared.before
    by = f"by {writer_of(said.model)}" if said.status in ("enhanced", "cached") else ""
    why = "; ".join(filter(None, (by, said.detail)))
    found = f"<p>{_badge(said.status, _STATUS.get(said.status, said.status))} <small>{escape(why)}</small></p>"
    parts = parts_of(before.components, draft.components)
    if parts:
        boxes = "".join(_part(part, draft.seed, tick, part.text not in left_out) for part in parts)
        found += f'<p class="orc-parts" role="group" aria-label="What was added">{boxes}</p>'
    if said.natural:
        found += _more("in sentences", said.natural)
    return found + (_more("as it was before", before.positive) if parts else "")


def _more(summary: str, text: str) -> str:
    return f'<details><summary>{summary}</summary><p class="orc-before" dir="auto">{escape(text)}</p></details>'


def _part(part: Part, seed: int, tick: str, is_on: bool) -> str:
    instead = f"<s>{escape(part.instead)}</s> " if part.instead else ""
    return (
        f'<span class="orc-part {"on" if is_on else "off"}" role="checkbox" aria-checked="{str(is_on).lower()}" '
        f'tabindex="0" data-to="{tick}" data-send="{seed}:{"-" if is_on else "+"}{quote(part.text, errors="replace")}">'
        f"<i></i>{instead}{escape(part.text)}</span>"
    )


def ticked(sent: str, left_out: LeftOut) -> LeftOut:
    """With the part that was clicked left out, or taken in again; a click that is told twice counts once."""
    seed, _, name = clicked(sent).partition(":")
    before, part = left_out.get(seed, frozenset()), frozenset((unquote(name[1:]),))
    return {**left_out, seed: before | part if name.startswith("-") else before - part}


def _scene(use: StoryUse) -> str:
    try:
        notes = read_notes(use.notes, use.scene)
    except StoryError:  # of an image of somebody else's
        return ""
    told = [*map(str, notes.changes), *(f"lore: {title}" for title in notes.lore)]
    title = f"scene {use.scene} of {use.story}"
    return f"<p>{_badge('scene', title)} <small>{escape('; '.join(told))}</small></p>"


def _badge(kind: str, text: str) -> str:
    return f'<span class="orc-badge {escape(kind)}">{escape(text)}</span>'


def writer_of(model: str) -> str:
    """``openai:qwen3:8b`` in words."""
    kind, _, name = model.partition(":")
    if kind == "rules":
        return "the rules"
    return name.partition(" ")[0] or "the language model"


def told_of(draft: PromptDraft | None) -> str:
    """The same in a line, for a row of a batch: ``scene 3 of Tale · enhanced by qwen3:8b``."""
    if draft is None:
        return ""
    lines = [f"scene {draft.story.scene} of {draft.story.story}"] if draft.story else []
    if said := draft.enhanced:
        by = f" by {writer_of(said.model)}" if said.status in ("enhanced", "cached") else ""
        lines.append(_STATUS.get(said.status, said.status) + by + (f": {said.detail}" if said.detail else ""))
    return " · ".join(lines)
