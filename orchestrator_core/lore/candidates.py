"""The entries that a scan may find, in the order in which they are asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator_core.lore.book import Book, CharacterFilter, Entry
from orchestrator_core.lore.decorators import Decorators, decorated
from orchestrator_core.lore.scan import Scan
from orchestrator_core.lore.timed import entry_key


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An entry in a scan; one is equal to itself alone. ``content`` is without the decorators."""

    key: str
    book: Book
    entry: Entry
    decorators: Decorators
    content: str
    recursive: bool
    place: int

    @property
    def scan_depth(self) -> int | None:
        """How many texts are looked through; None is what the scan says."""
        for depth in (self.decorators.scan_depth, self.entry.scan_depth):
            if depth is not None:
                return depth
        return self.book.scan_depth

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
    seen: Counter[str] = Counter()
    for book in books:
        recursive = scan.settings.recursive if book.recursive is None else book.recursive
        for entry in sorted(book.entries, key=lambda entry: -entry.order):
            key = entry_key(book.name, entry)
            seen[key] += 1
            if seen[key] > 1:  # two books of one name
                key = f"{key}#{seen[key]}"
            if entry.enabled and _is_for(entry, scan):
                decorators, content = decorated(entry.content, book.rules)
                found.append(Candidate(key, book, entry, decorators, content, recursive, len(found)))
    return found


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
    if wanted.names and bool(set(wanted.names) & set(scan.names)) == wanted.excludes:
        return False
    return not (wanted.tags and scan.character_tags) or bool(set(wanted.tags) & set(scan.character_tags)) != (
        wanted.excludes
    )
