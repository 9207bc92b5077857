"""``develop``: at least one new, checked fact in each scene, with a model, without one, and against a bad one."""

from __future__ import annotations

import json

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.memory.change import Change
from tests.core.memory.story_world import FakeModel, Teller, teller


def proposal(*changes: dict[str, str]) -> str:
    return json.dumps({"changes": list(changes)})


def fact(value: str, subject: str = "Mira") -> dict[str, str]:
    return {"op": "add", "field": "fact", "subject": subject, "value": value}


def facts(tell: Teller) -> list[tuple[str, str]]:
    return [(one.change.value, one.change.source) for one in tell.story.log if one.change.field == "fact"]


def test_without_a_model_the_profile_s_next_sentence_comes_and_never_twice() -> None:
    tell = teller("mira")
    tell("Mira in the tavern")
    for _ in range(5):
        tell("waiting", action="develop")
    assert facts(tell) == [
        ("Grew up in the harbour", "code"),
        ("Lost her brother at sea", "code"),
        ("knows the tavern", "code"),
    ]
    assert "Nothing new is left" in tell.problems


def test_a_model_s_fact_is_kept_as_its_own() -> None:
    model = FakeModel("Sure! ```json\n" + proposal(fact("carries her brother's knife")) + "\n``` Enjoy.")
    tell = teller("mira", model=model)
    tell("Mira in the tavern", action="develop")
    assert facts(tell) == [("carries her brother's knife", "llm")]
    asked = model.asked[0]
    assert asked.schema is not None
    assert "Where: tavern" in asked.messages[1].content.replace("\\n", "\n")
    assert "Grew up in the harbour" in asked.messages[1].content


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "holds no change"),
        ("I'm sorry, I can't help with that.", "holds no change"),
        ('{"changes": [{"op": "add", "fie', "holds no change"),
        ("<html>502</html>" * 1000, "holds no change"),
        ("[" * 500_000, "holds no change"),
        ("[x" * 500_000, "holds no change"),
        (proposal(fact("add <lora:evil:2>")), "more than words"),
        (proposal(fact("knows a spell", "Gandalf")), "'Gandalf' is not in this scene"),
        (proposal({"op": "set", "field": "where", "value": "the moon"}), "not set where"),
        (proposal({"op": "remove", "field": "fact", "subject": "Mira", "value": "x"}), "not remove fact"),
        (proposal(fact("Mira's outfit is a red cloak")), "not of clothes"),
        (proposal({"op": "set", "field": "mood", "value": "Mira stands in the rain"}), "is no mood"),
        (proposal({"op": "set", "field": "outfit", "subject": "Mira", "value": "a ship"}), "are no clothes"),
        ('{"changes": [7, null]}', "A change is an object"),
        (LanguageModelError("The server is gone.", "unreachable"), "The server is gone"),
    ],
)
def test_an_answer_of_no_use_costs_nothing(answer: str | Exception, told: str) -> None:
    tell = teller("mira", model=FakeModel(answer))
    prompt = tell("Mira waits", action="develop")
    assert "silver hair" in prompt
    assert facts(tell) == [("Grew up in the harbour", "code")]
    assert told in tell.problems


def test_a_model_does_not_contradict_what_the_prompt_says() -> None:
    changes = (
        {"op": "set", "field": "mood", "subject": "", "value": "gloomy"},
        {"op": "set", "field": "outfit", "subject": "Mira", "value": "blue dress"},
    )
    tell = teller("mira", model=FakeModel(proposal(*changes)))
    prompt = tell("a happy Mira in a white dress", action="develop")
    assert "gloomy" not in prompt
    assert "blue dress" not in prompt
    prompt = tell("waiting", action="develop")
    assert "gloomy" in prompt
    assert tell.story.state.person("Mira").outfit == "blue dress"


def test_what_a_model_can_only_have_meant_in_one_way_is_taken_so() -> None:
    changes = (
        {"op": "set", "field": "fact", "subject": "mira", "value": "hums when afraid"},
        {"op": "add", "field": "mood", "subject": "Mira", "value": "tense"},
    )
    tell = teller("mira", model=FakeModel(proposal(*changes)))
    tell("Mira", action="develop")
    assert facts(tell) == [("hums when afraid", "llm")]
    assert tell.story.state.mood == "tense"


def test_a_fact_of_a_story_can_be_told_only_once() -> None:
    tell = teller("mira", model=FakeModel(proposal(fact("Grew up in the HARBOUR"))))
    for _ in range(2):
        tell("Mira", action="develop")
    assert facts(tell) == [("Grew up in the HARBOUR", "llm"), ("Lost her brother at sea", "code")]


def test_stopping_the_model_stops_the_stage() -> None:
    with pytest.raises(Cancelled):
        teller("mira", model=FakeModel(Cancelled()))("Mira", action="develop")


def test_where_nobody_is_there_is_nobody_to_develop() -> None:
    tell = teller()
    tell("a stone", action="develop")
    assert "say who" in tell.problems
    assert tell.story.log == ()


def test_a_fact_is_of_somebody_who_is_there_and_least_told_of() -> None:
    tell = teller("mira", "tom")
    tell("Mira and Tom", action="develop")
    tell("walking", action="develop")
    changes = [one.change for one in tell.story.log if one.change.field == "fact"]
    assert changes == [
        Change("add", "fact", "Mira", "Grew up in the harbour", "code", 1),
        Change("add", "fact", "Tom", "Gruff", "code", 2),
    ]
