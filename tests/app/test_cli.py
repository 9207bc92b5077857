"""What holds for every command: exit status, streams, start-up, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_app.commands import COMMANDS, prompt
from orchestrator_core import __version__
from tests.app.conftest import ROOT, Cli

TOO_HEAVY = {"pydantic", "yaml", "rich", "sqlalchemy", "platformdirs", "PIL", "websockets"}


def test_the_version(cli: Cli):
    assert cli("--version").out == f"orchestrator {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: Cli, command: str):
    done = cli(command, "--help")
    assert done.status == 0
    assert f"usage: orchestrator {command}" in done.out
    assert "``" not in done.out


@pytest.mark.parametrize("arguments", [[], ["nope"], ["prompt"], ["prompt", "x", "--seed", "-1"], ["wildcards"]])
def test_a_usage_error_is_explained(cli: Cli, arguments: list[str]):
    done = cli(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "usage: orchestrator" in done.err


@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5"])
def test_a_count_that_is_none_is_refused(cli: Cli, count: str):
    assert cli("prompt", "x", "--count", count).status == 2


def test_a_seed_beyond_64_bits_is_refused(cli: Cli):
    assert cli("prompt", "x", "--seed", 2**64).status == 2
    assert cli("prompt", "x", "--seed", 2**64 - 1, "--count", 2).status == 0


def test_a_folder_that_is_not_there_is_one_line(cli: Cli):
    done = cli("prompt", "x", "--wildcards", "nowhere")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "There is no folder nowhere" in done.err


def test_a_bug_is_a_line_and_with_debug_a_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(prompt, "_show", broken)
    done = cli("prompt", "x")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "ZeroDivisionError: by design" in done.err
    monkeypatch.setenv("ORCHESTRATOR_DEBUG", "1")
    assert "Traceback" in cli("prompt", "x").err


def test_ctrl_c_is_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prompt, "_show", interrupted)
    done = cli("prompt", "x")
    assert (done.status, done.err) == (130, "stopped: by Ctrl-C.\n")


def test_any_prompt_can_be_printed_whatever_the_locale(process: Cli):
    done = process("prompt", "狐 🦊 é", PYTHONIOENCODING="cp1252", LC_ALL="C")
    assert (done.status, done.out) == (0, "狐 🦊 é\n")


@pytest.mark.skipif(os.name == "nt", reason="needs arguments that are bytes")
def test_an_argument_that_is_no_text_is_printed_as_far_as_it_is_one(tmp_path: Path):
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"orchestrator_app.cli", b"prompt", b"a \xff {b|b}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a ? b\n", b"")


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error there")
def test_a_reader_that_stops_reading_ends_it_quietly(tmp_path: Path):
    command = [sys.executable, "-m", "orchestrator_app.cli", "prompt", "{a|b} " * 50, "--count", "100000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.readline()
        started.stdout.close()
        assert started.stderr.read() == b""
        assert started.wait(60) == 141


def test_importing_the_command_line_loads_nothing_heavy(tmp_path: Path):
    code = "import sys, orchestrator_app.cli\nprint(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & TOO_HEAVY


def test_a_plain_prompt_loads_nothing_heavy(tmp_path: Path, wildcards: Path):
    code = (
        "import sys\nfrom orchestrator_app.cli import main\n"
        f"main(['prompt', '__colors/warm__', '--wildcards', {str(wildcards)!r}])\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stderr.split()) & (TOO_HEAVY - {"platformdirs"})
