"""What a pipeline would do, does and did, as HTML: the plan, how far it is, and before and after at each card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.studio.html import clickable, escape, notice, picture
from orchestrator_app.studio.pipeline_job import Finished, StageStand, Stand, line_of, share_of
from orchestrator_core.request import GeneratedImage

if TYPE_CHECKING:
    from orchestrator_core.pipeline.differences import Change
    from orchestrator_core.pipeline.planning import ItemPlan, StagePlan
    from orchestrator_core.run import Run

Pictures = Callable[[Path], bytes]
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_COMPARED = 4_000_000  # pairs of words; longer texts are shown one after the other
_ALIKE = 0.6  # of the words of the shorter text; two that have less in common are shown one after the other
_CHIPS = 60  # items to choose from at once
_NAME = 60  # characters of one
_SHOWN = 8  # images of a stage
_TEXTS = ("prompt", "negative")


def difference_html(before: str, after: str) -> str:
    """The words that went and those that came, in the text that they are of."""
    old, new = _WORD.findall(before.strip()), _WORD.findall(after.strip())
    whole = (f"<del>{escape(before)}</del> " if before.strip() else "") + f"<ins>{escape(after)}</ins>"
    if not old or len(old) * len(new) > _COMPARED:
        return whole
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if sum(block.size for block in matcher.get_matching_blocks()) < _ALIKE * min(len(old), len(new)):
        return whole
    found = []
    for tag, a, b, c, d in matcher.get_opcodes():
        gone, come = escape("".join(old[a:b])), escape("".join(new[c:d]))
        if tag == "equal":
            found.append(come)
            continue
        found.append((f"<del>{gone}</del>" if gone else "") + (f"<ins>{come}</ins>" if come else ""))
    return "".join(found)


# at a card


def state_html(stand: StageStand | None, *, is_stale: bool = False, is_changed: bool = False) -> str:
    """What became of a stage, and whether that still holds."""
    found = []
    if stand is not None:
        seconds = f" {stand.seconds:.1f} s" if stand.seconds >= 0.05 else ""
        found.append(f'<i class="orc-state {_class(stand.state)}">{escape(stand.state)}{seconds}</i>')
    if is_changed or is_stale:
        why = "its options are other ones now" if is_changed else "what it was made from has changed"
        found.append(f'<i class="orc-state stale" title="{why}; run it again">stale</i>')
    return "".join(found)


def _class(state: str) -> str:
    return re.sub(r"\W", "-", state)


def working_html(stand: StageStand) -> str:
    """Of a stage that is under way: how far."""
    progress = stand.progress
    if progress is None or not progress.steps:
        return _why(stand)
    share = 100 * min(1.0, progress.step / progress.steps)
    return f'<div class="orc-bar"><i style="width:{share:.0f}%"></i></div>{_why(stand)}'


def result_html(
    stand: StageStand | None,
    changes: Sequence[Change],
    runs: tuple[Run, Run] | None,
    pictures: Pictures,
    *,
    can_again: bool,
) -> str:
    """Before and after of a stage; ``runs`` are what it began with and what it left."""
    is_first = runs is not None and not runs[0].draft.components
    parts = [_why(stand), _changes([replace(one, before="") for one in changes] if is_first else changes)]
    if runs is not None:
        made = [image for image in runs[1].images if image not in runs[0].images]
        parts.append(images_html(made, pictures))
        if stand is not None and stand.state in ("done", "cached") and not changes and runs[0] == runs[1]:
            parts.append(notice("It changed nothing.", "quiet"))
    found = "".join(parts)
    buttons = (
        '<p class="orc-add"><button type="button" class="orc-chip" data-act="again">Run from here again</button>'
        '<button type="button" class="orc-chip" data-act="again_only" title="What stands behind it stays as it is, and '
        'is marked stale">Only this stage</button></p>'
    )
    return f'<div class="orc-result">{found}{buttons if can_again else ""}</div>' if found or can_again else ""


def _why(stand: StageStand | None) -> str:
    if stand is None or not stand.detail:
        return ""
    return notice(stand.detail, "problem" if stand.state == "failed" else "hint" if "ret" in stand.state else "quiet")


def _changes(changes: Sequence[Change]) -> str:
    rows = "".join(
        f"<dt>{escape(change.what)}</dt><dd dir='auto'>{_told(change)}</dd>"
        for change in changes
        if change.what != "images"
    )
    return f'<dl class="orc-changes">{rows}</dl>' if rows else ""


def _told(change: Change) -> str:
    if change.what in _TEXTS:
        return difference_html(change.before, change.after)
    before = f"<del>{escape(change.before)}</del>" if change.before else ""
    after = f"<ins>{escape(change.after)}</ins>" if change.after else ""
    return f"{before} → {after}" if before and after else before + after


def images_html(images: Sequence[GeneratedImage], pictures: Pictures) -> str:
    shown = "".join(_image(image, pictures) for image in images[:_SHOWN])
    more = f"<small>and {len(images) - _SHOWN:,} more</small>" if images[_SHOWN:] else ""
    return f'<p class="orc-pics">{shown}{more}</p>' if shown else ""


def _image(image: GeneratedImage, pictures: Pictures) -> str:
    data, name = pictures(image.path), escape(image.path.name)
    if not data:
        return f"<small>{name} (not there any more)</small>"
    return f'<img alt="{name}" title="{escape(str(image.path))}" src="{picture(data)}">'


# what another try changed


def changed_html(finished: Finished | None, pictures: Pictures) -> str:
    """Between the run before and this one; "" of what was no rerun."""
    if finished is None or finished.before is None or finished.error:
        return ""
    before, after = finished.before.result.run.images, finished.record.result.run.images
    pair = ""
    if before != after and after:
        pair = f'<div class="orc-pair">{images_html(before, pictures)}<b>→</b>{images_html(after, pictures)}</div>'
    said = _changes(finished.changes) or ("" if pair else notice("Nothing has changed.", "quiet"))
    return f'<section class="orc-changed"><h4>What changed</h4>{said}{pair}</section>'


def items_html(done: Sequence[Finished], chosen: int, to: str) -> str:
    """The items of a batch to choose from; "" of one alone. Of many those around the chosen one."""
    if len(done) < 2:
        return ""
    first = max(0, min(chosen - _CHIPS // 2, len(done) - _CHIPS))
    last = min(first + _CHIPS, len(done))
    chips = [_item(one, place, is_chosen=place == chosen) for place, one in enumerate(done[first:last], first)]
    if first:
        chips.insert(0, _turn(first - 1, "‹ earlier"))
    if last < len(done):
        chips.append(_turn(last, "later ›"))
    return clickable(to, "".join(chips), "orc-chips orc-items")


def _item(one: Finished, place: int, *, is_chosen: bool) -> str:
    kind = f"orc-chip{' chosen' if is_chosen else ''}{' failed' if one.error else ''}"
    name = one.name if len(one.name) <= _NAME else f"{one.name[: _NAME - 1]}…"
    return (
        f'<button type="button" class="{kind}" data-send="{place}" title="{escape(one.error or one.name)}">'
        f"{escape(name)}</button>"
    )


def _turn(place: int, text: str) -> str:
    return f'<button type="button" class="orc-chip" data-send="{place}">{text}</button>'


# a job


def progress_html(stand: Stand | None, notes: Iterable[str] = (), where: Path | None = None) -> str:
    """One bar for all, what is under way, the picture so far, and what went wrong."""
    if stand is None:
        return ""
    now = stand.stands.get(stand.stage)
    preview = now.progress.preview if now and now.progress else b""
    shown = f'<img class="orc-preview" alt="the picture so far" src="{picture(preview)}">' if preview else ""
    errors = dict.fromkeys(filter(None, [stand.error, *(one.error for one in stand.done)]))
    kept = notice(f"Kept in {where}", "quiet") if where is not None and stand.is_over else ""
    return (
        f'<div class="orc-progress {"over" if stand.is_over else "running"}">'
        f'<div class="orc-bar"><i style="width:{100 * share_of(stand):.1f}%"></i></div>'
        f'<p role="status">{escape(line_of(stand))}</p>{shown}{"".join(notice(text) for text in errors)}'
        f"{''.join(notice(f'Not kept: {text}', 'hint') for text in notes)}{kept}</div>"
    )


# a plan


def plan_html(plans: Sequence[ItemPlan], product: str, total: int) -> str:
    """A dry run as a table: one row an item, with what each stage would do."""
    has_loras = any(plan.draft.loras for plan in plans)
    head = f"<tr><th>#</th><th>prompt and request</th><th>seed</th>{'<th>LoRAs</th>' if has_loras else ''}</tr>"
    rows = "".join(_plan_row(plan, has_loras=has_loras) for plan in plans)
    more = f" The first {len(plans):,} are shown." if total > len(plans) else ""
    said = f"Items: {product}. Nothing is rendered, and no language model is asked.{more}"
    return f'<div class="orc-plan">{notice(said, "quiet")}<table>{head}{rows}</table></div>'


def _plan_row(plan: ItemPlan, *, has_loras: bool) -> str:
    draft = plan.draft
    loras = "<br>".join(escape(f"{lora.name} at {lora.strength_model:g}") for lora in draft.loras)
    lines = [f"negative: {escape(draft.negative_prompt)}"] if draft.negative_prompt.strip() else []
    lines += [escape(said) for stage in plan.stages if (said := _stage_said(stage))]
    lines += [f"<b>{_request(stage)}</b>" for stage in plan.stages if stage.request is not None]
    varied = f"<em>{_values(plan.values)}</em>" if plan.values else ""
    return (
        f"<tr><td>{plan.number}</td><td dir='auto'>{varied}{escape(draft.positive.strip())}"
        f"{''.join(f'<small>{line}</small>' for line in lines)}</td><td>{draft.seed}</td>"
        f"{f'<td>{loras}</td>' if has_loras else ''}</tr>"
    )


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(escape(f"{name}={_short(value)}") for name, value in values.items())


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _stage_said(stage: StagePlan) -> str:
    """What is not as usual of it."""
    if stage.state in ("done", "renders") and not stage.detail:
        return ""
    return f"{stage.id}: {stage.state}" + (f", {stage.detail}" if stage.detail else "")


def _request(stage: StagePlan) -> str:
    request = stage.request
    assert request is not None
    size = f"{request.width}×{request.height}" + (f" ×{request.batch_size}" if request.batch_size > 1 else "")
    parts = [size, f"{request.sampler}/{request.scheduler}", f"{request.steps} steps", f"cfg {request.cfg:g}"]
    return escape(", ".join([*parts, f"seed {request.seed}", request.checkpoint or "the host's model"]))
