"""orchestrator profiles, and --profiles and --genre where prompts are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_core.profiles.schema import json_schema
from tests.app.conftest import Cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "mira.yaml").write_text("kind: character\ndescription: A keeper.\nappearance_tags: auburn hair\n")
    (folder / "noir.yaml").write_text(
        "kind: genre\ntemplate: still of {prompt}\nwildcard_weights: {colors: {red: 0}}\n"
    )
    return folder


def test_a_prompt_with_profiles(cli: Cli, folder: Path):
    given = ("--profile-folder", folder, "--profiles", "mira", "--genre", "noir")
    done = cli("prompt", "a fox", *given)
    assert (done.status, done.out) == (0, "still of a fox, auburn hair\n")
    shown = json.loads(cli("prompt", "a fox", "--json", *given).out)
    assert (shown["profiles"], shown["genre"], shown["template"]) == ("mira", "noir", "a fox")
    assert [part["origin"] for part in shown["components"]] == ["profile", "template", "profile"]
    assert shown["background"][0] == {"kind": "profile", "title": "mira", "text": "A keeper.\nLooks: auburn hair"}


@pytest.mark.parametrize("method", ["combinatorial", "cyclical"])
def test_with_other_methods_too(cli: Cli, folder: Path, method: str):
    done = cli("prompt", "a {fox|owl}", "--method", method, "-n", 2, "--profile-folder", folder, "--profiles", "mira")
    assert done.out.splitlines() == ["a fox, auburn hair", "a owl, auburn hair"]


def test_weights_of_a_profile_count(cli: Cli, folder: Path, tmp_path: Path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "colors.txt").write_text("red\nblue\n")
    done = cli(
        "prompt", "__colors__", "-n", 9, "--wildcards", tmp_path / "w", "--profile-folder", folder, "--genre", "noir"
    )
    assert set(done.out.splitlines()) == {"still of blue"}


def test_a_name_that_is_not_there_ends_it(cli: Cli, folder: Path):
    done = cli("prompt", "a fox", "--profiles", "mirra", "--profile-folder", folder)
    assert (done.status, done.out) == (2, "")
    assert "There is no profile 'mirra'. Did you mean 'mira'?" in done.err
    assert cli("prompt", "a fox", "--profiles", "x", "--profile-folder", "nowhere").status == 2


def test_a_run_draws_the_same_and_so_does_its_pipeline(cli: Cli, folder: Path, tmp_path: Path):
    given = ("--profile-folder", folder, "--no-render", "--seed", 1)
    assert cli("run", "a fox", "-n", 1, *given, "--profiles", "mira", "-o", tmp_path / "out").status == 0
    stage = {"id": "d", "type": "generatePrompt", "options": {"template": "a fox", "profiles": "mira"}}
    (tmp_path / "p.json").write_text(json.dumps([stage]))
    assert cli("run", tmp_path / "p.json", "-n", 1, *given, "--genre", "noir", "-o", tmp_path / "out2").status == 0
    texts = [[path.read_text() for path in (tmp_path / name).rglob("prompts.json")] for name in ("out", "out2")]
    assert "a fox, auburn hair" in texts[0][0]
    assert "still of a fox, auburn hair" in texts[1][0]


def test_list_and_show(cli: Cli, folder: Path):
    listed = cli("profiles", "list", "--profile-folder", folder)
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["name", "kind"],
        ["mira", "character"],
        ["noir", "genre"],
    ]
    as_json = [
        json.loads(line)
        for line in cli("profiles", "list", "--kind", "genre", "--json", "--profile-folder", folder).out.splitlines()
    ]
    assert [(one["key"], one["template"]) for one in as_json] == [("noir", "still of {prompt}")]
    shown = cli("profiles", "show", "mira", "--genre", "noir", "--profile-folder", folder).out
    assert "mira, noir (mixed)" in shown
    assert "in every prompt   auburn hair" in shown
    assert "colors#red × 0" in shown
    assert json.loads(cli("profiles", "show", "mira", "--json").out)["name"] == "Mira"


def test_check_finds_what_leads_nowhere(cli: Cli, folder: Path):
    done = cli("profiles", "check", "--profile-folder", folder)
    assert done.status == 1
    assert "'red', so its weight changes nothing" in done.out
    assert cli("profiles", "check").out == "Nothing is wrong.\n"


def test_an_imported_file_is_ones_own(cli: Cli, tmp_path: Path):
    (tmp_path / "styles.csv").write_text("name,prompt\nNight,night photo of {prompt}\n")
    done = cli("profiles", "import", "styles.csv")
    assert (done.status, done.out.startswith("1 profile: ")) == (0, True)
    assert cli("prompt", "a fox", "--genre", "night").out == "night photo of a fox\n"
    assert cli("profiles", "import", "styles.csv").status == 2


def test_the_schema_is_printed(cli: Cli):
    assert json.loads(cli("profiles", "schema").out) == json_schema()


def test_a_template_file_names_its_profiles_and_the_command_has_the_say(cli: Cli, folder: Path, tmp_path: Path):
    (tmp_path / "fox.yaml").write_text("template: a fox\nprofiles: mira\ngenre: noir\n")
    assert cli("prompt", "fox.yaml", "--profile-folder", folder).out == "still of a fox, auburn hair\n"
    assert cli("prompt", "fox.yaml", "--profile-folder", folder, "--genre", "").out == "a fox, auburn hair\n"
    done = cli("run", "fox.yaml", "-n", 1, "--no-render", "--profile-folder", folder, "-o", tmp_path / "out")
    assert done.status == 0
    assert "still of a fox, auburn hair" in next((tmp_path / "out").rglob("prompts.json")).read_text()


def test_a_run_is_exported_as_a_template_with_its_profiles(cli: Cli, folder: Path):
    from orchestrator_app.exporting import template_file
    from orchestrator_core.prompt import PromptDraft, PromptSource

    draft = PromptDraft((), source=PromptSource("a fox", profiles="mira", genre="noir"))
    Path("fox.yaml").write_text(template_file(draft, {}))
    assert cli("prompt", "fox.yaml", "--profile-folder", folder).out == "still of a fox, auburn hair\n"
