"""The entry file as hosts execute it: in Forge's place, and in hosts that the extension is not for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What Forge does with a script file: it is executed under a name of its own, and not put into sys.modules.
LOAD = """
import importlib.util, sys
sys.path.insert(0, {root!r})
spec = importlib.util.spec_from_file_location("orchestrator.py", {root!r} + "/scripts/orchestrator.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print("class:", module.OrchestratorScript)
print("loaded:", sorted(name for name in sys.modules if name.startswith(("orchestrator_", "gradio", "pydantic"))))
"""


def load(*folders: Path) -> list[str]:
    """The lines that a host's console shows; the folders come before the host's own packages."""
    code = LOAD.format(root=str(ROOT))
    environment = {"PYTHONPATH": ":".join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def pretend(folder: Path, **versions: str) -> Path:
    """Packages as importlib.metadata finds them; they cannot be imported, and must not be."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (folder / f"{name}.py").write_text("raise ImportError('this host would have crashed')")
    return folder


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"pydantic": "1.10.15", "gradio": "3.41.2"}, "pydantic 2 or newer; this host has 1.10.15"),
        ({"pydantic": "2.8.2", "gradio": "3.41.2"}, "gradio 4 or newer; this host has 3.41.2"),
    ],
)
def test_a_host_that_it_is_not_for_gets_one_line_and_is_left_alone(tmp_path: Path, versions: dict[str, str], said: str):
    line, found, loaded = load(pretend(tmp_path, **versions))
    assert line.startswith("sd-orchestrator: not loaded: it is for Forge and Forge Neo, which have ")
    assert said in line
    assert (found, loaded) == ("class: None", "loaded: []")


def test_a_host_that_lacks_a_requirement_is_told_how_to_get_it(tmp_path: Path):
    pretend(tmp_path, pydantic="2.8.2", gradio="4.40.0")
    hide = tmp_path / "sitecustomize.py"
    hide.write_text(
        "import importlib.util\nfound = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name in ('sqlalchemy', 'yaml') else found(name, *a)\n"
    )
    line, found, loaded = load(tmp_path)
    assert line.startswith("sd-orchestrator: not loaded: this host lacks pyyaml, sqlalchemy.")
    assert "without --skip-install" in line
    assert line.endswith("-m pip install pyyaml sqlalchemy")
    assert (found, loaded) == ("class: None", "loaded: []")


def test_a_host_whose_modules_have_other_names_gets_one_line(tmp_path: Path):
    pretend(tmp_path, gradio="4.40.0")
    (tmp_path / "gradio.py").write_text("")
    line, found, _ = load(tmp_path)
    assert line.startswith(
        "sd-orchestrator: not loaded: this host is not as Forge was when this was written (No module"
    )
    assert "modules" in line
    assert found == "class: None"


@pytest.mark.slow
def test_the_real_pydantic_1_is_left_alone(tmp_path: Path):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", tmp_path, "pydantic<2"]
    tool = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--target", tmp_path, "pydantic<2"]
    if all(_fails(attempt) for attempt in (command, tool)):
        pytest.skip("pydantic 1 cannot be installed here: no pip, or no package index")
    line, found, loaded = load(tmp_path)
    assert "pydantic 2 or newer; this host has 1." in line
    assert (found, loaded) == ("class: None", "loaded: []")


def _fails(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode != 0
    except FileNotFoundError:
        return True


def test_the_entry_file_is_all_that_forge_executes_of_the_pack():
    assert [path.name for path in (ROOT / "scripts").iterdir() if path.suffix == ".py"] == ["orchestrator.py"]
    assert not (ROOT / "javascript").exists()


def test_what_the_host_side_imports_at_once_draws_no_stage_and_no_page_in():
    names = ["generators.forge_names", "formats.sampler_names", "llm.residence"]
    own = [f"forge_extension.{name}" for name in ("job", "lora_names", "marks", "rendered")]
    code = f"import importlib, sys\nfor name in {own + ['orchestrator_core.' + name for name in names]!r}:\n"
    code += "    importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {
        name for name in done.stdout.split() if name.startswith(("orchestrator_app", "orchestrator_core.stages"))
    }
