from __future__ import annotations

import pytest

from orchestrator_core.loras.evaluating import evaluate, questions_of
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import ExamplePrompt
from tests.core.loras.selection_library import lora


def examples(*texts: str) -> tuple[ExamplePrompt, ...]:
    return tuple(ExamplePrompt(text) for text in texts)


def test_questions_are_examples_without_tag_and_trigger_words() -> None:
    record = lora(
        "a",
        "ghibli style, red hat",
        examples=examples(
            "a castle in Ghibli Styles, <lora:a:0.8>, red_hat, (sea:1.2)", "ghibli style", "a sea", "a sea"
        ),
    )
    assert [question.text for question in questions_of(record)] == ["a castle in, sea", "a sea"]


def test_recall_and_misses_are_counted() -> None:
    index = LoraIndex(
        [
            lora("castle", tags=("castle",), examples=examples("a castle", "a dragon", "nothing known")),
            lora("dragon", tags=("dragon",), examples=examples("a dragon")),
            lora("silent"),
        ]
    )
    found = evaluate(index)
    assert found.questions == 4
    assert found.recall_1 == found.recall_10 == 0.5
    assert found.abstained == 0.25
    assert found.without_examples == 1
    assert [(miss.question.text, miss.rank, miss.first) for miss in found.misses] == [
        ("a dragon", None, "dragon"),
        ("nothing known", None, ""),
    ]
    assert "4 prompts" in str(found)


def test_what_the_base_model_would_not_let_through_does_not_compete() -> None:
    other = lora("a", "castle", base_model="SD 1.5")
    record = lora("b", tags=("castle",), examples=examples("a castle"))
    assert evaluate(LoraIndex([other, record])).recall_1 == 1


def test_at_most_so_many_questions_are_asked_evenly() -> None:
    index = LoraIndex(lora(f"l{n:02}", tags=(f"thing{n}",), examples=examples(f"thing{n}")) for n in range(20))
    asked: list[tuple[int, int]] = []
    found = evaluate(index, most=5, on_progress=lambda done, of: asked.append((done, of)))
    assert found.questions == 5
    assert asked == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize("records", [[], [lora("a")]])
def test_a_library_without_examples_says_so(records: list) -> None:
    assert "No LoRA has example prompts" in str(evaluate(LoraIndex(records)))
