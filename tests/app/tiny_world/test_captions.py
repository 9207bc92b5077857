"""Captions, and the wildcards that give the same words."""

from __future__ import annotations

import random

import pytest

from orchestrator_app.tiny_world import WILDCARDS
from orchestrator_app.tiny_world.captions import PICTURE, TEMPLATE, any_caption, full_caption, tag, template_caption
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, all_scenes
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template.wildcards import Wildcards

STARS = Scene("two", "striped", "red", "star", "mint")


def test_a_caption_says_how_many_of_what():
    assert full_caption(STARS) == "two striped red stars on a mint background"
    assert full_caption(Scene("one", "solid", "blue", "circle", "gray")) == "one solid blue circle on a gray background"


def test_a_caption_by_chance_has_the_words_of_what_it_speaks_of_and_no_others():
    rng = random.Random(1)
    words = {name: {tag(name, value) for value in values} for name, values in ATTRIBUTES.items()}
    for scene in rng.sample(all_scenes(), 300):
        text, said = any_caption(scene, rng)
        left = text.removeprefix(PICTURE)
        for name in ATTRIBUTES:
            found = {word for word in words[name] if word in left}
            assert found == ({tag(name, getattr(scene, name))} if name in said else set()), text


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_the_wildcards_have_the_words_of_the_captions(attribute: str):
    lines = (WILDCARDS / "tiny" / f"{attribute}.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line] == [tag(attribute, value) for value in ATTRIBUTES[attribute]]


def test_a_template_of_five_wildcards_gives_captions_that_the_models_were_trained_on():
    wildcards, known = Wildcards([WILDCARDS]), {template_caption(scene) for scene in all_scenes()}
    for seed in range(30):
        drawn = generate(Options(template=TEMPLATE, seed=seed), wildcards)
        assert drawn.positive in known
        assert not drawn.diagnostics
