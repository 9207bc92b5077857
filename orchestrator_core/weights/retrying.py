"""Tries until an image shows enough of its prompt: a bounded loop, the one of all hosts.

Each try tells what is new in it, and why; the best one is kept, whichever it was. The words of a next try are another
module's (enhancing/rewording.py). Hosts that queue by themselves add a try and ask for the next one step by step.

What is learned: a try whose words were changed is told in its draft, and its scores are credited to nobody, since
``(crimson:1.2)`` says nothing of how plain "crimson" does. One that differs by its seed alone is an image as any other:
that it was made because an earlier one failed changes nothing of what it says itself. Marks always count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import Cancelled, OrchestratorError
from orchestrator_core.prompt import RETRIED, Diagnostic, PromptDraft
from orchestrator_core.run import Run

ENOUGH = 0.5  # a part that is surer than that is there
SEED_TOLD = "the next seed"
Change = Literal["words and seed", "words", "seed"]
Shown = TypeVar("Shown")


class Options(BaseModel):
    """What can be set about trying again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    until: float = Field(
        0.8, ge=0, le=1, description="How much of the prompt an image is to show, as the mean over its parts."
    )
    tries: int = Field(4, ge=1, le=20, description="The most tries, the first among them.")
    change: Change = Field(
        "words and seed",
        description="What is new in the next try: missing parts are said more clearly, the seed is another, or both.",
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """How far an image shows one part of its prompt: ``component`` has its first words, ``key`` of what was drawn."""

    component: int
    key: str
    text: str  # as it was asked for, without emphasis
    value: float
    calibrated: bool = True

    @property
    def identity(self) -> str:
        """The same for a part that was moved or said more strongly."""
        return self.key or self.text.casefold()


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that an image lacks. ``times``: in so many tries, this one the last of them, one after another."""

    seen: Seen
    times: int


@dataclass(frozen=True, slots=True)
class Reworded:
    """The next draft; ``changes``: what is new in it and why, a line each. There are none where nothing could be."""

    draft: PromptDraft
    changes: tuple[str, ...] = ()


Reword = Callable[[PromptDraft, Sequence[Missing]], Reworded]  # raises Cancelled


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: its prompt, how much of the first prompt it shows, what it lacks, what was new in it."""

    draft: PromptDraft
    value: float | None
    missing: tuple[Seen, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """``step``: how far the seed goes on from the first try's; 0: the same noise."""

    draft: PromptDraft
    step: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tries(Generic[Shown]):
    """All so far. ``shown``: what the best one gave; ``asked``: the parts of the first prompt that count."""

    attempts: tuple[Attempt, ...] = ()
    best: int = -1  # its number, from 0
    shown: Shown | None = None
    asked: frozenset[str] = field(default_factory=frozenset)
    problem: str = ""  # why there was no further try, where one failed

    def adding(
        self, draft: PromptDraft, seen: Iterable[Seen], shown: Shown, changes: Sequence[str] = ()
    ) -> Tries[Shown]:
        """With one try more, which is kept if it is better than those before."""
        parts = tuple(seen)
        asked = self.asked if self.attempts else frozenset(part.identity for part in _counted(parts))
        parts = tuple(part for part in parts if part.identity in asked)
        value = sum(part.value for part in parts) / len(parts) if parts else None
        lacks = tuple(part for part in parts if part.value < ENOUGH)
        attempts = (*self.attempts, Attempt(draft, value, lacks, tuple(changes)))
        if self.best >= 0 and _or_least(value) <= _or_least(self.value):
            return replace(self, attempts=attempts, asked=asked)
        return Tries(attempts, len(attempts) - 1, shown, asked)

    @property
    def value(self) -> float | None:
        """Of the best one."""
        return self.attempts[self.best].value if self.best >= 0 else None

    @property
    def draft(self) -> PromptDraft:
        """Of the best one."""
        return self.attempts[self.best].draft

    def reaches(self, until: float) -> bool:
        return self.value is not None and self.value >= until

    def is_over(self, options: Options) -> bool:
        """Enough is shown, there were enough tries, or nothing could be measured."""
        return len(self.attempts) >= options.tries or self.value is None or self.reaches(options.until)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What the last try lacks."""
        return tuple(Missing(part, self._times(part.identity)) for part in self.attempts[-1].missing)

    def _times(self, identity: str) -> int:
        times = 0
        for attempt in reversed(self.attempts):
            if all(part.identity != identity for part in attempt.missing):
                break
            times += 1
        return times

    def report(self, until: float) -> str:
        """Lines for a person."""
        lines = [
            f"try {number}: {percent(one.value)}" + (f" ({'; '.join(one.changes)})" if one.changes else "")
            for number, one in enumerate(self.attempts, 1)
        ]
        reached = f"{until:.0%} reached" if self.reaches(until) else f"{until:.0%} not reached"
        failed = [f"try {len(self.attempts) + 1} failed: {self.problem}"] if self.problem else []
        return "\n".join([f"{reached}; the best is try {self.best + 1}", *lines, *failed])


def next_try(tries: Tries[Shown], options: Options, reword: Reword | None) -> Next:
    """What the try after the last one is made with. Without ``reword`` words stay. Raises Cancelled."""
    found = Reworded(tries.attempts[-1].draft)
    if reword is not None and "words" in options.change and tries.missing:
        found = reword(found.draft, tries.missing)
    step = len(tries.attempts) if "seed" in options.change or not found.changes else 0
    draft = _told(found, len(tries.attempts) + 1) if found.changes else found.draft
    return Next(draft, step, (*found.changes, *((SEED_TOLD,) if step else ())))


def until_enough(
    draft: PromptDraft,
    look: Callable[[PromptDraft, int, int], tuple[Shown, Iterable[Seen]]],
    options: Options,
    reword: Reword | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Tries[Shown]:
    """``look(draft, step, number)`` renders and scores; ``step`` is added to the seed, ``number`` counts from 1.

    Of the tries there is always one; what ``look`` raises in it goes through. When a later one fails or is cancelled,
    the best one so far is kept, and ``problem`` says why there is no other.
    """
    shown, seen = look(draft, 0, 1)
    tries: Tries[Shown] = Tries()  # not Tries[Shown](): a slotted generic cannot note its type
    tries = tries.adding(draft, seen, shown)
    while not tries.is_over(options) and not is_cancelled():
        try:
            new = next_try(tries, options, reword)
            shown, seen = look(new.draft, new.step, len(tries.attempts) + 1)
        except Cancelled:
            break
        except OrchestratorError as problem:
            return replace(tries, problem=str(problem))
        tries = tries.adding(new.draft, seen, shown, new.changes)
    return tries


def seen_in(run: Run) -> tuple[Seen, ...]:
    """What the scores of a run say of its parts: of the image that shows most, where there are several."""
    images: dict[str, list[Seen]] = {}
    for score in run.scores:
        if score.component is not None and score.metric == "fulfilment":
            part = Seen(score.component, score.key, score.text, score.value, score.calibrated)
            images.setdefault(score.image, []).append(part)
    best: list[Seen] = max(images.values(), key=_mean, default=[])
    return tuple(best)


def is_reworded(draft: PromptDraft) -> bool:
    """Whether its words are other than those that were drawn, because an image lacked something."""
    return any(each.kind == RETRIED for each in draft.diagnostics)


def retried_with(draft: PromptDraft) -> str:
    """What was changed for this try, and why; "" where nothing was."""
    return next((each.message for each in draft.diagnostics if each.kind == RETRIED), "")


def with_retried(draft: PromptDraft, told: str) -> PromptDraft:
    """A draft that says so. What was told of an earlier try stays: its changes are in these words too."""
    before = retried_with(draft)
    others = tuple(each for each in draft.diagnostics if each.kind != RETRIED)
    return draft.replacing(diagnostics=(*others, Diagnostic(RETRIED, f"{before} {told}".strip())))


def percent(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0%}"


def _told(found: Reworded, number: int) -> PromptDraft:
    return with_retried(found.draft, f"Try {number}: {'; '.join(found.changes)}.")


def _counted(parts: Sequence[Seen]) -> Sequence[Seen]:
    """What is not calibrated counts only where nothing else is there."""
    return [part for part in parts if part.calibrated] or parts


def _mean(parts: Sequence[Seen]) -> float:
    counted = _counted(parts)
    return sum(part.value for part in counted) / len(counted)


def _or_least(value: float | None) -> float:
    return float("-inf") if value is None else value
