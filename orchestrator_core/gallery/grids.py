"""LoRA tests as grids: what was tested, in which image, and how well each LoRA at each strength did.

A test keeps itself here whenever it is run; its images and their scores are the gallery's, so a score that comes later
is in the grid at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import GalleryError
from orchestrator_core.gallery.model import GalleryImage, image_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.loras.testing import TestPlan
    from orchestrator_core.store import Store

SCHEMA_VERSION = 1
MOST = 200  # tests in a list
_90_PERCENT = 1.645  # standard errors to either side


@dataclass(frozen=True, slots=True)
class GridCell:
    """``lora``: a place in ``loras``; None in the row without any. ``prompt``, ``seed``: places too. ``run_id``: ""
    where it is not rendered yet."""

    lora: int | None
    strength: float
    prompt: int
    seed: int
    run_id: str


@dataclass(frozen=True, slots=True)
class LoraTest:
    """What is kept of a test."""

    id: str
    title: str
    loras: tuple[str, ...]
    strengths: tuple[float, ...]
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: tuple[GridCell, ...]


@dataclass(frozen=True, slots=True)
class FilledCell:
    prompt: int
    seed: int
    image: GalleryImage | None
    score: float | None


@dataclass(frozen=True, slots=True)
class GridRow:
    """``lora`` "": without any. ``score``: the mean of its images'; ``low``, ``high``: where that mean is, nine times
    in ten, None for fewer than two scores. ``image``: the best one."""

    lora: str
    strength: float
    score: float | None
    low: float | None
    high: float | None
    image: GalleryImage | None
    cells: tuple[FilledCell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    test: LoraTest
    made_ms: int
    rows: tuple[GridRow, ...]  # the best first; those without a score last, as they were asked for


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    title: str
    made_ms: int


def kept_test(plan: TestPlan, folder: Path, title: str, run_ids: Sequence[str]) -> LoraTest:
    """``folder``: where the test lies; ``run_ids``: of its cells, in the plan's order."""
    from orchestrator_core.loras.testing import label_of
    from orchestrator_core.loras.trigger_mark import shown

    where = str(folder.absolute()).encode("utf-8", "surrogatepass")
    cells = tuple(
        GridCell(cell.lora, cell.strength, cell.prompt, cell.seed, run_id)
        for cell, run_id in zip(plan.cells(), run_ids, strict=True)
    )
    return LoraTest(
        hashlib.sha256(where).hexdigest()[:20],
        (title or "LoRA test")[:500],
        tuple(label_of(record) for record in plan.loras),
        plan.strengths,
        tuple(shown(draft.positive) for draft in plan.prompts),
        plan.seeds,
        cells,
    )


@dataclass(frozen=True, slots=True)
class NewImage:
    """One image of a test that is rendered elsewhere, as on ComfyUI's canvas. ``lora`` "": without any."""

    lora: str
    strength: float
    prompt: str
    seed: int
    run_id: str


def add(store: Store, test_id: str, title: str, image: NewImage) -> None:
    """Into the test, which begins with its first image; in place of the one that was there. Raises GalleryError."""
    from orchestrator_core.store import gallery_tests

    with store.writing() as connection:
        row = gallery_tests.one(connection, test_id)
        test = _read(row) if row is not None else LoraTest(test_id, title[:500], (), (), (), (), ())
        _put(connection, _with(test, image))


def _with(test: LoraTest, image: NewImage) -> LoraTest:
    """Its axes are sorted, since ComfyUI renders in an order of its own."""
    images = {_named(test, cell): cell.run_id for cell in test.cells}
    images[image.lora, image.strength, image.prompt, image.seed] = image.run_id
    loras = sorted({lora for lora, *_ in images if lora})
    strengths = sorted({strength for lora, strength, *_ in images if lora})
    prompts = list(dict.fromkeys(prompt for _, _, prompt, _ in images))
    seeds = sorted({seed for *_, seed in images})
    cells = tuple(
        GridCell(loras.index(lora) if lora else None, strength, prompts.index(prompt), seeds.index(seed), run_id)
        for (lora, strength, prompt, seed), run_id in sorted(images.items())
    )
    return LoraTest(test.id, test.title, tuple(loras), tuple(strengths), tuple(prompts), tuple(seeds), cells)


def _named(test: LoraTest, cell: GridCell) -> tuple[str, float, str, int]:
    lora = "" if cell.lora is None else test.loras[cell.lora]
    return lora, cell.strength, test.prompts[cell.prompt], test.seeds[cell.seed]


def keep(store: Store, test: LoraTest) -> None:
    """In place of what was known of it."""
    with store.writing() as connection:
        _put(connection, test)


def _put(connection: Connection, test: LoraTest) -> None:
    from orchestrator_core.store import gallery_tests
    from orchestrator_core.store.jobs import now_ms

    said = {name: value for name, value in asdict(test).items() if name not in ("id", "title")}
    text = json.dumps({"schema_version": SCHEMA_VERSION, **said}, ensure_ascii=False)
    now = now_ms()
    row = {"id": test.id, "title": test.title, "made_ms": now, "updated_ms": now, "document": text}
    gallery_tests.put(connection, row)


def listed(store: Store) -> list[Listed]:
    """The one that was run last first."""
    from orchestrator_core.store import gallery_tests

    with store.reading() as connection:
        return [Listed(row["id"], row["title"], row["made_ms"]) for row in gallery_tests.newest(connection, MOST)]


def grid(store: Store, test_id: str) -> Grid:
    """Raises GalleryError where there is none."""
    from orchestrator_core.store import gallery_tests

    with store.reading() as connection:
        row = gallery_tests.one(connection, test_id)
        if row is None:
            raise GalleryError(f"There is no LoRA test {test_id[:100]!r}.")
        test = _read(row)
        runs = sorted({cell.run_id for cell in test.cells if cell.run_id})
        images = {run: image_of(one) for run, one in gallery_tests.images_of_runs(connection, runs).items()}
    rows = [_row(test, cells, images) for cells in _in_rows(test)]
    rows.sort(key=lambda one: -1.0 if one.score is None else one.score, reverse=True)
    return Grid(test, row["made_ms"], tuple(rows))


def _read(row: Any) -> LoraTest:
    try:
        said = json.loads(row["document"])
        if said.pop("schema_version") > SCHEMA_VERSION:
            raise GalleryError("This LoRA test was kept by a newer version of this pack: update it here too.")
        cells = tuple(GridCell(**cell) for cell in said.pop("cells"))
        kept = {name: tuple(value) for name, value in said.items()}
        return LoraTest(row["id"], row["title"], cells=cells, **kept)
    except (ValueError, TypeError, KeyError) as error:
        raise GalleryError("What was kept of this LoRA test cannot be read.") from error


def _in_rows(test: LoraTest) -> Iterable[list[GridCell]]:
    found: dict[tuple[int | None, float], list[GridCell]] = {}
    for cell in test.cells:
        found.setdefault((cell.lora, cell.strength), []).append(cell)
    return found.values()


def _row(test: LoraTest, cells: Sequence[GridCell], images: dict[str, GalleryImage]) -> GridRow:
    filled = tuple(_filled(cell, images.get(cell.run_id)) for cell in cells)
    scores = [cell.score for cell in filled if cell.score is not None]
    there = [cell for cell in filled if cell.image is not None]
    best = max(there, key=lambda cell: -1.0 if cell.score is None else cell.score, default=None)
    low, high = interval(scores)
    first = cells[0]
    lora = "" if first.lora is None else test.loras[first.lora]
    return GridRow(
        lora, first.strength, fmean(scores) if scores else None, low, high, best.image if best else None, filled
    )


def _filled(cell: GridCell, image: GalleryImage | None) -> FilledCell:
    return FilledCell(cell.prompt, cell.seed, image, image.score if image else None)


def interval(scores: Sequence[float]) -> tuple[float | None, float | None]:
    """Where their mean is, nine times in ten; as if they were normally distributed."""
    if len(scores) < 2:
        return None, None
    mean, error = fmean(scores), _90_PERCENT * stdev(scores) / sqrt(len(scores))
    return max(mean - error, 0.0), min(mean + error, 1.0)
