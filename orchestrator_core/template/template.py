"""Template: the engine's face. Parse once, draw, count, list or cycle as often as you like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from orchestrator_core.errors import TemplateError
from orchestrator_core.prompt import Component, Diagnostic, Origin, PromptDraft, PromptSource, render
from orchestrator_core.template.attention import with_strengths
from orchestrator_core.template.bias import Bias
from orchestrator_core.template.combine import Builder
from orchestrator_core.template.dialects import find_dialect
from orchestrator_core.template.draw import Counter, Draw, NeedsValue, Parts, Turn, slot_id
from orchestrator_core.template.parse import parse
from orchestrator_core.template.sample import new_draw
from orchestrator_core.template.script import Script
from orchestrator_core.template.spaces import Dependent, Listed, Product, Space
from orchestrator_core.template.tree import Nodes, Text
from orchestrator_core.template.walk import walk
from orchestrator_core.template.wildcards import Wildcards

MAX_TRIED = 400_000  # components, where combinations can only be counted by trying each
MISSING = ("keep", "remove", "error")
Weights = Mapping[str, float] | Bias


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of a template that is drawn: from ``start`` to ``end``, in characters of the text that ``where`` names."""

    id: str
    start: int
    end: int
    where: str  # "positive" or "negative"


class Template:
    """A parsed template with its negative. ``missing``: what a wildcard that is not there leaves, if anything.

    ``diagnostics`` are what the parser has to say; a draft's own also say what came up in its draw.
    """

    def __init__(self, text: str, negative: str = "", dialect: str = "dynamicprompts", missing: str = "keep") -> None:
        if missing not in MISSING:
            raise TemplateError(f"'missing' must be one of {', '.join(MISSING)}, not {missing!r}.")
        self.dialect = find_dialect(dialect)
        self.missing = missing
        self.source = PromptSource(text, negative, dialect)
        positive, opposite = parse(text, self.dialect, "positive"), parse(negative, self.dialect, "negative")
        self.nodes, self.negative_nodes = positive.nodes, opposite.nodes
        self.diagnostics: tuple[Diagnostic, ...] = positive.diagnostics + opposite.diagnostics
        self._bias: tuple[Mapping[str, float], Bias] | None = None

    def __repr__(self) -> str:
        return f"Template({self.source.template[:60]!r}, dialect={self.source.dialect!r})"

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The parts of both templates that are drawn, in the order of the text."""
        return _slots(self.nodes, "positive") + _slots(self.negative_nodes, "negative")

    def draw(
        self,
        wildcards: Wildcards,
        seed: int,
        weights: Weights | None = None,
        *,
        index: int | None = None,
        variables: Mapping[str, str] | None = None,
        rerolls: Mapping[str, int] | None = None,
    ) -> PromptDraft:
        """The prompt of a seed. ``weights``: multipliers of the odds, by Choice key (see Bias).

        ``index`` is what cyclical elements count by: the seed, unless it is given. ``variables`` are there for
        ``${name}`` and conditions from the start. ``rerolls``: how often slots (see ``slots``) were drawn again, which
        leaves all others as they are, but for what depends on their variables. Raises TemplateError for weights that
        are no numbers ≥ 0, and for a missing wildcard where the template was told to.
        """
        wildcards.look()
        draw = new_draw(wildcards, self.dialect, seed, index, None, self._as_bias(weights), variables)
        draw.rerolls = {slot: times for slot, times in (rerolls or {}).items() if times}
        return self._run(draw)

    def cycle(
        self, wildcards: Wildcards, index: int, *, seed: int = 0, variables: Mapping[str, str] | None = None
    ) -> PromptDraft:
        """The index-th prompt with every element taking its values in turn, side by side in step."""
        wildcards.look()
        return self._run(new_draw(wildcards, self.dialect, seed, index, Counter(), None, variables))

    def count(self, wildcards: Wildcards, *, variables: Mapping[str, str] | None = None) -> int:
        """How many combinations there are, exactly; those that depend on one another are counted by trying them.

        Raises TemplateError where those are too many to try.
        """
        wildcards.look()
        if not self.source.template:
            return 0
        found = self._space(wildcards, 0, variables)
        if found is not None:
            return found[0].size
        count = tried = 0
        for draft in self._scripts(wildcards, 0, variables):
            count += 1
            tried += 1 + len(draft.components)
            if tried > MAX_TRIED:
                raise TemplateError(
                    f"More than {count:,} combinations whose choices depend on one another: too many to count. "
                    "Draw at random, or list as many as you need."
                )
        return count

    def combinations(
        self,
        wildcards: Wildcards,
        start: int = 0,
        *,
        seed: int = 0,
        variables: Mapping[str, str] | None = None,
    ) -> Iterator[PromptDraft]:
        """All combinations from the start-th on, lazily; the leftmost element varies slowest.

        ``seed`` is for parts that stay random. The negative template's own combinations go along, over and over.
        """
        if start < 0:
            raise TemplateError(f"Combinations are counted from 0; {start} is before the first.")
        wildcards.look()
        if not self.source.template:
            return iter(())
        found = self._space(wildcards, seed, variables)
        if found is None:
            return islice(self._scripts(wildcards, seed, variables), start, None)
        return self._drafts(*found, seed, start)

    # how a draw becomes a draft

    def _as_bias(self, weights: Weights | None) -> Bias | None:
        if weights is None or isinstance(weights, Bias):
            return weights
        if self._bias is None or self._bias[0] != weights:
            self._bias = (dict(weights), Bias(weights))
        return self._bias[1]

    def _run(self, draw: Draw) -> PromptDraft:
        draw.keeps_missing = self.missing != "remove"
        components = draw.prompt(self.nodes, "positive")
        negative = draw.prompt(self.negative_nodes, "negative") if self.negative_nodes or draw.sent else ()
        return self._draft(draw, components, negative)

    def _draft(self, draw: Draw, components: Parts, negative: Parts) -> PromptDraft:
        notes = self.diagnostics + tuple(draw.notes)
        if self.missing == "error":
            for note in notes:
                if note.kind == "missing-wildcard":
                    raise TemplateError(str(note))
        if draw.sent:
            negative = _with_sent(draw.sent, negative)
        source = replace(self.source, rerolls=tuple(draw.rerolls.items())) if draw.rerolls else self.source
        variables = draw.texts() if components and (draw.frame or draw.shared) else ()
        return PromptDraft(
            with_strengths(components), with_strengths(negative), (), draw.seed, source, variables, notes
        )

    def _space(self, wildcards: Wildcards, seed: int, variables: Mapping[str, str] | None) -> tuple[Space, Draw] | None:
        """The space of the positive template and the draw that knows its variables.

        None where choices depend on one another in a way that only trying shows.
        """
        draw = self._listing(wildcards, seed, 0, Counter(), variables)
        try:
            return Builder(draw).sequence(self.nodes, (), None, scoped=True), draw
        except (Dependent, NeedsValue):
            return None

    def _listing(
        self, wildcards: Wildcards, seed: int, index: int, turn: Turn, variables: Mapping[str, str] | None
    ) -> Draw:
        draw = new_draw(wildcards, self.dialect, seed, index, turn, None, variables)
        draw.keeps_missing = self.missing != "remove"
        return draw

    def _drafts(self, space: Space, draw: Draw, seed: int, start: int) -> Iterator[PromptDraft]:
        source, notes = self.source, self._draft(draw, (), ()).diagnostics
        if not self.negative_nodes and not draw.frame and not draw.shared and not _has_brackets(space):
            for parts in walk(space, start):  # nothing to work out for each: the way that lists 100,000 quickly
                yield PromptDraft(parts, (), (), seed, source, (), notes)
            return
        frame = dict(draw.frame)
        for index, parts in enumerate(walk(space, start), start):
            draw.frame, draw.index, draw.levels, draw.steps = dict(frame), index, 0, 0
            negative = draw.prompt(self.negative_nodes, "negative") if self.negative_nodes else ()
            yield PromptDraft(with_strengths(parts), with_strengths(negative), (), seed, source, draw.texts(), notes)

    def _scripts(self, wildcards: Wildcards, seed: int, variables: Mapping[str, str] | None) -> Iterator[PromptDraft]:
        script: Script | None = Script([])
        index = 0
        while script is not None:
            draw = self._listing(wildcards, seed, index, script, variables)
            components = draw.prompt(self.nodes, "positive")
            draw.turn = Counter()
            yield self._draft(draw, components, draw.prompt(self.negative_nodes, "negative"))
            script, index = script.following(), index + 1


def _slots(nodes: Nodes, where: str) -> tuple[Slot, ...]:
    return tuple(Slot(slot_id(node.place), *node.span, where) for node in nodes if not isinstance(node, Text))


def _has_brackets(space: Space) -> bool:
    """Whether any text of the space could change emphasis."""
    if not isinstance(space, Listed):
        return not isinstance(space, Product) or any(_has_brackets(factor) for factor in space.factors)
    return any("(" in part.text or "[" in part.text for parts in space.parts for part in parts)


def _with_sent(sent: list[tuple[bool, Parts]], negative: Parts) -> Parts:
    """The negative prompt with what choices sent to its start and its end, each thing once."""
    before: list[Parts] = []
    after: list[Parts] = []
    seen: set[str] = set()
    for at_end, parts in sent:
        text = render(parts)
        if text not in seen:
            seen.add(text)
            (after if at_end else before).append(parts)
    pieces = [*before, negative, *after] if render(negative).strip() else [*before, *after]
    comma = Component(", ", Origin.template)
    found: list[Component] = []
    for number, piece in enumerate(pieces):
        found += ([comma] if number else []) + list(piece)
    return tuple(found)
