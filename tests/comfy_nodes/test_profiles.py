"""Profiles in ComfyUI: drawn before queueing, seen when their files change, and a cache that minds what matters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.populate import Populate
from comfy_nodes.profile_shelf import ProfileShelf
from comfy_nodes.services import Services
from comfy_nodes.widgets import WILDCARD_PROMPT
from orchestrator_core.template import Wildcards
from tests.comfy_nodes.test_populate import Window

MIRA = "name: Mira\nkind: character\nappearance_tags: [silver hair]\ndescription: A sailor.\n"
NOIR = "name: Noir\nkind: genre\ntemplate: film still of {prompt}, {rain|smoke|fog|snow}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "mira.yaml").write_text(MIRA)
    (folder / "noir.yaml").write_text(NOIR)
    return folder


@pytest.fixture
def shelf(folder: Path) -> ProfileShelf:
    return ProfileShelf(lambda: [folder])


def write(path: Path, text: str, shelf: ProfileShelf) -> None:
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))
    shelf.library.refresh()


def populated(shelf: ProfileShelf, **graph: Any) -> dict[str, Any]:
    services = Services(Wildcards([]), lambda *_: None, shelf)
    sent: dict[str, Any] = Populate(services, patience=30)({"prompt": graph})
    return sent


def prompt_node(**inputs: Any) -> dict[str, Any]:
    return {"class_type": WILDCARD_PROMPT, "inputs": {"template": "a letter", "mode": "populate", "seed": 7, **inputs}}


def test_a_prompt_is_queued_with_the_words_of_its_profiles_and_genre(shelf: ProfileShelf):
    sent = populated(shelf, **{"4": prompt_node(profiles="mira", genre="noir")})
    text = sent["prompt"]["4"]["inputs"]["populated_text"]
    assert text.startswith("film still of a letter, silver hair, ")
    assert sent["extra_data"]["extra_pnginfo"]["orchestrator"]["profiles"] == "mira"


def test_a_name_that_is_not_there_leaves_the_prompt_and_is_told(shelf: ProfileShelf):
    window = Window()
    sender = Populate(Services(Wildcards([]), window.send, shelf), patience=30)
    sent = sender({"prompt": {"4": prompt_node(profiles="mirra")}, "client_id": "me"})
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == "a letter"
    ((_, data, _),) = window.got
    assert "'mira'" in data["diagnostics"][0]["message"]


def test_a_seed_matters_to_a_plain_text_in_a_genre_that_is_drawn(shelf: ProfileShelf):
    graph = {"4": prompt_node(genre="noir", seed=9), "5": prompt_node(seed=9)}
    sent = populated(shelf, **graph)["prompt"]
    assert [sent[key]["inputs"]["seed"] for key in graph] == [9, 0]


def test_a_changed_profile_changes_the_fingerprints_of_those_who_use_it(folder: Path, shelf: ProfileShelf):
    before = shelf.fingerprint("mira"), shelf.fingerprint("", "noir"), shelf.fingerprint(None)
    write(folder / "mira.yaml", MIRA.replace("silver", "red"), shelf)
    after = shelf.fingerprint("mira"), shelf.fingerprint("", "noir"), shelf.fingerprint(None)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]
    assert shelf.fingerprint("") == ""


def test_what_no_prompt_shows_changes_no_fingerprint_of_a_draw(folder: Path, shelf: ProfileShelf):
    before = shelf.fingerprint("mira")
    write(folder / "mira.yaml", MIRA + "# a note\nstate: {outfit: red cloak}\nextensions: {mine: 1}\n", shelf)
    assert shelf.fingerprint("mira") == before


def test_a_drawn_text_minds_only_what_a_language_model_is_told(folder: Path, shelf: ProfileShelf):
    before = shelf.told_fingerprint("mira")
    write(folder / "mira.yaml", MIRA + "wildcard_weights: {weather: {fog: 4}}\n", shelf)
    assert shelf.told_fingerprint("mira") == before
    write(folder / "mira.yaml", MIRA.replace("sailor", "pilot"), shelf)
    assert shelf.told_fingerprint("mira") != before
    assert shelf.told_fingerprint(None) == ""  # linked: where it comes from has a fingerprint
