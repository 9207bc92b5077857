"""Additions without a language model: they fit, they differ by seed, they are the same everywhere."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.asking import Question, ask_for
from orchestrator_core.enhancing.drift import Told, drift, fitting
from orchestrator_core.enhancing.expansions import table
from orchestrator_core.enhancing.neutral import neutral
from orchestrator_core.enhancing.rules import RulesModel, expansions_for
from orchestrator_core.enhancing.styles import STYLES
from orchestrator_core.errors import Cancelled

PROMPTS = (
    "a fox in the snow",
    "1girl, elf, silver hair, forest",
    "a knight in a dark forest, red cape",
    "cyberpunk alley, neon rain, robot",
    "portrait of Mira, green eyes, freckles",
    "1boy, wizard tower, night sky",
    "a bowl of ramen",
    "a red sports car",
    "a cozy reading nook",
    "a lighthouse on a cliff, storm",
    "oil painting of a harbour at sunset",
    "an old fisherman, close-up photo",
    "a rose with dew",
    "a golden pocket watch",
    "a spiral galaxy",
    "an owl on a branch at night",
    "abstract shapes",
    "a dragon over a castle",
    "coral reef, underwater",
    "pixel art of a village in winter",
    "something",
)
STYLE = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)


@STYLE
@pytest.mark.parametrize("prompt", PROMPTS)
def test_there_is_something_to_add_to_every_prompt_and_it_fits(prompt: str, style):
    for seed in range(4):
        found = expansions_for(prompt, style, 6, seed)
        assert len(found) >= (3 if style.kind == "tags" else 5), found
        assert fitting(Told(prompt), found) == (tuple(found), ())
        assert len({text.casefold() for text in found}) == len(found)


@pytest.mark.parametrize(
    ("prompt", "unfitting"),
    [
        ("oil painting of a stormy sea with a ship", r"road|dust|stones at the edge"),
        ("a galleon under full sail", r"road|dust"),
        ("an airship above london", r"road|dust"),
        ("an astronaut floating above the earth", r"hair|street|cheek|eyelash|skin"),
        ("two knights duelling on a bridge in the fog", r"eyelash|garden|hair"),
        ("underwater ruins of a temple with fish", r"\bmist\b|wind|torch|grass|greenery"),
        ("a wedding couple under cherry blossoms", r"macro|veins|dew"),
        (
            "a queen on a throne with a golden crown",
            r"age on the surface|still life|slate|preciousness",
        ),
        ("a boy with a sword, anime", r"age on the surface|slate|centred|preciousness|telling part"),
        ("a slice of pizza, dark background", r"uneasy|out of sight|smoke"),
        ("a pegasus flying over the clouds, a horse", r"grass|greenery|natural surroundings"),
        ("a subway station in the city at noon", r"window"),
    ],
)
def test_nothing_is_added_that_such_a_picture_does_not_have(prompt: str, unfitting: str):
    added = {text for style in STYLES.values() for seed in range(6) for text in expansions_for(prompt, style, 6, seed)}
    assert not {text for text in added if re.search(unfitting, text)}


def test_the_same_everywhere():
    assert expansions_for("a fox in the snow", STYLES["sdxl"], 4, 7) == [
        "warm backlight outlining the fur and whiskers",
        "wet nose, clear sharp eyes",
        "telephoto shot at eye level",
        "soft natural tones",
    ]


def test_seeds_differ_and_a_temperature_of_nothing_does_not():
    drawn = {tuple(expansions_for("a castle on a hill", STYLES["sdxl"], 5, seed)) for seed in range(12)}
    calm = {tuple(expansions_for("a castle on a hill", STYLES["sdxl"], 5, seed, temperature=0)) for seed in range(12)}
    assert len(drawn) > 6
    assert len(calm) == 1


def test_what_the_prompt_settles_itself_comes_last():
    first = expansions_for("a castle, golden hour, rim lighting", STYLES["sdxl"], 1, 0)[0]
    lines = {line.phrase: line.aspect for line in table().expansions}
    assert lines[first] != "light"


def test_what_a_person_wishes_for_comes_first():
    found = expansions_for("a castle on a hill", STYLES["sdxl"], 3, 0, wish="more ivy, foggy night")
    assert found[0] == "ivy on old stone"
    assert not any("time" in drift(Told("night"), text) for text in found)
    day = expansions_for("a castle at noon", STYLES["sdxl"], 6, 0, wish="at night")
    assert fitting(Told("a castle at noon"), day)[1] == ()


def test_a_background_that_contradicts_itself_settles_nothing():
    told = "Yesterday at noon in the market. At night by the sea."
    assert expansions_for("Mira", STYLES["sdxl"], 6, 0, background=told)


def test_the_night_of_a_story_is_kept_to():
    for seed in range(10):
        found = expansions_for(
            "Mira on the balcony", STYLES["sdxl"], 8, seed, background="It is night, the moon is up."
        )
        assert not any("time" in drift(Told("night"), text) for text in found)


@pytest.mark.parametrize("line", table().expansions, ids=lambda line: f"{line.aspect}-{line.number}")
def test_each_line_of_the_table_is_plain_and_at_one_with_itself(line):
    assert line.conditions and all(condition.values or condition.sign for condition in line.conditions)
    assert line.phrase or line.tags
    for text in filter(None, (line.phrase, line.tags, line.sentence)):
        assert neutral(text) == text
        parts = text.split(", ") if text != line.sentence else [text]
        assert fitting(Told(""), parts)[1] == (), "it contradicts itself"
        assert drift(Told("a person" if "subject:person" in str(line) else "x"), text) == "", "it brings in a figure"
    assert not line.sentence or (line.sentence[0].isupper() and line.sentence.endswith("."))


@pytest.mark.parametrize(
    ("mode", "parts", "keys"),
    [
        ("append", {}, {"add"}),
        ("tags+natural", {}, {"add", "natural"}),
        ("region", {"0": "a stormy sea"}, {"0"}),
        ("rewrite", {"0": "a fox", "1": "in the snow"}, {"0", "1"}),
    ],
)
def test_each_mode_is_answered_as_its_schema_says(mode: str, parts: dict[str, str], keys: set[str]):
    pieces: list[str] = []
    question = Question(mode, STYLES["sdxl"], "a fox in the snow", parts=parts)
    answer = json.loads(RulesModel().generate(ask_for(question, 0.7, 3), pieces.append))
    assert answer.keys() == keys
    assert json.loads("".join(pieces)) == answer
    assert all(text in answer[key] for key, text in parts.items())


def test_it_can_be_stopped():
    with pytest.raises(Cancelled):
        RulesModel().generate(ask_for(Question("append", STYLES["sdxl"], "a fox"), 0, 0), is_cancelled=lambda: True)


@given(st.text(max_size=80), st.sampled_from(list(STYLES)), st.integers(0, 2**64))
def test_any_prompt_is_survived(prompt: str, style: str, seed: int):
    question = Question("append", STYLES[style], prompt, instruction=prompt)
    json.loads(RulesModel().generate(ask_for(question, 0.7, seed)))
