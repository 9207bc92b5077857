"""What importing the pack changes in a real ComfyUI: what it adds, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.hosts.bytecode import BYTECODE
from tests.hosts.comfyui import ROOT, NoComfyUI, find_comfyui

pytestmark = [pytest.mark.host, pytest.mark.slow]

# As main.py of 0.3.64 does it, up to the point where it loads custom nodes.
LOAD = """
import asyncio, json, logging, os, signal, sys, threading, time, warnings
host, base, pack = sys.argv[1:4]
sys.argv = ["main.py", "--cpu", "--base-directory", base, "--disable-api-nodes"]
sys.path.insert(0, host)
os.chdir(host)
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config
import builtins, execution, folder_paths, nodes, server
import comfy.model_management, comfy.sd, comfy.utils, comfy_execution.caching, comfy_execution.graph
from comfy_api.latest import io

WATCHED = [builtins, execution, folder_paths, nodes, server, comfy.model_management, comfy.sd, comfy.utils,
           comfy_execution.caching, comfy_execution.graph, execution.PromptExecutor, execution.PromptQueue,
           server.PromptServer, io.ComfyNode, io.Schema, json, logging, asyncio]

def state():
    held = {f"{place.__name__}.{name}": id(value) for place in WATCHED for name, value in vars(place).items()}
    return {
        **held,
        "sys.path": list(sys.path),
        "folders": {kind: list(paths) for kind, (paths, _) in folder_paths.folder_names_and_paths.items()},
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "filters": len(warnings.filters),
        "loggers": len(logging.getLogger().handlers),
        "interrupt": id(signal.getsignal(signal.SIGINT)),
        "files": sorted(os.path.join(at, file) for at, _, files in os.walk(base) for file in files),
        "environment": dict(os.environ),
    }

async def load():
    instance = server.PromptServer(asyncio.get_running_loop())
    before, modules = state(), set(sys.modules)
    classes, handlers = set(nodes.NODE_CLASS_MAPPINGS), len(instance.on_prompt_handlers)
    routes = len(instance.routes)
    assert await nodes.load_custom_node(pack, module_parent="custom_nodes")
    after = state()
    # Python loads parts of libraries one by one: what counts is whether the library was there
    libraries = {name.partition(".")[0] for name in sys.modules} - {name.partition(".")[0] for name in modules}
    print("RESULT" + json.dumps({
        "changed": [key for key in after if key not in before or after[key] != before[key]],
        "path_added": after["sys.path"][len(before["sys.path"]):],
        "classes": sorted(set(nodes.NODE_CLASS_MAPPINGS) - classes),
        "handlers": len(instance.on_prompt_handlers) - handlers,
        "routes": sorted({route.path for route in list(instance.routes)[routes:]}),
        "libraries": sorted(name for name in libraries if not name.startswith(pack[:1])),
    }))
    os._exit(0)

asyncio.run(load())
"""
HEAVY = {"sqlalchemy", "gradio", "websockets", "httpx", "open_clip", "diffusers", "flask", "dbos", "rich", "watchdog"}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The differences that the import makes."""
    try:
        host, python = find_comfyui()
    except NoComfyUI as reason:
        pytest.skip(f"no ComfyUI: {reason}")
    base = tmp_path_factory.mktemp("import")
    for name in ("models", "custom_nodes", "input", "output", "temp", "user"):
        (base / name).mkdir()
    link = base / "custom_nodes" / "sd-orchestrator"
    link.symlink_to(ROOT)
    environment = {**os.environ, **BYTECODE, "ORCHESTRATOR_HOME": str(base / "home")}
    done = subprocess.run(
        [python, "-c", LOAD, host, base, link], cwd=host, env=environment, capture_output=True, text=True
    )
    lines = [line.removeprefix("RESULT") for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, done.stderr[-3000:]
    return dict(json.loads(lines[0]))


def test_nothing_of_the_host_is_replaced(imported: dict[str, Any]) -> None:
    assert imported["changed"] == ["sys.path"]
    assert imported["path_added"] == [str(ROOT)]


def test_what_is_added_is_ours(imported: dict[str, Any]) -> None:
    assert [name.removeprefix("Orchestrator") for name in imported["classes"]] == [
        "CLIPScorer", "FeedbackRecorder", "LLMEnhance", "LLMModel", "LoRASelector", "LoRAStackApply", "ProfileLoader",
        "PromptInspector", "RetryUntil", "RunRecorder", "SaveImage", "ScorerModel", "StoryMemory", "WildcardPrompt",
    ]  # fmt: skip
    assert all(name.startswith("Orchestrator") for name in imported["classes"])
    assert imported["handlers"] == 1
    assert imported["routes"]
    assert all(path.startswith("/orchestrator/") for path in imported["routes"])


def test_no_heavy_library_is_loaded_with_the_nodes(imported: dict[str, Any]) -> None:
    assert HEAVY.isdisjoint(imported["libraries"])
    assert "orchestrator_core" in imported["libraries"]
    assert "comfy_nodes" not in imported["libraries"]  # a second copy of every class
    assert "orchestrator_app" not in imported["libraries"]
