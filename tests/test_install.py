"""install.py as its callers start it: in a process of its own, from a host's folder or a person's shell."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import install
from orchestrator_app.installing import HOST_PYTHONS, InstallError, into_host

ROOT = Path(__file__).resolve().parent.parent
OLD_PYTHONS = sorted((Path.home() / ".pyenv" / "versions").glob("3.[89].*/bin/python"))
# As in a Forge start: run_pip is called with one shell line; here it writes down what it got, and may fail as pip does.
STAND_IN_LAUNCH = """
import json, os, pathlib, re
def run_pip(command, desc=None, live=False):
    constraints = pathlib.Path(re.search(r'-c "([^"]+)"', command).group(1)).read_text()
    with open(os.environ["RUN_PIP_LOG"], "a") as log:
        log.write(json.dumps({"command": command, "desc": desc, "constraints": constraints.splitlines()}) + chr(10))
    if "RUN_PIP_FAILS" in os.environ:
        raise RuntimeError("Couldn't install it." + chr(10) + "Command: pip" + chr(10) + "Error code: 1")
"""


def pack(folder: Path, requirements: str) -> Path:
    """Make a pack with other requirements and return its install.py."""
    folder.mkdir()
    shutil.copy(ROOT / "install.py", folder)
    (folder / "requirements.txt").write_text(requirements)
    return folder / "install.py"


def start(script: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def forge(tmp_path: Path):
    """Return a starter of install.py as Forge does it, and the list of what run_pip was called with."""
    host = tmp_path / "forge"
    host.mkdir()
    (host / "launch.py").write_text(STAND_IN_LAUNCH)
    log = tmp_path / "run_pip.jsonl"

    def start_as_forge(script: Path, **environment: str):
        done = start(script, cwd=host, PYTHONPATH=str(host), RUN_PIP_LOG=str(log), **environment)
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return done, calls

    return start_as_forge


# --- a host's start-up


def test_is_silent_and_quick_when_nothing_is_missing(forge):
    started = time.perf_counter()
    done, calls = forge(ROOT / "install.py")
    assert (done.returncode, done.stdout, done.stderr, calls) == (0, "", "", [])
    assert time.perf_counter() - started < 10  # a sanity bound; docs/performance.md has the measured time


def test_forge_installs_only_what_is_missing_and_freezes_the_rest(tmp_path: Path, forge):
    script = pack(tmp_path / "pack", "pyyaml>=6\nno-such-package>=1.2,<3\n")
    done, calls = forge(script)
    assert done.returncode == 0
    assert len(calls) == 1
    assert calls[0]["command"].startswith('install "no-such-package>=1.2,<3" -c "')
    assert f"pytest=={importlib.metadata.version('pytest')}" in calls[0]["constraints"]
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in calls[0]["constraints"])
    assert "still missing no-such-package" in done.stdout  # the stand-in installed nothing, as --skip-install does


def test_a_failing_pip_is_one_clear_line_and_no_failure_of_the_host(tmp_path: Path, forge):
    done, _ = forge(pack(tmp_path / "pack", "no-such-package\n"), RUN_PIP_FAILS="1")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "could not install no-such-package: Couldn't install it." in done.stdout
    assert done.stderr == ""


def test_what_the_host_already_has_is_never_changed(tmp_path: Path, forge):
    done, calls = forge(pack(tmp_path / "pack", "pyyaml>=999\n"))
    assert (done.returncode, calls) == (0, [])
    assert f"needs pyyaml>=999, but this host has {importlib.metadata.version('pyyaml')}" in done.stdout


def test_without_forge_pip_is_never_started_and_the_command_is_shown(tmp_path: Path):
    script = pack(tmp_path / "pack", "no-such-package>=1\n")
    done = start(script, cwd=script.parent)  # as ComfyUI-Manager does
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "missing no-such-package." in done.stdout
    assert '"no-such-package>=1"' in done.stdout
    assert sys.executable in done.stdout


def test_another_module_named_launch_is_not_forge(tmp_path: Path):
    (tmp_path / "launch.py").write_text("'''a robot's launch package'''\n")
    script = pack(tmp_path / "pack", "no-such-package\n")
    done = start(script, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "missing no-such-package" in done.stdout


def test_a_launch_that_fails_to_import_does_not_stop_the_host(tmp_path: Path):
    (tmp_path / "launch.py").write_text("raise SystemExit('wrong flags')\n")
    done = start(pack(tmp_path / "pack", "no-such-package\n"), cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrong flags" in done.stdout


def test_a_broken_installation_does_not_stop_the_host(tmp_path: Path):
    script = pack(tmp_path / "pack", "")
    (tmp_path / "pack" / "requirements.txt").unlink()
    done = start(script, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "requirements.txt" in done.stdout


@pytest.mark.skipif(not OLD_PYTHONS, reason="pyenv has no Python 3.8 or 3.9 here")
def test_an_old_python_is_told_which_one_is_needed(tmp_path: Path):
    def say(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([OLD_PYTHONS[0], ROOT / "install.py", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout

    status, text = say()
    assert (status, "Python 3.10 or newer is needed" in text) == (0, True)
    status, text = say("run")
    assert (status, "Python 3.10 or newer is needed" in text) == (1, True)


def wheel(folder: Path, name: str, version: str) -> None:
    """Write the smallest wheel that pip installs."""
    folder.mkdir()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.mark.host
@pytest.mark.slow
def test_the_real_forge_installs_what_is_missing_and_only_that(tmp_path: Path):
    forge_dir = Path(os.environ.get("FORGE_DIR") or Path.home() / "stable-diffusion-webui-forge")
    python = next((forge_dir / name for name in HOST_PYTHONS if (forge_dir / name).exists()), None)
    if python is None or not (forge_dir / "launch.py").exists():
        pytest.skip(f"no Forge with a venv in {forge_dir}; set FORGE_DIR")
    wheel(tmp_path / "wheels", "orchestrator_probe", "1.5")
    script = pack(tmp_path / "pack", "orchestrator-probe>=1,<2\n")
    installed = tmp_path / "installed"  # instead of the host's own site-packages
    installed.mkdir()
    environment = {
        "PYTHONPATH": str(installed),
        "EXTENSION": str(script.parent),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_TARGET": str(installed),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    as_at_its_start = "import os, launch; launch.run_extension_installer(os.environ['EXTENSION'])"
    first, second = (
        subprocess.run(
            [python, "-c", as_at_its_start],
            cwd=forge_dir,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == "Installing orchestrator-probe for sd-orchestrator"
    assert [path.name for path in installed.glob("*.dist-info")] == ["orchestrator_probe-1.5.dist-info"]
    assert (second.returncode, second.stdout) == (0, "")


# --- requirements.txt


def test_each_requirement_is_one_that_both_hosts_can_keep():
    forge_has = {"pydantic": "2.8.2", "websockets": "12.0", "pyyaml": "6.0.3"}
    lines = install.requirements()
    assert lines
    for text, name, bounds in lines:
        real = Requirement(text)
        assert (real.name, len(real.specifier), real.marker) == (name, len(bounds), None)
        assert name not in {"torch", "numpy", "gradio", "transformers", "pillow"}
        if name in forge_has:
            assert forge_has[name] in real.specifier


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("2.8.2", ">=2.5,<3", True),
        ("2.10.0", ">=2.5,<3", True),
        ("2.4.9", ">=2.5,<3", False),
        ("3.0", ">=2.5,<3", False),
        ("3", "<3", False),
        ("6.0", ">=6", True),
        ("2.3.1+cu121", ">=2.3,<2.4", True),
        ("12.0", "==12", True),
        ("0.24.1", ">0.24.1", False),
        ("0.24.1", "<=0.24.1", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, bounds: str, fits: bool):
    assert install.Requirement.parse(f"anything{bounds}").allows(version) is fits


# --- into a host


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    host = tmp_path / "Comfy UI"
    for folder in ("comfy", "custom_nodes"):
        (host / folder).mkdir(parents=True)
    (host / "main.py").touch()
    return host


def test_the_pack_is_linked_once_and_the_hosts_python_checks_it(comfyui: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", comfyui / "venv"], check=True)
    target = comfyui / "custom_nodes" / "sd-orchestrator"
    first = start(ROOT / "install.py", "comfyui", str(comfyui), cwd=comfyui)
    assert first.returncode == 0, first.stderr
    assert target.samefile(ROOT)
    assert "orchestrator_core 0.1.0 imports in Python" in first.stdout
    assert "missing pyyaml, pydantic" in first.stdout
    assert f'uv pip install --python "{comfyui / "venv"}' in first.stdout
    second = start(ROOT / "install.py", "comfyui", str(comfyui), cwd=comfyui)
    assert (second.returncode, "Linked already" in second.stdout) == (0, True)


def test_a_copy_leaves_out_what_a_host_does_not_need_and_is_replaced_by_the_next(comfyui: Path):
    target = comfyui / "custom_nodes" / "sd-orchestrator"
    for _ in range(2):
        done = start(ROOT / "install.py", "comfyui", str(comfyui), "--copy", cwd=comfyui)
        assert done.returncode == 0, done.stderr
        assert not target.is_symlink()
        assert (target / "orchestrator_core" / "prompt.py").is_file()
        assert not {".git", ".venv", "tests", "outputs"} & {path.name for path in target.iterdir()}
        assert not (target / "left_over").exists()
        assert "has no venv" in done.stdout
        (target / "left_over").touch()


def test_what_somebody_else_put_there_is_not_overwritten(comfyui: Path):
    target = comfyui / "custom_nodes" / "sd-orchestrator"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    for flags in ([], ["--copy"]):
        done = start(ROOT / "install.py", "comfyui", str(comfyui), *flags, cwd=comfyui)
        assert (done.returncode, (target / "mine.txt").read_text()) == (1, "precious")
        assert "Move it away" in done.stdout


def test_a_dangling_link_is_not_followed(comfyui: Path):
    target = comfyui / "custom_nodes" / "sd-orchestrator"
    try:
        target.symlink_to(comfyui / "gone", target_is_directory=True)
    except OSError:
        pytest.skip("symbolic links are not allowed here")
    with pytest.raises(InstallError, match="Move it away"):
        into_host(ROOT, "comfyui", comfyui, copy=False)
    assert not (comfyui / "gone").exists()


def test_a_checkout_inside_the_host_is_left_where_it_is(comfyui: Path, capsys: pytest.CaptureFixture[str]):
    root = comfyui / "custom_nodes" / "my-clone"
    (root / "orchestrator_core").mkdir(parents=True)
    (root / "orchestrator_core" / "__init__.py").touch()
    assert into_host(root, "comfyui", comfyui, copy=False) == 0
    assert "already" in capsys.readouterr().out
    assert [path.name for path in (comfyui / "custom_nodes").iterdir()] == ["my-clone"]


@pytest.mark.parametrize("kind", ["comfyui", "forge"])
def test_a_folder_that_is_no_such_host_is_refused_by_what_it_lacks(tmp_path: Path, kind: str):
    with pytest.raises(InstallError, match=r"it has no (main|launch)\.py"):
        into_host(ROOT, kind, tmp_path, copy=False)


def test_a_webui_that_is_not_forge_is_refused(tmp_path: Path):
    for folder in ("modules", "extensions"):
        (tmp_path / folder).mkdir()
    for file in ("launch.py", "webui.py"):
        (tmp_path / file).touch()
    with pytest.raises(InstallError, match="modules_forge"):
        into_host(ROOT, "forge", tmp_path, copy=False)


# --- run and test


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a ``uv`` on its path that writes down its calls and 'installs' this Python's packages."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("install.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    for name in ("orchestrator_app", "orchestrator_core"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "bin").mkdir()
    (root / "bin" / "stand_in.py").write_text(
        "import json, pathlib, subprocess, sys\n"
        "if sys.argv[1:] == ['--version']: sys.exit()\n"
        f"open({str(root / 'uv.jsonl')!r}, 'a').write(json.dumps(sys.argv[1:]) + chr(10))\n"
        "python = sys.argv[sys.argv.index('--python') + 1]\n"
        "ask = 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'\n"
        "site = subprocess.run([python, '-c', ask], capture_output=True, text=True).stdout.strip()\n"
        f"pathlib.Path(site, 'here.pth').write_text({sysconfig.get_path('purelib')!r})\n"
    )
    if os.name == "nt":
        (root / "bin" / "uv.cmd").write_text(f'@"{sys.executable}" "{root / "bin" / "stand_in.py"}" %*\n')
    else:
        (root / "bin" / "uv").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{root / "bin" / "stand_in.py"}" "$@"\n')
        (root / "bin" / "uv").chmod(0o755)
    return root


def test_the_environment_is_made_once_and_again_only_for_other_requirements(checkout: Path):
    path = os.pathsep.join([str(checkout / "bin"), os.environ["PATH"]])

    def run_tests() -> tuple[int, str, int]:
        done = start(checkout / "install.py", "test", "--", "--version", cwd=checkout.parent, PATH=path)
        calls = (checkout / "uv.jsonl").read_text().splitlines()
        assert calls[-1].endswith('"--editable", ".[embedded,standalone,test,vision]"]')
        return done.returncode, done.stdout + done.stderr, len(calls)

    status, text, calls = run_tests()
    assert (status, calls) == (0, 1), text
    assert f"pytest {pytest.__version__}" in text
    assert run_tests()[2] == 1
    with (checkout / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    assert run_tests()[2] == 2


def test_an_unknown_command_is_refused_with_the_usage(tmp_path: Path):
    done = start(ROOT / "install.py", "bogus", cwd=tmp_path)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)


def test_a_copy_from_the_registry_says_what_it_lacks(tmp_path: Path):
    script = pack(tmp_path / "pack", "")
    # -S: without the site-packages, where the tests' own environment has the whole pack.
    done = subprocess.run([sys.executable, "-S", script, "run"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "Clone the repository" in done.stdout) == (1, True)
