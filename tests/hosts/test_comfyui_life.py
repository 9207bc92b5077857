"""The pack's life in a real ComfyUI: cloned, started, used, and gone without a trace."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator_core.template import Template, Wildcards
from tests.hosts.comfyui import ROOT, ComfyUI, NoComfyUI, running_comfyui
from tests.hosts.test_comfyui_nodes import Server

pytestmark = [pytest.mark.host, pytest.mark.slow]

PACK = "sd-orchestrator"
TEMPLATE = "a __colors/warm__ {fox|owl|heron}"


def test_a_clone_and_a_start_are_all_the_installation_there_is(tmp_path: Path, socket_enabled: None) -> None:
    def clone(host: Path, folder: Path) -> None:
        target = folder / "custom_nodes" / PACK
        if subprocess.run(["git", "clone", "--quiet", ROOT, target], capture_output=True).returncode:
            pytest.skip("this checkout cannot be cloned: it has no .git, or git is not there")

    try:
        with running_comfyui(tmp_path / "base", clone) as comfyui:
            assert drawn_by(comfyui) == Template(TEMPLATE).draw(Wildcards(ROOT / "wildcards"), 11).positive
            log = log_of(comfyui)
            said = [line for line in log.splitlines() if PACK in line and "--base-directory" not in line]
            assert [line for line in said if " seconds: " not in line] == []  # the time that its import took
            comfyui.kill()
            shutil.rmtree(comfyui.folder / "custom_nodes" / PACK)
            comfyui.start()
            assert "OrchestratorWildcardPrompt" not in Server(comfyui).call("/object_info")
            lines = log_of(comfyui)[len(log) :].replace(str(tmp_path), "").splitlines()
            assert [line for line in lines if "orchestrator" in line.lower()] == []
    except NoComfyUI as reason:
        pytest.skip(f"no ComfyUI: {reason}")


def drawn_by(comfyui: ComfyUI) -> str:
    graph = {
        "1": {"class_type": "OrchestratorWildcardPrompt", "inputs": {"template": TEMPLATE, "seed": 11}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    (text,) = Server(comfyui).run(graph)["outputs"]["2"]["text"]
    return str(text)


def log_of(comfyui: ComfyUI) -> str:
    return (comfyui.folder / "server.log").read_text("utf-8", "replace")
