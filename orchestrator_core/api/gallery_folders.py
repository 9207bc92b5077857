"""``gallery/folders`` and ``gallery/index``: what is looked through. A path never comes from who asks, only a name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.models import Asked, Shown, fields_of
from orchestrator_core.api.place import ApiPlace, OfferedFolder
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import GalleryError
from orchestrator_core.loras.scan import is_below

if TYPE_CHECKING:
    from orchestrator_core.gallery.keeper import GalleryKeeper


class FolderShown(Shown):
    path: str
    images: int | None = Field(description="That are there.")


class OfferShown(Shown):
    name: str
    path: str


class IndexingShown(Shown):
    """Of the look that runs, or ran last."""

    running: bool
    done: int = Field(description="Of the files that are new or changed.")
    total: int
    read: int = Field(description="Images read by then.")
    message: str


class FoldersShown(Shown):
    """``offered``: folders of this host that nobody has added yet."""

    folders: list[FolderShown]
    offered: list[OfferShown]
    indexing: IndexingShown


class FolderAsked(Asked):
    offered: str = Field(min_length=1, max_length=1_000, description="A name of those that are offered.")


def listed(call: Call) -> FoldersShown:
    """Those that another program added meanwhile are looked at from now on."""
    from orchestrator_core.gallery.keeper import Progress

    with opened(call) as gallery:
        counts = gallery.images_in_roots()
    keeper = call.place.keeper
    if keeper is not None:
        keeper.follow(list(counts))
    progress = Progress(message="Nobody looks at the folders here.") if keeper is None else keeper.progress()
    return FoldersShown(
        folders=[FolderShown(path=path, images=number) for path, number in counts.items()],
        offered=[OfferShown(name=one.name, path=str(one.path)) for one in _offered(call.place, list(counts))],
        indexing=IndexingShown(**fields_of(progress)),
    )


def add(call: Call) -> FoldersShown:
    """One that the host offers; it is looked at in the background."""
    keeper = _keeper(call.place)
    wanted = [one for one in call.place.offered() if one.name == call.body.offered]
    if not wanted:
        known = ", ".join(one.name for one in call.place.offered()) or "none"
        raise Refusal(404, "no_such_folder", f"No such folder is offered here. There are: {known}.", "offered")
    with opened(call) as gallery:
        try:
            gallery.add_root(wanted[0].path)
        except GalleryError as error:
            raise Refusal(409, "folder", str(error), "offered") from None
    keeper.look()
    return listed(call)


def index(call: Call) -> FoldersShown:
    """Looks at all folders, in the background."""
    _keeper(call.place).look()
    return listed(call)


def _keeper(place: ApiPlace) -> GalleryKeeper:
    if place.keeper is None:
        raise Refusal(501, "no_indexing", "Nobody looks at folders here. Do it with: orchestrator gallery index")
    return place.keeper


def _offered(place: ApiPlace, roots: Sequence[str]) -> list[OfferedFolder]:
    return [one for one in place.offered() if one.path.is_dir() and not _is_in(one.path, roots)]


def _is_in(path: Path, roots: Sequence[str]) -> bool:
    return any(is_below(str(path.absolute()), root) for root in roots)
