"""The entries that a scan may find, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from orchestrator_core.lore.book import Book, CharacterFilter, Entry
from orchestrator_core.lore.decorators import Decorators, decorated
from orchestrator_core.lore.scan import Scan
from orchestrator_core.lore.timed import entry_key


@dataclass(slots=True, eq=False)  # not frozen: one is made of each entry for each scan, and that takes twice as long
class Candidate:
    """An entry in a scan; one is equal to itself alone. ``content`` is without the decorators.

    ``scan_depth``: how many texts are looked through; None is what the scan says.
    """

    key: str
    book: Book
    entry: Entry
    decorators: Decorators
    content: str
    recursive: bool
    scan_depth: int | None
    place: int

    def importance(self) -> tuple[bool, float, float, int]:
        """The lower, the sooner it leaves when there is no room."""
        entry = self.entry
        priority = entry.order if entry.priority is None else entry.priority
        return not self.decorators.ignore_on_max_context, priority, entry.order, -self.place

    def place_told(self) -> tuple[str, int]:
        """(position, depth) that the entry and its decorators ask for."""
        says = self.decorators
        if says.position:
            return says.position, self.entry.depth
        return (self.entry.position, self.entry.depth) if says.depth is None else ("at_depth", says.depth)


def candidates(books: Iterable[Book], scan: Scan) -> list[Candidate]:
    """The entries that are switched on and for this image, book by book, in each the highest order first."""
    found: list[Candidate] = []
    seen: set[str] = set()
    for book in books:
        recursive = scan.settings.recursive if book.recursive is None else book.recursive
        for entry in sorted(book.entries, key=lambda entry: -entry.order):
            key = _new_key(entry_key(book.name, entry), seen)
            if entry.enabled and _is_for(entry, scan):
                decorators, content = decorated(entry.content, book.rules)
                depth = book.scan_depth if entry.scan_depth is None else entry.scan_depth
                if decorators.scan_depth is not None:
                    depth = decorators.scan_depth
                found.append(Candidate(key, book, entry, decorators, content, recursive, depth, len(found)))
    return found


def _new_key(key: str, seen: set[str]) -> str:
    if key in seen:  # two books of one name
        key = next(other for number in count(2) if (other := f"{key}#{number}") not in seen)
    seen.add(key)
    return key


def conditions_met(says: Decorators, turn: int) -> bool:
    """Whether the turn is one in which the decorators let the entry be told."""
    if turn < says.activate_only_after:
        return False
    return not says.activate_only_every or turn % says.activate_only_every == 0


def _is_for(entry: Entry, scan: Scan) -> bool:
    if entry.families and scan.family and scan.family.casefold() not in map(str.casefold, entry.families):
        return False
    return _is_for_characters(entry.characters, scan)


def _is_for_characters(wanted: CharacterFilter, scan: Scan) -> bool:
    if not (wanted.names or wanted.tags):
        return True
    if wanted.names and bool(set(wanted.names) & set(scan.names)) == wanted.excludes:
        return False
    return not (wanted.tags and scan.character_tags) or bool(set(wanted.tags) & set(scan.character_tags)) != (
        wanted.excludes
    )
