"""ComfyUI as a worker of the queue needs it: beside host.py the only file that names its modules for that."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from pathlib import Path

import folder_paths
from comfy.cli_args import args
from server import PromptServer

ANYWHERE = ("", "0.0.0.0", "::")


def own_url() -> str:
    """As programs on this machine reach the server; known once it answers."""
    server = PromptServer.instance
    address = getattr(server, "address", "") or "127.0.0.1"
    host = "127.0.0.1" if address in ANYWHERE else address
    scheme = "https" if args.tls_keyfile and args.tls_certfile else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{getattr(server, 'port', 0) or args.port}"


def output_folder() -> Path:
    return Path(folder_paths.get_output_directory())


def when_ending(call: Callable[[], object]) -> None:
    """Call it at the end of the process, when the server answers no more."""
    atexit.register(call)
