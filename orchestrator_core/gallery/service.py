"""Gallery: the images of one store, as a person and any program see, find and mark them. Adapters serve it.

Every method is one transaction, but for those that look at folders. Raises GalleryError for what is not there or cannot
be, FormatError for what cannot be read as asked, StoreError.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.errors import FormatError, GalleryError
from orchestrator_core.gallery import indexing
from orchestrator_core.gallery.model import (
    MOST_A_PAGE,
    Changes,
    Facets,
    GalleryImage,
    Page,
    SavedSearch,
    image_of,
    read_cursor,
    written_cursor,
)
from orchestrator_core.gallery.query import parse_query
from orchestrator_core.loras.scan import is_below

if TYPE_CHECKING:
    from orchestrator_core.gallery.query import Query
    from orchestrator_core.store import Store
    from orchestrator_core.store.gallery_find import Asked

LONGEST_NAME = 200
MOST_SEARCHES = 500  # that are saved: each is shown in the page
_AT_ONCE = 50  # runs of one transaction


class Gallery:
    """Threads may share one. ``marking.py`` says how images are marked."""

    def __init__(self, store: Store) -> None:
        self.store = store

    # folders

    def roots(self) -> list[str]:
        """The folders that are looked through, as a person named them."""
        from orchestrator_core.store import gallery_folders

        with self.store.reading() as connection:
            return gallery_folders.named(connection)

    def images_in_roots(self) -> dict[str, int]:
        """Of each folder how many images are there."""
        from orchestrator_core.store import gallery_folders

        with self.store.reading() as connection:
            counted = gallery_folders.images_in(connection)
            return {root: counted.get(root, 0) for root in gallery_folders.named(connection)}

    def add_root(self, folder: Path) -> str:
        """As it is kept: absolute. Folders inside of it that were named before are part of it now."""
        from orchestrator_core.store import gallery_folders

        path = _absolute(folder)
        if not Path(path).is_dir():
            raise GalleryError(f"{path} is no folder that is there.")
        with self.store.writing() as connection:
            named = gallery_folders.named(connection)
            outer = next((root for root in named if root != path and is_below(path, root)), None)
            if outer is not None:
                raise GalleryError(f"{path} is in {outer}, which is looked through already.")
            gallery_folders.add(connection, path, [root for root in named if root != path and is_below(root, path)])
        return path

    def remove_root(self, folder: str) -> None:
        """It is looked through no more. Its images are missing from then on; what was said of them stays."""
        from orchestrator_core.store import gallery_folders, gallery_images

        path = _absolute(Path(folder))
        with self.store.writing() as connection:
            named = gallery_folders.named(connection)
            if path not in named:
                raise GalleryError(f"{path} is not looked through. There are: {', '.join(named) or 'none'}.")
            gallery_images.forget_files(connection, gallery_folders.remove(connection, path))

    def index(
        self,
        hints: Collection[str] | None = None,
        report: indexing.Report = lambda *_: None,
        cancellation: Cancellation | None = None,
    ) -> indexing.Indexed:
        """Look at all folders, or where ``hints`` say, and read what changed. Raises Interrupted once cancelled."""
        if hints is None:
            self.prepare()
        return indexing.index(self.store, hints, report, cancellation)

    def prepare(self) -> int:
        """Makes what makes searching fast, and takes in runs that were saved by a pack without a gallery; how many."""
        from orchestrator_core.store import gallery_runs, gallery_search, queries
        from orchestrator_core.store.jobs import now_ms

        with self.store.writing() as connection:
            gallery_search.prepare(connection)
        taken, after = 0, ""
        while True:
            with self.store.writing() as connection:
                ids = gallery_runs.unrecorded(connection, after, _AT_ONCE)
                if not ids:
                    return taken
                rows = gallery_runs.rows_of_images(connection, ids)
                gallery_runs.record(connection, queries.load(connection, ids), rows, now_ms())
            taken, after = taken + len(ids), ids[-1]

    # finding

    def page(self, query: str = "", limit: int = 50, after: str = "", offset: int = 0) -> Page:
        """At most ``limit`` images in the query's order; ``after`` is that of the page before, ``offset`` how many are
        passed over."""
        from orchestrator_core.store import gallery_find

        asked = parse_query(query)
        place = read_cursor(after, asked.sort, asked.backwards) if after else []
        limit = min(max(limit, 1), MOST_A_PAGE)
        wanted = _asked(asked)._replace(limit=limit + 1, after=place, offset=offset)
        with self.store.reading() as connection:
            rows = gallery_find.page(connection, self.store.found, wanted)
        images = tuple(image_of(row) for row in rows[:limit])
        if len(rows) <= limit:
            return Page(images)
        last = gallery_find.place_of(rows[limit - 1], asked.sort)
        return Page(images, written_cursor(asked.sort, asked.backwards, last))

    def count(self, query: str = "") -> int:
        from orchestrator_core.store import gallery_find

        with self.store.reading() as connection:
            return gallery_find.count(connection, self.store.found, _asked(parse_query(query)))

    def facets(self, query: str = "", most: int = 30) -> Facets:
        """What the found images can be narrowed by."""
        from orchestrator_core.store import gallery_facets, gallery_find

        asked, kept = _asked(parse_query(query)), self.store.found
        with self.store.reading() as connection:
            names = gallery_facets.facets(connection, kept, asked, most)
            marks = gallery_facets.marks_counted(connection, kept, asked)
            total = gallery_find.count(connection, kept, asked)
        return Facets({kind: tuple(found) for kind, found in names.items()}, marks, total)

    def names(self, kind: str, part: str = "", most: int = 12) -> list[tuple[str, int]]:
        """Names of a kind as in ``Facets`` with ``part`` in them, whatever its case, and how many images have each.

        Those that begin with it come first, the most frequent before others.
        """
        from orchestrator_core.store import gallery_facets

        with self.store.reading() as connection:
            return gallery_facets.names_with(connection, kind, part, most)

    def image(self, name: int | str) -> GalleryImage:
        """By id, or by key: the SHA-256 of its content."""
        found = self.images([name])
        if not found:
            raise GalleryError(f"There is no image {name} in the gallery.")
        return found[0]

    def images(self, names: Sequence[int | str]) -> list[GalleryImage]:
        """Those of these that are there, in their order."""
        from orchestrator_core.store import gallery_find
        from orchestrator_core.store.queries import chunks

        found: dict[int | str, GalleryImage] = {}
        with self.store.reading() as connection:
            for column, kind in (("id", int), ("key", str)):
                for chunk in chunks([name for name in names if isinstance(name, kind)]):
                    rows = gallery_find.images_of(connection, column, chunk)
                    found |= {row[column]: image_of(row) for row in rows}
        return [found[name] for name in names if name in found]

    def terms(self, image_id: int) -> list[tuple[str, str]]:
        """What it can be found by: (kind, name), kinds as in ``Facets``."""
        from orchestrator_core.store import gallery_find

        with self.store.reading() as connection:
            return gallery_find.terms_of(connection, [image_id]).get(image_id, [])

    def file_of(self, image_id: int) -> Path:
        """A file with this content that may be shown: one of a run, or inside of a folder that is looked through."""
        from orchestrator_core.store import gallery_find, gallery_folders

        with self.store.reading() as connection:
            rows = gallery_find.paths_of(connection, image_id)
            roots = gallery_folders.named(connection)
        for row in rows:
            path = Path(row["path"])
            if not row["missing"] and _may_be_shown(path, row["root"], roots):
                return path
        raise GalleryError(f"The file of image {image_id} is not there.")

    def set_broken(self, key: str, why: str) -> bool:
        """What ``Thumbnails`` tells of a picture that cannot be shown. False where there is no such image."""
        from orchestrator_core.store import gallery_images

        with self.store.writing() as connection:
            return gallery_images.set_broken(connection, key, why[:1000])

    # what changed

    def revision(self) -> int:
        """Of the last change of any image: a glance, to be asked often."""
        from orchestrator_core.store import gallery_images

        with self.store.reading() as connection:
            return gallery_images.revision(connection)

    def changes(self, since: int = 0, limit: int = 500) -> Changes:
        """What changed after that revision; each image once, as it is now."""
        from orchestrator_core.store import gallery_find, gallery_images

        with self.store.reading() as connection:
            rows = gallery_find.changed(connection, since, limit + 1)
            last = gallery_images.revision(connection)
        images = tuple(image_of(row) for row in rows[:limit])
        more = len(rows) > limit
        return Changes(images, images[-1].revision if more else last, more)

    # saved searches

    def searches(self) -> list[SavedSearch]:
        from orchestrator_core.store import gallery_searches

        with self.store.reading() as connection:
            return [SavedSearch(name, query) for name, query in gallery_searches.all_of(connection)]

    def save_search(self, name: str, query: str) -> None:
        """In place of one with that name, whatever its case. Raises FormatError for a query that cannot be read."""
        from orchestrator_core.store import gallery_searches

        name = " ".join(name.split())
        if not 1 <= len(name) <= LONGEST_NAME:
            raise FormatError(f"A saved search has a name of 1 to {LONGEST_NAME} characters.")
        parse_query(query)
        with self.store.writing() as connection:
            gallery_searches.put(connection, name, query)
            if len(gallery_searches.all_of(connection)) > MOST_SEARCHES:
                raise FormatError(f"{MOST_SEARCHES} searches are saved already. Delete one of them first.")

    def delete_search(self, name: str) -> None:
        from orchestrator_core.store import gallery_searches

        with self.store.writing() as connection:
            if not gallery_searches.delete_named(connection, name):
                raise GalleryError(f"There is no saved search '{name}'.")


def _absolute(folder: Path) -> str:
    return os.path.abspath(folder.expanduser())  # noqa: PTH100 - resolve() would follow the links that people named


def _asked(query: Query) -> Asked:
    from orchestrator_core.store.gallery_conditions import Condition
    from orchestrator_core.store.gallery_find import Asked

    conditions = [Condition(term.field, term.values, term.sign, term.negated) for term in query.terms]
    return Asked(conditions, query.sort, query.backwards)


def _may_be_shown(path: Path, root: str, roots: Sequence[str]) -> bool:
    """Whether it is a file where it was seen: a link that was put in its place later leads to what nobody named."""
    if path.is_symlink() or not path.is_file():
        return False
    if not root:
        return True
    real_root = os.path.realpath(root)
    return root in roots and is_below(os.path.realpath(path), real_root)
