"""``gallery/stories``, ``gallery/grids``: pictures that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_core.api import picture_models as shown
from orchestrator_core.api.gallery_models import Card, card_of
from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.models import fields_of
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import GalleryError

if TYPE_CHECKING:
    from orchestrator_core.gallery.grids import GridRow
    from orchestrator_core.gallery.model import GalleryImage


def stories(call: Call) -> shown.StoryList:
    from orchestrator_core.gallery.stories import film_strips

    with opened(call) as gallery:
        found = film_strips(gallery)
    return shown.StoryList(
        stories=[
            shown.StoryShown(name=strip.name, images=strip.count, cards=[card_of(image) for image in strip.images])
            for strip in found
        ]
    )


def grids(call: Call) -> shown.GridList:
    from orchestrator_core.gallery.grids import listed

    with call.place.open_store() as store:
        found = listed(store)
    return shown.GridList(grids=[shown.GridListed(**fields_of(one)) for one in found])


def grid(call: Call) -> shown.GridShown:
    from orchestrator_core.gallery import grids as tests

    with call.place.open_store() as store:
        try:
            found = tests.grid(store, call.names["grid"])
        except GalleryError as error:
            raise Refusal(404, "no_such_grid", str(error)) from None
    test = found.test
    axes = shown.GridAxes(
        loras=list(test.loras),
        strengths=list(test.strengths),
        prompts=list(test.prompts),
        seeds=list(test.seeds),
    )
    rows = [_row(row) for row in found.rows]
    return shown.GridShown(id=test.id, title=test.title, made_ms=found.made_ms, axes=axes, rows=rows)


def _row(row: GridRow) -> shown.GridRowShown:
    cells = [
        shown.GridCellShown(prompt=cell.prompt, seed=cell.seed, image=_card(cell.image), score=cell.score)
        for cell in row.cells
    ]
    same = {name: getattr(row, name) for name in ("lora", "strength", "score", "low", "high")}
    return shown.GridRowShown(**same, image=_card(row.image), cells=cells)


def _card(image: GalleryImage | None) -> Card | None:
    return card_of(image) if image is not None else None
