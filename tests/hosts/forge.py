"""A real Forge of our own, on the loopback: its own data folder, a tiny checkpoint, two LoRAs and the pack.

FORGE_DIR says where Forge is; a Forge Neo will do as well. Nothing is written into its folder: what it makes goes into
the data folder, and packages of the pack's that its Python lacks are put beside that.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import install
from orchestrator_app.installing import HOST_PYTHONS
from tests.hosts.bytecode import BYTECODE

ROOT = Path(__file__).parents[2]
CHECKPOINT = "tiny-sd15.safetensors"
PACK = install.NAME
_START_TIMEOUT = 400.0  # seconds; a busy machine needs two minutes
_PARTS = ("launch.py", "webui.py", "modules", "modules_forge")  # by which install.py knows a Forge
_SETTINGS = {
    "sd_model_checkpoint": CHECKPOINT,
    "show_progress_type": "Approx cheap",  # the others would be downloaded
    "show_progress_every_n_steps": 1,
    "auto_launch_browser": "Disable",
    "enable_console_prompts": False,
}
# Tabs of the host's page that no test looks at; what is in a tab is made for every page that is opened.
_HIDDEN_TABS = ["Train", "Checkpoint Merger", "Spaces", "SVD", "Svd", "Z123"]
# What Forge, its libraries and Python may be told by the environment of the tests, and must not.
_UNSET = ("PYTHONPATH", "PYTHONHOME", "COMMANDLINE_ARGS", "ORCHESTRATOR_DATABASE_URL")


class NoForge(Exception):
    """There is none here; the message says where it was looked for."""


@dataclass(frozen=True)
class ForgeParts:
    """What every server needs, made once. Models are large, so servers have links to them."""

    host: Path
    python: Path
    models: Path
    packages: Path


@dataclass
class Forge:
    folder: Path  # its data folder
    parts: ForgeParts
    port: int
    arguments: tuple[str, ...] = ()
    installers: bool = False  # does it run its extensions' install.py?
    own_python: Path | None = None  # in place of that of ``parts``, without its packages
    shared_home: Path | None = None  # ORCHESTRATOR_HOME, where it is not its own
    process: subprocess.Popen[bytes] | None = field(default=None)
    _started_at: int = 0  # characters into its log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def home(self) -> Path:
        """ORCHESTRATOR_HOME of this server."""
        return self.shared_home or self.folder / "orchestrator"

    @property
    def images(self) -> Path:
        """Where it keeps the images of text to image: Forge in ``outputs``, Forge Neo in ``output``."""
        return next(self.folder.glob("output*"), self.folder / "outputs") / "txt2img-images"

    @property
    def upscaler(self) -> str:
        """One that needs no model."""
        modes = [mode["name"] for mode in self.get("/sdapi/v1/latent-upscale-modes")]
        return modes[0] if modes else "None"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._started_at = len(self.log)
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.parts.host,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        end = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError("Forge did not start:\n" + self.log[-3000:])
            time.sleep(0.5)

    def _command(self) -> list[str]:
        known = "".join(path.read_text("utf-8") for path in _argument_files(self.parts.host))
        cpu = "--always-cpu" if '"--always-cpu"' in known else "--cpu"
        wanted = [cpu, "--skip-torch-cuda-test", "--no-half", "--do-not-download-clip", "--skip-version-check"]
        flags = [flag for flag in wanted if f'"{flag}"' in known or f"'{flag}'" in known]
        prepare = [] if self.installers else ["--skip-prepare-environment"]
        return [
            str(self.own_python or self.parts.python), "launch.py",
            "--data-dir", str(self.folder), "--api", "--server-name", "127.0.0.1",
            "--port", str(self.port),
            "--gradio-allowed-path", str(self.parts.host),  # its scripts for the browser are not in the data folder
            *flags, *prepare, *self.arguments, *shlex.split(os.environ.get("FORGE_ARGS", "")),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name not in _UNSET}
        return {
            **clean,
            **({"PYTHONPATH": str(self.parts.packages)} if self.own_python is None else {}),
            **BYTECODE,
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",  # two threads that wait for one another take ten times as long
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": str(self.folder / "gradio"),
            "SD_WEBUI_RESTARTING": "1",  # no browser is opened
            "ORCHESTRATOR_HOME": str(self.home),
            **(self._repositories() if self.installers else {}),
        }

    def _repositories(self) -> dict[str, str]:
        """Its launcher fetches each of these that is not at a commit of its own; these are at the one they are at."""
        names = {
            "stable-diffusion-webui-assets": "ASSETS_COMMIT_HASH",
            "huggingface_guess": "HUGGINGFACE_GUESS_HASH",
            "BLIP": "BLIP_COMMIT_HASH",
        }
        found = {}
        for name, variable in names.items():
            command = ["git", "-C", self.parts.host / "repositories" / name, "rev-parse", "HEAD"]
            done = subprocess.run(command, capture_output=True, text=True)
            found |= {} if done.returncode else {variable: done.stdout.strip()}
        return found

    def _answers(self) -> bool:
        if "Startup time:" not in self.log[self._started_at :]:  # it answers before the extensions have their routes
            return False
        try:
            self.get("/sdapi/v1/options")
        except (OSError, ValueError):
            return False
        return True

    def get(self, path: str) -> Any:
        """A GET of the API."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A POST of the API. Raises AssertionError with what the server says."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body or {}).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read()[:2000]!r}") from None

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _argument_files(host: Path) -> list[Path]:
    return [path for path in (host / "modules" / "cmd_args.py", host / "backend" / "args.py") if path.is_file()]


def find_forge() -> tuple[Path, Path]:
    """(the installation, its Python): FORGE_DIR, or ~/stable-diffusion-webui-forge. Raises NoForge."""
    host = Path(os.environ.get("FORGE_DIR") or Path.home() / "stable-diffusion-webui-forge").expanduser()
    if not all((host / part).exists() for part in _PARTS):
        raise NoForge(f"{host} is none; set FORGE_DIR")
    pythons = [host / name for name in HOST_PYTHONS if (host / name).is_file()]
    if not pythons:
        raise NoForge(f"{host} has no virtual environment of its own ({' or '.join(map(str, HOST_PYTHONS))})")
    return host, pythons[0]


def missing_packages(python: Path) -> list[str]:
    """The requirements of the pack that this Python lacks."""
    code = (
        "import sys\nfrom importlib import metadata\nfor name in sys.argv[1:]:\n"
        "    try: metadata.version(name)\n    except metadata.PackageNotFoundError: print(name)"
    )
    wanted = {requirement.name: requirement.text for requirement in install.requirements()}
    found = subprocess.run([python, "-c", code, *wanted], check=True, capture_output=True, text=True)
    return [wanted[name] for name in found.stdout.split()]


def make_packages(python: Path, folder: Path) -> None:
    """Put what this Python lacks into a folder, and nothing else: it comes before the host's own. Raises NoForge."""
    folder.mkdir(parents=True)
    if missing := missing_packages(python):
        command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, *missing]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NoForge(f"its Python lacks {', '.join(missing)}, and pip says: {done.stderr.strip()[-300:]}")


def make_models(python: Path, folder: Path) -> None:
    script = Path(__file__).with_name("forge_checkpoint.py")
    subprocess.run([python, script, folder], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def make_data_folder(folder: Path, parts: ForgeParts, *, is_whole: bool = False) -> None:
    """A data folder with settings and links to the models.

    Of the extensions that come with Forge the one for LoRAs is on, for a start and a page in half the time; all are on
    where it is to be ``is_whole``, as a person's.
    """
    for name in ("extensions", "models"):
        (folder / name).mkdir(parents=True)
    for kind in parts.models.iterdir():
        (folder / "models" / kind.name).symlink_to(kind)
    settings = {**_SETTINGS, **_version_of_settings(parts.host), **({} if is_whole else _little(parts.host))}
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    for name in _PARTS:
        (folder / name).symlink_to(parts.host / name)


def _little(host: Path) -> dict[str, list[str]]:
    """Settings for as little of Forge as the tests need."""
    bundled = (path.name for path in (host / "extensions-builtin").iterdir() if path.is_dir())
    return {"disabled_extensions": sorted(name for name in bundled if "lora" not in name), "hidden_tabs": _HIDDEN_TABS}


def _version_of_settings(host: Path) -> dict[str, str]:
    """Forge Neo asks a question at its start if the settings say no version, or another than its own."""
    text = (host / "modules" / "launch_utils.py").read_text("utf-8")
    found = re.search(r'^VERSION_UID.*= "(\w+)"', text, re.MULTILINE)
    return {"VERSION_UID": found[1]} if found else {}


def install_pack(folder: Path, *options: str) -> None:
    """Put the pack into the extensions of a data folder, as a person does."""
    command = [sys.executable, ROOT / "install.py", "forge", folder, *options]
    subprocess.run(command, check=True, capture_output=True)


def make_parts(folder: Path) -> ForgeParts:
    """Raises NoForge."""
    host, python = find_forge()
    parts = ForgeParts(host, python, folder / "models", folder / "packages")
    make_packages(python, parts.packages)
    make_models(python, parts.models)
    return parts


def python_over(python: Path, folder: Path) -> Path:
    """A Python that has the packages of another one, and installs into a folder of its own."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    below, own = (
        subprocess.run([each, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
        for each in (python, folder / "bin" / "python")
    )
    Path(own, "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    return folder / "bin" / "python"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def watch_errors(page: Any, errors: list[str] | None = None) -> list[str]:
    """Where the errors of the page's scripts will be. Forge's own canvas complains of itself on a slow machine."""
    found = [] if errors is None else errors
    page.on("pageerror", lambda error: None if "ForgeCanvas" in str(error) else found.append(str(error)))
    return found


@contextmanager
def running_forge(
    folder: Path,
    parts: ForgeParts,
    arguments: Sequence[str] = (),
    extensions: Mapping[str, str] | None = None,
    shared_home: Path | None = None,
) -> Iterator[Forge]:
    """A server with the pack. ``extensions``: further ones, the text of a script by name."""
    make_data_folder(folder, parts)
    install_pack(folder, "--copy")  # a link leads out of the folder, so Forge would not know whose the hooks are
    for name, text in (extensions or {}).items():
        script = folder / "extensions" / name / "scripts" / f"{re.sub(r'[^a-z]', '_', name)}.py"
        script.parent.mkdir(parents=True)
        script.write_text(text, encoding="utf-8")
    server = Forge(folder, parts, free_port(), tuple(arguments), shared_home=shared_home)
    try:
        server.start()
        yield server
    finally:
        server.kill()
