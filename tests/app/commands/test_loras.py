"""orchestrator loras: what is listed, shown, checked, hashed and asked, as a person types it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.commands.loras import asking
from tests.app.conftest import ROOT, Cli, Outcome
from tests.app.lora_folder import make_loras
from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    return make_loras(tmp_path / "loras")


@pytest.fixture
def run(cli: Cli, loras: Path) -> Cli:
    """``run("list")`` is ``orchestrator loras list --loras loras``."""

    def call(action: str, *arguments: object) -> Outcome:
        return cli("loras", action, *arguments, "--loras", loras)

    return call


def names(done: Outcome) -> list[str]:
    return [json.loads(line)["name"] for line in done.out.splitlines()]


# folders


def test_without_a_folder_it_says_how_to_name_one(cli: Cli):
    done = cli("loras", "list")
    assert done.status == 2
    assert "No LoRA folder is known. Give --loras FOLDER" in done.err
    assert "settings.json" in done.err


def test_folders_of_the_settings_are_used(cli: Cli, loras: Path):
    home = Path(os.environ["ORCHESTRATOR_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "settings.json").write_text(json.dumps({"lora_folders": [str(loras), str(loras / "gone")]}))
    done = cli("loras", "list")
    assert done.status == 0
    assert "styles/ink_wash" in done.out
    assert "gone is not there; its LoRAs are offline" in done.err


def test_a_folder_that_is_not_there_is_named(cli: Cli):
    done = cli("loras", "list", "--loras", "nowhere")
    assert (done.status, done.err) == (
        2,
        "error: There is no folder nowhere. Give --loras the folder that the LoRAs are in.\n",
    )


def test_several_folders_are_one_library(cli: Cli, loras: Path, tmp_path: Path):
    write_lora(tmp_path / "more" / "other.safetensors")
    done = cli("loras", "list", "--json", "--loras", loras, "--loras", tmp_path / "more")
    assert "other" in names(done)
    assert len(names(done)) == 7


def test_a_database_that_cannot_be_used_is_a_warning(run: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{tmp_path}")
    done = run("list")
    assert done.status == 0
    assert "styles/ink_wash" in done.out
    assert "warning: what is read of the LoRAs is not kept for the next time:" in done.err


@pytest.mark.parametrize("action", ["list", "check", "hash"])
def test_a_damaged_database_is_a_warning_and_stays_as_it_is(
    run: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str
):
    file = tmp_path / "damaged.sqlite3"
    file.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{file}")
    done = run(action)
    assert done.status in (0, 1)  # 1: the check found something
    assert done.err.count("Nothing was overwritten") == 1
    assert file.read_bytes() == b"no database" * 1000


# list, search


def test_the_list_says_what_matters_of_each(run: Cli):
    done = run("list")
    (row,) = [line for line in done.out.splitlines() if "styles/ink_wash" in line]
    assert [cell.strip() for cell in row.split("  ") if cell.strip()] == [
        "styles/ink_wash", "Illustrious", "style", "0.7", "ink wash | ink wash, paper texture", "duplicate",
    ]  # fmt: skip
    assert done.err == "\n6 LoRAs\n"


@pytest.mark.parametrize("columns", [None, "100"])
def test_a_very_long_trigger_group_is_cut_in_the_list(
    run: Cli, loras: Path, columns: str | None, monkeypatch: pytest.MonkeyPatch
):
    if columns is not None:
        pytest.importorskip("rich", reason="without rich a terminal gets plain text")
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", columns)
    (loras / "clothing" / "hat.json").write_text(json.dumps({"activation text": "word " * 4000}))
    out = run("list").out
    assert 30 < out.count("word") < 50
    assert max(len(line) for line in out.splitlines()) < 400
    assert "word " * 100 in run("show", "hat", "--json").out


def test_json_has_every_field(run: Cli):
    (line,) = run("search", "name:ink_wash", "--json").out.splitlines()
    found = json.loads(line)
    assert found["schema_version"] == 1
    assert (found["base_model"], found["sub_family"]) == ("SDXL", "Illustrious")
    assert found["examples"][0]["strength"] == 0.6
    assert {"field": "trigger_words", "value": "ink wash\nink wash, paper texture", "source": ".civitai.info",
            "confidence": 0.9} in found["facts"]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (("base:pony",), ["characters/mira"]),
        (("base:sdxl", "-trigger:mira", "-missing:trigger_words"), ["styles/ink_wash", "styles/lines"]),
        (("-base:sdxl",), ["clothing/hat"]),
        (("missing:duplicate", "sort:-name"), ["styles/ink_wash", "ink_copy"]),
        (("paper",), ["styles/ink_wash"]),
    ],
)
def test_a_query_finds(run: Cli, query: tuple[str, ...], found: list[str]):
    assert names(run("search", *query, "--json")) == found


def test_nothing_found_is_status_1_and_a_bad_query_status_2(run: Cli):
    assert run("search", "zebra").status == 1
    done = run("search", "bse:pony")
    assert done.status == 2
    assert "character 1: there is no key 'bse:'" in done.err


def test_what_is_gone_is_listed_for_those_who_ask(run: Cli, loras: Path):
    run("list")
    (loras / "clothing" / "hat.safetensors").unlink()
    assert "clothing/hat" not in names(run("list", "--json"))
    assert names(run("search", "state:missing", "--json")) == ["clothing/hat"]


def test_control_characters_of_strangers_do_not_reach_the_terminal(run: Cli, loras: Path):
    (loras / "clothing" / "hat.json").write_text(json.dumps({"activation text": "\x1b[31mred", "notes": "\x07"}))
    for action in (("list",), ("show", "hat"), ("search", "red", "--json"), ("export",)):
        done = run(*action)
        assert "\x1b" not in done.out + done.err
        assert "\x07" not in done.out + done.err


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_terminal_of_any_width_shows_the_trigger_words(run: Cli, columns: str, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rich", reason="without rich a terminal gets plain text")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    out = run("list").out
    assert "trigger words" in out.splitlines()[0]
    assert "green eyes" in out
    assert max(len(line) for line in out.splitlines()[1:]) <= int(columns)


# show


def test_show_says_which_file_says_what(run: Cli):
    lines = run("show", "lines").out.splitlines()
    assert "base model (contradiction)  SDXL        .json      0.8" in lines
    assert "                            SD 1.5      tensors    0.6" in lines


@pytest.mark.parametrize("name", ["ink_wash", "styles/ink_wash.safetensors", "INK_WASH", "Ink Wash - v1.0"])
def test_show_finds_it_by_what_people_call_it(run: Cli, name: str):
    assert run("show", name).out.startswith("styles/ink_wash  (Ink Wash - v1.0)")


def test_show_finds_it_by_its_hash(run: Cli, loras: Path):
    run("hash")
    digest = sha256((loras / "characters" / "mira.safetensors").read_bytes()).hexdigest()
    assert run("show", digest[:10].upper()).out.startswith("characters/mira")


def test_a_name_that_is_none_gets_those_that_are_near(run: Cli):
    done = run("show", "ink_wosh")
    assert (done.status, done.err) == (
        2,
        'error: No LoRA is called "ink_wosh". Did you mean styles/ink_wash or ink_copy?\n',
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ink_wash", "--checkpoint", "v1-5-pruned.ckpt"), "Never chosen: the LoRA is for Illustrious"),
        (("ink_wash", "--prompt", "ink wash of a fox", "--base-model", "noobai"), "For this prompt: chosen at 0.7"),
        (("ink_wash", "--prompt", "a car"), "For this prompt: not chosen: nothing in it speaks"),
        (("broken",), "Never chosen: its file is cut short."),
        (("ink_wash",), "Found by, the best first: trigger 'ink wash'"),
    ],
)
def test_show_says_what_the_selection_thinks(run: Cli, arguments: tuple[str, ...], words: str):
    assert words in run("show", *arguments).out


def test_a_base_model_that_nobody_knows_is_refused(run: Cli):
    done = run("show", "hat", "--base-model", "zx81")
    assert done.status == 2
    assert "--base-model 'zx81' is none that is known" in done.err


# missing, check


def test_missing_counts_by_kind_and_says_what_to_do(run: Cli):
    done = run("missing")
    assert done.status == 0
    assert "ink_copy         trigger words, preview, duplicate (styles/ink_wash)" in done.out
    assert "styles/lines     preview, conflict (base model)" in done.out
    assert "     3  trigger_words  No file says which words this LoRA answers to." in done.out


def test_missing_of_one_kind_and_query(run: Cli):
    assert names(run("missing", "base:sdxl", "--kind", "trigger words", "--json")) == ["broken", "ink_copy"]
    done = run("missing", "--kind", "prevue")
    assert done.status == 2
    assert "use one of: trigger_words, base_model, preview" in done.err


def test_missing_as_a_table_for_a_spreadsheet(run: Cli, loras: Path):
    write_lora(loras / "=cmd.safetensors")
    rows = list(csv.DictReader(io.StringIO(run("missing", "--csv").out)))
    by_name = {row["name"]: row for row in rows}
    assert by_name["clothing/hat"]["what"] == "No trigger words; No preview"
    assert "'=cmd" in by_name


def test_check_says_what_is_wrong_with_files_and_its_status_that_something_is(run: Cli, loras: Path):
    done = run("check")
    assert done.status == 1
    assert "and it has not grown for minutes. Download it again." in done.out
    assert "note: The same content as styles/ink_wash." in done.out
    assert "1 LoRA with problems, 2 with notes, of 6" in done.out
    assert run("check", "--lenient").status == 0
    (loras / "broken.safetensors").unlink()
    assert run("check").status == 0


def test_check_names_a_sidecar_that_cannot_be_read(run: Cli, loras: Path):
    (loras / "clothing" / "hat.json").write_text("{broken")
    done = run("check")
    assert "hat.json is left out: it is not JSON" in done.out
    assert "Repair or delete that file." in done.out
    (loras / "clothing" / "hat.json").unlink()
    (loras / "clothing" / "hat.txt").write_bytes(b"hat\0")
    assert "hat.txt is left out: it holds NUL bytes, so it is no text file.\n" in run("check").out


def test_of_many_copies_a_few_are_named(run: Cli, loras: Path):
    for number in range(29):
        shutil.copy(loras / "ink_copy.safetensors", loras / f"ink_{number:02}.safetensors")
    others = "ink_00, ink_01, ink_02, and 27 more"
    assert f"note: The same content as {others}. " in run("check").out
    assert f"duplicate ({others})" in run("missing", "--kind", "duplicate").out
    assert f"{others}\n" in run("show", "ink_copy").out


def test_a_name_with_a_line_break_stays_on_its_line(run: Cli, loras: Path):
    for name in ("a\nb", "c"):
        shutil.copy(loras / "broken.safetensors", loras / f"{name}.safetensors")
    for action in ("check", "missing", "list"):
        out = run(action).out
        assert "a\\nb" in out
        assert not re.search(r"^\s*b\b", out, re.MULTILINE)


def test_check_tells_equal_names(run: Cli, loras: Path):
    write_lora(loras / "old" / "Hat.safetensors")
    done = run("check")
    assert "2 files have this name" in done.out
    assert str(loras / "old" / "Hat.safetensors") in done.out


def test_nothing_wrong_is_said(cli: Cli, tmp_path: Path):
    write_lora(tmp_path / "more" / "other.safetensors")
    assert "Nothing is wrong with the files of 1 LoRA." in cli("loras", "check", "--loras", "more").out


# hash


def test_hash_computes_what_is_not_there_and_only_that(run: Cli, loras: Path):
    assert run("hash", "hat").out == "1 LoRA hashed, 220.4 kB in all.\n"
    assert run("hash").out.startswith("4 LoRAs hashed, ")
    assert run("hash").out == "All 5 LoRAs are hashed.\n"
    digest = sha256((loras / "clothing" / "hat.safetensors").read_bytes()).hexdigest()
    assert digest in run("show", "hat").out


def test_a_file_that_cannot_be_read_does_not_keep_the_others(run: Cli, loras: Path, monkeypatch: pytest.MonkeyPatch):
    import orchestrator_core.loras.digests as module

    real = module.digests

    def refused(path: str, **options: Any) -> Any:
        if path.endswith("hat.safetensors"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, **options)

    monkeypatch.setattr(module, "digests", refused)
    done = run("hash")
    assert done.status == 1
    assert "hat.safetensors cannot be read: Permission denied." in done.err
    assert done.out.startswith("4 LoRAs hashed")


def test_a_folder_that_cannot_be_read_is_named_and_its_loras_stay_known(
    run: Cli, loras: Path, monkeypatch: pytest.MonkeyPatch
):
    before, closed, real = run("list").out, str(loras / "clothing"), os.scandir

    def refused(path: str) -> Any:
        if path == closed:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    done = run("list")
    assert f"warning: {closed} cannot be read: Permission denied. What is known of its LoRAs is kept.\n" in done.err
    assert done.out == before


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for another process")
def test_hashing_that_is_stopped_goes_on_where_it_was(cli: Cli, tmp_path: Path):
    folder = tmp_path / "big"
    write_lora(folder / "a.safetensors")
    write_lora(folder / "b.safetensors", content=b"\x01" * 1_500_000_000)
    arguments = [sys.executable, "-m", "orchestrator_app.cli", "loras", "hash", "--loras", str(folder)]
    with subprocess.Popen(arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # fmt: skip
        end = time.monotonic() + 60
        while time.monotonic() < end:
            done = cli("loras", "search", "name:a", "--json", "--loras", folder)
            if done.out and json.loads(done.out)["sha256"]:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1].decode()
        assert process.returncode == 130, err
    assert err.endswith("What is hashed is kept; the same command goes on there.\nstopped: by Ctrl-C.\n")
    found = [json.loads(line) for line in cli("loras", "list", "--json", "--loras", folder).out.splitlines()]
    assert [bool(record["sha256"]) for record in found] == [True, False]


# evaluate


def test_evaluate_says_how_often_the_right_one_came_first(run: Cli):
    done = run("evaluate")
    assert done.status == 0
    assert "the right LoRA came first  50.0%" in done.out
    assert "a monk crossing a bridge" in done.out
    assert json.loads(run("evaluate", "--json").out)["misses"] == [
        {"prompt": "a monk crossing a bridge", "lora": "styles/ink_wash", "rank": None, "first": ""}
    ]


def test_evaluate_without_example_prompts_says_where_they_come_from(cli: Cli, tmp_path: Path):
    write_lora(tmp_path / "more" / "other.safetensors")
    done = cli("loras", "evaluate", "--loras", "more")
    assert done.status == 1
    assert "sidecars of Civitai have them" in done.out


# fetch


@pytest.fixture
def civitai(loras: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Knows the hat."""
    monkeypatch.setattr("orchestrator_core.loras.civitai.PAUSE_S", 0.0)
    monkeypatch.delenv("CIVITAI_API_KEY", raising=False)
    with StandIn() as server:
        monkeypatch.setattr(asking, "CIVITAI", server.url)
        digest = sha256((loras / "clothing" / "hat.safetensors").read_bytes()).hexdigest()
        server.known[digest] = version(digest, baseModel="SD 1.5", trainedWords=["red hat"])
        yield server


@pytest.mark.network
def test_fetch_asks_about_those_that_lack_something(run: Cli, civitai: StandIn):
    done = run("fetch")
    assert done.status == 0
    assert done.out == "found    clothing/hat\nunknown  ink_copy\n"
    assert "Asking Civitai about 2 LoRAs by their hashes" in done.err
    assert "Civitai knows 1 of 2 LoRAs." in done.err
    assert "red hat" in run("list").out
    assert len(civitai.asked) == 2
    assert run("fetch").out == "unknown  ink_copy\n"
    assert len(civitai.asked) == 2


@pytest.mark.network
def test_fetch_asks_only_about_what_a_query_finds(run: Cli, civitai: StandIn, loras: Path):
    run("fetch", "mira", "--all")
    assert civitai.hashes == [sha256((loras / "characters" / "mira.safetensors").read_bytes()).hexdigest()]
    assert "There is nothing to ask for" in run("fetch", "mira").out


@pytest.mark.network
def test_a_fetch_that_cannot_go_on_says_how_to(run: Cli, civitai: StandIn):
    civitai.next = [(401, {}, b"")]
    done = run("fetch")
    assert done.status == 1
    assert (
        "error: Civitai refuses to answer (401). Try again later. 2 LoRAs are left; the same command goes on"
        in done.err
    )
    assert run("fetch").status == 0


@pytest.mark.network
def test_no_other_command_asks(run: Cli, civitai: StandIn):
    for action in ("list", "missing", "check", "hash", "evaluate", "export"):
        run(action)
    assert civitai.asked == []


# export


def test_export_says_what_it_would_write_and_writes_nothing(run: Cli, loras: Path):
    before = sorted(loras.rglob("*"))
    done = run("export", "ink_wash")
    assert "activation text: 'ink wash, ink wash, paper texture'" in done.out
    assert "Nothing was written. The same command with --write does it." in done.err
    assert sorted(loras.rglob("*")) == before


def test_export_writes_and_has_nothing_to_write_the_second_time(run: Cli, loras: Path):
    done = run("export", "ink_wash", "--write")
    assert done.out == "wrote loras/styles/ink_wash.json\n"
    written = json.loads((loras / "styles" / "ink_wash.json").read_text("utf-8"))
    assert (written["activation text"], written["preferred weight"]) == ("ink wash, ink wash, paper texture", 0.7)
    assert run("export", "ink_wash", "--write").out == "Nothing is to be written into the .json file of 1 LoRA.\n"


def test_export_leaves_a_file_that_it_cannot_read_and_goes_on(run: Cli, loras: Path):
    (loras / "clothing" / "hat.json").write_text("{broken")
    done = run("export", "--write")
    assert done.status == 1
    assert "hat.json is not JSON" in done.err
    assert (loras / "clothing" / "hat.json").read_text() == "{broken"
    assert "wrote loras/styles/ink_wash.json" in done.out
