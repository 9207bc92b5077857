"""The images of runs as images of the gallery, inside the transaction that saves the run: they are there at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Any

from sqlalchemy import Connection, select, update

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import gallery_images, schema
from orchestrator_core.store.gallery_images import Told
from orchestrator_core.store.gallery_search import folded
from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.rows import Row, Stored

OWN_TOOL = "Orchestrator"
MEAN = "fulfilment"  # of a whole image: what ``stages/score_images.py`` calls the mean over its parts
MODEL_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
SETTINGS = ("sampler", "scheduler", "steps", "cfg", "denoise", "clip_skip", "vae")


def record(connection: Connection, runs: Sequence[Run], image_rows: Mapping[str, Sequence[Stored]], now: int) -> None:
    """``image_rows``: of each run, by its id, as they are stored: with the SHA-256 of the file where it was read."""
    told, files = [], []
    for run in runs:
        for image, row in zip(run.images, image_rows.get(run.id, ()), strict=True):
            one = told_of(run, image, row, now)
            told.append(one)
            if one.is_there:
                files.append((one.key, one.path))
    if not told:
        return
    _adopt(connection, told)
    ids = gallery_images.put(connection, told)
    known = gallery_images.known_paths(connection, [path for _, path in files])
    # Size and time are not known here: a look at the folder that it lies in fills them in.
    new = [(key, path) for key, path in files if known.get(path) != ids[key]]
    place = {"root": "", "size": -1, "mtime_ns": 0, "missing": 0}
    gallery_images.put_files(connection, [{"path": path, "image_id": ids[key], **place} for key, path in new])


def _adopt(connection: Connection, told: Iterable[Told]) -> None:
    """A mark that was given while nobody could read the file goes to its content, now that it is known."""
    by_name = {stand_in(one.values["run_id"], one.values["run_image"]): one.key for one in told if one.is_there}
    for old, key in by_name.items():
        _rekey(connection, old, key)


def _rekey(connection: Connection, old: str, key: str) -> None:
    """The image that was called ``old`` is this content. Where both have marks, those of the content count."""
    gallery_images.take_turn(connection)
    found = {row.key: row for row in connection.execute(select(images).where(images.c.key.in_([old, key])))}
    if old not in found or old == key:
        return
    if key not in found:
        connection.execute(update(images).where(images.c.key == old).values(key=key))
        return
    before, after = found[old], found[key]
    moved = [field for field in gallery_images.MARKS if getattr(before, field) and not getattr(after, f"{field}_rev")]
    at = gallery_images.count_changes(connection, 2)
    taken = {field: getattr(before, field) for field in moved} | {f"{field}_rev": at for field in moved}
    connection.execute(update(images).where(images.c.key == key).values(revision=at, **taken))
    gone = {"revision": at - 1, "missing": 1, **dict.fromkeys(gallery_images.MARKS, 0)}
    connection.execute(update(images).where(images.c.key == old).values(**gone))


def stand_in(run_id: str, image: str) -> str:
    """The key of an image whose content nobody could read."""
    return f"run:{run_id}/{image}"


def told_of(run: Run, image: GeneratedImage, row: Mapping[str, Any], now: int) -> Told:
    """What a run says of one of its images. ``row``: with ``path``, ``sha256``, ``width``, ``height``."""
    draft, request, name = run.draft, image.request, image.path.name
    values = {
        **request_values(request),
        "made_ms": made_ms(run.id, now),
        "tool": OWN_TOOL,
        "width": row["width"] or request.width,
        "height": row["height"] or request.height,
        "run_id": run.id,
        "run_image": name,
        "own": 1,
        "story": draft.story.story if draft.story else "",
        "profiles": draft.source.profiles,
        "template": draft.source.template,
        "search_text": folded(request.positive, request.negative, draft.source.template),
        "score": _score(run.scores, name),
    }
    key = row["sha256"] or stand_in(run.id, name)
    return Told(key, values, row["path"], tuple(terms_of(values, request, draft)), row["sha256"] is not None)


def made_ms(run_id: str, otherwise: int) -> int:
    """When a run was made: its id begins with that, if ``new_run_id`` gave it."""
    digits = run_id[:12]
    is_ours = len(run_id) == 32 and all(digit in "0123456789abcdef" for digit in run_id)
    made = int(digits, 16) if is_ours else 0
    return made if 1_500_000_000_000 < made < 4_000_000_000_000 else otherwise


def request_values(request: GenerationRequest) -> Row:
    settings: dict[str, Any] = {name: getattr(request, name) for name in SETTINGS}
    settings["loras"] = [[plain_name(lora.name), lora.strength_model] for lora in request.loras]
    return {
        "model": plain_name(request.checkpoint),
        "seed": str(request.seed),
        "prompt": request.positive,
        "negative": request.negative,
        "settings": json.dumps(settings, ensure_ascii=False),
    }


def plain_name(name: str) -> str:
    """A model's or LoRA's name without folder and suffix, as all tools can be asked for it."""
    last = PureWindowsPath(name).name
    return next((last[: -len(suffix)] for suffix in MODEL_SUFFIXES if last.lower().endswith(suffix)), last)


def terms_of(
    values: Mapping[str, Any], request: GenerationRequest, draft: PromptDraft | None = None
) -> list[tuple[str, str]]:
    """What the image can be found by: (kind, name)."""
    found = [(kind, str(values[kind])) for kind in ("tool", "model", "story") if values[kind]]
    found += [("lora", plain_name(lora.name)) for lora in request.loras]
    found += [("profile", name.strip()) for name in str(values["profiles"]).split(",") if name.strip()]
    choices = (choice for part in (*draft.components, *draft.negative) for choice in part.choices) if draft else ()
    found += [
        ("wildcard", choice.key) for choice in choices if "#" in choice.key and ":" not in choice.key.partition("#")[0]
    ]
    return list(dict.fromkeys(found))


def _score(scores: Iterable[Score], name: str) -> float:
    """The last that a whole image got; -1 for none."""
    found = [one.value for one in scores if one.image == name and one.component is None and one.metric == MEAN]
    return found[-1] if found and found[-1] == found[-1] else -1.0


def unrecorded(connection: Connection, after: str, limit: int) -> Sequence[str]:
    """Ids of runs with images that the gallery does not have yet: those of a pack that had none."""
    table = schema.images.c
    of_run = select(images.c.id).where(images.c.run_id == table.run_id, images.c.own == 1).exists()
    # Of two runs with one image the gallery names the later.
    same = select(images.c.id).where(images.c.key == table.sha256, images.c.own == 1).exists()
    statement = select(table.run_id).where(table.run_id > after, ~of_run, ~same).distinct()
    return connection.execute(statement.order_by(table.run_id).limit(limit)).scalars().all()


def rows_of_images(connection: Connection, ids: Sequence[str]) -> dict[str, list[Stored]]:
    """Of each run its images, as they are stored, in their order."""
    table = schema.images
    statement = select(table).where(table.c.run_id.in_(ids)).order_by(table.c.run_id, table.c.position)
    found: dict[str, list[Stored]] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(row["run_id"], []).append(row)
    return found
