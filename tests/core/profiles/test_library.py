from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import ProfileError
from orchestrator_core.profiles.library import RECHECK_S, ProfileLibrary


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> ProfileLibrary:
    write(
        tmp_path,
        characters__mira="name: Mira Aldersen\nappearance_tags: auburn hair",
        styles__ink="kind: style\nstyle: ink drawing",
        genres__ink="name: Inky\nkind: genre\ntemplate: inky {prompt}",
    )
    return ProfileLibrary([tmp_path])


@pytest.mark.parametrize("name", ["characters/mira", "mira", "MIRA", " mira ", "Mira Aldersen", "characters\\mira"])
def test_a_profile_is_found_by_what_people_call_it(library: ProfileLibrary, name: str):
    assert library.get(name).key == "characters/mira"


def test_a_name_that_two_have_asks_for_the_folder_and_a_genre_is_meant_among_genres(library: ProfileLibrary):
    with pytest.raises(ProfileError, match=r"may be genres/ink or styles/ink: name its folder too"):
        library.get("ink")
    assert library.get("ink", "genre").key == "genres/ink"
    assert library.chosen("styles/ink", "ink").profile.name == "ink, Inky"
    assert library.genres == ("genres/ink",)


def test_a_name_that_is_not_there_is_told_with_the_nearest_and_the_others_are_used(library: ProfileLibrary):
    found = library.chosen("mirra, styles/ink", "noire")
    assert found.profile.key == "styles/ink"
    assert [(d.kind, d.where) for d in found.problems] == [("missing-profile", "profiles")] * 2
    assert "Did you mean 'characters/mira'?" in found.problems[0].message
    assert "There is no genre 'noire'" in found.problems[1].message
    with pytest.raises(ProfileError, match="mirra"):
        library.combined("mirra, styles/ink")


def test_named_twice_it_is_there_once(library: ProfileLibrary):
    assert library.combined("mira, characters/mira, ,").key == "characters/mira"


def test_the_first_folder_that_has_a_name_wins(tmp_path: Path):
    own, bundled = (
        write(tmp_path / "own", mira="name: Mine"),
        write(tmp_path / "b", mira="name: Theirs", tom="name: Tom"),
    )
    library = ProfileLibrary([own, tmp_path / "not there", bundled])
    assert [profile.name for profile in library.all()] == ["Mine", "Tom"]
    assert library.path_of("mira") == own / "mira.yaml"


def test_what_changed_in_the_folder_is_seen(tmp_path: Path):
    clock = Clock()
    library = ProfileLibrary([write(tmp_path, mira="family: SDXL", tom="family: Pony")], clock)
    before = library.get("mira")
    write(tmp_path, mira="family: Illustrious", zoe="name: Zoe")
    assert library.get("mira") is before, "it has just looked"
    clock.now += RECHECK_S
    assert library.get("mira").family == "Illustrious"
    assert library.names == ("mira", "tom", "zoe")
    (tmp_path / "zoe.yaml").unlink()
    assert library.refresh()
    assert library.names == ("mira", "tom")
    assert not library.refresh()


def test_a_combination_changes_with_its_files(tmp_path: Path):
    library = ProfileLibrary([write(tmp_path, mira="style: ink")])
    assert library.combined("mira").style == ("ink",)
    assert library.chosen("mira") is library.chosen("mira")
    write(tmp_path, mira="style: gouache")
    library.refresh()
    assert library.combined("mira").style == ("gouache",)


def test_a_broken_file_is_told_and_the_rest_goes_on(tmp_path: Path):
    library = ProfileLibrary([write(tmp_path, mira="name: [", tom="name: Tom")])
    assert library.names == ("tom",)
    assert ["mira.yaml" in problem.message for problem in library.problems] == [True]


def test_what_cannot_be_inherited_is_told_to_who_uses_it(tmp_path: Path):
    library = ProfileLibrary([write(tmp_path, a="extends: b\nstyle: x", b="extends: a", c="name: C")])
    assert "cannot inherit from itself" in " ".join(d.message for d in library.chosen("a, b").problems)
    assert library.chosen("c").problems == ()
    assert library.combined("a").style == ("x",)


def test_inheritance_reaches_over_folders(tmp_path: Path):
    own, bundled = (
        write(tmp_path / "own", child="extends: mira"),
        write(tmp_path / "b", characters__mira="family: SDXL"),
    )
    assert ProfileLibrary([own, bundled]).get("child").family == "SDXL"


def test_hidden_files_and_others_are_passed_over_and_a_circle_of_links_ends(tmp_path: Path):
    write(tmp_path, mira="name: Mira")
    (tmp_path / ".draft.yaml").write_text("name: [")
    (tmp_path / "README.md").write_text("# x")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    library = ProfileLibrary([tmp_path])
    assert (library.names, library.problems) == (("mira",), ())


def test_a_file_of_styles_gives_genres(tmp_path: Path):
    (tmp_path / "mine.csv").write_text('name,prompt,negative_prompt\n"Noir, dark","still of {prompt}","color, sun"\n')
    library = ProfileLibrary([tmp_path])
    assert library.genres == ("mine/Noir  dark",)
    assert library.get("noir, dark".replace(",", "")).negative == ("color", "sun")
