from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_core.conditions import NAMES, parse_condition
from orchestrator_core.errors import PipelineError

FACTS = {
    "positive": "a red Fox in the snow",
    "images": 2.0,
    "loras": ("Watercolor", "ink"),
    "score": 0.7,
    "has_llm": True,
    "variables.style": "noir",
    "stage.render-2": "done",
}


@pytest.mark.parametrize(
    "text",
    [
        "images and score < 0.8",
        "not (images == 0 or score >= 0.8)",
        "'fox' in positive and \"hare\" not in positive",
        "'watercolor' in loras",
        "variables.style in ['noir', 'ink']",
        "stage.render-2 == 'done' and has_llm == true",
        "not not images",
        "true or false and false",  # 'and' binds more tightly
        "-1 < 0 and 1e3 > 999.5",
        r"'it\'s' != 'its'",
        "variables.missing == ''",
        "seed != 5 and not seed < 5 and not seed >= 5",  # of what is not known
        "[] != loras",
    ],
)
def test_a_condition_that_holds(text: str) -> None:
    assert parse_condition(text).holds(FACTS)
    assert not parse_condition(f"not ({text})").holds(FACTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is needed"),
        ("images and", "is needed"),
        ("imags > 1", "did you mean 'images'"),
        ("images > 'two'", "a number and a text"),
        ("loras < loras", "cannot compare"),
        ("images in loras", "'in' looks for a text"),
        ("['a', 1]", r"a list holds texts, and this is a number \(character 7"),
        ("[" * 500, r"a list holds texts.*character 2 "),
        ("(images", r"'\)' is missing"),
        ("images images", "comes 'and', 'or' or nothing"),
        ("positive not == 'a'", "'not in'"),
        ("__import__('os')", "no name '__import__'"),
        ("positive; 1", r"character 9 of"),
        ("positive.upper", "no name"),
        ("'open", "character 1"),
        ("(" * 60 + "images" + ")" * 60, "more than 50 brackets"),
        ("images or " * 200 + "images", "1,000 characters"),
    ],
)
def test_what_is_no_condition_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        parse_condition(text)


def test_what_a_condition_asks_about_is_known() -> None:
    assert parse_condition("'a' in variables.x or stage.draw == 'done' and images").names == {
        "variables.x",
        "stage.draw",
        "images",
    }


words = st.sampled_from([*NAMES, "variables.a", "stage.b-c", "and", "or", "not", "in", "true", "1.5", "'fox'", '"a"'])
marks = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]", ","])
values = {"flag": st.booleans(), "number": st.floats() | st.none(), "text": st.text(), "texts": st.tuples(st.text())}


@given(
    st.lists(words | marks, max_size=12).map(" ".join) | st.text(max_size=30),
    st.fixed_dictionaries({}, optional={name: values[kind] for name, kind in NAMES.items()}),
)
@example("not in", {})
def test_any_text_is_refused_or_can_be_asked_about_any_run(text: str, facts: dict) -> None:
    try:
        condition = parse_condition(text)
    except PipelineError:
        return
    assert condition.holds(facts) in (True, False)
    assert parse_condition(f"({text}) or not ({text})").holds(facts)
