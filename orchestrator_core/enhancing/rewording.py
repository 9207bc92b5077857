"""The words of a next try: what an image lacks is said more strongly, then in other words too, then further in front.

A part that is missing gets a step more emphasis each time; the second time other words come beside it, from a language
model where there is one and from the table of facts.txt otherwise; the third time its phrase goes to the beginning,
where text encoders look hardest. What cannot be said more strongly comes to the next of these at once. No word of the
prompt is ever lost, and none is put where a host would read it as syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.enhancing.assembling import Components, Edit, appended, edited
from orchestrator_core.enhancing.caching import AnswerCache
from orchestrator_core.enhancing.enhancer import Live, enhance
from orchestrator_core.enhancing.facts import synonyms
from orchestrator_core.enhancing.options import Options
from orchestrator_core.llm.port import IsCancelled, LanguageModel, never
from orchestrator_core.loras.words import contains_phrase, stems_of
from orchestrator_core.prompt import Component, PromptDraft, render
from orchestrator_core.weights.retrying import Missing, Reworded, Seen, percent

STEP, MOST = 0.1, 1.3  # stronger emphasis spoils the rest of the picture
_EDGES = " ,.;\n"
_OURS = re.compile(r"\((?P<words>[^()]*):(?P<strength>\d(?:\.\d+)?)\)")
_SYNTAX = re.compile(r"[()\[\]<>{}|:\\]|\b(?:BREAK|AND)\b")
_PARTED = re.compile(r"\b(?:BREAK|AND|ADDCOMM|ADDBASE|ADDROW|ADDCOL)\b|[.!?]\s")  # an order of its own: nothing moves
_SAME_WORDS = 2  # that the table gives for one part
_ADDED = 3  # phrases of a language model


@dataclass(frozen=True, slots=True)
class Rewording:
    """A ``Reword``. ``model`` None: the table gives the other words, which it does too where a model has none."""

    model: LanguageModel | None = None
    checkpoint: BaseModel = UNKNOWN
    answers: AnswerCache | None = None
    is_cancelled: IsCancelled = never

    def __call__(self, draft: PromptDraft, missing: Sequence[Missing]) -> Reworded:
        """Raises Cancelled."""
        found = strengthened(draft.components, missing)
        changes = list(found.changes)
        again = [one for one in missing if one.times + (id(one) not in found.done) == 2]
        draft = draft.replacing(components=found.components)
        if again:
            draft, told = self._with_other_words(draft, again)
            changes += told
        last = [found.at.get(id(one)) for one in missing if one.times + (id(one) not in found.done) >= 3]
        components, moved = forward(draft.components, [part for part in last if part is not None])
        return Reworded(draft.replacing(components=components), (*changes, *moved))

    def _with_other_words(self, draft: PromptDraft, missing: Sequence[Missing]) -> tuple[PromptDraft, list[str]]:
        named = ", ".join(one.seen.text for one in missing)
        written = self._written(draft, named) if self.model is not None else None
        if written is None:
            phrases = other_words([one.seen.text for one in missing], draft.positive)
            written = draft.replacing(components=appended(draft.components, phrases)) if phrases else draft
        before = {id(part) for part in draft.components}
        new = "".join(part.text for part in written.components if id(part) not in before and part.origin.value == "llm")
        return written, [f"{named}: also as {new.strip(_EDGES)}"] if new.strip(_EDGES) else []

    def _written(self, draft: PromptDraft, named: str) -> PromptDraft | None:
        """By the language model; None where its answer was of no use."""
        assert self.model is not None
        wish = f"The last picture did not show this: {named}. Say just that once more, plainly and in other words."
        options = Options(amount=_ADDED, temperature=0.3, instruction=wish[:4000])
        live = Live(is_cancelled=self.is_cancelled)
        found = enhance(draft, self.model, options, self.checkpoint, self.answers, live)
        if found.enhanced is None or found.enhanced.status not in ("enhanced", "cached"):
            return None
        return found.replacing(enhanced=draft.enhanced or found.enhanced)


# emphasis


@dataclass(frozen=True, slots=True)
class Strengthened:
    """``at``: the component that has each missing part, by the part's id; ``done``: those that got more emphasis."""

    components: Components
    changes: tuple[str, ...] = ()
    at: dict[int, Component] = field(default_factory=dict)
    done: frozenset[int] = frozenset()


def strengthened(components: Components, missing: Sequence[Missing]) -> Strengthened:
    """A step more emphasis on each part that can have it. Text that has a syntax of its own stays as it is."""
    starts, text = _starts(components), render(components)
    edits: dict[int, Edit] = {}
    changes, at, done = [], {}, set()
    for one in missing:
        number = _holder(components, one.seen)
        if number is None:
            continue
        component = at[id(one)] = components[number]
        found = stronger(component, one.seen.text)
        if found is None:
            continue
        edit = Edit(starts[number] + found.start, starts[number] + found.end, (found.component,))
        if not _is_free(edits, edit) or _is_in_syntax(text[: edit.start]):
            continue
        at[id(one)] = found.component
        done.add(id(one))
        edits[edit.start] = edit
        changes.append(f"{found.component.text.strip(_EDGES)}, of which {percent(one.seen.value)} was shown")
    return Strengthened(edited(components, edits.values()), tuple(changes), at, frozenset(done))


def _holder(components: Components, seen: Seen) -> int | None:
    """The number of the component that has a part: free text may begin with an article that stands before it."""
    number = seen.component
    if not 0 <= number < len(components):
        return None
    if seen.key or not seen.text:
        return number
    words = _words(seen.text)
    return next((at for at in range(number, len(components)) if words.search(components[at].text)), number)


@dataclass(frozen=True, slots=True)
class Stronger:
    """What comes in the place of a piece of a component's text."""

    start: int
    end: int
    component: Component


def stronger(component: Component, text: str = "") -> Stronger | None:
    """Said a step more clearly; None where it cannot be. Of free text only the words of the part are."""
    start, end = _place_of(component, text)
    core = component.text[start:end]
    known = _OURS.fullmatch(core)
    words, before = (known["words"], float(known["strength"])) if known else (core, 1.0)
    strength = round(before + STEP, 2)
    total = component.strength * strength / before
    if not words or _SYNTAX.search(words) or round(max(total, strength), 2) > MOST:
        return None
    if component.choices:  # what was drawn stays one component
        core = f"{component.text[:start]}({words}:{strength:g}){component.text[end:]}"
        return Stronger(0, len(component.text), replace(component, text=core, strength=total))
    return Stronger(start, end, replace(component, text=f"({words}:{strength:g})", strength=total))


def _place_of(component: Component, text: str) -> tuple[int, int]:
    """The words of a part in a component: those of its text, where it has them, or all of it."""
    whole = component.text
    if not component.choices and text and (found := _words(text).search(whole)):
        start, end = found.span()
        known = _OURS.match(whole, start - 1) if start else None
        return known.span() if known and known["words"] == whole[start:end] else (start, end)
    core = whole.strip(_EDGES)
    start = whole.find(core)
    is_it = not text or component.choices or "," not in core  # other phrases are not to be said more strongly
    return (start, start + len(core)) if is_it else (0, 0)


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.I)


def _is_free(edits: dict[int, Edit], new: Edit) -> bool:
    return all(new.end <= edit.start or edit.end <= new.start for edit in edits.values())


def _is_in_syntax(before: str) -> bool:
    """Within a ``<lora:…>``, ``[a|b]`` or ``{…}``, where brackets of ours would be read otherwise."""
    return any(before.count(opening) > before.count(closing) for opening, closing in ("<>", "[]", "{}"))


def _starts(components: Sequence[Component]) -> list[int]:
    starts = [0]
    for component in components:
        starts.append(starts[-1] + len(component.text))
    return starts


# other words


def other_words(texts: Sequence[str], prompt: str) -> list[str]:
    """What the table has that says the same and the prompt does not say yet: two for each text."""
    said = stems_of(prompt)
    found: list[str] = []
    for text in texts:
        new = (other for other in synonyms(text) if other not in found and not contains_phrase(said, other))
        found += [other for other, _ in zip(new, range(_SAME_WORDS), strict=False)]
    return found


# further in front


def forward(components: Components, wanted: Sequence[Component]) -> tuple[Components, list[str]]:
    """The phrases that hold these components first. What stands there already stays, and so does an order of parts."""
    before = render(components)
    if not wanted or _PARTED.search(before):
        return components, []
    told: list[str] = []
    for part in reversed(wanted):
        place = _phrase_of(components, part)
        if place is None:
            continue
        start, end = place
        rest = edited(components, [Edit(_comma_before(components, start), end)])
        phrase = _cut(components, start, end)
        components = (*phrase, Component(", "), *rest)
        told.insert(0, f"{render(phrase)}: now first")
    return components, told if render(components) != before else []  # where all is missing, all stays where it is


def _phrase_of(components: Components, part: Component) -> tuple[int, int] | None:
    """Where the phrase between two commas is that holds a component; None for the first, and where it has no words."""
    starts = _starts(components)
    number = next((number for number, each in enumerate(components) if each is part), None)
    if number is None:
        return None
    text, commas = render(components), list(_commas(components))
    start = max((comma + 1 for comma in commas if comma <= starts[number]), default=0)
    end = min((comma for comma in commas if comma >= starts[number + 1]), default=len(text))
    inside = text[start:end]
    if not text[:start].strip(_EDGES) or not inside.strip() or _is_open(inside):
        return None
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())


def _is_open(text: str) -> bool:
    return any(text.count(opening) != text.count(closing) for opening, closing in ("()", "[]", "{}", "<>"))


def _commas(components: Components) -> Iterator[int]:
    """Those between phrases: within no bracket and within nothing that was drawn as one."""
    depth = place = 0
    for component in components:
        for at, character in enumerate(component.text, place):
            depth += (character in "([{<") - (character in ")]}>")
            if character in ",\n" and depth == 0 and not component.choices:
                yield at
        place += len(component.text)


def _comma_before(components: Components, start: int) -> int:
    return max((comma for comma in _commas(components) if comma < start), default=start)


def _cut(components: Components, start: int, end: int) -> Components:
    length = sum(len(component.text) for component in components)
    return edited(components, [Edit(0, start), Edit(end, length)])
