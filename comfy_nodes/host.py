"""ComfyUI as the pack knows it: the only file that names its modules. Nothing of the host is changed here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
from aiohttp import web
from comfy.cli_args import args
from comfy_api.latest import io
from server import PromptServer

from orchestrator_core.config import data_folder

from .routes import Reply, Route

__all__ = ["io"]

PACK = Path(__file__).resolve().parent.parent
_KINDS = ("orchestrator_wildcards", "wildcards")  # of folder_paths, where extra_model_paths.yaml may name more


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next images go: ``<folder>/<stem>_00001_.png``, which the browser asks for by ``subfolder``."""

    folder: Path
    stem: str
    counter: int
    subfolder: str


def wildcard_folders() -> list[Path]:
    """The person's own first, then those of the host and of other packs, the bundled ones last; the first wins."""
    shared = [path for kind in _KINDS if kind in folder_paths.folder_names_and_paths
              for path in folder_paths.get_folder_paths(kind)]  # fmt: skip
    packs = (child / "wildcards" for root in folder_paths.get_folder_paths("custom_nodes") for child in _children(root))
    others = sorted(folder for folder in packs if folder.is_dir() and folder.resolve() != PACK / "wildcards")
    models = Path(folder_paths.models_dir)
    folders = [data_folder() / "wildcards", *map(Path, shared), models / "wildcards", *others, PACK / "wildcards"]
    return [folder for folder in dict.fromkeys(folders) if not folder.is_file()]


def _children(folder: str) -> Iterable[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []


def embeddings() -> Sequence[str]:
    found: list[str] = folder_paths.get_filename_list("embeddings")
    return found


def version() -> str:
    """ComfyUI's own."""
    import comfyui_version

    return str(comfyui_version.__version__)


def node_info(kinds: Iterable[str]) -> dict[str, Any]:
    """What ``/object_info`` says of these node classes; of one that cannot describe itself, nothing."""
    import nodes

    found = {}
    for kind in kinds:
        with suppress(Exception):  # a pack's own code; the server passes it over as well
            if node := nodes.NODE_CLASS_MAPPINGS.get(kind):
                found[kind] = _described(kind, node)
    return found


def _described(kind: str, node: Any) -> dict[str, Any]:
    import nodes

    if hasattr(node, "GET_NODE_INFO_V1"):
        return dict(node.GET_NODE_INFO_V1())
    inputs = node.INPUT_TYPES()
    return {
        "input": inputs,
        "input_order": {group: list(names) for group, names in inputs.items()},
        "output": node.RETURN_TYPES,
        "output_name": getattr(node, "RETURN_NAMES", node.RETURN_TYPES),
        "display_name": nodes.NODE_DISPLAY_NAME_MAPPINGS.get(kind, kind),
        "python_module": getattr(node, "RELATIVE_PYTHON_MODULE", "nodes"),
    }


def view_of(path: Path) -> dict[str, str] | None:
    """How the browser asks for an image with ``/view``; None where it is gone, or not in the output folder."""
    output = Path(folder_paths.get_output_directory()).resolve()
    place = path.resolve()
    if not (place.is_relative_to(output) and place.is_file()):
        return None
    return {"filename": place.name, "subfolder": place.parent.relative_to(output).as_posix(), "type": "output"}


def save_place(prefix: str, width: int, height: int) -> Place:
    """By the host's rules for prefixes; the host itself refuses one that leads out of the output folder."""
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Place(Path(folder), stem, counter, subfolder)


def is_inside_output(prefix: str) -> bool:
    output = Path(folder_paths.get_output_directory()).resolve()
    return (output / prefix).resolve().is_relative_to(output)


def wants_metadata() -> bool:
    """False where the server was started with --disable-metadata."""
    return not args.disable_metadata


def add_prompt_handler(handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    PromptServer.instance.add_on_prompt_handler(handler)


def send(event: str, data: Mapping[str, Any], client: str) -> None:
    """To one browser window. ComfyUI would send to all of them where no client is named."""
    if client:
        PromptServer.instance.send_sync(event, dict(data), client)


def current_client() -> str:
    """Whose graph is running; "" where a program sent it that does not listen."""
    return PromptServer.instance.client_id or ""


def add_routes(routes: Iterable[Route]) -> None:
    for route in routes:
        PromptServer.instance.routes.route(route.method, route.path)(_answering(route))


def _answering(route: Route) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        reply: Reply = await route.handler(request)
        return web.json_response(reply.data, status=reply.status)

    return answer


def when_started(call: Callable[[], object]) -> None:
    """Call it in a thread when the server is ready, so that neither its start nor its first answer waits."""

    async def begin(_: web.Application) -> None:
        threading.Thread(target=call, name="orchestrator-start", daemon=True).start()

    PromptServer.instance.app.on_startup.append(begin)
