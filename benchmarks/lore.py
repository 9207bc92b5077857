"""What finding lore costs, and whether it is the right lore: ``python benchmarks/lore.py``.

Speed: one scan of a book of 500 entries (three keys each; one entry in ten has a regular expression, one in five
secondary keys) over 10 texts of about 300 characters, with recursion on, as a story does before each scene. CPU
milliseconds (``time.process_time``), the median of the scans, each of texts of its own.

Precision and recall: 20 stories of 8 scenes over random books that use every rule, against the slow oracle of the
tests. An entry is right if it is told in the scene in which the oracle tells it; orders and reasons are compared by the
tests.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_core.lore.activation import Scan, Settings, TimedEffects, activated
from orchestrator_core.lore.book import Book, Entry
from tests.core.lore.oracle import Oracle
from tests.core.lore.test_against_oracle import books, counted, sentence

ENTRIES, TEXTS, LENGTH = 500, 10, 300
STORIES, SCENES = 20, 8
ONSETS, VOWELS, CODAS = (
    ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "dr"],
    "aeiou",
    ("", "", "n", "r", "l", "s", "m"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=200)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    scans = list(measured(arguments.scans))
    times = sorted(milliseconds for milliseconds, _ in scans)
    called = statistics.mean(number for _, number in scans)
    print(f"\nOne scan of {ENTRIES} entries over {TEXTS} texts ({len(times)} scans, {called:.0f} entries called for):")
    print(f"median {statistics.median(times):.2f} ms, 95th percentile {times[int(len(times) * 0.95)]:.2f} ms, ", end="")
    print(f"longest {times[-1]:.2f} ms (the first, which reads the expressions)")
    right, told, wanted, over = compared()
    print(f"\n{STORIES * 3} stories of {SCENES} scenes (20 each of SillyTavern's rules, cards', and both):")
    print(f"precision {right / told:.3f} of {told}, recall {right / wanted:.3f} of {wanted}, over the budget {over}")
    return 0 if right == told == wanted and not over else 1


def word(draw: random.Random) -> str:
    """Something like a word of English, of about seven letters."""
    parts = (ONSETS, VOWELS, CODAS)
    return "".join(draw.choice(part) for _ in range(draw.randint(2, 3)) for part in parts)


def large_book(draw: random.Random, words: list[str]) -> Book:
    entries = []
    for number in range(ENTRIES):
        keys = [draw.choice(words), draw.choice(words), f"{draw.choice(words)} {draw.choice(words)}"]
        if number % 10 == 0:
            keys[0] = f"/{draw.choice(words)}(s|en)?\\b.*{draw.choice(words)}/i"
        secondary = (draw.choice(words),) if number % 5 == 0 else ()
        content = " ".join(draw.choice(words) for _ in range(30))
        entries.append(Entry(str(number), tuple(keys), content, secondary, order=draw.randint(1, 200)))
    return Book("large", tuple(entries))


def measured(scans: int) -> Iterator[tuple[float, int]]:
    """(CPU milliseconds, entries called for) of each scan."""
    draw = random.Random(5)
    words = [word(draw) for _ in range(4000)]
    book = large_book(draw, words)
    settings = Settings(depth=TEXTS, recursive=True)
    for turn in range(scans):
        texts = [" ".join(draw.choice(words) for _ in range(LENGTH // 8))[:LENGTH] for _ in range(TEXTS)]
        scan = Scan(seed=1, turn=turn, budget=400, settings=settings)
        start = time.process_time()
        found = activated(book, texts, scan)
        yield (time.process_time() - start) * 1000, len(found.entries) + len(found.dropped)


def compared() -> tuple[int, int, int, int]:
    """(entries told that the oracle tells too, told, told by the oracle, scenes over their budget)."""
    right = told = wanted = over = 0
    for kind in ("sillytavern", "card", "mixed"):
        for story in range(STORIES):
            draw = random.Random(f"benchmark {kind} {story}")
            lore, timed, texts = books(draw, kind), TimedEffects(), []
            settings = Settings(recursive=draw.random() < 0.7, depth=draw.randint(1, 3))
            for turn in range(SCENES):
                texts.insert(0, sentence(draw, draw.randint(2, 6)))
                scan = Scan(story, turn, draw.choice((10, 30)), counted, timed, names=("Mira",), settings=settings)
                found = activated(lore, texts, scan)
                ours = {f"{one.book}.{one.entry.uid}" for one in found.entries}
                theirs = set(Oracle(lore, texts, scan).run().in_order())
                right, told, wanted = right + len(ours & theirs), told + len(ours), wanted + len(theirs)
                over += counted("\n".join(one.text for one in found.entries)) > (scan.budget or 0)
                timed = found.timed
    return right, told, wanted, over


if __name__ == "__main__":
    sys.exit(main())
