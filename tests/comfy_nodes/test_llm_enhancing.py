"""What an LLM Enhance does: when it asks again, what it shows meanwhile, what it hands on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfy_nodes.llm_enhancing import OFF, Answers, Enhancing, Given, Queue, Telling, readable
from orchestrator_core.base_models import BaseModel
from orchestrator_core.enhancing.budget import estimated_tokens
from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.prompt import Component, Enhancement, PromptDraft
from orchestrator_core.store.answers import OpenedAnswers
from tests.fakes import FakeLanguageModel

DRAFT = PromptDraft((Component("a fox, [[keep: red scarf]]"),), seed=5)
ADDS = json.dumps({"add": ["soft light"]})
DOWN = LanguageModelError("http://127.0.0.1:1/v1 cannot be reached.", "unreachable")


class Window:
    """What the page is sent."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, data: dict[str, Any]) -> None:
        self.got.append((event, data))


def given(model: LanguageModel | None) -> Given:
    return Given(DRAFT, model, BaseModel(), estimated_tokens)


def enhancing(window: Window | None = None, *, is_interrupted: bool = False, is_last: bool = False) -> Enhancing:
    answers = RememberedAnswers()
    queue = Queue(lambda: is_interrupted, lambda: is_last)
    return Enhancing(lambda: answers, queue, window or Window())


def test_the_fingerprint_stays_while_answers_come():
    one = enhancing()
    before = one.fingerprint(Options())
    draft = one.enhanced(given(FakeLanguageModel(ADDS)), Options(), "7")
    assert draft.positive == "a fox, red scarf, soft light"
    assert one.fingerprint(Options()) == before
    assert enhancing().fingerprint(Options()) == before


def test_after_a_failure_it_is_another_until_an_answer_comes():
    one, model = enhancing(), FakeLanguageModel(DOWN, ADDS)
    before = one.fingerprint(Options())
    assert one.enhanced(given(model), Options(), "7").enhanced == Enhancement(
        "kept", "The server cannot be reached.", "fake:1"
    )
    after = one.fingerprint(Options())
    assert after != before
    one.enhanced(given(model), Options(), "7")
    assert one.fingerprint(Options()) == after
    assert one.fingerprint(Options(amount=3)) == before


def test_stop_raises_and_the_next_run_asks_again():
    one, options = enhancing(), Options(on_error="stop")
    before = one.fingerprint(options)
    with pytest.raises(LanguageModelError, match=r"http://127\.0\.0\.1:1/v1 cannot be reached"):
        one.enhanced(given(FakeLanguageModel(DOWN)), options, "7")
    assert one.fingerprint(options) != before


def test_what_was_answered_is_not_asked_for_again():
    one, model = enhancing(), FakeLanguageModel(ADDS)
    one.enhanced(given(model), Options(), "7")
    again = one.enhanced(given(model), Options(), "9")
    assert (again.enhanced.status if again.enhanced else "", len(model.history)) == ("cached", 1)


def test_answers_outlive_comfyui():
    first, second = Answers(), Answers()
    first().put("k", "fake:1", "{}")
    assert first() is first()
    assert second().get("k") == "{}"
    assert isinstance(second(), OpenedAnswers)


def test_off_leaves_the_prompt_and_takes_the_marks_out():
    draft = enhancing().enhanced(given(None), Options(), "7")
    assert (draft.positive, draft.enhanced) == ("a fox, red scarf", Enhancement("unchanged", OFF))


def test_the_last_prompt_of_the_queue_is_told_to_the_model():
    model = FakeLanguageModel(ADDS, ADDS)
    enhancing(is_last=True).enhanced(given(model), Options(), "7")
    enhancing().enhanced(given(model), Options(), "7")
    assert [ask.is_last for ask in model.history] == [True, False]


def test_an_interrupt_reaches_the_model():
    with pytest.raises(Cancelled):
        enhancing(is_interrupted=True).enhanced(given(RulesModel()), Options(), "7")


def test_the_text_is_shown_some_times_a_second():
    window, clock = Window(), iter([0.0, 0.0, 0.0, 0.01, 0.2, 0.2])
    telling = Telling("7", window, lambda: next(clock))
    for piece in ('{"add": ["soft', " golden", ' light"'):
        telling(piece)
    assert window.got == [
        ("orchestrator.enhancing", {"node": "7", "text": "soft"}),
        ("orchestrator.enhancing", {"node": "7", "text": "soft golden light"}),
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"add": ["soft light", "wet st', "soft light, wet st"),
        ('```json\n{"0": "an old fox", "tags+natural": "A', "an old fox, A"),
        ("<think>the user wants", ""),
        ("<think>hm</think> soft light", "soft light"),
        ("", ""),
    ],
)
def test_an_answer_that_is_being_written_is_shown_without_signs(text: str, shown: str):
    assert readable(text) == shown


def test_of_a_long_answer_its_end_is_shown():
    assert len(readable("word " * 1000)) <= 1200
