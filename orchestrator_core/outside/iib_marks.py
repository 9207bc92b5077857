"""Favourites and stars as infinite-image-browsing's tags, and its tags as marks.

``push`` and ``pull`` may be asked for again at any time, and change nothing where all is so already.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.gallery.indexing import Report
from orchestrator_core.gallery.model import MOST_A_PAGE
from orchestrator_core.outside.iib import Iib, NotTagged
from orchestrator_core.weights.marking import MOST_STARS

if TYPE_CHECKING:
    from orchestrator_core.gallery.marking import Marking
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery

LIKE = "like"  # the tag that it has from the beginning
STARS = tuple("★" * number for number in range(1, MOST_STARS + 1))
OURS = frozenset((LIKE, *STARS))
AT_ONCE = 200  # paths of one call
Change = tuple[str, bool, str]  # a tag, whether it is to be there, the folder


@dataclass(frozen=True, slots=True)
class Pushed:
    """Numbers of pictures that got or lost a tag, or had all as it should be; and (path, why) of those that cannot."""

    changed: int = 0
    same: int = 0
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """``kept``: (picture, why) of marks that were set here to something else, and stay. ``taught``: values."""

    changed: int = 0
    same: int = 0
    taught: int = 0
    kept: tuple[tuple[str, str], ...] = ()


def push(
    gallery: Gallery, iib: Iib, query: str = "", *, mirror: bool = False, report: Report = lambda *_: None
) -> Pushed:
    """Tags for the marks of what the query finds; ``mirror``: also none where there is no mark. Raises OutsideError."""
    iib.open()
    changed, same = 0, 0
    failed: list[tuple[str, str]] = []
    numbers: dict[str, int] = {}
    for images in _pages(gallery, query, report):
        marked = {image.id: image for image in images if mirror or image.favourite or image.rating}
        wanted, unnamed = _wanted(gallery, marked)
        changes = _changes(wanted, iib.tags_of(list(wanted)) if wanted else {}, mirror=mirror)
        for name in {name for name, _, _ in changes} - numbers.keys():
            numbers[name] = iib.tag(name)
        problems = dict(unnamed)
        for (name, is_there, _), paths in changes.items():
            problems |= _put(iib, paths, numbers[name], is_there=is_there)
        touched = {path for paths in changes.values() for path in paths}
        changed += len(touched - problems.keys())
        same += len(wanted.keys() - touched)
        failed += problems.items()
    return Pushed(changed, same, tuple(failed))


def _pages(gallery: Gallery, query: str, report: Report) -> Iterator[tuple[GalleryImage, ...]]:
    """All that it finds, a call's worth at a time."""
    total, done, after = gallery.count(query), 0, ""
    while True:
        page = gallery.page(query, min(AT_ONCE, MOST_A_PAGE), after)
        yield page.images
        done, after = done + len(page.images), page.after
        report(done, max(total, done), "")
        if not after:
            return


def _wanted(
    gallery: Gallery, images: Mapping[int, GalleryImage]
) -> tuple[dict[str, GalleryImage], list[tuple[str, str]]]:
    """The image of each path; and of paths that cannot be told to anybody why."""
    found: dict[str, GalleryImage] = {}
    unnamed: list[tuple[str, str]] = []
    for image_id, path in _paths(gallery, list(images)):
        if _is_text(path):
            found[path] = images[image_id]
        else:
            unnamed.append((path, "Its path is not text, so it cannot be named elsewhere."))
    return found, unnamed


def _paths(gallery: Gallery, ids: Sequence[int]) -> list[tuple[int, str]]:
    """As infinite-image-browsing writes paths."""
    from orchestrator_core.store import outside

    with gallery.store.reading() as connection:
        return [(image_id, os.path.normpath(path)) for image_id, path in outside.files_of(connection, ids)]


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path


def _changes(
    wanted: Mapping[str, GalleryImage], had: Mapping[str, set[str]], *, mirror: bool
) -> dict[Change, list[str]]:
    """What is to be done, by tag and folder: a folder that is not scanned fails as a whole. Nothing goes before what
    is to be in its place has come."""
    changes: dict[Change, list[str]] = defaultdict(list)
    for path, image in wanted.items():
        there, should = had.get(path, set()) & OURS, _tags(image)
        over = there - should
        if not mirror:
            over = over & set(STARS) if image.rating else set()
        for name, is_there in [*((name, True) for name in should - there), *((name, False) for name in over)]:
            changes[name, is_there, os.path.dirname(path)].append(path)  # noqa: PTH120 - a str, of many thousands
    return dict(sorted(changes.items(), key=lambda change: not change[0][1]))


def _tags(image: GalleryImage) -> set[str]:
    return {name for name in (LIKE * image.favourite, "★" * image.rating) if name}


def _put(iib: Iib, paths: Sequence[str], tag: int, *, is_there: bool) -> dict[str, str]:
    """Why, of those that cannot be tagged. Raises OutsideError for what is not about one of them."""
    try:
        iib.put(paths, tag, is_there=is_there)
    except NotTagged as error:
        if error.is_all or len(paths) == 1:
            return dict.fromkeys(paths, str(error))
    else:
        return {}
    found: dict[str, str] = {}
    for path in paths:
        found |= _put(iib, [path], tag, is_there=is_there)
    return found


def pull(
    marking: Marking, iib: Iib, query: str = "", *, over: bool = False, report: Report = lambda *_: None
) -> Pulled:
    """Marks for the tags of what the query finds. What was set here stays, unless ``over``. Raises OutsideError."""
    iib.open()
    changed = same = taught = 0
    kept: list[tuple[str, str]] = []
    for images in _pages(marking.gallery, query, report):
        told = _told(marking.gallery, iib, [image.id for image in images])
        here = _set_here(marking.gallery, list(told)) if not over else {}
        fields: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
        for image in images:
            if image.id not in told:
                continue
            new, stays = _fields(image, told[image.id], here.get(image.id, ()))
            kept += [(image.name, why) for why in stays]
            same += not new and not stays
            if new:
                fields[tuple(new.items())].append(image.id)
        for given, ids in fields.items():
            done = marking.mark_all(ids, dict(given))
            changed, taught = changed + len(ids), taught + done.taught
    return Pulled(changed, same, taught, tuple(kept))


def _told(gallery: Gallery, iib: Iib, ids: Sequence[int]) -> dict[int, set[str]]:
    """Of each image that has one of our tags there, by any of its paths, which."""
    paths = {path: image_id for image_id, path in _paths(gallery, ids) if _is_text(path)}
    found: dict[int, set[str]] = {}
    for path, tags in (iib.tags_of(list(paths)) if paths else {}).items():
        if path in paths and tags & OURS:
            found.setdefault(paths[path], set()).update(tags & OURS)
    return found


def _set_here(gallery: Gallery, ids: Sequence[int]) -> Mapping[int, Iterable[str]]:
    from orchestrator_core.store import outside

    with gallery.store.reading() as connection:
        return outside.set_here(connection, ids)


def _fields(image: GalleryImage, tags: set[str], here: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """What is to be set; and what is not, as it was set here."""
    stars = max((len(name) for name in tags & set(STARS)), default=0)
    new: dict[str, Any] = {}
    kept: list[str] = []
    if LIKE in tags and not image.favourite:
        if "favourite" in here or (image.reject and "reject" in here):
            kept.append("it is liked there, and here you said that it is no favourite")
        else:
            new["favourite"] = True
    if stars and stars != image.rating:
        if "rating" in here:
            kept.append(f"it has {stars} stars there, and {image.rating} here")
        else:
            new["rating"] = stars
    return new, kept
