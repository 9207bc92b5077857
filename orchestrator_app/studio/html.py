"""What the studio shows as HTML of its own. Every text of a person, a file or a server is escaped here.

Clicks reach Python without any script on the page: an element with ``data-send`` inside of ``clickable`` writes into
a hidden text box, whose input event gradio hands on in each of its versions.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote

from orchestrator_app.contact_sheet.words import Shades, decisions_html, words_html
from orchestrator_app.studio.drawing import Drawn, Slots
from orchestrator_app.studio.environment import Target
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.provenance import LEGEND, Decision, explain
from orchestrator_core.request import GenerationRequest

SENT = "\u241f"  # between what was clicked and the time, without which a second click would be no change
# Constant: nothing of a person's ever becomes part of a script.
_SEND = (
    "const b = event.target.closest('[data-send]'); if (b) {"
    " const to = '#' + (b.dataset.to || this.dataset.to);"
    " const t = document.querySelector(to + ' textarea, ' + to + ' input');"
    " this.querySelectorAll('.picked').forEach(e => e.classList.remove('picked')); b.classList.add('picked');"
    f" t.value = b.dataset.send + '{SENT}' + Date.now();"
    " t.dispatchEvent(new Event('input', {bubbles: true})); }"
)
_KEY = "if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); this.onclick(event); }"
_DIAGNOSTICS = 6  # that are shown
_TYPES = {b"\x89PNG": "png", b"RIFF": "webp"}


def escape(text: str) -> str:
    """A text as HTML. Half a character, which the names of files can hold, is shown as "?": no server could send it."""
    return html.escape(text.encode("utf-8", "replace").decode())


def path_sent(path: str) -> str:
    """A path for ``data-send``, whatever bytes its name is of."""
    return quote(path, safe="/\\: ", errors="surrogatepass")


def path_clicked(text: str) -> str:
    """The path that ``path_sent`` stood for."""
    return unquote(clicked(text), errors="surrogatepass")


def clickable(to: str, content: str, kind: str) -> str:
    """``content``, of which a click on an element with ``data-send`` is written into the text box ``to``."""
    return f'<div class="{kind}" data-to="{to}" onclick="{escape(_SEND)}" onkeydown="{escape(_KEY)}">{content}</div>'


def pressable(to: str, content: str, kind: str) -> str:
    """The same for content whose elements have keys of their own, as buttons and check boxes."""
    return f'<div class="{kind}" data-to="{to}" onclick="{escape(_SEND)}">{content}</div>'


def clicked(text: str) -> str:
    """What ``data-send`` said."""
    return text.rpartition(SENT)[0]


def notice(text: str, kind: str = "problem") -> str:
    """A line that says something to a person: a problem, a hint, or that something is done. Empty for no text."""
    return f'<p class="orc-notice {kind}" role="status">{escape(text)}</p>' if text else ""


def nothing_yet(text: str) -> str:
    """A line that stands where something is shown once it is chosen; the style sheet hides what belongs to that."""
    return f'<div class="orc-nothing">{notice(text, "quiet")}</div>'


def number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# drawn prompts


def prompts_html(
    drawn: Drawn, reroll: str, pick: str, *, can_reroll: bool, more: int = 0, below: Sequence[str] = ()
) -> str:
    """A card for each draft. ``more`` are drawn later; ``below`` is HTML that stands in the cards, in their order.

    A click on a word sends ``seed:slot`` to the text box ``reroll``, to have it drawn again; the number of a card goes
    to ``pick``.
    """
    shades = Shades()
    under = [*below, *[""] * len(drawn.drafts)]
    cards = [
        _card(draft, shades, place, pick, can_reroll, under[place - 1]) for place, draft in enumerate(drawn.drafts, 1)
    ]
    rest = notice(f"… and {number(more, 'prompt')} more.", "quiet") if more > 0 else ""
    found = "".join(cards) + notice(drawn.problem) + rest
    return legend_html(drawn.drafts) + _diagnostics(drawn.drafts) + clickable(reroll, found, "orc-prompts")


def _card(draft: PromptDraft, shades: Shades, place: int, pick: str, can_reroll: bool, under: str) -> str:
    slots = Slots(draft) if can_reroll else None
    positive = _words(draft, draft.components, "positive", shades, slots)
    negative = _words(draft, draft.negative, "negative", shades, slots)
    return (
        f'<article class="orc-card"><b>{place}</b>'
        f'<p class="orc-words" dir="auto">{positive or "<em>This prompt is empty.</em>"}</p>'
        + (f'<p class="orc-words orc-negative" dir="auto"><b>negative</b> {negative}</p>' if negative else "")
        + f'{under}<small>seed {draft.seed} <span class="orc-link" role="button" tabindex="0" data-to="{pick}"'
        f' data-send="{place}">use this prompt</span></small></article>'
    )


def _words(
    draft: PromptDraft,
    components: Sequence[Component],
    where: str,
    shades: Shades,
    slots: Slots | None,
) -> str:
    def attributes(decision: Decision) -> str:
        slot = slots.around(where, decision.span) if slots else ""
        if not slot:
            return ""
        return f' data-send="{draft.seed}:{escape(slot)}" role="button" tabindex="0"'

    return words_html(explain(components), shades, attributes)


def _diagnostics(drafts: Iterable[PromptDraft]) -> str:
    """What the drafts have to say, each thing once."""
    lines = list(dict.fromkeys(f"{diagnostic}" for draft in drafts for diagnostic in draft.diagnostics))
    more = notice(f"… and {len(lines) - _DIAGNOSTICS:,} more of that kind.", "quiet") if lines[_DIAGNOSTICS:] else ""
    return "".join(notice(line, "hint") for line in lines[:_DIAGNOSTICS]) + more


def legend_html(drafts: Iterable[PromptDraft]) -> str:
    """What the colours mean, of those that occur."""
    present = {
        word.kind for draft in drafts for side in (draft.components, draft.negative) for word in explain(side).words
    }
    items = [f'<span class="w {kind} s0">{escape(text)}</span>' for kind, text in LEGEND.items() if kind in present]
    items = [item for item in items if "template" not in present or 'class="w template' not in item]
    return f'<div class="orc-legend">{"".join(items)}</div>' if items else ""


def origins_html(draft: PromptDraft, title: str) -> str:
    """The decisions behind a prompt as a table."""
    tables = [decisions_html(explain(side).decisions) for side in (draft.components, draft.negative)]
    shown = "".join(table for table in tables if "<tr" in table)
    return f'<h3 class="orc-name">{escape(title)}</h3><div class="orc-origins">{shown}</div>'


# what is to be rendered


def summary(requests: Sequence[GenerationRequest], count: int, target: Target) -> str:
    """What ``count`` prompts, of which these are the first, will be.

    ``4 prompts · 512 × 512 · 20 steps euler / normal · cfg 7 · model x.safetensors · to ComfyUI (http://…)``
    """
    if not requests:
        return "Nothing to render yet."
    first = requests[0]
    parts = [number(count, "prompt")]
    if first.batch_size > 1:
        parts[0] += f" × {number(first.batch_size, 'image')}"
    parts += [f"{first.width} × {first.height}", f"{first.steps} steps {first.sampler} / {first.scheduler}"]
    parts += [f"cfg {first.cfg:g}"] + ([f"denoise {first.denoise:g}"] if first.denoise != 1 else [])
    parts.append(f"model {first.checkpoint}" if first.checkpoint else target.own_model)
    if first.vae:
        parts.append(f"VAE {first.vae}")
    loras = {lora.name for request in requests for lora in (*request.loras, *extract_loras(request.positive)[1])}
    if loras:
        parts.append("LoRA " + ", ".join(sorted(loras)))
    return " · ".join([*parts, f"to {target.name}" + (f" ({target.where})" if target.where else "")])


def summary_html(text: str) -> str:
    return f'<p class="orc-summary">{escape(text)}</p>'


def picture(data: bytes) -> str:
    """An encoded image as an address."""
    return f"data:image/{_TYPES.get(data[:4], 'jpeg')};base64,{b64encode(data).decode()}"
