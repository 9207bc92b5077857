"""A name or a glob → the names that it means, when it is not exactly one of them. Pure functions over sorted names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

_MAGIC = re.compile(r"[*?\[]")


def fold(name: str) -> str:
    """What two spellings of one name have in common: letters of either case, spaces or hyphens."""
    return name.lower().replace(" ", "-")


def is_glob(name: str) -> bool:
    return _MAGIC.search(name) is not None


def nearest(wanted: str, names: Sequence[str]) -> tuple[list[str], str]:
    """For a name that does not exist: another spelling, the same name in any folder, or all that is below it.

    The second value says so for people, where it is more than a spelling.
    """
    folded = [fold(name) for name in names]
    key = fold(wanted)
    same = [name for name, other in zip(names, folded, strict=True) if other == key]
    if same:
        return same[:1], ""
    anywhere = [name for name, other in zip(names, folded, strict=True) if other.endswith("/" + key)]
    if anywhere:
        return anywhere, f"No {wanted!r}; taken: {', '.join(anywhere[:5])}."
    below = [name for name, other in zip(names, folded, strict=True) if other.startswith(key + "/")]
    return below, f"No {wanted!r}; taken: all {len(below)} wildcards in that folder."


def matching(pattern: str, names: Sequence[str], whole: bool) -> list[str]:
    """The names that a glob matches: as written, else in another spelling, else in any folder.

    A ``*`` crosses folders. ``whole``: the glob must match to the name's end, not only its beginning.
    """
    if pattern.startswith("*/") and not is_glob(pattern[2:]):
        return _at_any_depth(fold(pattern[2:]), names, whole)
    loose = fold(pattern) + ("" if whole else "*")
    if hits := _matches(pattern, names, names):
        return hits
    folded = [fold(name) for name in names]
    return _matches(loose, folded, names) or _matches(f"*/{loose}", folded, names)


def _matches(glob: str, spelled: Sequence[str], names: Sequence[str]) -> list[str]:
    match = re.compile(translate(glob)).match
    return [name for name, text in zip(names, spelled, strict=True) if match(text)]


def _at_any_depth(tail: str, names: Sequence[str], whole: bool) -> list[str]:
    """``*/x``: every x, at the root too, and what is in a folder x."""
    ends = [name for name in names if whole and (fold(name) == tail or fold(name).endswith("/" + tail))]
    return ends or [name for name in names if f"/{tail}/" in f"/{fold(name)}/"]
