"""``orchestrator serve``: what it needs before it begins, and the client of the docs with a worker beside it."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_app.lacking import install_line
from orchestrator_app.serve_http import UVICORN, listen
from orchestrator_core.api.token import new_token, read_token, token_file
from orchestrator_core.errors import ConfigError
from tests.app.conftest import ROOT, Cli
from tests.core.generators import stand_in_comfy

PAGE = ROOT / "docs" / "api.md"
WAIT_S = 40


def test_it_does_not_listen_to_other_machines_without_a_token(cli: Cli):
    refused = cli("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.status == 2
    assert "--new-token" in refused.err


def test_a_token_is_made_when_somebody_asks_and_is_not_shown(cli: Cli):
    assert read_token() == ""
    made = cli("serve", "--new-token")
    assert made.status == 0
    token = read_token()
    assert len(token) >= 32
    assert token not in made.out + made.err
    assert str(token_file()) in made.out
    cli("serve", "--new-token")
    assert read_token() not in ("", token)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_token_that_others_can_read_is_no_secret():
    new_token()
    assert stat.S_IMODE(token_file().stat().st_mode) == 0o600
    token_file().chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token()


@pytest.mark.parametrize(
    "text", ["", "short", "with a space in it, and long enough", "ünï" * 20, "a" * 20 + "\n" + "b" * 20]
)
def test_a_file_that_holds_no_token_is_told(text: str):
    new_token()
    token_file().write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="holds no token"):
        read_token()


def test_without_uvicorn_the_line_to_type_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = cli("serve", "--port", "0")
    assert refused.status == 2
    assert f"Install it with: {install_line(UVICORN)}" in " ".join(refused.err.split())
    assert f'serve = ["{UVICORN}"]' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.network
def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="--port"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(ConfigError, match="--port"):
        listen("127.0.0.1", 99_999)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The API's address, and the process, which is stopped as Ctrl-C does it."""
    command = [sys.executable, "-m", "orchestrator_app.cli", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            yield next(line for line in lines if line.startswith("The API is at ")).split()[-1], process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=WAIT_S)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_the_client_of_the_docs_adds_a_job_follows_it_and_prints_its_images(tmp_path: Path):
    client = re.search(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert client
    assert len(client[1].splitlines()) <= 30
    (tmp_path / "client.py").write_text(client[1], "utf-8")
    comfy = stand_in_comfy.StandIn()
    with serving(tmp_path, "--generator", f"comfy={comfy.url}", "-o", str(tmp_path / "out")) as (url, process):
        run = [sys.executable, "client.py", url]
        printed = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S)
    comfy.stop()
    comfy.join()
    assert printed.returncode == 0, printed.stderr
    last = printed.stdout.splitlines()[-1]
    path, _, prompt = last.partition(" - ")
    assert prompt in ("a fox in the snow", "a owl in the snow")
    assert Path(path).is_relative_to(tmp_path / "out")
    assert Path(path).is_file()
    assert process.returncode == 0
