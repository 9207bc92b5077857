"""Styles of Fooocus and A1111, as these programs write them."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.styles_import import as_template, is_styles_file, read_styles_file
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards

FOOOCUS = [
    {"name": "cinematic", "prompt": "cinematic still {prompt} . emotional", "negative_prompt": "anime, 3d"},
    {"name": "sharp", "negative_prompt": "blur, soft"},
    {"name": "empty", "prompt": ""},
    {"prompt": "nameless"},
    "not a style",
]
A1111 = '''name,prompt,negative_prompt
"---- photo ----",,
Film,"{prompt}, film grain
kodak","digital, ""clean"""
After,"oil on canvas",
Old,only a prompt
'''


def test_fooocus(tmp_path: Path):
    path = tmp_path / "sdxl_styles_fooocus.json"
    path.write_text(json.dumps(FOOOCUS))
    assert is_styles_file(path)
    first, second = read_styles_file(path, "fooocus")
    assert (first.key, first.kind) == ("fooocus/cinematic", "genre")
    assert (first.template, first.negative) == (FOOOCUS[0]["prompt"], ("anime", "3d"))
    assert (second.template, second.negative) == ("", ("blur", "soft"))


def test_a1111(tmp_path: Path):
    path = tmp_path / "styles.csv"
    path.write_bytes(b"\xef\xbb\xbf" + A1111.replace("\n", "\r\n").encode())
    found = {genre.name: genre for genre in read_styles_file(path, "styles")}
    assert list(found) == ["Film", "After", "Old"]
    assert found["Film"].template.startswith("{prompt}, film grain")
    assert found["Film"].negative == ("digital", '"clean"')


def test_a_style_is_used_as_its_program_uses_it(tmp_path: Path):
    (tmp_path / "styles.csv").write_text(A1111)
    (tmp_path / "f.json").write_text(json.dumps(FOOOCUS))
    library, none = ProfileLibrary([tmp_path]), Wildcards([])
    drawn = {g: generate(Options(template="a fox", genre=g), none, profiles=library) for g in ("After", "cinematic")}
    assert drawn["After"].positive == "a fox, oil on canvas"
    assert drawn["cinematic"].positive == "cinematic still a fox . emotional"
    assert drawn["cinematic"].negative_prompt == "anime, 3d"


def test_of_two_places_for_the_own_words_the_first_is_kept():
    assert as_template("a {prompt} b {prompt}") == "a {prompt} b "
    assert as_template("{prompt}") == ""


@pytest.mark.parametrize(("name", "text"), [("a.csv", "x,y\n1,2\n"), ("a.csv", ""), ("a.json", "[]"), ("a.json", "[1")])
def test_a_file_without_styles_is_refused(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=name):
        read_styles_file(tmp_path / name, "a")


@given(st.text() | st.text('name,prompt"\n\r{} ', max_size=80).map(lambda rest: "name,prompt,negative_prompt\n" + rest))
def test_any_csv_is_read_or_refused(text: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(text.encode("utf-8", "replace"))
        with suppress(FormatError):
            assert all(genre.name for genre in read_styles_file(path, "a"))
