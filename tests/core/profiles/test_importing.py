"""Cards, lorebooks and styles as files among one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_core.errors import FormatError, ProfileError
from orchestrator_core.profiles.importing import as_mapping, file_name, import_file
from orchestrator_core.profiles.reading import profile_from, read_profile_file

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Zoë Vale",
        "description": "{{char}} is a tall woman with silver hair and violet eyes.",
        "personality": "calm",
        "scenario": "",
        "first_mes": "Hello {{user}}",
        "mes_example": "",
        "extensions": {"depth_prompt": {"prompt": "x", "depth": 4}, "orchestrator": {"negative": ["(hat"]}},
        "tags": ["a"],
        "character_book": {
            "entries": [{"keys": ["lamp"], "content": "Old.", "enabled": True, "insertion_order": 1, "extensions": {}}]
        },
    },
}
WORLD = {"entries": {"0": {"uid": 0, "key": ["inn"], "content": "The inn is old.", "order": 100}}}


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_card_becomes_a_profile_that_keeps_all_of_it(tmp_path: Path):
    taken = import_file(write(tmp_path / "card.json", CARD), tmp_path / "own")
    assert taken.path == tmp_path / "own" / "zoë-vale.yaml"
    profile = read_profile_file(taken.path)
    assert (profile.name, profile.kind, profile.personality) == ("Zoë Vale", "character", "calm")
    assert profile.card_raw == CARD
    assert profile.extensions["depth_prompt"] == {"prompt": "x", "depth": 4}
    assert profile.lore[0]["keys"] == ["lamp"]


def test_half_a_bracket_of_a_card_is_made_an_ordinary_character(tmp_path: Path):
    taken = import_file(write(tmp_path / "card.json", CARD), tmp_path)
    assert taken.profiles[0].negative == ("\\(hat",)


def test_a_lorebook_alone_is_a_setting(tmp_path: Path):
    profile = import_file(write(tmp_path / "saltmere.json", WORLD), tmp_path / "own").profiles[0]
    assert (profile.name, profile.kind) == ("saltmere", "setting")
    assert profile.lore[0]["content"] == "The inn is old."


def test_a_large_card_is_kept_as_json(tmp_path: Path):
    large = {**CARD, "data": {**CARD["data"], "creator_notes": "x" * 250_000}}
    taken = import_file(write(tmp_path / "card.json", large), tmp_path / "own", "Zoe")
    assert taken.path.name == "zoe.json"
    assert read_profile_file(taken.path).card_raw == large


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("styles.csv", "name,prompt\r\nNoir,still of {prompt}\r\n"),
        ("fooocus.json", '[{"name": "Noir", "prompt": "still of {prompt}"}]'),
        ("tom.yaml", "name: Noir  # mine\n"),
        ("tom.json", '{"name": "Noir"}'),
    ],
)
def test_styles_and_profiles_are_taken_over_as_they_are(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_bytes(text.encode())
    taken = import_file(tmp_path / name, tmp_path / "own")
    assert [profile.name for profile in taken.profiles] == ["Noir"]
    assert (tmp_path / "own" / name).read_bytes() == text.encode()


def test_no_file_is_replaced(tmp_path: Path):
    card = write(tmp_path / "card.json", CARD)
    import_file(card, tmp_path / "own")
    with pytest.raises(ProfileError, match="is there already"):
        import_file(card, tmp_path / "own")
    import_file(card, tmp_path / "own", "Zoe 2")
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["zoe-2.yaml", "zoë-vale.yaml"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", '{"name": "x", "stile": "y"}', "did you mean 'style'"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"spec": "chara_card_v2"}', "a.json"),
        ("a.json", "[1, 2]", "a.json"),
        ("a.yaml", "nam: x", "there is no 'nam'"),
        ("a.csv", "x", "a.csv"),
        ("a.png", "no picture", "a.png"),
        ("a.txt", "x", "a.txt"),
    ],
)
def test_what_is_nothing_of_these_is_told_and_leaves_nothing(tmp_path: Path, name: str, text: str, told: str):
    with pytest.raises(FormatError, match=told):
        import_file(write(tmp_path / name, text), tmp_path / "own")
    assert not (tmp_path / "own").exists()


def test_a_profile_as_data_is_read_as_the_same(tmp_path: Path):
    profile = read_profile_file(
        write(tmp_path / "a.yaml", "name: A\nstyle: x\nloras: [i, {name: j, weight: 0, strength: 1}]")
    )
    assert profile_from(as_mapping(profile), "x", "a") == profile


@pytest.mark.parametrize(("name", "expected"), [("../../etc/passwd", "etc-passwd"), ("C:\\x", "c-x"), ("…", "profile")])
def test_a_name_is_made_a_files(name: str, expected: str):
    assert file_name(name) == expected
