"""The profiles that come with the pack."""

from __future__ import annotations

import pytest

from orchestrator_app.bundled import bundled_folder
from orchestrator_core.profiles.checking import check_profiles
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import render
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Template, Wildcards

LIBRARY = ProfileLibrary([bundled_folder("profiles")])
NONE = Wildcards([])


def test_nothing_is_wrong_with_them():
    assert check_profiles(LIBRARY, Wildcards([bundled_folder("wildcards")])) == []


def test_there_are_six_and_eight_genres():
    kinds = [profile.kind for profile in LIBRARY.all()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"character": 2, "setting": 2, "style": 2, "genre": 8}


@pytest.mark.parametrize("genre", LIBRARY.genres)
def test_a_genre_has_all_that_one_picks(genre: str):
    profile = LIBRARY.get(genre)
    assert profile.template and profile.negative and profile.style and profile.wildcard_weights and profile.description
    prompts = set()
    for seed in range(8):
        own = Template("a {fox|owl} reads").draw(NONE, seed).positive
        draft = generate(Options(template="a {fox|owl} reads", genre=genre, seed=seed), NONE, profiles=LIBRARY)
        assert own in draft.positive
        assert not draft.diagnostics
        prompts.add(draft.positive.replace(own, ""))
    assert len(prompts) > 1
    alone = generate(Options(genre=genre), Wildcards([bundled_folder("wildcards")]), profiles=LIBRARY)
    assert "of ," not in alone.positive


def test_all_of_them_get_along():
    everybody = ",".join(p.key for p in LIBRARY.all() if p.kind != "genre")
    draft = generate(Options(template="a fox", profiles=everybody, genre="film-noir"), NONE, profiles=LIBRARY)
    for tag in LIBRARY.get("mira").appearance_tags + LIBRARY.get("pip").appearance_tags:
        assert render(draft.components).count(tag) == 1
