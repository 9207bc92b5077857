"""Draw: what one draw carries along while it walks the tree. sample.py knows what each kind of node does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator_core.prompt import Choice, Component, Diagnostic, Origin
from orchestrator_core.template.bias import Bias
from orchestrator_core.template.chance import GOLDEN, MASK, mix, start
from orchestrator_core.template.conditions import Condition
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.tree import Method, Node, Nodes, Span, Text
from orchestrator_core.template.wildcards import Wildcards

MAX_LEVELS = 60  # variants, wildcards and variables inside one another, over all files
MAX_STEPS = 50_000  # of them in one draw; text that stands there again and again counts too
MAX_HINTS = 5  # missing names for which the most similar one is looked for
STEP_LENGTH = 250  # characters that count as one step

Path = tuple[Choice, ...]
Parts = tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Deferred:
    """A variable whose value is drawn anew at each use. ``path`` and ``span``: where it was given that value."""

    nodes: Nodes
    path: Path = ()
    span: Span | None = None

    def led_here(self, path: Path) -> Path:
        """The choices that led to a use and to the value that is used, those that led to both once."""
        common = 0
        while common < min(len(path), len(self.path)) and path[common] == self.path[common]:
            common += 1
        return (*path, *self.path[common:])


class Pending:
    """A variable whose value a listing of all combinations has yet to choose."""

    __slots__ = ("length", "name", "value")

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Parts | None = None
        self.length = 0  # characters, at most

    def known(self) -> Parts:
        """Raises NeedsValue while it is not chosen."""
        if self.value is None:
            raise NeedsValue(self)
        return self.value


class NeedsValue(Exception):
    """What can be chosen next depends on the value of this variable."""

    def __init__(self, variable: Pending) -> None:
        super().__init__(variable.name)
        self.variable = variable


Bound = Deferred | Parts | Pending
Handler = Callable[["Draw", Any, int, Path, Span | None], None]


class Turn(Protocol):
    """Decides instead of chance."""

    def take(self, total: int, counter: int) -> tuple[int, int]:
        """Which of ``total`` alternatives it is, and the counter for what is inside it."""
        ...


class Counter:
    """Cyclical: each element takes its alternatives in turn."""

    def take(self, total: int, counter: int) -> tuple[int, int]:
        return (counter % total, counter // total) if total else (0, counter)


class Draw:
    """One draw's state, never shared between threads.

    In a random draw ``state`` is 64 bits that depend on the seed and on the way down to a node. In a cyclical one it
    is a counter: an element with n alternatives takes the (counter mod n)-th and hands counter // n on to it, so two
    elements side by side move in step and a nested one moves on each time that it comes round.
    """

    def __init__(  # noqa: PLR0913 - one place knows all of a draw; sample.new_draw has the defaults
        self,
        handlers: Mapping[type, Handler],
        wildcards: Wildcards,
        dialect: Dialect,
        seed: int,
        index: int,
        turn: Turn | None = None,
        bias: Bias | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.handlers = handlers
        self.wildcards = wildcards
        self.dialect = dialect
        self.seed = seed
        self.index = index  # what cyclical elements count by
        self.turn = turn  # None: at random
        self.bias = bias
        self.out: list[Component] = []
        self.sent: list[tuple[bool, Parts]] = []  # to the negative prompt: (at its end, what)
        self.frame: dict[str, Bound] = {}  # variables of the text that is being drawn
        self.shared: dict[str, Bound] = {  # variables of the whole prompt
            name: (Component(str(text), Origin.user),) for name, text in (variables or {}).items()
        }
        self.notes: list[Diagnostic] = []
        self.where = "positive"
        self.chain: list[tuple[str, str]] = []  # wildcards being drawn from, with the filters that they hand down
        self.levels = self.steps = 0
        self.keeps_missing = True  # False: a wildcard that is not there leaves nothing
        self.hints = 0
        self.rerolls: Mapping[str, int] = {}  # how often slots have been drawn again, see Template.slots

    def prompt(self, nodes: Nodes, where: str, state: int | None = None) -> Parts:
        """Draws a whole template. Variables stay, so that a negative template can use the positive one's."""
        self.where = where
        self.out = []
        if state is None:
            state = self.index if self.turn else start(self.seed, 0 if where == "positive" else 1)
        if self.rerolls and self.turn is None:
            for node in nodes:
                self.sequence((node,), self._rerolled(node, state), (), None)
        else:
            self.sequence(nodes, state, (), None)
        return tuple(self.out)

    def _rerolled(self, node: Node, state: int) -> int:
        times = 0 if isinstance(node, Text) else self.rerolls.get(slot_id(node.place), 0)
        return mix((state + times * GOLDEN) & MASK) if times else state

    def sequence(self, nodes: Nodes, state: int, path: Path, span: Span | None) -> None:
        """Appends what the nodes give to ``out``. ``span`` is that of the wildcard that they stand in, if any."""
        for node in nodes:
            if type(node) is Text:
                if span is None and not path:
                    self.out.append(node.component)
                else:
                    self.literal(node.text, path, span, node.span)
            else:
                self.handlers[type(node)](self, node, state, path, span)

    def literal(self, text: str, path: Path, span: Span | None, own: Span) -> None:
        self.out.append(self.component(text, path, span, own))

    def component(self, text: str, path: Path, span: Span | None, own: Span) -> Component:
        if span is None:
            return Component(text, Origin.template, path, 1.0, own)
        return Component(text, Origin.wildcard, path, 1.0, span)

    def aside(self, nodes: Nodes, state: int, path: Path, span: Span | None) -> Parts:
        """What the nodes give, without appending it."""
        kept, self.out = self.out, []
        try:
            self.sequence(nodes, state, path, span)
            return tuple(self.out)
        finally:
            self.out = kept

    def note(self, kind: str, message: str, span: Span) -> None:
        found = Diagnostic(kind, message, span[0], span[1], self.where)
        if len(self.notes) < 100 and found not in self.notes:
            self.notes.append(found)

    def enter(self, span: Span) -> bool:
        """Counts a level; False, with a diagnostic, where there are too many. Pair it with ``levels -= 1``."""
        self.levels += 1
        self.steps += 1
        if self.levels <= MAX_LEVELS and self.steps <= MAX_STEPS:
            return True
        self.levels -= 1
        if self.steps > MAX_STEPS:
            self.too_large(span)
        elif circle := _circle([name for name, _ in self.chain]):
            self.note(
                "cycle", f"These wildcards lead back to themselves: {' → '.join(circle)}. Break the circle.", span
            )
        else:
            self.note("too-deep", f"Nested more than {MAX_LEVELS} levels deep; the rest stays as it is.", span)
        return False

    def spend(self, parts: Sequence[Component], span: Span) -> bool:
        """Counts text that a draw repeats; False, with a diagnostic, where it is too much."""
        self.steps += len(parts) + sum([len(part.text) for part in parts]) // STEP_LENGTH
        if self.steps > MAX_STEPS:
            self.too_large(span)
        return self.steps <= MAX_STEPS

    def too_large(self, span: Span) -> None:
        message = f"More than {MAX_STEPS:,} choices in one prompt, or too much text; the rest stays as it is."
        self.note("too-large", message, span)

    def missing(self, name: str, span: Span) -> None:
        left = "it stays as it is" if self.keeps_missing else "nothing stands in its place"
        self.note(
            "missing-wildcard", f"There is no wildcard {name!r}, or its file is empty; {left}.{self.hint(name)}", span
        )

    def hint(self, name: str) -> str:
        """`` Did you mean colors/warm?`` for the first names that are missing: to look for one takes its time."""
        if self.hints >= MAX_HINTS:
            return ""
        self.hints += 1
        similar = self.wildcards.similar(name)
        return f" Did you mean {similar}?" if similar else ""

    def switch(self, method: Method, state: int) -> int:
        """Goes over to a node's own method and returns the state for it. Restore ``turn`` afterwards."""
        if method is Method.cyclical and not isinstance(self.turn, Counter):
            self.turn = Counter()
            return self.index
        if method is Method.random and self.turn is not None:
            self.turn = None
            return mix(start(self.seed) ^ mix(state & MASK))
        return state  # "!" inside a random or cyclical draw cannot list all; it goes along

    def below(self, state: int, number: int) -> int:
        """The state for the number-th of several picks."""
        return state if number == 0 or self.turn else mix((state + number) & MASK)

    # variables

    def lookup(self, name: str) -> Bound | None:
        found = self.frame.get(name)
        return self.shared.get(name) if found is None else found

    def text(self, name: str) -> str | None:
        bound = self.lookup(name)
        return None if bound is None else bound_text(bound)

    def texts(self) -> tuple[tuple[str, str], ...]:
        """All variables as text."""
        return tuple([(name, bound_text(bound)) for name, bound in {**self.shared, **self.frame}.items()])

    def holds(self, condition: Condition) -> bool:
        return condition.holds(self.text)


def slot_id(place: int) -> str:
    """A slot's name: 16 hex digits, the same as long as what is written there is."""
    return f"{place:016x}"


def bound_text(bound: Bound) -> str:
    """A variable that is drawn at each use counts by its literal text only."""
    if isinstance(bound, Pending):
        bound = bound.known()
    if isinstance(bound, Deferred):
        return "".join([node.text for node in bound.nodes if isinstance(node, Text)])
    return "".join([component.text for component in bound])


def _circle(chain: list[str]) -> list[str]:
    """The end of a chain from where its last name stood before; empty if it stood nowhere."""
    for first in range(len(chain) - 2, -1, -1):
        if chain[first] == chain[-1]:
            return chain[first:]
    return []
