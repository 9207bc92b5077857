"""A name or a glob → the names that it means, when it is not exactly one of them. Pure functions over sorted names."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import translate
from functools import cached_property

_SIMILAR = 0.75  # as difflib counts, where 1 is the same
_MAX_COMPARED = 10_000  # names that are compared with a wrong one
_MAX_KEPT = 1_000  # names whose most similar one is remembered
_MAGIC = re.compile(r"[*?\[]")


def fold(name: str) -> str:
    """What two spellings of one name have in common: letters of either case, spaces or hyphens."""
    return name.lower().replace(" ", "-")


def is_glob(name: str) -> bool:
    return _MAGIC.search(name) is not None


class Names:
    """Sorted names, and what it takes to find those that are not written just so among thousands of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        self._similar: dict[str, str] = {}

    @cached_property
    def folded(self) -> list[str]:
        return [fold(name) for name in self.names]

    @cached_property
    def ends(self) -> dict[str, list[int]]:
        """Last part of a name → where it stands."""
        found: dict[str, list[int]] = {}
        for index, name in enumerate(self.folded):
            found.setdefault(name.rpartition("/")[2], []).append(index)
        return found

    @cached_property
    def order(self) -> list[tuple[str, int]]:
        return sorted(zip(self.folded, range(len(self.names)), strict=True))

    def ending(self, tail: str) -> list[int]:
        """Names that are ``tail`` or end with it, in any folder."""
        ends = self.ends.get(tail.rpartition("/")[2], ())
        return [index for index in ends if self.folded[index] == tail or self.folded[index].endswith("/" + tail)]

    def below(self, folder: str) -> list[int]:
        first = bisect_left(self.order, (folder + "/", -1))
        last = bisect_left(self.order, (folder + "0", -1))  # "0" comes next after "/"
        return sorted([index for _, index in self.order[first:last]])

    def similar(self, name: str) -> str:
        """The name that is most like a wrong one, which may be a slip of it; "" for none. Takes its time once."""
        if name not in self._similar:
            if len(self._similar) >= _MAX_KEPT:
                self._similar.clear()
            close = get_close_matches(name, self._beginning_like(name), 1, _SIMILAR)
            self._similar[name] = close[0] if close else ""
        return self._similar.get(name, "")

    def _beginning_like(self, name: str) -> list[str]:
        """All names, of very many only those that begin as this one does, unless these are too many as well."""
        if len(self.names) <= _MAX_COMPARED:
            return self.names
        begin = name[:3]
        found = self.names[bisect_left(self.names, begin) : bisect_left(self.names, begin + chr(sys.maxunicode))]
        return found if len(found) <= _MAX_COMPARED else []


def nearest(wanted: str, names: Names) -> tuple[list[str], str]:
    """For a name that does not exist: another spelling, the same name in any folder, or all that is below it.

    The second value says so for people, where it is more than a spelling.
    """
    key = fold(wanted)
    ending = names.ending(key)
    if same := [index for index in ending if names.folded[index] == key]:
        return [names.names[same[0]]], ""
    if ending:
        anywhere = [names.names[index] for index in ending]
        return anywhere, f"No {wanted!r}; taken: {', '.join(anywhere[:5])}."
    below = [names.names[index] for index in names.below(key)]
    return below, f"No {wanted!r}; taken: all {len(below)} wildcards in that folder."


def matching(pattern: str, names: Names, whole: bool) -> list[str]:
    """The names that a glob matches: as written, else in another spelling, else in any folder.

    A ``*`` crosses folders. ``whole``: the glob must match to the name's end, not only its beginning.
    """
    if pattern.startswith("*/") and not is_glob(pattern[2:]):
        return _at_any_depth(fold(pattern[2:]), names, whole)
    loose = fold(pattern) + ("" if whole else "*")
    if hits := _matches(pattern, names.names, names.names):
        return hits
    return _matches(loose, names.folded, names.names) or _matches(f"*/{loose}", names.folded, names.names)


def _matches(glob: str, spelled: Sequence[str], names: Sequence[str]) -> list[str]:
    match = re.compile(translate(glob)).match
    return [name for name, text in zip(names, spelled, strict=True) if match(text)]


def _at_any_depth(tail: str, names: Names, whole: bool) -> list[str]:
    """``*/x``: every x, at the root too, and what is in a folder x."""
    ending = names.ending(tail) if whole else []
    inside = [index for index, name in enumerate(names.folded) if f"/{tail}/" in f"/{name}/"] if not ending else []
    return [names.names[index] for index in ending or inside]


def search(text: str, names: Names) -> list[str]:
    """The names that hold every word of ``text``.

    Those that begin with it come first, then those of which a part does, and of each the shortest.
    """
    start = fold(text.strip())
    hits = list(range(len(names.names)))
    for word in text.split():
        wanted = fold(word)
        hits = [index for index in hits if wanted in names.folded[index]]
    ranked = []
    for index in hits:
        name = names.folded[index]
        rank = 0 if name.startswith(start) else 1 if "/" + start in name else 2
        ranked.append((rank, len(name), index))
    return [names.names[index] for _, _, index in sorted(ranked)]
