"""The repository as ComfyUI takes it in: its loader's way of importing, and its reading of pyproject.toml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_app.installing import HOST_PYTHONS

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE = Path(__file__).with_name("fake_host.py")
HEAVY = {
    "torch",
    "transformers",
    "open_clip",
    "diffusers",
    "numpy",
    "PIL",
    "gradio",
    "sqlalchemy",
    "websockets",
    "rich",
}
# nodes.py of ComfyUI 0.3.64, load_custom_node(): the module is named after the path, and sys.path is left alone.
LOAD = """
import importlib.util, json, sys, types
sys.path = [entry for entry in sys.path if entry not in ("", {root!r})]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
server = None
if {comfyui}:
    fake = importlib.util.spec_from_file_location("fake_host", {fake!r})
    host = importlib.util.module_from_spec(fake)
    fake.loader.exec_module(host)
    server = host.install({root!r})
name = {root!r}.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, {root!r} + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
before = list(sys.path)
spec.loader.exec_module(module)
print(json.dumps({{
    "nodes": sorted(getattr(module, "NODE_CLASS_MAPPINGS", ())),
    "foreign_routes": [path for _, path in getattr(server, "routes", ()) if not path.startswith("/orchestrator/")],
    "handlers": len(getattr(server, "handlers", ())),
    "heavy": sorted(set(sys.modules) & {heavy!r}),
    "path_added": [entry for entry in sys.path if entry not in before],
    "path_kept": sys.path[: len(before)] == before,
}}))
"""


def load(*, comfyui: bool) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(root=str(ROOT), comfyui=comfyui, fake=str(FAKE), heavy=HEAVY)],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


NODES = [
    "OrchestratorPromptInspector",
    "OrchestratorRunRecorder",
    "OrchestratorSaveImage",
    "OrchestratorWildcardPrompt",
]


def test_comfyui_gets_the_nodes_and_its_own_modules_stay_first():
    assert load(comfyui=True) == {
        "nodes": NODES,
        "foreign_routes": [],
        "handlers": 1,
        "heavy": [],
        "path_added": [str(ROOT)],
        "path_kept": True,
    }


def test_elsewhere_the_root_does_nothing():
    assert load(comfyui=False) == {
        "nodes": [],
        "foreign_routes": [],
        "handlers": 0,
        "heavy": [],
        "path_added": [],
        "path_kept": True,
    }


@pytest.mark.host
def test_the_real_comfyui_reads_the_packs_metadata():
    host = Path(os.environ.get("COMFYUI_DIR") or Path.home() / "ComfyUI")
    python = next((host / name for name in HOST_PYTHONS if (host / name).exists()), None)
    if python is None or not (host / "comfy_config").is_dir():
        pytest.skip(f"no ComfyUI with a venv in {host}; set COMFYUI_DIR")
    code = (
        "import sys; from comfy_config.config_parser import extract_node_configuration as read\n"
        "pack = read(sys.argv[1])\n"
        "print(pack.project.name, pack.project.requires_python, pack.tool_comfy.publisher_id,"
        " pack.tool_comfy.display_name, pack.project.supported_comfyui_version)"
    )
    done = subprocess.run([python, "-c", code, str(ROOT)], cwd=host, capture_output=True, text=True)
    assert done.stdout.split() == ["sd-orchestrator", ">=3.10", "orchestrator", "Orchestrator", ">=0.3.64"], done.stderr
