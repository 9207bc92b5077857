"""SmolLM2 enhances prompts: it breaks everything that it is only asked to keep, and here nothing is only asked."""

from __future__ import annotations

import pytest

from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.enhancing.enhancer import enhance
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.verifying import problems
from orchestrator_core.llm.settings import LlmSettings, language_model
from orchestrator_core.prompt import Component, PromptDraft

pytestmark = [pytest.mark.network, pytest.mark.slow]

# Prompts, and what must be in them afterwards as it was, in this order.
PROMPTS = (
    (
        "1girl, elf, silver hair, (forest:1.2), ((red cape)) BREAK [day:night:0.5], {a|b} __places/city__, masterpiece "
        "<lora:elf:0.8>",
        (
            "(forest:1.2)",
            "((red cape))",
            "BREAK",
            "[day:night:0.5]",
            "{a|b}",
            "__places/city__",
            "masterpiece",
            "<lora:",
        ),
    ),
    (
        "score_9, portrait of Mira, green eyes, embedding:good_hands, [fog], ${mood} AND freckles \\(many\\) "
        "<lyco:x:1>",
        ("score_9", "embedding:good_hands", "[fog]", "${mood}", "AND", "\\(many\\)", "<lyco:x:1>"),
    ),
)


def test_all_fifteen_tokens_are_kept(smollm: str):
    model = language_model(LlmSettings(backend="openai", url=smollm))
    assert model
    answers, kept, statuses = RememberedAnswers(), 0, []
    for prompt, tokens in PROMPTS:
        draft = PromptDraft((Component(prompt),), (Component("blurry"),), seed=7)
        found = enhance(draft, model, Options(amount=2), answers=answers)
        assert problems(prompt, found.positive) == ()
        assert found.negative == draft.negative
        at = 0
        for token in tokens:
            at = found.positive.index(token, at) + len(token)
            kept += 1
        assert found.enhanced
        statuses.append(found.enhanced.status)
        if found.enhanced.status == "enhanced":
            again = enhance(draft, model, Options(amount=2), answers=answers)
            assert (again.positive, again.enhanced and again.enhanced.status) == (found.positive, "cached")
    assert kept == 15
    assert "enhanced" in statuses
