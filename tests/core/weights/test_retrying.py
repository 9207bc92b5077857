"""Tries: bounded, each clearer about what was missing, the best one kept."""

from __future__ import annotations

from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.weights.retrying import Kept, Looked, plan, until_enough

DRAFT = PromptDraft((Component("a star, "), Component("red fox", Origin.wildcard), Component(", snow")))


def tried(values: list[float | None], most: int = 4) -> tuple[Kept[str], list[str]]:
    prompts: list[str] = []

    def look(draft: PromptDraft, number: int) -> Looked[str]:
        prompts.append(draft.positive)
        return Looked(f"image {number}", values[number], (1,))

    return until_enough(DRAFT, look, most=most), prompts


def test_it_ends_as_soon_as_enough_is_shown():
    kept, prompts = tried([0.4, 0.85, 1.0])
    assert (kept.best.shown, kept.values, len(prompts)) == ("image 1", (0.4, 0.85), 2)


def test_the_best_of_all_tries_is_kept_with_its_prompt():
    kept, prompts = tried([0.4, 0.6, 0.5, 0.1])
    assert (kept.best.shown, kept.draft.positive) == ("image 1", prompts[1])


def test_what_is_missing_is_said_more_strongly_and_then_first():
    _, prompts = tried([0.1] * 9, most=5)
    assert prompts == [
        "a star, red fox, snow",
        "a star, (red fox:1.1), snow",
        "a star, (red fox:1.2), snow",
        "a star, (red fox:1.3), snow",
        "(red fox:1.3), a star, snow",
    ]


def test_where_nothing_can_be_measured_there_is_one_try():
    assert tried([None, 1.0])[0].values == (None,)


def test_syntax_and_places_that_are_not_there_stay():
    draft = PromptDraft((Component("<lora:a:1>"), Component("[a|b]")))
    assert plan(draft, (0, 1, 7)) == draft


def test_moved_words_keep_their_origin():
    draft = DRAFT
    for _ in range(4):
        draft = plan(draft, (1,))
    assert draft.components[0].origin is Origin.wildcard
