"""Additions that do not fit: another subject, count, colour, hour, and what a person forbade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.drift import Told, drift, fitting, lost


@pytest.mark.parametrize(
    ("prompt", "addition", "reason"),
    [
        ("portrait of Mira, green eyes, freckles", "happy couple with a baby on their porch", "'couple'"),
        ("1girl, elf, silver hair, forest", "princess with a sword and armor", "'princess'"),
        ("a knight in a dark forest", "dragons in the sky", "'dragon'"),
        ("an old woman knitting", "a man beside her", "'man'"),
        ("a lighthouse", "a 9-year-old girl", "'girl'"),
        ("1girl, forest", "2girls", "counts 2"),
        ("two women, cafe", "three friends laughing", "counts 3"),
        ("1girl, silver hair", "long black hair", "black hair"),
        ("a knight, red cape", "his blue torn cape", "blue cape"),
        ("portrait, green eyes", "brown eyes", "brown eye"),
        ("1girl, short hair", "long flowing hair", "long hair"),
        ("harbour at night", "bright sunlight", "time"),
        ("sunny meadow", "under a starry sky", "time"),
        ("beach, heavy rain", "cloudless sky", "weather"),
        ("cozy kitchen", "on a mountain", "place"),
        ("winter village", "cherry blossoms", "season"),
        ("oil painting of a ship", "35mm photograph", "medium"),
        ("extreme close-up of an eye", "wide shot", "view"),
        ("medieval market", "cyberpunk signs", "period"),
        ("black and white photo of a street", "vivid colours, neon", "tone"),
        ("a gloomy cemetery", "cheerful mood", "mood"),
    ],
)
def test_what_contradicts_the_prompt_is_told(prompt: str, addition: str, reason: str):
    assert reason in drift(Told(prompt), addition)


@pytest.mark.parametrize(
    ("prompt", "addition"),
    [
        ("portrait of Mira, green eyes", "her gaze is calm"),
        ("a knight in a dark forest, red cape", "light on the knight's helmet"),
        ("1girl, elf, silver hair", "wind in her silver hair"),
        ("a woman in a red dress", "red shoes, black gloves"),
        ("harbour at night", "moonlight, depth of field"),
        ("sunset over the sea", "warm sunlight"),
        ("a fox in the snow", "bird's-eye view"),
        ("rainy street", "thunder clouds"),
        ("a castle", "without people, no night"),
        ("a woman with dark hair", "serene mood"),
        ("oil painting of a ship", "visible brushstrokes"),
        ("", "soft light"),
    ],
)
def test_what_fits_is_let_in(prompt: str, addition: str):
    assert drift(Told(prompt), addition) == ""


def test_what_is_forbidden_or_in_the_negative_prompt_is_not_added():
    told = Told("a castle", negative="fog, blurry, worst quality", forbidden=("gold leaf", "8k"))
    assert "forbidden" in drift(told, "gold leaf ornament")
    assert "negative prompt" in drift(told, "drifting fog")
    assert drift(told, "golden leaves") == ""


def test_additions_do_not_contradict_one_another():
    kept, dropped = fitting(Told("a castle"), ("morning sunlight", "under the stars at night", "dew on the grass"))
    assert kept == ("morning sunlight", "dew on the grass")
    assert [str(one) for one in dropped] == ["'under the stars at night' (it says night, where the time is sun)"]


def test_the_scene_of_a_story_counts_but_the_prompt_wins():
    told = Told("Mira by the window, sunrise", background="Mira and a wizard sit in the tower at night.")
    assert drift(told, "the wizard looks up") == ""
    assert drift(told, "first sunlight") == ""
    assert "time" in drift(Told("Mira by the window", told.background), "sunlight on the floor")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("a fox at night", "an owl at night", "'fox'"),
        ("a fox at night", "a fox", "time"),
        ("a woman, red hair", "a woman with long hair", "'red hair'"),
        ("a fox", "a fox and a wolf", "'wolf'"),
        ("a fox at night", "a fox under a starry night sky", ""),
    ],
)
def test_a_rewritten_text_still_says_all_of_it(before: str, after: str, reason: str):
    assert reason in lost(before, after)
    assert bool(lost(before, after)) == bool(reason)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_survived(prompt: str, addition: str):
    drift(Told(prompt, addition, addition), addition)
    assert drift(Told(addition), "") == ""
