"""What ``install.py`` does for a person: an environment of our own beside the checkout, and the pack put into a host.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator_core.errors import OrchestratorError

NAME = "sd-orchestrator"
EXAMPLE = ("run", "--count", "4")
LEARNING = ("demo",)  # a template learns from images of the tiny world's own models
MODELS = ("vision", "embedded")  # extras with torch, several GB: for the example and the tests, not for every command
STAMP = "sd-orchestrator-installed.txt"  # in .venv: what the last installation was made of
COPY_MARK = ".copied-by-install"  # in a copy that this module made, and may therefore replace
NOT_COPIED = frozenset({".git", ".venv", "venv", "tests", "outputs", "build", "dist"})  # of the root alone
CACHES = ("__pycache__", ".*_cache", ".hypothesis", "node_modules")


class InstallError(OrchestratorError):
    """Something that a person has to change before the pack can be installed."""


@dataclass(frozen=True, slots=True)
class Host:
    """What tells a host's folder, and where it looks for packs."""

    title: str
    parts: tuple[str, ...]
    packs: str
    note: str


HOSTS = {
    "comfyui": Host("ComfyUI", ("main.py", "comfy", "custom_nodes"), "custom_nodes", "Then restart ComfyUI."),
    "forge": Host(
        title="Stable Diffusion WebUI Forge",
        parts=("launch.py", "webui.py", "modules", "modules_forge", "extensions"),
        packs="extensions",
        note="Restart Forge: it installs what is absent at its start.",
    ),
}
# Where a host's own Python is: a virtual environment, or the folders of the portable downloads for Windows.
HOST_PYTHONS = (
    "venv/bin/python",
    ".venv/bin/python",
    "venv/Scripts/python.exe",
    ".venv/Scripts/python.exe",
    "../python_embeded/python.exe",
    "../system/python/python.exe",
)


def run(root: Path, arguments: list[str]) -> int:
    """Run the main job: the given arguments of ``orchestrator run``, or the bundled example."""
    if arguments:
        return _call(root, [_command(root, {"standalone"}), "run", *arguments])
    command, output = _command(root, {"standalone", *MODELS}), str(root / "outputs")
    status = _call(root, [command, *EXAMPLE, "--output", output])
    return status or _call(root, [command, *LEARNING, "--output", output])


def _command(root: Path, extras: set[str]) -> str:
    """The pack's own command, after it was installed with these extras."""
    return str(prepared_venv(root, extras).with_name("orchestrator"))


def test(root: Path, arguments: list[str]) -> int:
    """Run the tests, with these arguments of pytest."""
    python = prepared_venv(root, {"standalone", "test", *MODELS})
    return _call(root, [str(python), "-m", "pytest", *arguments])


def prepared_venv(root: Path, extras: set[str]) -> Path:
    """Return the Python of ``.venv`` with the pack and these extras in it, installing only when something changed."""
    venv = root / ".venv"
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = working_uv()
    if not python.exists():
        print(f"Making {venv}", flush=True)
        if _call(root, [sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if uv else []), str(venv)]):
            raise InstallError("No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv")
    stamp, fingerprint = venv / STAMP, _fingerprint(root)
    recorded, *present = stamp.read_text(encoding="utf-8").split() if stamp.exists() else [""]
    if recorded == fingerprint and extras <= set(present):
        return python
    print(f"Installing {NAME} with {', '.join(sorted(extras))} into {venv}", flush=True)
    tool = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    if _call(root, [*tool, "--quiet", "--editable", f".[{','.join(sorted(extras))}]"]):
        raise InstallError("The installation failed, see above. Only the first one needs the network.")
    stamp.write_text(" ".join([fingerprint, *sorted(extras)]), encoding="utf-8")
    return python


def working_uv() -> str:
    """Return the path of a uv that runs, or an empty text: pyenv leaves shims of it that do not."""
    path = shutil.which("uv")
    return path if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0 else ""


def _fingerprint(root: Path) -> str:
    """Hash what an installation depends on: while it is unchanged nothing is installed, and no network is needed."""
    parts = [(root / name).read_bytes() for name in ("pyproject.toml", "requirements.txt")]
    return hashlib.sha256(b"\0".join([*parts, str(root).encode()])).hexdigest()


def _call(root: Path, command: list[str]) -> int:
    """Run a command in the checkout, in the person's own terminal, and return its exit status."""
    try:
        return subprocess.run(command, cwd=root).returncode
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not there; remove {root / '.venv'} and try again.") from None
    except KeyboardInterrupt:
        return 130


def into_host(root: Path, kind: str, folder: Path, *, copy: bool) -> int:
    """Put the pack into a host, read back what came of it, and let the host's own Python check it."""
    host, folder = HOSTS[kind], folder.expanduser().resolve()
    lacking = [part for part in host.parts if not (folder / part).exists()]
    if lacking:
        raise InstallError(f"{folder} is not {host.title}: it has no {', '.join(lacking)}")
    target = folder / host.packs / NAME
    if root.parent == folder / host.packs:
        target = root
        print(f"This checkout is in {root.parent} already.")
    elif target.exists() and target.samefile(root):
        print(f"Linked already: {target}")
    else:
        _place(root, target, copy)
    if not (target / "orchestrator_core" / "__init__.py").is_file():
        raise InstallError(f"{target} cannot be read back; remove it and try again.")
    return _check_in(host, folder, target)


def _place(root: Path, target: Path, copy: bool) -> None:
    """Link the pack to the target, or copy it where links are not to be had or not wanted."""
    if os.path.lexists(target):
        if not (target / COPY_MARK).is_file():
            raise InstallError(f"{target} exists and is not a copy that install.py made. Move it away and try again.")
        shutil.rmtree(target)
    if not copy and _linked(root, target):
        print(f"Linked {target} to {root}")
        return
    if root in target.parents:
        raise InstallError(f"{target} is inside {root}, which cannot be copied into itself.")
    target.mkdir()
    (target / COPY_MARK).write_text("install.py replaces this folder when it copies again.\n", encoding="utf-8")
    caches = shutil.ignore_patterns(*CACHES)

    def left_out(folder: str, entries: list[str]) -> set[str]:
        return caches(folder, entries) | (NOT_COPIED if Path(folder) == root else set())

    shutil.copytree(root, target, ignore=left_out, dirs_exist_ok=True)
    print(f"Copied to {target}; do this again after each update.")


def _linked(root: Path, target: Path) -> bool:
    """Make a symbolic link, or where Windows does not allow one a directory junction; False if neither works."""
    try:
        target.symlink_to(root, target_is_directory=True)
    except OSError:
        if os.name != "nt":
            return False
        return (
            subprocess.run(["cmd", "/c", "mklink", "/J", str(target), str(root)], capture_output=True).returncode == 0
        )
    return True


def _check_in(host: Host, folder: Path, target: Path) -> int:
    """Let the host's own Python look at the pack in the place where the host will find it."""
    script = target / "install.py"
    python = next((folder / name for name in HOST_PYTHONS if (folder / name).exists()), None)
    if python is None:
        print(f"{folder} has no venv. With the Python that starts {host.title}, run: python {script} check")
        return 0
    sys.stdout.flush()
    # The host's Python must not see this one's environment.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    status = subprocess.run([str(python), str(script), "check"], cwd=folder, env=clean).returncode
    print(host.note if status == 0 else f"{host.title} cannot load the pack, see above.")
    return status
