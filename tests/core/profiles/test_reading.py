"""A profile's file: what people write into it, by hand and by mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.profiles.model import ProfileLora
from orchestrator_core.profiles.reading import profile_from, profile_from_text, read_profile_file
from orchestrator_core.profiles.schema import json_schema, split_phrases
from orchestrator_core.profiles.yaml_values import MAX_VALUES, read_yaml
from tests import strategies

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "profile.schema.json"


def read(text: str, where: str = "mira.yaml"):
    return profile_from_text(text, where, "people/mira")


def test_what_is_written_is_there():
    profile = read(
        """
        name: Mira
        kind: character
        extends: base, other
        appearance_tags: [1woman, auburn hair]
        style: ink drawing, (hatching, fine:1.2)
        wildcard_weights:
          colors/warm: {crimson: 3, amber: 0}
          "nature/weather#snow": 2
        loras: [ink, {name: lines, strength: 0.5, required: true}, {name: photo, weight: 0}]
        lore: [harbor lore, {keys: [lamp], content: It is old.}]
        state: {outfit: oilskin, facts: [one, 2]}
        """
    )
    assert (profile.name, profile.kind, profile.extends) == ("Mira", "character", ("base", "other"))
    assert profile.appearance_tags == ("1woman", "auburn hair")
    assert profile.style == ("ink drawing", "(hatching, fine:1.2)")
    assert profile.wildcard_weights == {"colors/warm#crimson": 3, "colors/warm#amber": 0, "nature/weather#snow": 2}
    assert profile.loras == (ProfileLora("ink"), ProfileLora("lines", 0.5, True), ProfileLora("photo", weight=0))
    assert profile.lore == ("harbor lore", {"keys": ["lamp"], "content": "It is old."})
    assert profile.state == {"outfit": "oilskin", "facts": ["one", 2]}


def test_json_says_the_same_as_yaml():
    data = {"name": "Mira", "appearance_tags": ["auburn hair"], "wildcard_weights": {"colors/warm": {"crimson": 3}}}
    assert read(json.dumps(data), "mira.json") == read(json.dumps(data), "mira.yaml")


def test_without_a_name_the_file_has_it():
    assert read("description: somebody").name == "mira"


def test_words_that_old_yaml_takes_for_truth_values_and_dates_are_words():
    profile = read("appearance_tags: [no, on, 2024-01-01, 12, 1girl]\nstate: {when: yes, number: 3, is: true}")
    assert profile.appearance_tags == ("no", "on", "2024-01-01", "12", "1girl")
    assert profile.state == {"when": "yes", "number": 3, "is": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: Mira\n\napearance_tags: x", "line 3, there is no 'apearance_tags' in a profile; did you mean 'appear"),
        ("loras:\n  - name: x\n    strenth: 2", "line 3, there is no 'loras.0.strenth' in a profile; did you mean"),
        ("name: true", "line 1, name is the truth value true and should be a text; put quotes around it"),
        ("style: {a: b}", "line 1, style"),
        ("wildcard_weights: {colors: 2}", "'colors' names no value"),
        ("wildcard_weights: {colors: {red: -1}}", "must be from 0 to 1,000,000"),
        ("wildcard_weights: {colors: {red: .nan}}", "wildcard_weights"),
        ("kind: villain", "line 1, kind"),
        ("template: '{prompt} and {prompt}'", "more than once"),
        ("appearance_tags: ['(red hair']", "brackets of '(red hair' do not match"),
        ("schema_version: 2", "knows versions up to 1; update it"),
        ("name: a\nname: b", "line 2: 'name' is there twice; the first is in line 1"),
        ("name: [a", "is not valid YAML: line"),
        ("- a\n- b", "is no profile: it has to begin with a name"),
        ("just a text", "is no profile"),
        ("name: a\n---\nname: b", "a second document begins here"),
        ("[a, b]: c", "a key is a list or a mapping"),
        ("a: &a [*a]", "*a refers to itself"),
        ("name: " + "[" * 200, "nested more than 100 levels deep"),
        ("spec: chara_card_v2", "orchestrator profiles import"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, told: str):
    with pytest.raises(FormatError) as error:
        read(text)
    assert told in str(error.value)
    assert "mira.yaml" in str(error.value)


@pytest.mark.parametrize("text", ['{"name": 1, "name": 2}', "{", "[]", '{"nam": ""}', "[" * 100_000])
def test_what_is_wrong_in_json_is_said_too(text: str):
    with pytest.raises(FormatError, match=r"mira\.json"):
        read(text, "mira.json")


def test_a_bomb_of_aliases_is_refused_before_it_unfolds():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(FormatError, match=f"more than {MAX_VALUES:,} values"):
        read("\n".join(lines))


def test_an_alias_is_what_it_names():
    profile = read("style: &words [ink, wash]\nrequired: *words")
    assert profile.style == profile.required == ("ink", "wash")


def test_other_encodings_are_read(tmp_path: Path):
    for number, data in enumerate(
        ("name: Zoë".encode("utf-16"), "name: Zoë".encode("cp1252"), b"\xef\xbb\xbfname: Zo\xc3\xab")
    ):
        path = tmp_path / f"{number}.yaml"
        path.write_bytes(data)
        assert read_profile_file(path).name == "Zoë"


def test_binary_and_missing_files_are_told(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes(b"\0\1\2\0")
    for name in ("a.yaml", "b.yaml"):
        with pytest.raises(FormatError, match=name):
            read_profile_file(tmp_path / name)


def test_commas_within_brackets_separate_nothing():
    assert split_phrases("a, (b, c:1.2), {d, e}, f\\, g\nh") == ["a", "(b, c:1.2)", "{d, e}", "f\\, g", "h"]


@given(
    strategies.json_values
    | st.dictionaries(st.sampled_from(sorted(json_schema()["properties"])), strategies.json_values)
)
def test_any_data_is_a_profile_or_an_explained_error(data: object):
    try:
        profile_from(data, "x.json", "x")
    except FormatError as error:
        assert "x.json" in str(error)


@given(st.text() | st.text("[]{}:,&*!|>-# \nab\"'%@`?", max_size=60))
def test_any_text_is_a_profile_or_an_explained_error(text: str):
    try:
        read(text)
    except FormatError as error:
        assert "mira.yaml" in str(error)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9999, 9999) | st.text("abc no1.", max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
        max_leaves=8,
    )
)
def test_yaml_gives_what_was_dumped(value: object):
    yaml = pytest.importorskip("yaml")
    dumped = yaml.safe_dump(value)
    assert read_yaml(json.dumps(value), "x").plain() == value
    assert json.dumps(read_yaml(dumped, "x").plain(), sort_keys=True) == json.dumps(value, sort_keys=True)


def test_the_published_schema_is_the_models():
    assert json.loads(SCHEMA.read_text("utf-8")) == json_schema()
