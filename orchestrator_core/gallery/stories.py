"""Stories as film strips: the last images of each, in the order in which they were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.gallery.model import GalleryImage, image_of

if TYPE_CHECKING:
    from orchestrator_core.gallery.service import Gallery

MOST_STORIES, MOST_FRAMES = 200, 12


@dataclass(frozen=True, slots=True)
class FilmStrip:
    """``count``: of all images of the story that are there."""

    name: str
    count: int
    images: tuple[GalleryImage, ...]


def film_strips(gallery: Gallery, most: int = MOST_STORIES, frames: int = MOST_FRAMES) -> list[FilmStrip]:
    """The story with the newest image first."""
    from orchestrator_core.store import gallery_groups

    with gallery.store.reading() as connection:
        found = gallery_groups.stories(connection, most)
        rows = {story.term: gallery_groups.last_of(connection, story.term, frames) for story in found}
    return [FilmStrip(story.name, story.images, tuple(image_of(row) for row in rows[story.term])) for story in found]
