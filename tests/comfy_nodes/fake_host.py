"""As much of ComfyUI as registering the pack touches, for a process of its own. It keeps what it was given."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any


class Part:
    """An input, an output, a type: made with any arguments, and named by the first."""

    def __init__(self, name: str = "", *_: Any, **options: Any) -> None:
        self.id = name
        self.options = options


class Kind:
    Input = Part
    Output = Part


class Schema:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Routes(list[tuple[str, str]]):
    def route(self, method: str, path: str) -> Any:
        self.append((method, path))
        return lambda handler: handler


class Server:
    def __init__(self) -> None:
        self.routes = Routes()
        self.handlers: list[Any] = []
        self.client_id = None

    def add_on_prompt_handler(self, handler: Any) -> None:
        self.handlers.append(handler)


def install(models: str) -> Server:
    """Put the modules where the pack looks for them; returns the server that it registers with."""
    server = Server()
    kinds = ("String", "Int", "Combo", "Boolean", "Image", "Clip")
    io = SimpleNamespace(
        **dict.fromkeys(kinds, Kind),
        ComfyNode=object,
        Input=Part,
        Schema=Schema,
        NodeOutput=Part,
        Custom=lambda name: Kind,
        Hidden=SimpleNamespace(unique_id=1, prompt=2, extra_pnginfo=3),
    )
    folders = {
        "folder_names_and_paths": {},
        "models_dir": models,
        "get_folder_paths": lambda kind: [],
        "get_filename_list": lambda kind: [],
        "get_output_directory": lambda: models,
    }
    _add("folder_paths", **folders)
    _add("comfy")
    _add("comfy.cli_args", args=SimpleNamespace(disable_metadata=False))
    _add("comfy_api")
    _add("comfy_api.latest", io=io)
    _add("server", PromptServer=SimpleNamespace(instance=server))
    _add("aiohttp", web=SimpleNamespace(Request=object, Response=object, json_response=Part))
    return server


def _add(name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
