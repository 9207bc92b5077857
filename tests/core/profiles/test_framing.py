"""Genres: the words around a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.profiles.framing import framed, with_subject
from orchestrator_core.profiles.model import Profile
from orchestrator_core.prompt import Origin, PromptDraft, render
from orchestrator_core.template import Template, Wildcards

NONE = Wildcards([])
TEMPLATE = "a {fox|owl|hen} in {snow|rain|fog|sun}"


def genre(template: str, **parts: object) -> Profile:
    return Profile("Noir", "genre", "noir", template=template, **parts)


def drawn(template: str, profile: Profile, seed: int = 1, wildcards: Wildcards = NONE) -> PromptDraft:
    return framed(Template(template).draw(wildcards, seed), profile, wildcards)


def test_the_own_words_stand_where_the_placeholder_is_with_all_that_is_known_of_them():
    own = Template(TEMPLATE).draw(NONE, 5)
    found = drawn(TEMPLATE, genre("film still of {prompt}, {rain|smoke}"), 5)
    assert found.positive in {f"film still of {own.positive}, {word}" for word in ("rain", "smoke")}
    kept = [c for c in found.components if c.span is not None]
    assert tuple(kept) == own.components
    frame = [c for c in found.components if c.span is None]
    assert {c.origin for c in frame} == {Origin.profile}
    assert frame[-1].choices[0].options == 2


def test_another_genre_leaves_the_own_choices_alone():
    for seed in range(20):
        own = Template(TEMPLATE).draw(NONE, seed).positive
        for text in ("one {a|b} {prompt}", "{c|d|e} two {prompt} {f|g}", "three"):
            assert own in drawn(TEMPLATE, genre(text), seed).positive


def test_the_genres_choices_do_not_follow_the_templates():
    found = {drawn("{a|b}", genre("{a|b} {prompt}"), seed).positive for seed in range(40)}
    assert found == {"a a", "a b", "b a", "b b"}


def test_the_same_seed_gives_the_same_words():
    one, two = (drawn(TEMPLATE, genre("{a|b|c|d} {prompt}"), 9) for _ in range(2))
    assert one == two


def test_without_a_placeholder_the_words_follow():
    assert drawn("a fox", genre("film grain")).positive == "a fox, film grain"
    assert drawn("a fox", Profile("plain")).positive == "a fox"


@pytest.mark.parametrize("seed", range(6))
def test_own_words_are_never_lost_and_never_there_twice(seed: int):
    assert drawn("a fox", genre("{still of {prompt}|painting}"), seed).positive.count("a fox") == 1
    assert drawn("a fox", genre("{2$$, $${prompt}|{prompt}|x}"), seed).positive.count("a fox") == 1


def test_emphasis_around_the_own_words_is_known():
    found = drawn("a fox", genre("(still of {prompt}:1.3), grain"))
    assert next(c for c in found.components if c.text == "a fox").strength == 1.3


def test_where_nothing_is_written_the_subject_stands_in():
    noir = genre("still of {prompt}, rain", subject="a {detective|singer}")
    found = framed(with_subject(PromptDraft((), seed=3), noir, NONE), noir, NONE)
    assert found.positive in ("still of a detective, rain", "still of a singer, rain")
    assert {c.origin for c in found.components} == {Origin.profile}
    written = Template("a fox").draw(NONE, 1)
    assert with_subject(written, noir, NONE) is written


def test_without_words_and_without_a_subject_only_the_genres_are_left():
    assert drawn("", genre("{prompt}, film grain")).positive == "film grain"


def test_words_of_a_wildcard_are_credited_to_it_and_weights_reach_it(tmp_path: Path):
    (tmp_path / "light.txt").write_text("lamp\nmoon\n")
    wildcards = Wildcards([tmp_path])
    own = Template("a fox").draw(wildcards, 1)
    for seed in range(10):
        found = framed(own.replacing(seed=seed), genre("{prompt}, __light__"), wildcards, {"light#moon": 0.0})
        assert found.positive == "a fox, lamp"
        assert (found.components[-1].origin, found.components[-1].choices[0].key) == (Origin.wildcard, "light#lamp")


def test_what_is_wrong_in_a_genre_is_told_as_the_genres():
    found = drawn("a fox", genre("{prompt}, __nowhere__"))
    assert found.positive == "a fox, __nowhere__"
    assert [(d.kind, d.where) for d in found.diagnostics] == [("missing-wildcard", "profiles")]
    assert "the profile 'Noir'" in found.diagnostics[0].message


def test_what_a_genre_sends_to_the_negative_arrives():
    found = drawn("a fox", genre("{prompt} <ppp:stn>blur<ppp:/stn>"))
    assert "blur" in found.negative_prompt
    assert render(found.components).startswith("a fox")
