"""The grid of a test as one HTML page beside its images: rows are LoRA × strength, columns prompts × seeds.

As the contact sheet it asks the network for nothing: all text is escaped, and the page's own policy forbids any script
and any address but ours.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from orchestrator_app.lora_test.folder import TestFolder
from orchestrator_app.lora_test.pictures import SIZE, small_picture
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import Cell, label_of

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline';"
_SORTS = {
    "order": "as asked for", "name": "name", "strength": "strength", "base": "base model",
    "difference": "least difference", "difference-down": "most difference",
}  # fmt: skip
_LARGE, _SMALL = 192, 144  # pixels of a cell's width, for few and for many columns
_WITHIN, _FEW = (1024, 1024), 60  # pixels of an image within the page, where there are so few


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Where the page finds an image: beside it, or ``within`` itself, as small as its number asks for."""

    folder: TestFolder
    within: bool = False

    def pair(self, cell: Cell, image: Path) -> tuple[str, str]:
        """(the large image, the small one); the second is "" where the first one will do."""
        if self.within:
            data = self._small(cell, image)
            return f"data:image/webp;base64,{base64.b64encode(data).decode()}" if data else "", ""
        thumbnail = self.folder.thumbnail(cell)
        return self._relative(image), self._relative(thumbnail if thumbnail.exists() else image)

    def _small(self, cell: Cell, image: Path) -> bytes:
        if len(self.folder.cells) <= _FEW:
            return small_picture(image, _WITHIN)
        try:
            return self.folder.thumbnail(cell).read_bytes()
        except OSError:
            return small_picture(image, SIZE)

    def _relative(self, path: Path) -> str:
        return escape(quote(path.relative_to(self.folder.path).as_posix(), safe="/"))


def grid_page(folder: TestFolder, *, within: bool = False) -> str:
    """The whole page, as far as the images are there; ``within``: with them in it, smaller, as one file to share."""
    addresses = _Addresses(folder, within)
    script = (_HERE / "grid.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    baseline, *rows = folder.rows()
    largest = max((figure for row in rows if (figure := _difference(folder, row)) is not None), default=0.0)
    return Template((_HERE / "grid.html").read_text("utf-8")).substitute(
        title=escape(folder.name or "LoRA test"),
        policy=f"{_POLICY} script-src 'sha256-{digest}'",
        style=(_HERE / "grid.css").read_text("utf-8"),
        script=script,
        facts=" · ".join(_facts(folder)),
        sorts="".join(f'<option value="{key}">{escape(text)}</option>' for key, text in _sorts(folder)),
        size=_LARGE if len(baseline) <= 4 else _SMALL,
        notices="".join(_notices(folder)),
        head=_head(folder),
        baseline=_baseline_row(addresses, baseline),
        rows="\n".join(_row(addresses, row, largest) for row in rows),
    )


def _sorts(folder: TestFolder) -> Iterator[tuple[str, str]]:
    if folder.scores.values:
        yield from {"order": _SORTS["order"], "score-down": f"best {folder.scores.metric}"}.items()
    yield from ((key, text) for key, text in _SORTS.items() if key != "order" or not folder.scores.values)


def _facts(folder: TestFolder) -> Iterator[str]:
    plan = folder.plan
    yield escape(plan.sentence)
    settings = plan.settings
    if folder.checkpoint:
        yield escape(folder.checkpoint)
    yield f"{settings.width} × {settings.height}"
    yield f"{escape(settings.sampler)} {escape(settings.scheduler)}, {settings.steps} steps, cfg {settings.cfg:g}"
    if folder.target:
        yield escape(folder.target)


def _notices(folder: TestFolder) -> Iterator[str]:
    failed = [part.error for cell in folder.cells if (part := folder.part(cell)).error]
    left = len(folder.missing())
    if failed:
        items = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(failed))
        yield _details(f"{_number(len(failed), 'image')} could not be rendered; run the test again to retry.", items)
    elif left:
        yield f'<p class="notice">{_number(left, "image")} not rendered yet; run the test again to go on.</p>'
    models = {part.checkpoint for cell in folder.cells if (part := folder.part(cell)).checkpoint}
    if len(models) > 1:
        names = escape(", ".join(sorted(models)))
        yield f'<p class="notice">Not all images are of one model, and cannot be compared: {names}.</p>'
    if folder.plan.refused:
        items = "".join(f"<li><b>{escape(r.name)}</b>: {escape(r.reason)}</li>" for r in folder.plan.refused)
        yield _details(f"{_number(len(folder.plan.refused), 'LoRA')} not tested", items)


def _details(summary: str, items: str) -> str:
    return f'<details class="notice"><summary>{summary}</summary><ul>{items}</ul></details>'


def _head(folder: TestFolder) -> str:
    prompts = list(dict.fromkeys(cell.prompt for cell in folder.cells))
    seeds = len(folder.plan.seeds)
    texts = [folder.cells[number * seeds].request.positive for number in prompts]
    first = "".join(
        f'<th class="prompt" colspan="{seeds}" style="--seeds:{seeds}" title="{escape(text)}" dir="auto">'
        f"<div><span>{escape(text)}</span></div></th>"
        for text in texts
    )
    second = "".join(
        f'<th class="seed{" first" if not place else ""}">seed {seed}</th>'
        for _ in prompts
        for place, seed in enumerate(folder.plan.seeds)
    )
    corner = '<th class="corner"></th>'
    return f"<tr>{corner}{first}</tr>\n<tr>{corner}{second}</tr>"


def _baseline_row(addresses: _Addresses, cells: Sequence[Cell]) -> str:
    label = "<b>Baseline</b><small>without any LoRA of the test</small>"
    return f'<tr class="baseline"><th class="row" scope="row">{label}</th>{_cells(addresses, cells, "Baseline")}</tr>'


def _row(addresses: _Addresses, cells: Sequence[Cell], largest: float) -> str:
    folder = addresses.folder
    assert cells[0].lora is not None
    record, strength = folder.plan.loras[cells[0].lora], cells[0].strength
    mean, score = _difference(folder, cells), _mean(folder.score(cell) for cell in cells)
    base = record.sub_family or record.base_model
    words = " ".join((record.name, record.title, base, record.base_model, *record.trigger_words, f"@{strength:g}"))
    data = {
        "name": f"{label_of(record)} {strength:g}",
        "strength": f"{strength:g}",
        "base": base,
        "difference": "" if mean is None else f"{mean:.2f}",
        "score": "" if score is None else f"{score:.4f}",
        "text": words.lower(),
    }
    attributes = " ".join(f'data-{key}="{escape(value)}"' for key, value in data.items())
    title = f"{_title(record)} at {strength:g}"
    label = f"{_label(record, strength, base)}{_bar(mean, largest)}{_score(folder, score)}"
    return f'<tr {attributes}><th class="row" scope="row">{label}</th>{_cells(addresses, cells, title)}</tr>'


def _title(record: LoraRecord) -> str:
    return record.title or label_of(record)


def _label(record: LoraRecord, strength: float, base: str) -> str:
    name = label_of(record)
    name = f"<small>{_breaking(name)}</small>" if record.title not in ("", name) else ""
    about = f"<small>{escape(base)}</small>" if base else ""
    words = ", ".join(record.trigger_words)
    trigger = f'<small class="words" title="{escape(words)}">{escape(words)}</small>' if words else ""
    return f'<b>{_breaking(_title(record))}</b>{name}<span class="at">{strength:g}</span>{about}{trigger}'


def _breaking(text: str) -> str:
    """A name that may be broken where its words end."""
    return re.sub(r"(?<=[_/\-])", "<wbr>", escape(text))


def _bar(mean: float | None, largest: float) -> str:
    if mean is None:
        return ""
    width = 100 * mean / largest if largest else 0
    return (
        f'<span class="bar" title="mean difference from the baseline, of all pixels"><i style="width:{width:.0f}%">'
        f"</i></span><small>{mean:.1f} % from the baseline</small>"
    )


def _score(folder: TestFolder, score: float | None) -> str:
    return "" if score is None else f"<small>{escape(folder.scores.metric)} {score:.3g}</small>"


def _difference(folder: TestFolder, cells: Sequence[Cell]) -> float | None:
    return _mean(folder.part(cell).difference for cell in cells)


def _mean(figures: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None


def _cells(addresses: _Addresses, cells: Sequence[Cell], title: str) -> str:
    tags = ("<td>", '<td class="first">')
    return "".join(f"{tags[cell.seed == 0]}{_cell(addresses, cell, title)}</td>" for cell in cells)


def _cell(addresses: _Addresses, cell: Cell, title: str) -> str:
    image, part, request = addresses.folder.image(cell), addresses.folder.part(cell), cell.request
    large, small = addresses.pair(cell, image) if image else ("", "")
    if not large:
        return _empty(part.error, f"--ratio:{request.width}/{request.height}")
    figure = "" if part.difference is None else f"{part.difference:.1f} %"
    shown = f'<span class="figure" title="mean difference from the baseline">{figure}</span>' if figure else ""
    source = f'src="{small}" ' if small else ""
    return (
        f'<a class="cell" href="{large}" data-title="{escape(title)}" data-seed="{request.seed}" '
        f'data-figure="{figure}" data-prompt="{escape(request.positive)}">'
        f'<img {source}width="{request.width}" height="{request.height}" '
        f'alt="{escape(f"{title}, seed {request.seed}")}" loading="lazy" decoding="async">{shown}</a>'
    )


def _empty(error: str, ratio: str) -> str:
    if not error:
        return f'<div class="empty" style="{ratio}"><span>not rendered yet</span></div>'
    text = escape(error)
    return f'<div class="empty error" style="{ratio}" title="{text}"><span>{text}</span></div>'


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
