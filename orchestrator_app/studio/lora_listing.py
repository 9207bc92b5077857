"""Which LoRAs a page shows: a search, flags with their counts, an order, a page of them; and what is missing as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.csv_table import csv_table
from orchestrator_core.loras.missing import KINDS
from orchestrator_core.loras.query import SORTS, parse_query
from orchestrator_core.loras.record import LoraRecord

PAGE = 48  # cards


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to filter by, what is the matter with those that have it, and what a person can do."""

    title: str
    sentence: str
    has: Callable[[LoraRecord], bool]


def _missing(kind: str) -> Callable[[LoraRecord], bool]:
    return lambda record: kind in record.missing


FLAGS: Mapping[str, Flag] = {
    **{kind: Flag(found.title, f"{found.sentence} {found.advice}", _missing(kind)) for kind, found in KINDS.items()},
    "offline": Flag("Offline", "Its folder is not connected.", lambda record: record.state == "offline"),
    "gone": Flag(
        "Gone", "The file is not there any more; what you said of it is kept.", lambda record: record.state == "missing"
    ),
    "favourite": Flag("Favourites", "Those that you marked.", lambda record: record.favourite),
    "excluded": Flag("Excluded", "Never chosen, because you said so.", lambda record: record.excluded),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a page asks for. ``paths``: only these, as the new ones of a notice."""

    query: str = ""
    flag: str = ""  # one of FLAGS
    sort: str = "name"  # one of SORTS, unless the query says another
    page: int = 0
    paths: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. ``counts`` are those of the flags among all that the query finds; ``problem``: a query that is none."""

    records: tuple[LoraRecord, ...] = ()
    all: Sequence[LoraRecord] = ()  # those of all pages, in their order
    page: int = 0
    counts: Mapping[str, int] | None = None
    problem: str = ""

    @property
    def total(self) -> int:
        return len(self.all)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


def listing(records: Collection[LoraRecord], wish: Wish) -> Listing:
    """The wanted page, or the last one where there are not so many."""
    try:
        query = parse_query(wish.query)
    except FormatError as error:
        return Listing(problem=str(error))
    inside = records if wish.paths is None else [record for record in records if record.path in wish.paths]
    found = query.apply(inside)
    counts = Counter(name for record in found for name, flag in FLAGS.items() if flag.has(record))
    shown = _flagged(found, wish)
    if not query.sort:
        shown.sort(key=SORTS.get(wish.sort, SORTS["name"]))
    page = min(max(0, wish.page), max(0, (len(shown) - 1) // PAGE))
    return Listing(tuple(shown[page * PAGE : (page + 1) * PAGE]), shown, page, counts)


def _flagged(found: list[LoraRecord], wish: Wish) -> list[LoraRecord]:
    if wish.flag in FLAGS:
        return [record for record in found if FLAGS[wish.flag].has(record)]
    if "state:" in wish.query or wish.paths is not None:
        return found
    return [record for record in found if record.state != "missing"]


def lacking_csv(records: Iterable[LoraRecord]) -> str:
    """All that something is missing of or wrong with: a line for each, with what it is and what to do."""
    rows = []
    for record in sorted(records, key=SORTS["name"]):
        kinds = [KINDS[kind] for kind in record.missing if kind in KINDS]
        if kinds and record.state != "missing":
            base = record.sub_family or record.base_model
            words = " | ".join(record.trigger_words)
            told = "; ".join(kind.title for kind in kinds), " ".join(kind.advice for kind in kinds)
            rows.append((record.name, record.path, base, words, *told))
    return csv_table(("name", "file", "base model", "trigger words", "what", "what to do"), rows)
