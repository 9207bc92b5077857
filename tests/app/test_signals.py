"""A process that is told to stop ends as with Ctrl-C, with a line and a status, and restores what it changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import ROOT

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
ENDLESS = ["prompt", "a {b|c}", "--count", "1000000000"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
@pytest.mark.parametrize("number", SIGNALS)
def test_each_way_of_stopping_ends_with_a_line(tmp_path: Path, number: int):
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator_app.cli", *ENDLESS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    assert (process.returncode, err) == (130, f"stopped: by {name}.\n".encode())
