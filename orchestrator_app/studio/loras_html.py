"""LoRAs as HTML: the cards, the flags, and all that is known of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator_app.studio.html import clickable, escape, notice, number, path_sent, picture
from orchestrator_app.studio.lora_listing import FLAGS, Listing
from orchestrator_app.studio.lora_place import Notice, OpenLoras
from orchestrator_core.loras.brief import shortened, some_of
from orchestrator_core.loras.missing import KINDS, conflicting
from orchestrator_core.loras.record import Fact, LoraRecord

_QUIET = ("preview",)  # flags that a card shows by itself
_OWN_NAME = 0.5  # how far a trainer's own name of a file is trusted
_LONGEST = 600  # characters of one fact
_TAGS, _EXAMPLES = 24, 6

Thumbnail = Callable[[LoraRecord], "bytes | None"]


# the cards


def cards_html(listing: Listing, chosen: str, thumbnail: Thumbnail, to: str) -> str:
    """A card for each LoRA of the page; a click sends its path to the text box ``to``. ``chosen`` is a path."""
    if listing.problem:
        return notice(listing.problem)
    if not listing.records:
        return notice("No LoRA is like that.", "quiet")
    cards = [_card(record, record.path == chosen, thumbnail(record)) for record in listing.records]
    return clickable(to, "".join(cards), "orc-loras")


def _card(record: LoraRecord, is_chosen: bool, data: bytes | None) -> str:
    folder, title = record.name.rpartition("/")[0], title_of(record)
    words = shortened(", ".join(record.trigger_words))
    flags = [KINDS[kind].title for kind in record.missing if kind in KINDS and kind not in _QUIET]
    dim = " dim" if record.excluded or record.state in ("missing", "offline") else ""
    return (
        f'<article class="orc-lora{" picked" if is_chosen else ""}{dim}" role="button" tabindex="0"'
        f' data-send="{path_sent(record.path)}" title="{escape(record.name)}">'
        f"{_picture(record, data)}{'<b class=star>★</b>' if record.favourite else ''}"
        f"<h4>{escape(title)}</h4>"
        f"<small>{escape(' · '.join(filter(None, (base_of(record), folder))))}</small>"
        f"{_file_line(record, title)}"
        f"<p>{escape(words)}</p>{''.join(f'<i>{escape(flag)}</i>' for flag in flags)}</article>"
    )


def _picture(record: LoraRecord, data: bytes | None) -> str:
    if data:
        return f'<img loading="lazy" alt="" src="{picture(data)}">'
    letters = escape(title_of(record)[:2])
    return f'<span class="none">{"…" if data is None else letters}</span>'


def _file_line(record: LoraRecord, title: str) -> str:
    """The file's own name, by which a prompt names it, where the title says another."""
    base = base_name(record)
    return "" if title.casefold().startswith(base.casefold()) else f"<small>{escape(base)}</small>"


def title_of(record: LoraRecord) -> str:
    """What its author calls it; else the file's name. What a trainer wrote into the file is often an older name."""
    sure = any(fact.field == "title" and fact.confidence > _OWN_NAME for fact in record.facts)
    return record.title if record.title and sure else base_name(record)


def base_name(record: LoraRecord) -> str:
    """The file's name without its folder: by it a prompt names it."""
    return record.name.rpartition("/")[2]


def base_of(record: LoraRecord) -> str:
    """``Illustrious``, ``SD 1.5``; where it is not known, that."""
    return record.sub_family or record.base_model or "base model unknown"


def where_html(listing: Listing) -> str:
    """``49 – 96 of 300``."""
    from orchestrator_app.studio.lora_listing import PAGE

    first = listing.page * PAGE
    text = f"{first + 1:,} – {first + len(listing.records):,} of {listing.total:,}" if listing.records else ""
    return f'<p class="orc-where">{text}</p>'


# flags, and how the library is


def flags_html(counts: Mapping[str, int] | None, chosen: str, to: str) -> str:
    """A button for each flag that some have, with how many; a click sends its name, or nothing for the chosen one."""
    shown = [name for name in FLAGS if (counts or {}).get(name) or name == chosen]
    chips = [
        f'<span class="orc-chip{" chosen" if name == chosen else ""}" role="button" tabindex="0"'
        f' data-send="{"" if name == chosen else name}" title="{escape(FLAGS[name].sentence)}">'
        f"{escape(FLAGS[name].title)} <small>{(counts or {}).get(name, 0):,}</small></span>"
        for name in shown
    ]
    return clickable(to, "".join(chips), "orc-chips") if chips else ""


def status_html(loras: OpenLoras) -> str:
    """How many there are, how the folders are watched, how far the hashing is, and what is wrong."""
    hashing = loras.hashing.progress
    parts = [number(len(loras.library), "LoRA"), f"watched: {loras.watcher.mode.text}"]
    if hashing.running:
        share = 100 * hashing.bytes / hashing.of_bytes if hashing.of_bytes else 100.0
        state = "paused while images are rendered" if hashing.paused else f"{share:.0f} %"
        parts.append(f"hashing {hashing.files:,} of {hashing.of_files:,} ({state})")
    if loras.asking is not None and not loras.asking.done.is_set():
        parts.append(f"asking Civitai: {loras.asking.progress.done:,} of {loras.asking.progress.of:,}")
    snapshot = loras.library.snapshot
    problems = [f"{folder} is not connected; what is known of its LoRAs is kept." for folder in snapshot.offline]
    problems += [f"{folder}: {why}" for folder, why in snapshot.problems.items()]
    problems += [loras.problem] if loras.problem else []
    said = "".join(notice(text, "hint") for text in (*problems, *hashing.problems[:3]))
    folders = escape("\n".join(loras.library.roots))
    return f'<p class="orc-count" title="{folders}">{escape(" · ".join(parts))}</p>{said}'


def notices_html(notices: Sequence[Notice], to: str) -> str:
    """What the watcher found since the page looked last; a click shows these LoRAs, or puts the line away."""
    lines = []
    for one in notices:
        show = (
            f' <span class="orc-link" role="button" tabindex="0" data-send="show:{one.number}">show</span>'
            if one.paths
            else ""
        )
        away = f' <span class="orc-link" role="button" tabindex="0" data-send="away:{one.number}">dismiss</span>'
        lines.append(f'<p class="orc-notice good" role="status">{escape(f"LoRAs: {one.message}")}{show}{away}</p>')
    return clickable(to, "".join(lines), "orc-lora-news") if lines else ""


# one of them


def details_html(record: LoraRecord, data: bytes, twins: Sequence[str] = ()) -> str:
    """All that is known, with who says so. ``twins`` have the same content."""
    shown = f'<img alt="preview" src="{picture(data)}">' if data else ""
    return (
        f'<div class="orc-lora-details">{shown}<h3 class="orc-name">{escape(title_of(record))}</h3>'
        f"{_lines(record)}{_wrong(record, twins)}{_facts(record)}{_tags(record)}{_examples(record)}{_hashes(record)}"
        "</div>"
    )


def _lines(record: LoraRecord) -> str:
    strength = "" if record.preferred_strength is None else f"strength {record.preferred_strength:g}"
    rank = f"rank {record.rank}" if record.rank else ""
    size = f"{record.size / 1e6:,.1f} MB"
    parts = (
        base_of(record),
        record.category or "",
        strength,
        rank,
        size,
        "" if record.state == "complete" else record.state,
    )
    words = "".join(f"<code>{escape(shortened(group))}</code> " for group in record.trigger_words)
    return (
        f'<p class="orc-count">{escape(" · ".join(filter(None, parts)))}</p>'
        f'<p class="orc-triggers">{words or "<em>no trigger words</em>"}</p>'
        f'<p class="orc-path">{escape(record.path)}</p>'
    )


def _wrong(record: LoraRecord, twins: Sequence[str]) -> str:
    lines = [f"{KINDS[kind].sentence} {KINDS[kind].advice}" for kind in record.missing if kind in KINDS]
    if twins:
        lines.append(f"The same content: {some_of(twins)}.")
    return "".join(notice(line, "hint") for line in lines)


def _facts(record: LoraRecord) -> str:
    """Each value that was read, the most trusted of a field first; those that contradict one another are marked."""
    conflicts = conflicting(record)
    rows = []
    for fact in sorted(record.facts, key=lambda fact: (fact.field, fact.source != "user", -fact.confidence)):
        mark = ' class="conflict"' if fact.field in conflicts else ""
        rows.append(
            f"<tr{mark}><td>{escape(fact.field.replace('_', ' '))}</td><td>{escape(_shortened(fact))}</td>"
            f"<td><small>{escape(fact.source)}</small></td><td><small>{fact.confidence:.0%}</small></td></tr>"
        )
    if not rows:
        return ""
    head = "<tr><th>what</th><th>value</th><th>who says so</th><th>trust</th></tr>"
    table = f'<div class="orc-values"><table>{head}{"".join(rows)}</table></div>'
    return f"<details open><summary>Facts</summary>{table}</details>"


def _shortened(fact: Fact) -> str:
    text = " | ".join(fact.value.splitlines()) or "(none)"
    return f"{text[:_LONGEST]} …" if len(text) > _LONGEST else text


def _tags(record: LoraRecord) -> str:
    if not record.training_tags:
        return ""
    shown = " ".join(
        f"<code>{escape(tag)}</code> <small>{count:,}</small>" for tag, count in record.training_tags[:_TAGS]
    )
    return f"<details><summary>Trained with</summary><p>{shown}</p></details>"


def _examples(record: LoraRecord) -> str:
    if not record.examples:
        return ""
    shown = "".join(
        f"<p>{escape(example.text)}"
        + ("" if example.strength is None else f" <small>at {example.strength:g}</small>")
        + "</p>"
        for example in record.examples[:_EXAMPLES]
    )
    many = number(len(record.examples), "example prompt")
    return f"<details><summary>{many[:1].upper()}{many[1:]}</summary>{shown}</details>"


def _hashes(record: LoraRecord) -> str:
    hashes = {
        "SHA-256": record.sha256,
        "of the tensors": record.tensor_sha256,
        "AutoV2": record.sha256[:10],
        "AutoV1": record.autov1,
        "AutoV3": record.autov3,
    }
    rows = "".join(
        f"<tr><td>{name}</td><td><code>{escape(value)}</code></td></tr>" for name, value in hashes.items() if value
    )
    if not rows:
        return notice("It was not hashed yet.", "quiet")
    return f'<details><summary>Hashes</summary><div class="orc-values"><table>{rows}</table></div></details>'
