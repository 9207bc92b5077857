"""Tries: bounded, each told what is new in it, the best one kept; and what they change is never learned as if plain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from orchestrator_core.enhancing.rewording import Rewording
from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.weights.crediting import marked, observations_of
from orchestrator_core.weights.marking import Marks
from orchestrator_core.weights.retrying import (
    SEED_TOLD,
    Options,
    Seen,
    Tries,
    is_reworded,
    next_try,
    retried_with,
    seen_in,
    until_enough,
)

RED = Choice("foxes#red fox", "foxes", options=3)
DRAFT = PromptDraft((Component("a star, "), Component("red fox", Origin.wildcard, (RED,)), Component(", snow")))
Tried = tuple[Tries[str], list[str], list[int]]


def tried(
    values: Sequence[float | Exception | None],
    options: Options | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Tried:
    prompts: list[str] = []
    steps: list[int] = []

    def look(draft: PromptDraft, step: int, number: int) -> tuple[str, list[Seen]]:
        prompts.append(draft.positive)
        steps.append(step)
        value = values[number - 1]
        if isinstance(value, Exception):
            raise value
        at = next(at for at, part in enumerate(draft.components) if part.choices)
        return f"image {number}", [] if value is None else [Seen(at, RED.key, "red fox", value)]

    return until_enough(DRAFT, look, options or Options(), Rewording(), is_cancelled), prompts, steps


def test_it_ends_as_soon_as_enough_is_shown():
    tries, prompts, _ = tried([0.4, 0.85, 1.0])
    assert (tries.shown, tries.value, len(prompts)) == ("image 2", 0.85, 2)


def test_the_best_of_all_tries_is_kept_with_its_prompt():
    tries, prompts, _ = tried([0.4, 0.6, 0.5, 0.1, 0.9])
    assert (tries.shown, tries.draft.positive, len(prompts)) == ("image 2", prompts[1], 4)
    assert tries.report(0.8).splitlines()[0] == "80% not reached; the best is try 2"


def test_what_is_missing_is_said_more_strongly_and_then_first():
    _, prompts, steps = tried([0.1] * 9, Options(tries=5, change="words"))
    assert prompts == [
        "a star, red fox, snow",
        "a star, (red fox:1.1), snow",
        "a star, (red fox:1.2), snow",
        "(red fox:1.3), a star, snow",
        "(red fox:1.3), a star, snow",
    ]
    assert steps == [0, 0, 0, 0, 4]  # where no word is new, the seed must be


def test_each_try_tells_what_was_changed_and_why():
    tries, *_ = tried([0.1, 0.2, 0.9])
    assert tries.attempts[1].changes == ("(red fox:1.1), of which 10% was shown", SEED_TOLD)
    told = retried_with(tries.draft)
    assert told == ("Try 2: (red fox:1.1), of which 10% was shown. Try 3: (red fox:1.2), of which 20% was shown.")
    assert is_reworded(tries.draft)
    assert not is_reworded(DRAFT)


@pytest.mark.parametrize("change", ["seed", "words and seed"])
def test_the_seed_of_each_try_is_one_further(change: str):
    assert tried([0.1] * 4, Options.model_validate({"change": change}))[2] == [0, 1, 2, 3]


def test_where_nothing_can_be_measured_there_is_one_try():
    assert len(tried([None, 1.0])[1]) == 1


def test_whoever_interrupts_gets_the_best_so_far():
    assert tried([0.4, Cancelled()])[0].shown == "image 1"
    assert tried([0.4, 0.5], is_cancelled=lambda: True)[0].shown == "image 1"
    with pytest.raises(Cancelled):
        tried([Cancelled()])


def test_a_later_try_that_fails_costs_no_earlier_one():
    tries = tried([0.4, ScorerError("The scorer is gone.")])[0]
    assert (tries.shown, tries.report(0.8).splitlines()[-1]) == ("image 1", "try 2 failed: The scorer is gone.")
    with pytest.raises(ScorerError):
        tried([ScorerError("The scorer is gone.")])


def test_only_what_the_first_prompt_asked_for_counts():
    none: Tries[str] = Tries()
    first = none.adding(DRAFT, [Seen(1, RED.key, "red fox", 0.2), Seen(2, "", "snow", 0.0, False)], "a")
    assert first.value == 0.2  # what is not calibrated counts only where nothing else is there
    second = first.adding(DRAFT, [Seen(1, RED.key, "red fox", 0.3), Seen(3, "", "ruby fur", 1.0)], "b")
    assert (second.value, second.shown) == (0.3, "b")


def test_a_part_that_was_shown_in_between_begins_anew():
    tries: Tries[str] = Tries()
    for value in (0.1, 0.9, 0.1):
        tries = tries.adding(DRAFT, [Seen(1, RED.key, "red fox", value)], "")
    assert [one.times for one in tries.missing] == [1]


def a_run(draft: PromptDraft) -> Run:
    score = Score("r", "a", 1, "fulfilment", 0.9, key=RED.key, text="red fox", scorer="x")
    return Run("r", draft, scores=(score,))


def test_changed_words_are_credited_to_nobody_and_another_seed_as_any_image():
    none: Tries[str] = Tries()
    tries = none.adding(DRAFT, [Seen(1, RED.key, "red fox", 0.1)], "")
    reworded = next_try(tries, Options(), Rewording()).draft
    again = next_try(tries, Options(change="seed"), Rewording()).draft
    assert observations_of(a_run(reworded)) == ()
    assert [one.key for one in observations_of(a_run(again))] == [RED.key]
    assert [one.key for one in marked(a_run(reworded), "a", Marks(favourite=True))] == [
        RED.key
    ]  # people's always count


def test_of_several_images_the_one_that_shows_most_is_looked_at():
    scores = tuple(
        Score("r", image, part, "fulfilment", value, key=RED.key if part == 1 else "", text="x")
        for image, values in {"a": (0.9, 0.1), "b": (0.6, 0.7)}.items()
        for part, value in enumerate(values, 1)
    )
    whole = Score("r", "a", None, "fulfilment", 1.0)
    assert [part.value for part in seen_in(Run("r", DRAFT, scores=(*scores, whole)))] == [0.6, 0.7]
