"""Images of the gallery by what they have in common: stories, and the names that anything was made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from orchestrator_core.store.gallery_find import SHOWN
from orchestrator_core.store.gallery_tables import image_terms, images, terms
from orchestrator_core.store.rows import Stored

STORY = "story"


class Group(NamedTuple):
    """``term``: its number; ``images``: how many that are there."""

    term: int
    name: str
    images: int
    newest_ms: int


def names(connection: Connection, kind: str, most: int) -> list[str]:
    """What images were made with, as ``model`` or ``lora``, by name; of those that were seen first."""
    statement = select(terms.c.name).where(terms.c.kind == kind).order_by(terms.c.id).limit(most)
    return sorted(connection.execute(statement).scalars(), key=str.casefold)


def stories(connection: Connection, most: int) -> list[Group]:
    """Those with images that are there, the one with the newest image first."""
    count, newest = func.count(), func.max(images.c.made_ms)
    statement = (
        select(terms.c.id, terms.c.name, count, newest)
        .join(image_terms, image_terms.c.term_id == terms.c.id)
        .join(images, images.c.id == image_terms.c.image_id)
        .where(terms.c.kind == STORY, images.c.missing == 0)
        .group_by(terms.c.id, terms.c.name)
        .order_by(newest.desc(), terms.c.id.desc())
        .limit(most)
    )
    return [Group(*row) for row in connection.execute(statement)]


def last_of(connection: Connection, term: int, most: int) -> Sequence[Stored]:
    """Its last images, in the order in which they were made."""
    statement = (
        select(*SHOWN)
        .join(image_terms, image_terms.c.image_id == images.c.id)
        .where(image_terms.c.term_id == term, images.c.missing == 0)
        .order_by(images.c.made_ms.desc(), images.c.id.desc())
        .limit(most)
    )
    return connection.execute(statement).mappings().all()[::-1]
