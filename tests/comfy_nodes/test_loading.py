"""The repository as ComfyUI takes it in: its loader's way of importing, and its reading of pyproject.toml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
HEAVY = ("torch", "numpy", "PIL", "sqlalchemy", "gradio", "websockets", "httpx", "transformers", "open_clip")
# nodes.py of ComfyUI 0.3.64, load_custom_node(): the module is named after the path, and sys.path is left alone.
LOAD = """
import importlib.util, json, pathlib, sys
sys.path = [entry for entry in sys.path if entry not in ("", {root!r})]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
server = None
if {comfyui}:
    place = {root!r} + "/tests/comfy_nodes/stand_in_host.py"
    spec = importlib.util.spec_from_file_location("stand_in_host", place)
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    server = stand_in.install(pathlib.Path({models!r}))
name = {root!r}.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, {root!r} + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
before = list(sys.path)
spec.loader.exec_module(module)
print(json.dumps({{
    "nodes": sorted(getattr(module, "NODE_CLASS_MAPPINGS", ())),
    "classes": sorted(node.__name__ for node in getattr(module, "NODE_CLASS_MAPPINGS", {{}}).values()),
    "path_added": [entry for entry in sys.path if entry not in before],
    "path_kept": sys.path[: len(before)] == before,
    "heavy": [name for name in {heavy!r} if name in sys.modules],
    "copies": [name for name in sys.modules if name == "comfy_nodes" or name.startswith("comfy_nodes.")],
    "handlers": len(server.handlers) if server else 0,
    "strange_routes": [path for path in server.paths if not path.startswith("/orchestrator/")] if server else [],
    "folders": [str(path) for path in sys.modules[name + ".comfy_nodes.host"].wildcard_folders()] if server else [],
    "made": sorted(str(path) for path in pathlib.Path({models!r}).rglob("*")),
}}))
"""


def load(folder: Path, *, comfyui: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(root=str(ROOT), comfyui=comfyui, models=str(folder), heavy=HEAVY)],
        cwd=ROOT.parent,
        env={**os.environ, "ORCHESTRATOR_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_comfyui_gets_the_nodes_and_its_own_modules_stay_first(tmp_path: Path):
    found = load(tmp_path, comfyui=True)
    del found["folders"]
    assert found == {
        "nodes": [
            "OrchestratorCLIPScorer",
            "OrchestratorFeedbackRecorder",
            "OrchestratorLLMEnhance",
            "OrchestratorLLMModel",
            "OrchestratorLoRASelector",
            "OrchestratorLoRAStackApply",
            "OrchestratorProfileLoader",
            "OrchestratorPromptInspector",
            "OrchestratorRetryUntil",
            "OrchestratorRunRecorder",
            "OrchestratorSaveImage",
            "OrchestratorScorerModel",
            "OrchestratorStoryMemory",
            "OrchestratorWildcardPrompt",
        ],
        "classes": [
            "ClipScorer",
            "FeedbackRecorder",
            "LlmEnhance",
            "LlmModel",
            "LoraSelector",
            "LoraStackApply",
            "ProfileLoader",
            "PromptInspector",
            "RetryUntil",
            "RunRecorder",
            "SaveImageWithOrigin",
            "ScorerModel",
            "StoryMemory",
            "WildcardPrompt",
        ],
        "path_added": [str(ROOT)],
        "path_kept": True,
        "heavy": [],
        "copies": [],
        "handlers": 1,
        "strange_routes": [],
        "made": [],
    }


def test_wildcards_of_the_person_come_first_and_ours_last(tmp_path: Path):
    for folder in ("custom_nodes/zeta/wildcards", "custom_nodes/alpha/wildcards", "custom_nodes/none", "wildcards"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "custom_nodes" / "beta").mkdir()
    (tmp_path / "custom_nodes" / "beta" / "wildcards").write_text("a file")
    places = ("home/wildcards", "wildcards", "custom_nodes/alpha/wildcards", "custom_nodes/zeta/wildcards")
    expected = [str(tmp_path / place) for place in places] + [str(ROOT / "wildcards")]
    assert load(tmp_path, comfyui=True)["folders"] == expected


def test_elsewhere_the_root_does_nothing(tmp_path: Path):
    found = load(tmp_path, comfyui=False)
    assert (found["nodes"], found["path_added"], found["path_kept"], found["made"]) == ([], [], True, [])


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
