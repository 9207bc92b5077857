"""Cards → one HTML page. All text is escaped, and the page's own policy forbids any script and any address but ours."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from orchestrator_app.contact_sheet.words import Shades, decisions_html, legend_html, words_html
from orchestrator_core import __version__
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import PromptSource
from orchestrator_core.provenance import Explanation, explain
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.run import Run

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline';"
_EAGER = 8  # images that are loaded before anybody scrolls


@dataclass(frozen=True, slots=True)
class Card:
    """One prompt. ``images`` and ``links`` ("workflow", "graph") are addresses relative to the page."""

    number: int
    run: Run
    request: GenerationRequest
    images: tuple[str, ...] = ()
    links: Mapping[str, str] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """``reason`` says why there are no images; ``source`` is the template, where all cards have the same."""

    name: str
    when: datetime
    reason: str = ""
    source: PromptSource | None = None


def contact_sheet(sheet: Sheet, cards: Sequence[Card]) -> str:
    """The whole page."""
    style, script = (_HERE / "sheet.css").read_text("utf-8"), (_HERE / "sheet.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    explained = [(explain(card.run.draft.components), explain(card.run.draft.negative)) for card in cards]
    title, shades = sheet.name or "Prompts", Shades()
    kinds = {word.kind for pair in explained for side in pair for word in side.words}
    return Template((_HERE / "page.html").read_text("utf-8")).substitute(
        title=escape(title),
        policy=f"{_POLICY} script-src 'sha256-{digest}'",
        style=style,
        script=script,
        facts=" · ".join(_facts(sheet, cards)),
        legend=legend_html(kinds),
        notice=f'<p class="notice">{escape(sheet.reason)}</p>' if sheet.reason else "",
        template=_template_html(sheet.source),
        size="small" if all(not card.images for card in cards) else "large",
        cards="\n".join(_card_html(card, *pair, shades) for card, pair in zip(cards, explained, strict=True)),
        version=escape(__version__),
    )


def _facts(sheet: Sheet, cards: Sequence[Card]) -> Iterator[str]:
    yield f"<time datetime='{sheet.when:%Y-%m-%dT%H:%M:%S}'>{sheet.when.day} {sheet.when:%B %Y, %H:%M}</time>"
    images = sum(len(card.images) for card in cards)
    yield _number(len(cards), "prompt")
    if images:
        yield _number(images, "image")
    requests = [card.request for card in cards]
    if len({(r.width, r.height) for r in requests}) == 1:
        yield f"{requests[0].width} × {requests[0].height}"
    if len({(r.sampler, r.scheduler, r.steps, r.cfg) for r in requests}) == 1:
        first = requests[0]
        yield f"{escape(first.sampler)} {escape(first.scheduler)}, {first.steps} steps, cfg {first.cfg:g}"
    models = {image.request.checkpoint for card in cards for image in card.run.images}
    models |= {request.checkpoint for request in requests} if not models else set()
    if len(models) == 1 and any(models):
        yield escape(models.pop())


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _template_html(source: PromptSource | None) -> str:
    if source is None or not source.template:
        return ""
    negative = f"<h3>negative</h3><pre>{escape(source.negative)}</pre>" if source.negative else ""
    return (
        "<details class='template'><summary>Template</summary>"
        f"<div class='sheet'><pre>{escape(source.template)}</pre>{negative}</div></details>"
    )


def _card_html(card: Card, positive: Explanation, negative: Explanation, shades: Shades) -> str:
    draft = card.run.draft
    request = card.run.images[0].request if card.run.images else card.request
    infotext = format_infotext(request, notes_for(card.run.id, draft))
    return f"""<article class="card{" rendered" if card.images else ""}" id="p{card.number}">
{_images_html(card)}<div class="text">
<header><a class="number" href="#p{card.number}">{card.number:02}</a>{_error_html(card.error)}</header>
<p class="prompt" dir="auto">{words_html(positive, shades)}</p>
{_negative_html(negative, shades)}{_details_html(positive, negative)}
<footer>
<button data-copy="{escape(str(request.seed))}" title="Copy the seed"><small>seed</small> {request.seed}</button>
<span class="does">
<button data-copy="{escape(draft.positive)}" title="Copy the prompt">Copy</button>
<button data-copy="{escape(infotext)}" title="With the settings, for A1111 and Forge">Copy all</button>
{_links_html(card.links or {})}
</span>
</footer>
</div></article>"""


def _images_html(card: Card) -> str:
    images = []
    for place, address in enumerate(card.images):
        source = escape(quote(address, safe="/:%"))
        lazy = ' loading="lazy"' if card.number > _EAGER else ""
        request = card.run.images[place].request if place < len(card.run.images) else card.request
        size = f'width="{request.width}" height="{request.height}"'
        alt = escape(" ".join(card.run.draft.positive.split())[:200])
        images.append(f'<a href="{source}" data-zoom><img src="{source}" {size} alt="{alt}"{lazy}></a>')
    return f'<div class="images">{"".join(images)}</div>\n' if images else ""


def _error_html(error: str) -> str:
    return f'<span class="error">{escape(error)}</span>' if error else ""


def _negative_html(negative: Explanation, shades: Shades) -> str:
    if not negative.words:
        return ""
    return f'<p class="negative" dir="auto"><b>negative</b> {words_html(negative, shades)}</p>\n'


def _details_html(positive: Explanation, negative: Explanation) -> str:
    if not positive.decisions and not negative.decisions:
        return ""
    both = decisions_html(positive.decisions) + (
        f"<h3>negative</h3>{decisions_html(negative.decisions)}" if negative.decisions else ""
    )
    return f"<details><summary>Where the words come from</summary>{both}</details>"


def _links_html(links: Mapping[str, str]) -> str:
    titles = {"workflow": "Drop it on ComfyUI's canvas", "graph": "For ComfyUI's API"}
    return "\n".join(
        f'<a class="file" href="{escape(quote(address))}" download title="{titles[name]}">{name.capitalize()}</a>'
        for name, address in links.items()
    )
