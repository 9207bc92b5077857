"""What is printed: nothing that a terminal would obey, and no traceback where a stream is closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_app import console
from tests.app.conftest import ROOT, Cli

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \x9b2J \r over"
SHOWN = "\\u001b[31mred\\u001b]0;title\\u0007 \\u009b2J \\u000d over"


def test_control_characters_are_written_out_and_layout_is_kept():
    assert console.printable(HOSTILE) == SHOWN
    assert console.printable("two\n\tlines, 猫 🐈") == "two\n\tlines, 猫 🐈"


@pytest.mark.parametrize("colour", ["NO_COLOR", "FORCE_COLOR"])
def test_what_strangers_wrote_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, colour: str
):
    monkeypatch.setenv(colour, "1")
    console.say(HOSTILE)
    console.remark(HOSTILE)
    console.problem("error", HOSTILE)
    console.heading(HOSTILE)
    console.table(["name"], [[HOSTILE]], wraps=0)
    shown = "".join(capsys.readouterr())
    assert "\x1b[31mred" not in shown
    assert not set("\x07\x9b\r") & set(shown)
    assert shown.count("\\u001b]0;title") == 5


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("prompt 'a {b}' >&-", 0),
        ("prompt 'a {b' 2>&-", 0),
        ("prompt 'a {b' >&- 2>&-", 0),
        ("prompt - <&-", 0),
        ("prompt @nothing 2>&-", 2),
    ],
)
def test_a_closed_stream_changes_nothing_but_that(tmp_path: Path, command: str, status: int):
    line = f"{sys.executable} -m orchestrator_app.cli {command}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, b"Traceback" in done.stderr) == (status, False)
    assert b"should not have happened" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_remarks_that_cannot_be_written_do_not_cost_the_result(tmp_path: Path):
    line = f"{sys.executable} -m orchestrator_app.cli prompt 'a {{b' 2>/dev/full"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"a {b\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such file names")
@pytest.mark.parametrize("options", [["--explain"], ["--json"]])
def test_a_prompt_from_a_hostile_pack_is_shown_without_obeying_it(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, options: list[str]
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a[bold]\x1b[31m.txt").write_text("\x9b2Jone\x07\n\x9b2Jtwo\x07\n")
    done = cli("prompt", "__*__", "--wildcards", "pack", "--seed", 1, *options)
    assert done.status == 0
    assert "\\u009b2J" in done.out
    assert not {"\x07", "\x9b"} & set(done.out + done.err)
    assert "\x1b[31m." not in done.out


def test_a_program_gets_a_prompt_to_the_letter(cli: Cli):
    assert cli("prompt", "a\x1b[31mb").out == "a\x1b[31mb\n"
