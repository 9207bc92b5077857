"""The rules of docs/architecture.md that no linter knows: what an import loads, sizes, names, one version."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import install
import orchestrator_core
from orchestrator_app.bundled import bundled_folders, page_folder

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("orchestrator_core", "orchestrator_app", "comfy_nodes", "forge_extension")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 300, 60
# Imported inside functions by those who use them, since they load a heavy library or open connections.
IMPORTED_WHEN_USED = ("orchestrator_core.store", "orchestrator_core.generators")
TOO_HEAVY = (
    *("torch", "transformers", "open_clip", "diffusers", "numpy", "PIL", "gradio", "flask", "dbos", "sqlalchemy"),
    *("httpx", "websockets", "rich", "ruamel"),
)
HOST_MODULES = (
    "folder_paths",
    "comfy",
    "comfy_api",
    "comfy_execution",
    "comfyui_version",
    "nodes",
    "server",
    "modules",
    "modules_forge",
    "backend",
    "networks",
    "launch",
)
# Import name → distribution, where they differ; and what a host or an extra brings.
DISTRIBUTIONS = {"yaml": "pyyaml", "ruamel": "ruamel.yaml"}
FROM_HOST_OR_EXTRA = {
    "aiohttp",
    "numpy",
    "PIL",
    "rich",
    "psycopg",
    "dbos",
    "torch",
    "transformers",
    "gradio",
    "uvicorn",
    "flask",
    "waitress",
    "mcp",
    "anyio",
} | {
    *("open_clip", "safetensors", "huggingface_hub", "onnxruntime", "diffusers", "peft"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def loaded_by(names: list[str]) -> set[str]:
    """Return the top-level modules that a fresh Python has after these imports."""
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_core_loads_no_heavy_library_and_no_host():
    core = [module_name(path) for path in MODULES if path.is_relative_to(ROOT / "orchestrator_core")]
    light = [name for name in core if not name.startswith(IMPORTED_WHEN_USED)]
    assert not loaded_by(light) & {*TOO_HEAVY, *HOST_MODULES}


def test_importing_the_nodes_loads_no_heavy_library():
    assert not loaded_by(["comfy_nodes"]) & {*TOO_HEAVY, *HOST_MODULES}


def test_the_version_is_the_same_everywhere():
    declared = re.search(r'^version = "(.+?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared
    assert declared[1] == orchestrator_core.__version__ == importlib.metadata.version("sd-orchestrator")
    assert f"## [{declared[1]}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_files_that_come_with_the_pack_are_found():
    for name, folder in bundled_folders().items():
        assert folder == ROOT / name
        assert any(folder.iterdir())


def test_the_built_page_comes_with_the_pack():
    assert page_folder() == ROOT / "web" / "dist"
    assert (page_folder() / "index.html").is_file()


@pytest.mark.parametrize("path", [*MODULES, ROOT / "install.py"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_stay_small(path: Path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{path.name} has {lines} lines: what in it is a thing of its own?"
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    sizes = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: size for name, size in sizes.items() if size > FUNCTION_LINES} == {}


def test_requirements_are_what_the_packages_import():
    imported = set()
    for node in (node for path in MODULES for node in ast.walk(tree_of(path))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.add(node.module.split(".")[0])
    third_party = imported - set(sys.stdlib_module_names) - {*PACKAGES, "__future__"} - FROM_HOST_OR_EXTRA
    distributions = {DISTRIBUTIONS.get(name, name) for name in third_party - set(HOST_MODULES)}
    assert distributions == {requirement.name for requirement in install.requirements()}


def test_no_file_names_a_machine_or_a_package_index():
    # Spelled in parts, so that this file does not find itself.
    patterns = [
        "(^|[^A-Za-z0-9_.])/(wo" + "rk|ro" + "ot|ho" + "me/[a-z]+)/[A-Za-z0-9.]",
        "https?://[a-z.]*(py" + "pi|pythonhosted|npmjs)\\.",
    ]
    found = subprocess.run(
        ["git", "grep", "-nIE", "|".join(patterns), "--", ".", ":!*.lock", ":!*package-lock.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if found.returncode not in (0, 1):
        pytest.skip("this is not a git checkout")
    assert found.stdout == ""


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc"])
def test_no_module_is_named_for_nothing(name: str):
    assert [path for path in MODULES if path.stem == name] == []
