"""``gallery/stories``, ``gallery/grids``: pictures that belong together."""

from __future__ import annotations

from orchestrator_core.api import picture_models as shown
from orchestrator_core.api.gallery_models import card_of
from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.routing import Call


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
