from __future__ import annotations

import random
from dataclasses import replace

import pytest

from orchestrator_core.lore.activation import Activation, Scan, Settings, TimedEffects, activated
from orchestrator_core.lore.book import Book, CharacterFilter, Entry, KeyKind, Logic, Rules
from tests.core.lore.oracle import Oracle

WORDS = ("fox", "snow", "den", "lake", "storm", "Mira", "tower", "light", "gull", "tide", "oak", "wolf", "red", "night")
KEYS = [*WORDS, "snow den", "/fo[xg]/", "/LAKE|tide/i", "ow", "Storm", ""]


def sentence(draw: random.Random, length: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(length)) + draw.choice((".", ",", "", "s"))


def entry(draw: random.Random, number: int, kind: str) -> Entry:
    """An entry that uses, now and then, everything that there is."""

    def some(value: object, other: object, odds: float) -> object:
        return value if draw.random() < odds else other

    changes: dict[str, object] = {
        "secondary_keys": some(tuple(draw.sample(KEYS, 2)), (), 0.3),
        "logic": draw.choice(list(Logic)),
        "selective": some(True, False, 0.8),
        "enabled": some(False, True, 0.05),
        "constant": some(True, False, 0.07),
        "order": draw.choice((1, 5, 50, 100, 100)),
        "priority": some(draw.randint(0, 9), None, 0.5),
        "position": draw.choice(("before", "after", "at_depth")),
        "depth": draw.randint(0, 4),
        "probability": some(50, 100, 0.15),
        "use_probability": some(False, True, 0.1),
        "group": draw.choice(("", "", "", "", "g", "h", "g, h")),
        "group_override": some(True, False, 0.2),
        "group_weight": draw.choice((100, 50, 1)),
        "scan_depth": some(draw.randint(1, 5), None, 0.2),
        "case_sensitive": some(True, None, 0.15),
        "whole_words": some(True, None, 0.2),
        "exclude_recursion": some(True, False, 0.15),
        "prevent_recursion": some(True, False, 0.15),
        "delay_until_recursion": some(draw.randint(1, 3), 0, 0.15),
        "sticky": some(draw.randint(1, 4), 0, 0.2),
        "cooldown": some(draw.randint(1, 4), 0, 0.2),
        "delay": some(draw.randint(1, 4), 0, 0.1),
        "characters": some(CharacterFilter(("Mira",), (), draw.random() < 0.5), CharacterFilter(), 0.1),
        "key_kind": draw.choice((KeyKind.text, KeyKind.patterns)) if kind == "card" else KeyKind.slashes,
    }
    keys = tuple(draw.sample(KEYS, draw.randint(1, 3)))
    return Entry(str(number), keys, sentence(draw, draw.randint(1, 6)), **changes)  # type: ignore[arg-type]


def books(draw: random.Random, kind: str) -> list[Book]:
    found = []
    for number in range(draw.randint(1, 3)):
        rules = {"mixed": draw.choice(list(Rules)), "card": Rules.card}.get(kind, Rules.sillytavern)
        book = Book(
            f"book {number}", tuple(entry(draw, at, rules.value) for at in range(draw.randint(4, 20))), rules=rules
        )
        if rules is Rules.card:
            book = replace(
                book,
                scan_depth=draw.choice((None, 1, 4)),
                token_budget=draw.choice((None, 12, 30)),
                recursive=draw.choice((None, True, False)),
                whole_words=draw.choice((None, True)),
            )
        found.append(book)
    return found


def counted(text: str) -> int:
    return len(text.split())


def check(found: Activation, oracle: Oracle, scan: Scan) -> None:
    assert [f"{one.book}.{one.entry.uid}" for one in found.entries] == oracle.in_order()
    assert {f"{one.book}.{one.entry.uid}": one.reason for one in found.dropped} == oracle.lost
    assert scan.budget is None or counted("\n".join(one.text for one in found.entries)) <= scan.budget
    for book in oracle.books:
        said = "\n".join(one.text for one in found.entries if one.book == book.name)
        assert book.token_budget is None or counted(said) <= book.token_budget


@pytest.mark.parametrize("kind", ["sillytavern", "card", "mixed"])
def test_stories_of_eight_scenes_are_told_the_lore_that_a_slow_oracle_finds(kind: str):
    told = 0
    for story in range(25):
        draw = random.Random(f"{kind} {story}")
        lore = books(draw, kind)
        settings = Settings(
            depth=draw.randint(1, 3),
            recursive=draw.random() < 0.6,
            case_sensitive=draw.random() < 0.2,
            whole_words=draw.random() < 0.2,
            max_steps=draw.choice((0, 0, 2)),
            min_activations=draw.choice((0, 0, 4)),
        )
        timed, texts = TimedEffects(), []
        for turn in range(8):
            texts.insert(0, sentence(draw, draw.randint(2, 6)))
            scan = Scan(
                seed=story,
                turn=turn,
                budget=draw.choice((None, 10, 30)),
                count_tokens=counted,
                timed=timed,
                names=draw.choice(((), ("Mira",))),
                injected=draw.choice(((), ("tower",))),
                settings=settings,
            )
            found = activated(lore, texts, scan)
            check(found, Oracle(lore, texts, scan).run(), scan)
            timed, told = found.timed, told + len(found.entries)
    assert told > 400
