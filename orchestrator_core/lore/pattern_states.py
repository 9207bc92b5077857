"""The states that a regular expression may be in, made once and never changed."""

from __future__ import annotations

from orchestrator_core.lore.pattern_tree import Chars, Either, Look, Node, Place, Repeat, Sequence, backward

START, END = 0, 1


class States:
    """A nondeterministic automaton (Thompson 1968).

    ``chars``: state → (what it reads, the state after it). ``free``: state → those that are reached without reading,
    each with the number of the place that must hold there, -1 for none. ``places``: a place, or the states of a look,
    and whether it must not be.
    """

    def __init__(self, node: Node, ignore_case: bool, reverse: bool = False) -> None:
        self.ignore_case, self.reverse = ignore_case, reverse
        self.chars: dict[int, tuple[Chars, int]] = {}
        self.free: dict[int, list[tuple[int, int]]] = {}
        self.places: list[tuple[Place | States, bool]] = []
        self._count = 2
        self._build(backward(node) if reverse else node, START, END)

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _link(self, start: int, end: int, place: int = -1) -> None:
        self.free.setdefault(start, []).append((place, end))

    def _build(self, node: Node, start: int, end: int) -> None:
        if isinstance(node, Chars):
            entry = self._new()  # a state reads one thing, and may be linked to many
            self._link(start, entry)
            self.chars[entry] = (node, end)
        elif isinstance(node, Sequence):
            for item in node.items:
                after = self._new()
                self._build(item, start, after)
                start = after
            self._link(start, end)
        elif isinstance(node, Either):
            for item in node.items:
                self._build(item, start, end)
        elif isinstance(node, Repeat):
            self._build_repeat(node, start, end)
        else:
            self._link(start, end, self._place(node))

    def _build_repeat(self, node: Repeat, start: int, end: int) -> None:
        for _ in range(node.least):
            after = self._new()
            self._build(node.item, start, after)
            start = after
        if node.most is None:
            again = self._new()
            self._link(start, again)
            self._build(node.item, again, again)
            start = again
        for _ in range((node.most or 0) - node.least):
            self._link(start, end)
            after = self._new()
            self._build(node.item, start, after)
            start = after
        self._link(start, end)

    def _place(self, node: Place | Look) -> int:
        if isinstance(node, Place):
            self.places.append((node, False))
        else:  # what is ahead of a place is found from the text's end
            self.places.append((States(node.item, self.ignore_case, node.ahead), node.negated))
        return len(self.places) - 1
