"""What it costs a host to import the pack, beside its own start and two popular packs.

    python benchmarks/host_import.py --pack ~/packs/rgthree-comfy --pack ~/packs/ComfyUI-Custom-Scripts

Hosts are found as by the tests (COMFYUI_DIR, FORGE_DIR, or the usual folders); other packs are checkouts that are there
already. Each pack is imported by the host's own loader, in a process of its own, after the host's modules; figures are
CPU seconds of that process (``time.process_time``), the least of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("venv/bin/python", ".venv/bin/python", "venv/Scripts/python.exe", ".venv/Scripts/python.exe")

COMFYUI = """
import asyncio, json, os, sys, time
host, base, pack = sys.argv[1:4]
sys.argv = ["main.py", "--cpu", "--base-directory", base, "--disable-api-nodes"]
sys.path.insert(0, host)
os.chdir(host)
start = time.process_time()
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config
import execution, folder_paths, nodes, server

async def load():
    server.PromptServer(asyncio.get_running_loop())
    await nodes.init_builtin_extra_nodes()
    own = time.process_time() - start
    before = time.process_time()
    loaded = await nodes.load_custom_node(pack, module_parent="custom_nodes")
    print("RESULT", json.dumps([own, time.process_time() - before, bool(loaded)]))
    os._exit(0)

asyncio.run(load())
"""

FORGE = """
import json, os, sys, time
host, base, pack = sys.argv[1:4]
sys.argv = ["launch.py", "--data-dir", base, "--always-cpu", "--skip-torch-cuda-test", "--no-half"]
sys.path.insert(0, host)
os.chdir(host)
start = time.process_time()
from modules import initialize
initialize.imports()
from modules import shared_init
from modules import shared
from modules import scripts, script_loading
own = time.process_time() - start
sys.path.insert(0, pack)
before = time.process_time()
for name in sorted(os.listdir(os.path.join(pack, "scripts"))):
    if name.endswith(".py"):
        script_loading.load_module(os.path.join(pack, "scripts", name))
print("RESULT", json.dumps([own, time.process_time() - before, True]))
os._exit(0)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", action="append", default=[], type=Path, help="a checkout of another ComfyUI pack")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--packages", default="", help="a folder of packages that the hosts lack, as PYTHONPATH")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; CPU seconds\n")
    print(f"{'host':<10}{'pack':<30}{'pack':>8}{'host':>8}{'share':>8}")
    for title, code, folder, packs in (
        ("ComfyUI", COMFYUI, host_folder("COMFYUI_DIR", "ComfyUI"), [ROOT, *arguments.pack]),
        ("Forge", FORGE, host_folder("FORGE_DIR", "stable-diffusion-webui-forge"), [ROOT]),
    ):
        python = next((folder / name for name in PYTHONS if (folder / name).is_file()), None)
        if python is None:
            print(f"{title:<10}none in {folder}")
            continue
        for pack in packs:
            report(
                title, pack, [measure(python, code, folder, pack, arguments.packages) for _ in range(arguments.runs)]
            )
    return 0


def host_folder(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual).expanduser()


def measure(python: Path, code: str, host: Path, pack: Path, packages: str) -> tuple[float, float]:
    """(the host's own imports, the pack's), in CPU seconds."""
    with tempfile.TemporaryDirectory() as base:
        for name in ("models", "custom_nodes", "input", "output", "temp", "user", "extensions"):
            (Path(base) / name).mkdir()
        environment = {**os.environ, "ORCHESTRATOR_HOME": f"{base}/orchestrator", "PYTHONPATH": packages}
        done = subprocess.run(
            [str(python), "-c", code, str(host), base, str(pack.expanduser().resolve())],
            env={**environment, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"},
            capture_output=True,
            text=True,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"{pack} could not be measured in {host}:\n{(done.stdout + done.stderr)[-2000:]}")
    own, seconds, loaded = json.loads(lines[0][7:])
    if not loaded:
        sys.exit(f"{host} could not import {pack}:\n{(done.stdout + done.stderr)[-2000:]}")
    return own, seconds


def report(title: str, pack: Path, runs: list[tuple[float, float]]) -> None:
    own, seconds = min(run[0] for run in runs), min(run[1] for run in runs)
    name = "Orchestrator" if pack == ROOT else pack.name
    print(f"{title:<10}{name:<30}{seconds:>8.3f}{own:>8.2f}{seconds / own:>8.1%}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
