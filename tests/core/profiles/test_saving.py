"""Saving from a form: what was changed, and nothing else of a file that somebody wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import ProfileError
from orchestrator_core.profiles.reading import profile_from_text, read_profile_file
from orchestrator_core.profiles.saving import changed_text, new_profile, save_profile, save_text

ruamel = pytest.importorskip("ruamel.yaml")
MIRA = """\
# Mira, as of the second draft.
name: "Mira"   # her first name
kind: character

# looks
appearance_tags:
    - 1woman
    # not red!
    - auburn hair
    - 'green eyes'   # gray in the first book
backstory: |
  Born by the sea.

  # a hash in her story
  Never left.
# the draw
wildcard_weights:
  colors/warm: {crimson: 3}

# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mira.yaml").write_text(MIRA)
    return tmp_path / "mira.yaml"


def test_what_is_not_changed_stays_to_the_letter(path: Path):
    save_profile(path, {"kind": "setting"})
    assert path.read_text() == MIRA.replace("kind: character", "kind: setting")


def test_saving_the_same_writes_nothing(path: Path):
    before = path.stat().st_mtime_ns
    save_profile(path, {"name": "Mira", "appearance_tags": ["1woman", "auburn hair", "green eyes"]})
    assert (path.read_text(), path.stat().st_mtime_ns) == (MIRA, before)


def test_comments_in_a_changed_list_stay(path: Path):
    profile = save_profile(path, {"appearance_tags": ["1woman", "auburn braid", "green eyes", "freckles"]})
    text = path.read_text()
    assert profile.appearance_tags == ("1woman", "auburn braid", "green eyes", "freckles")
    for comment in (
        "# Mira, as of",
        "# her first name",
        "# looks",
        "# not red!",
        "# gray in the first book",
        "# the end",
    ):
        assert text.count(comment) == 1


def test_comments_of_what_is_taken_out_stay_too(path: Path):
    save_profile(path, {"appearance_tags": ["green eyes"], "wildcard_weights": None})
    text = path.read_text()
    assert all(
        text.count(comment) == 1 for comment in ("# not red!", "# the draw", "# the end", "# a hash in her story")
    )
    assert read_profile_file(path).wildcard_weights == {}


def test_what_somebody_wrote_meanwhile_is_kept(path: Path):
    path.write_text(MIRA.replace("Never left.", "Left once.") + "family: SDXL\n")
    profile = save_profile(path, {"name": "Mira A."})
    assert (profile.family, "Left once." in profile.backstory, profile.name) == ("SDXL", True, "Mira A.")


def test_what_would_be_no_profile_is_not_written(path: Path):
    for changes in ({"nmae": "x"}, {"name": ["x"]}, {"appearance_tags": ["(half"]}):
        with pytest.raises(ProfileError, match="It is not saved"):
            save_profile(path, changes)
    path.write_text("name: [")
    with pytest.raises(ProfileError, match="not valid YAML"):
        save_profile(path, {"name": "x"})
    assert path.read_text() == "name: ["
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_is_made_with_its_folder_and_none_is_replaced(tmp_path: Path):
    path = tmp_path / "own" / "tom.yaml"
    new_profile(path, {"name": "Tom: ferryman", "backstory": "One.\nTwo.", "appearance_tags": ["no", "a, b"]})
    assert path.read_text().startswith("# yaml-language-server: $schema=")
    assert "backstory: |\n  One.\n  Two.\n" in path.read_text()
    profile = read_profile_file(path)
    assert (profile.name, profile.backstory, profile.appearance_tags) == ("Tom: ferryman", "One.\nTwo.", ("no", "a, b"))
    with pytest.raises(ProfileError, match="is there already"):
        new_profile(path, {"name": "Other"})


def test_a_link_stays_and_what_it_means_is_written(path: Path):
    link = path.with_name("link.yaml")
    link.symlink_to(path)
    save_profile(link, {"name": "New"})
    assert link.is_symlink()
    assert read_profile_file(path).name == "New"


def test_json_keeps_its_order(tmp_path: Path):
    path = tmp_path / "tom.json"
    path.write_text('{"family": "SDXL", "name": "Tom", "style": "ink"}')
    save_profile(path, {"name": "Zoë", "style": None, "kind": "style"})
    assert list(json.loads(path.read_text("utf-8")).items()) == [("family", "SDXL"), ("name", "Zoë"), ("kind", "style")]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="cannot be written"):
        new_profile(tmp_path / "file" / "tom.yaml", {"name": "Tom"})
    with pytest.raises(ProfileError, match="no profile's file"):
        new_profile(tmp_path / "tom.txt", {"name": "Tom"})


@pytest.mark.parametrize(
    "text",
    [
        "{name: x, style: [a]}",
        "name: &n x\ndescription: *n\nstyle: [a]",
        "---\nname: x\nstyle:\n- a\n- b\n...\n",
        "? name\n: x\n",
        "name: x",
        "",
        "# only a comment\n",
        "name: x # c\nstyle: # d\n  - a # e\n\n  # f\n  - b\n",
    ],
)
def test_any_way_of_writing_can_be_changed(text: str):
    after = changed_text(text, {"style": ["c", "d"], "name": "Tom", "family": "SDXL"}, "x.yaml")
    profile = profile_from_text(after, "x.yaml", "x")
    assert (profile.style, profile.name, profile.family) == (("c", "d"), "Tom", "SDXL")
    assert all(comment in after for comment in ("# c", "# d", "# f", "# only a comment") if comment in text)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)
LINES = st.lists(WORDS, max_size=3).map("\n".join).map(str.strip)
CHANGES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "name": WORDS.filter(bool),
        "backstory": LINES,
        "lore": st.lists(WORDS, max_size=4),
        "state": st.dictionaries(
            WORDS, WORDS | st.integers() | st.booleans() | st.lists(WORDS, max_size=2), max_size=3
        ),
        "wildcard_weights": st.dictionaries(
            WORDS.map("w#{}".format), st.integers(0, 4000).map(lambda weight: weight / 8), max_size=3
        ),
    },
)


@given(CHANGES)
def test_what_was_saved_is_read(changes: dict[str, Any]):
    profile = profile_from_text(changed_text(MIRA, changes, "x.yaml"), "x.yaml", "x")
    for name, value in changes.items():
        found = getattr(profile, name)
        assert (list(found) if isinstance(found, tuple) else found) == value


@pytest.mark.parametrize(
    "text", ["a\nb", "a\nb\n", "a  \nb", "\na", " a\nb", "a\r\nb", "a\x85b\nc", "a\n\n", "# a\n\tb", "a\u2028b\nc"]
)
def test_what_is_kept_for_others_is_kept_to_the_letter(text: str):
    kept = {"card": {"text": text, "texts": [text]}}
    written = changed_text("name: Mira\n", {"card_raw": kept}, "mira.yaml")
    assert profile_from_text(written, "mira.yaml", "mira").card_raw == kept


def test_a_text_of_several_lines_is_written_as_a_block_without_touching_other_lines():
    before = "name: 'Mira'   # her name\n\nkind:    character\n"
    written = changed_text(before, {"backstory": "Born by the sea.\nNever left."}, "mira.yaml")
    assert written == before + "backstory: |\n  Born by the sea.\n  Never left.\n"
    assert changed_text(written, {"backstory": "Born by the sea.\nNever left."}, "mira.yaml") == written


def test_a_whole_text_is_saved_where_its_file_is_as_it_was(path: Path):
    before = path.read_text()
    with pytest.raises(ProfileError, match="line 1"):
        save_text(path, "nonsense: 1\n", before)
    with pytest.raises(ProfileError, match="changed meanwhile"):
        save_text(path, "name: Other\n", before + "\n")
    assert path.read_text() == before
    assert save_text(path, "name: Other\n", before).name == path.read_text().split()[1] == "Other"


def test_without_ruamel_it_is_said_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch):
    before = path.read_text()
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(ProfileError, match=r"pip install ruamel\.yaml"):
        save_profile(path, {"name": "Other"})
    assert path.read_text() == before
