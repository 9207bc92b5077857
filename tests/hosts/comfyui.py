"""A real ComfyUI server of our own, on the loopback, with its own folders and the tiny checkpoint.

COMFYUI_ARGS adds to its command line, as ``--front-end-root FOLDER`` for the canvas of another version.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_app.installing import HOST_PYTHONS
from orchestrator_core.config import DATABASE_NAME
from tests.hosts.bytecode import BYTECODE

ROOT = Path(__file__).parents[2]
_FOLDERS = ("models", "custom_nodes", "input", "output", "temp", "user")
_ANOTHER_PACK = """
import gc
from aiohttp import web
from server import PromptServer
@PromptServer.instance.routes.get("/test/models")
async def models(_):
    import comfy.model_management as manager
    gc.collect()
    listed = [type(each.model.model).__name__ for each in manager.current_loaded_models if each.model is not None]
    alive = sum(type(each).__name__ == "LlamaForCausalLM" for each in gc.get_objects())
    return web.json_response({"listed": listed, "alive": alive})
class Lines:
    CATEGORY, FUNCTION, RETURN_TYPES, OUTPUT_IS_LIST = "test", "split", ("STRING",), (True,)
    @classmethod
    def INPUT_TYPES(cls): return {"required": {"text": ("STRING", {"multiline": True})}}
    def split(self, text): return (text.splitlines(),)
class RedScorer:
    identity = "red:mean 1:float32:1"
    def score(self, images, wanted, is_cancelled=lambda: False):
        from orchestrator_core.vision.port import Fulfilment
        reds = [float(image[..., 0].mean()) / 255 for image in images]
        return [[Fulfilment(one, red, red / 2, min(1, red * 2), red, True) for one in wanted] for red in reds]
class Scorer:
    CATEGORY, FUNCTION, RETURN_TYPES = "test", "give", ("SCORER_MODEL",)
    @classmethod
    def INPUT_TYPES(cls): return {"required": {}}
    def give(self): return (RedScorer(),)
class Paint:
    CATEGORY, FUNCTION, RETURN_TYPES = "test", "paint", ("IMAGE",)
    @classmethod
    def INPUT_TYPES(cls): return {"required": {"text": ("STRING", {}), "seed": ("INT", {}), "batch": ("INT", {})}}
    def paint(self, text, seed, batch):
        import torch
        red = 0.0 if "pale" in text else 0.05 * text.count("(")
        return (torch.stack([torch.full((16, 16, 3), red + (seed + n) % 10 / 10) for n in range(batch)]).clamp(0, 1),)
NODE_CLASS_MAPPINGS = {"TestLines": Lines, "TestScorer": Scorer, "TestPaint": Paint}
"""
_START_TIMEOUT = 240.0  # seconds; a busy machine needs a minute


class NoComfyUI(Exception):
    """There is none here; the message says where it was looked for."""


@dataclass
class ComfyUI:
    folder: Path  # its base directory
    host: Path  # its installation
    python: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)
    arguments: tuple[str, ...] = ()
    shared_home: Path | None = None  # ORCHESTRATOR_HOME, where it is not its own

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """The database that the nodes write."""
        return (self.shared_home or self.folder / "orchestrator") / DATABASE_NAME

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [
            str(self.python), "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port),
            "--base-directory", str(self.folder), "--database-url", f"sqlite:///{self.folder}/user/comfyui.db",
            "--disable-api-nodes", "--fp32-text-enc", *self.arguments, *shlex.split(os.environ.get("COMFYUI_ARGS", "")),
        ]  # fmt: skip
        home = BYTECODE | {"ORCHESTRATOR_HOME": str(self.store.parent)}
        environment = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_DATABASE_URL"} | home
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.host, env=environment, stdout=log, stderr=log)
        end = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError("ComfyUI did not start:\n" + (self.folder / "server.log").read_text()[-3000:])
            time.sleep(0.3)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/system_stats", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def find_comfyui() -> tuple[Path, Path]:
    """(the installation, its Python): COMFYUI_DIR, or ~/ComfyUI. Raises NoComfyUI."""
    host = Path(os.environ.get("COMFYUI_DIR") or Path.home() / "ComfyUI").expanduser()
    if not (host / "main.py").is_file():
        raise NoComfyUI(f"{host} is none; set COMFYUI_DIR")
    pythons = [host / name for name in HOST_PYTHONS if (host / name).is_file()]
    if not pythons:
        raise NoComfyUI(f"{host} has no virtual environment of its own ({' or '.join(map(str, HOST_PYTHONS))})")
    return host, pythons[0]


@contextmanager
def running_comfyui(
    folder: Path,
    install: Callable[[Path, Path], None] | None = None,
    arguments: Sequence[str] = (),
    shared_home: Path | None = None,
) -> Iterator[ComfyUI]:
    """A server with the tiny checkpoint, two LoRAs and the pack, put there by ``install(host, folder)``.

    Raises NoComfyUI.
    """
    host, python = find_comfyui()
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    (install or install_pack)(host, folder)
    script = Path(__file__).with_name("tiny_checkpoint.py")
    subprocess.run([python, script, folder / "models"], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ComfyUI(folder, host, python, port, arguments=tuple(arguments), shared_home=shared_home)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def install_pack(host: Path, folder: Path) -> None:
    """Put the pack into the server's own custom_nodes, as a person does."""
    for name in ("main.py", "comfy"):  # by which install.py knows a ComfyUI
        (folder / name).symlink_to(host / name)
    subprocess.run([sys.executable, ROOT / "install.py", "comfyui", folder], check=True, capture_output=True)
    others = folder / "custom_nodes" / "another_pack"
    others.mkdir()
    (others / "__init__.py").write_text(_ANOTHER_PACK)
