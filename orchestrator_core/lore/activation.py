"""Which entries of lorebooks a story's texts call for, in which order they are told, and why.

SillyTavern's rules (``public/scripts/world-info.js``, September 2024), where they are clear, and those of the card
specifications V2 and V3 for books that were written for these. Where both leave it open or a host's behaviour is an
accident, it is so here:

- Chance follows from (seed, entry, turn): the same scene gives the same lore.
- Recursion that is off is off: entries that wait for it are not told.
- A scan depth of 0 looks through what recursion and injections say, and through no text.
- The budget counts every entry that is told. One that does not fit ends a scan by SillyTavern's rules, which hold if
  one of the books was written for them. Else the lowest priority leaves until the rest fits.
- A book's own budget (``token_budget``) is kept as well, by priority.
- An entry of two groups must win in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from orchestrator_core.lore.book import Book, KeyKind, Rules
from orchestrator_core.lore.candidates import Candidate, candidates, conditions_met
from orchestrator_core.lore.chance import fraction
from orchestrator_core.lore.groups import Choosing, losers
from orchestrator_core.lore.macros import Macros
from orchestrator_core.lore.matching import Keys, ScannedText
from orchestrator_core.lore.scan import Activation, Dropped, Scan, Settings, Told, estimated_tokens
from orchestrator_core.lore.timed import Effect, TimedEffects, after_turn, at_turn

__all__ = [
    "activated",
    "Activation",
    "Scan",
    "Settings",
    "Told",
    "Dropped",
    "TimedEffects",
    "Effect",
    "estimated_tokens",
]

_DEEPEST = 1000  # texts
_PLACES = ("before", "personality", "scenario", "examples_top", "examples_bottom", "after", "note_top", "note_bottom")


class _Pass(Enum):
    first = "first"
    recursion = "recursion"
    deeper = "deeper"  # another text is looked through, since too few entries were found


def activated(books: Book | Iterable[Book], texts: Sequence[str], scan: Scan | None = None) -> Activation:
    """What the texts, the newest first, call for.

    ``books``: the most important first (the story's, then the characters', then the world's).
    """
    return _Scanner((books,) if isinstance(books, Book) else tuple(books), texts, scan or Scan()).result()


class _Scanner:
    def __init__(self, books: tuple[Book, ...], texts: Sequence[str], scan: Scan) -> None:
        self._books, self._texts, self._scan = books, texts, scan
        self._settings = scan.settings
        everyone = candidates(books, scan)
        self._timed = at_turn(scan.timed, scan.turn, {one.key: one.entry for one in everyone})
        self._candidates = [one for one in everyone if self._may_be_told(one)]
        self._levels = sorted({one.entry.delay_until_recursion for one in self._candidates} - {0})
        self._level = self._levels.pop(0) if self._levels else 0
        self._recursive = any(one.recursive for one in self._candidates)
        self._stops = any(book.rules is Rules.sillytavern for book in books)
        char = scan.names[0] if scan.names else ""
        self._macros = Macros(char, scan.user, (scan.seed,), scan.turn)
        self._keys = Keys(self._macros, self._settings.case_sensitive, self._settings.whole_words)
        self._told: dict[Candidate, Told] = {}
        self._dropped: dict[Candidate, Dropped] = {}
        self._failed: set[Candidate] = set()  # lost their roll, and are not asked again
        self._spent, self._full, self._skew = 0, False, 0
        self._recursed: list[str] = []
        self._scanned: dict[tuple[int, bool], ScannedText] = {}

    def result(self) -> Activation:
        state: _Pass | None = _Pass.first
        steps = 0
        while state is not None and (not self._settings.max_steps or steps < self._settings.max_steps):
            steps += 1
            state = self._next(state, self._pass(state))
        self._fit()
        told = [(one.key, one.entry) for one in self._told]
        return Activation(
            tuple(self._in_order()),
            tuple(self._dropped.values()),
            after_turn(self._timed, self._scan.turn, told),
            tuple(self._keys.problems),
        )

    # What may be told

    def _may_be_told(self, one: Candidate) -> bool:
        if self._is_sticky(one):
            return True
        entry = one.entry
        waits_for_nothing = entry.delay_until_recursion > 0 and not one.recursive
        return self._scan.turn >= entry.delay and one.key not in self._timed.cooldown and not waits_for_nothing

    def _is_sticky(self, one: Candidate) -> bool:
        return one.key in self._timed.sticky

    def _is_open(self, one: Candidate, state: _Pass) -> bool:
        """Whether this pass may find the entry."""
        if one in self._told or one in self._failed:
            return False
        level = one.entry.delay_until_recursion
        if state is not _Pass.recursion:
            return not level or self._is_sticky(one)
        return one.recursive and (self._is_sticky(one) or not (one.entry.exclude_recursion or level > self._level))

    # What is called for

    def _reason(self, one: Candidate, state: _Pass) -> tuple[str, str] | None:
        """Why an entry is told, as (reason, detail), in SillyTavern's order of checks."""
        says = one.decorators
        if says.activate:
            return "decorator", "activate"
        was_told = one.key in self._timed.matched
        if says.dont_activate or (says.dont_activate_after_match and was_told):
            return None
        if says.keep_activate_after_match and was_told:
            return "kept", "keep_activate_after_match"
        if not conditions_met(says, self._scan.turn):
            return None
        if one.entry.constant and not self._ignores_constant(one):
            return "constant", ""
        if self._is_sticky(one):
            return "sticky", ""
        key = self._key(one, self._text(one, state))
        return ("key", key) if key else None

    def _ignores_constant(self, one: Candidate) -> bool:
        return one.entry.key_kind is KeyKind.patterns and one.book.rules is Rules.card

    def _key(self, one: Candidate, text: ScannedText) -> str:
        entry, whole = one.entry, one.book.whole_words
        key = self._keys.matched(entry, text, whole)
        if not (one.decorators.additional_keys or one.decorators.exclude_keys):
            return key
        more = [self._keys.first(keys, entry, text, whole) for keys in one.decorators.additional_keys]
        if entry.key_kind is KeyKind.patterns:
            return key or next(filter(None, more), "")
        excluded = any(self._keys.first(keys, entry, text, whole) for keys in one.decorators.exclude_keys)
        return key if all(more) and not excluded else ""

    def _text(self, one: Candidate, state: _Pass) -> ScannedText:
        depth = self._settings.depth + self._skew if one.scan_depth is None else one.scan_depth
        recursed = one.recursive and state is not _Pass.deeper
        found = self._scanned.get((depth, recursed))
        if found is None:
            newest = self._texts[: min(max(depth, 0), _DEEPEST)]
            found = ScannedText((*newest, *self._scan.injected, *(self._recursed if recursed else ())))
            self._scanned[depth, recursed] = found
        return found

    # One pass

    def _pass(self, state: _Pass) -> list[str]:
        """Tells what this pass finds. Returns the texts in which a next one may find more."""
        called = {
            one: reason
            for one in self._candidates
            if self._is_open(one, state) and (reason := self._reason(one, state)) is not None
        }
        lost = self._losers(called, state)
        more = []
        for one in sorted(called, key=lambda one: not self._is_sticky(one)):
            if one in lost:
                self._drop(one, "group", lost[one])
            elif self._full:
                self._drop(one, "budget")
            elif not self._is_lucky(one):
                self._failed.add(one)
                self._drop(one, "probability")
            elif self._tell(one, *called[one]) and not one.entry.prevent_recursion:
                more.append(self._macros_of(one).replaced(one.content, hidden=True))
        return more

    def _losers(self, called: Mapping[Candidate, tuple[str, str]], state: _Pass) -> Mapping[Candidate, str]:
        grouped = [one for one in called if one.entry.group]
        if not grouped:
            return {}

        def score(one: Candidate) -> int:
            return self._keys.score(one.entry, self._text(one, state), one.book.whole_words)

        taken = {name for one in self._told for name in one.entry.groups}
        choosing = Choosing(self._scan.seed, self._scan.turn, self._is_sticky, score, self._settings.group_scoring)
        return losers(grouped, taken, choosing)

    def _is_lucky(self, one: Candidate) -> bool:
        entry = one.entry
        if not entry.use_probability or entry.probability >= 100 or self._is_sticky(one):
            return True
        return fraction(self._scan.seed, "probability", one.key, self._scan.turn) * 100 < entry.probability

    def _macros_of(self, one: Candidate) -> Macros:
        return Macros(self._macros.char, self._macros.user, (self._scan.seed, one.key), self._scan.turn)

    def _tell(self, one: Candidate, reason: str, detail: str) -> bool:
        text = self._macros_of(one).replaced(one.content).strip()
        tokens = self._scan.count_tokens(text + "\n") if text else 0
        if self._stops and self._scan.budget is not None and self._spent + tokens >= self._scan.budget:
            self._full = True
            self._drop(one, "budget")
            return False
        self._spent += tokens
        self._dropped.pop(one, None)  # a loser whose winner then lost its roll
        self._told[one] = Told(one.book.name, one.entry, text, reason, detail, tokens, *one.place_told())
        return True

    def _drop(self, one: Candidate, reason: str, detail: str = "") -> None:
        self._dropped[one] = Dropped(one.book.name, one.entry, reason, detail)

    def _next(self, state: _Pass, more: list[str]) -> _Pass | None:
        following = None if self._full else self._following(state, more)
        if following is not None and more:
            self._recursed.append("\n".join(more))
        self._scanned.clear()
        return following

    def _following(self, state: _Pass, more: list[str]) -> _Pass | None:
        if self._recursive and (more or (state is _Pass.deeper and self._recursed)):
            return _Pass.recursion
        if len(self._told) < self._settings.min_activations and self._may_look_deeper():
            self._skew += 1
            return _Pass.deeper
        if self._levels:
            self._level = self._levels.pop(0)
            return _Pass.recursion
        return None

    def _may_look_deeper(self) -> bool:
        depth = self._settings.depth + self._skew
        return depth <= len(self._texts) and not 0 < self._settings.max_depth < depth

    # What fits, and in which order it is told

    def _fit(self) -> None:
        for book in self._books:
            if book.token_budget is not None:
                self._make_room([one for one in self._told if one.book is book], book.token_budget)
        if not self._stops and self._scan.budget is not None:
            self._make_room(list(self._told), self._scan.budget)

    def _make_room(self, told: list[Candidate], budget: int) -> None:
        over = sum(self._told[one].tokens for one in told) - budget
        for one in sorted(told, key=Candidate.importance):
            if over <= 0:
                return
            over -= self._told.pop(one).tokens
            self._drop(one, "priority")

    def _in_order(self) -> list[Told]:
        # Of two of one order that was told first which was found last, as in SillyTavern.
        newest = list(self._told.values())[::-1]
        return sorted(newest, key=_place_in_prompt)


def _place_in_prompt(told: Told) -> tuple[int, int, float]:
    if told.position in _PLACES:
        return _PLACES.index(told.position), 0, told.entry.order
    return len(_PLACES), -told.depth, told.entry.order
