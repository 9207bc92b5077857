"""A second way to find what lore a text calls for: slow, written from the rules, with nothing of ours but the types.

Chance is agreed on: ``fraction`` of what is drawn for. All else is done again and without any short cut: each key is
looked for in each text by itself, by a regular expression of Python, and each pass begins from nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator_core.lore.activation import Scan
from orchestrator_core.lore.book import Book, Entry, KeyKind, Logic, Rules
from orchestrator_core.lore.chance import fraction

Item = tuple[Book, Entry, str]


class Oracle:
    def __init__(self, books: Sequence[Book], texts: Sequence[str], scan: Scan) -> None:
        self.books, self.texts, self.scan = books, texts, scan
        self.settings = scan.settings
        self.items: list[Item] = []
        for book in books:
            ranked = sorted(enumerate(book.entries), key=lambda pair: (-pair[1].order, pair[0]))
            self.items += [(book, entry, f"{book.name}.{entry.uid}") for _, entry in ranked]
        self.told: list[Item] = []
        self.lost: dict[str, str] = {}
        self.failed: set[str] = set()
        self.memory: list[str] = []
        self.extra = 0
        self.over = False
        self.sticky = {key: (start, end) for key, (start, end) in self.effects("sticky").items()}
        self.cooling = self.effects("cooldown")

    def effects(self, name: str) -> dict[str, tuple[int, int]]:
        found = {}
        entries = {key: entry for _, entry, key in self.items}
        for key, effect in getattr(self.scan.timed, name).items():
            in_force = effect.protected or effect.start < self.scan.turn
            if key in entries and in_force and self.scan.turn < effect.end and getattr(entries[key], name):
                found[key] = (effect.start, effect.end)
        if name == "cooldown":
            for key, effect in self.scan.timed.sticky.items():
                ended = effect.start < self.scan.turn and effect.end <= self.scan.turn
                if key in entries and entries[key].sticky and entries[key].cooldown and ended:
                    found[key] = (self.scan.turn, self.scan.turn + entries[key].cooldown)
        return found

    # Keys

    def looked_through(self, item: Item, kind: str) -> list[str]:
        book, entry, _ = item
        own = entry.scan_depth if entry.scan_depth is not None else book.scan_depth
        depth = self.settings.depth + self.extra if own is None else own
        seen = [*self.texts[:depth], *self.scan.injected]
        return [*seen, *self.memory] if self.recursive(book) and kind != "deeper" else seen

    def recursive(self, book: Book) -> bool:
        return self.settings.recursive if book.recursive is None else book.recursive

    def has(self, key: str, item: Item, kind: str) -> bool:
        book, entry, _ = item
        case = entry.case_sensitive if entry.case_sensitive is not None else self.settings.case_sensitive
        whole = next(
            value for value in (entry.whole_words, book.whole_words, self.settings.whole_words) if value is not None
        )
        form = re.fullmatch(r"/(.+)/([gimsuy]*)", key)
        if form and entry.key_kind is not KeyKind.text:
            flags = re.IGNORECASE if "i" in form[2] else 0
            return any(re.search(form[1], text, flags) for text in self.looked_through(item, kind))
        pattern = re.escape(key)
        if entry.key_kind is KeyKind.patterns:
            pattern = key
        elif whole and not re.search(r"\s", key):
            pattern = rf"(?:^|\W){pattern}(?:$|\W)"
        flags = re.ASCII if case else re.ASCII | re.IGNORECASE
        return any(re.search(pattern, text.strip(), flags) for text in self.looked_through(item, kind))

    def called(self, item: Item, kind: str) -> bool:
        _, entry, _ = item
        if not any(self.has(key, item, kind) for key in entry.keys if key.strip()):
            return False
        second = [self.has(key, item, kind) for key in entry.secondary_keys if key.strip()]
        if not entry.selective or not second or entry.key_kind is KeyKind.patterns:
            return True
        return {
            Logic.and_any: True in second,
            Logic.and_all: False not in second,
            Logic.not_any: True not in second,
            Logic.not_all: False in second,
        }[entry.logic]

    # Passes

    def open(self, item: Item, kind: str, level: int) -> bool:
        book, entry, key = item
        if key in self.failed or item in self.told or not entry.enabled:
            return False
        names = entry.characters.names
        if names and (entry.characters.excludes == any(name in names for name in self.scan.names)):
            return False
        sticky = key in self.sticky
        if kind == "recursion" and not self.recursive(book):
            return False
        if sticky:
            return True
        if self.scan.turn < entry.delay or key in self.cooling:
            return False
        wait = entry.delay_until_recursion
        if wait and (kind != "recursion" or wait > level):
            return False
        return not (kind == "recursion" and entry.exclude_recursion)

    def levels(self) -> list[int]:
        found = set()
        for item in self.items:
            book, entry, _ = item
            able = self.recursive(book) and self.open((book, entry, item[2]), "recursion", 10**9)
            excluded = self.recursive(book) and entry.exclude_recursion and entry.delay_until_recursion
            if entry.delay_until_recursion and (able or (excluded and self.ready(item))):
                found.add(entry.delay_until_recursion)
        return sorted(found)

    def ready(self, item: Item) -> bool:
        _, entry, key = item
        names = entry.characters.names
        fits = not names or entry.characters.excludes != any(name in names for name in self.scan.names)
        return entry.enabled and fits and self.scan.turn >= entry.delay and key not in self.cooling

    def run(self) -> Oracle:
        levels = self.levels()
        level = levels.pop(0) if levels else 0
        kind, passes = "first", 0
        while kind:
            if self.settings.max_steps and passes == self.settings.max_steps:
                break
            passes += 1
            fresh = self.one_pass(kind, level)
            can_recurse = any(
                self.recursive(book) and self.ready((book, entry, key)) for book, entry, key in self.items
            )
            can_recurse = can_recurse or any(key in self.sticky and self.recursive(book) for book, _, key in self.items)
            depth = self.settings.depth + self.extra
            if self.over:
                break
            if can_recurse and (fresh or (kind == "deeper" and self.memory)):
                kind = "recursion"
            elif len(self.told) < self.settings.min_activations and depth <= len(self.texts):
                self.extra += 1
                kind = "deeper"
            elif levels:
                level = levels.pop(0)
                kind = "recursion"
            else:
                kind = ""
            if kind and fresh:
                self.memory += ["\n".join(fresh)]
        self.trim()
        return self

    def one_pass(self, kind: str, level: int) -> list[str]:
        matching = []
        for item in self.items:
            _, entry, key = item
            if self.open(item, kind, level):
                strict = entry.key_kind is KeyKind.patterns and item[0].rules is Rules.card
                if (entry.constant and not strict) or key in self.sticky or self.called(item, kind):
                    matching.append(item)
        matching = [one for one in matching if one[2] in self.sticky] + [
            one for one in matching if one[2] not in self.sticky
        ]
        kept = self.after_groups(matching)
        fresh = []
        for item in matching:
            _, entry, key = item
            if item not in kept:
                self.lost[key] = "group"
            elif self.over:
                self.lost[key] = "budget"
            elif not self.lucky(item):
                self.failed.add(key)
                self.lost[key] = "probability"
            elif self.stops() and self.scan.budget is not None and self.spent() + self.cost(item) >= self.scan.budget:
                self.over = True
                self.lost[key] = "budget"
            else:
                self.told.append(item)
                self.lost.pop(key, None)
                if not entry.prevent_recursion:
                    fresh.append(entry.content)
        return fresh

    def lucky(self, item: Item) -> bool:
        _, entry, key = item
        roll = 100 * fraction(self.scan.seed, "probability", key, self.scan.turn)
        return not entry.use_probability or key in self.sticky or roll < entry.probability

    def after_groups(self, matching: list[Item]) -> list[Item]:
        kept = list(matching)
        names: list[str] = []
        for _, entry, _ in sorted(matching, key=self.items.index):
            names += [name for name in re.split(r",\s*", entry.group) if name and name not in names]
        for name in names:
            group = [item for item in self.items if item in kept and name in re.split(r",\s*", item[1].group)]
            if len(group) == 0:
                continue
            sticky = [item for item in group if item[2] in self.sticky]
            if sticky:
                winners = sticky
            elif any(name in re.split(r",\s*", entry.group) for _, entry, _ in self.told):
                winners = []
            elif any(item[1].group_override for item in group):
                best = max(item[1].order for item in group if item[1].group_override)
                winners = [item for item in group if item[1].group_override and item[1].order == best][:1]
            else:
                winners = [self.drawn(name, group)]
            kept = [item for item in kept if item not in group or item in winners]
        return kept

    def drawn(self, name: str, group: list[Item]) -> Item:
        if len(group) == 1:
            return group[0]
        mark = fraction(self.scan.seed, "group", name, self.scan.turn) * sum(item[1].group_weight for item in group)
        upto = 0.0
        for item in group:
            upto += item[1].group_weight
            if mark < upto:
                return item
        return group[-1]

    # Budgets and order

    def stops(self) -> bool:
        return any(book.rules is Rules.sillytavern for book in self.books)

    def cost(self, item: Item) -> int:
        return self.scan.count_tokens(item[1].content + "\n") if item[1].content else 0

    def spent(self) -> int:
        return sum(self.cost(item) for item in self.told)

    def trim(self) -> None:
        for book in self.books:
            while book.token_budget is not None:
                own = [item for item in self.told if item[0] is book]
                if sum(map(self.cost, own)) <= book.token_budget:
                    break
                self.remove_least(own)
        while not self.stops() and self.scan.budget is not None and self.spent() > self.scan.budget:
            self.remove_least(self.told)

    def remove_least(self, items: list[Item]) -> None:
        def importance(item: Item) -> tuple[float, float, int]:
            entry = item[1]
            return (entry.order if entry.priority is None else entry.priority, entry.order, -self.items.index(item))

        least = min(items, key=importance)
        self.told.remove(least)
        self.lost[least[2]] = "priority"

    def in_order(self) -> list[str]:
        rank = {"before": 0, "after": 1, "at_depth": 2}
        numbered = list(enumerate(self.told))
        numbered.sort(
            key=lambda pair: (
                rank[pair[1][1].position],
                -pair[1][1].depth if pair[1][1].position == "at_depth" else 0,
                pair[1][1].order,
                -pair[0],
            )
        )
        return [item[2] for _, item in numbered]
