"""As much of ComfyUI as the pack asks for when it is imported; it runs in a process of its own, without ComfyUI.

What the pack does to it is remembered, and nothing else happens.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any


class Anything(type):
    """Of V3's schema: whatever is asked for is there, can be called, and is asked the same way."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {"__init__": _keep})


def _keep(self: Any, *passed: Any, **named: Any) -> None:
    self.__dict__.update(named)


class ComfyNode:
    pass


class Server:
    def __init__(self) -> None:
        self.handlers: list[Any] = []
        self.paths: list[str] = []
        self.app = types.SimpleNamespace(on_startup=[])
        self.routes = types.SimpleNamespace(route=self._route)

    def add_on_prompt_handler(self, handler: Any) -> None:
        self.handlers.append(handler)

    def _route(self, method: str, path: str) -> Any:
        self.paths.append(path)
        return lambda handler: handler


def install(models: Path) -> Server:
    """Put the stand-ins where the pack imports ComfyUI's modules from."""
    server = Server()
    io = Anything("io", (), {"ComfyNode": ComfyNode, "Custom": lambda name: Anything(name, (), {})})
    modules = {
        "folder_paths": {
            "folder_names_and_paths": {"wildcards": None},
            "get_folder_paths": lambda kind: [str(models / kind)],
            "models_dir": str(models),
        },
        "aiohttp": {"web": Anything("web", (), {})},
        "comfy": {},
        "comfy.cli_args": {"args": types.SimpleNamespace(disable_metadata=False)},
        "comfy_api": {},
        "comfy_api.latest": {"io": io},
        "server": {"PromptServer": types.SimpleNamespace(instance=server)},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module
    return server
