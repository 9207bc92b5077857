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

from .contents import Content
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
    packs = (child / "wildcards" for root in folder_paths.get_folder_paths("custom_nodes") for child in _children(root))
    others = sorted(folder for folder in packs if folder.is_dir() and folder.resolve() != PACK / "wildcards")
    models = Path(folder_paths.models_dir)
    folders = [data_folder() / "wildcards", *_shared(*_KINDS), models / "wildcards", *others, PACK / "wildcards"]
    return [folder for folder in dict.fromkeys(folders) if not folder.is_file()]


def profile_folders() -> list[Path]:
    """The person's own first, then what extra_model_paths.yaml names, the bundled ones last; the first wins."""
    return [data_folder() / "profiles", *_shared("orchestrator_profiles"), PACK / "profiles"]


def lore_folders() -> list[Path]:
    """Of lore books: the person's own, then what extra_model_paths.yaml names."""
    return [data_folder() / "lore", *_shared("orchestrator_lore")]


def _shared(*kinds: str) -> list[Path]:
    """The folders that extra_model_paths.yaml, or another pack, names as these kinds."""
    known = [kind for kind in kinds if kind in folder_paths.folder_names_and_paths]
    return [Path(path) for kind in known for path in folder_paths.get_folder_paths(kind)]


def _children(folder: str) -> Iterable[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []


def embeddings() -> Sequence[str]:
    found: list[str] = folder_paths.get_filename_list("embeddings")
    return found


def lora_folders() -> Sequence[str]:
    """All of them, those of extra_model_paths.yaml too; other packs may add some until the server is ready."""
    found: list[str] = folder_paths.get_folder_paths("loras")
    return found


def lora_names() -> Sequence[str]:
    """The files below them, as LoraLoader lists them. The host looks again where a folder was changed."""
    found: list[str] = folder_paths.get_filename_list("loras")
    return found


def lora_path(name: str) -> str | None:
    """Of a name as ``lora_names`` has it; None where there is no such file. Never outside of the LoRA folders."""
    found: str | None = folder_paths.get_full_path("loras", name)
    return found


def is_rendering() -> bool:
    """Whether the queue runs something now."""
    return bool(PromptServer.instance.prompt_queue.currently_running)


class Patching:
    """How ComfyUI puts LoRAs into models; ``lora_loading.Patching`` says what is asked of it.

    A model, or a CLIP, with LoRAs is a clone that knows what to add to its weights. Two clones of one model whose
    ``patches_uuid`` is the same have the same weights to ComfyUI, so that it need not touch them.
    """

    def load(self, path: str) -> Any:
        import comfy.utils

        return comfy.utils.load_torch_file(path, safe_load=True)

    def size(self, weights: Any) -> int:
        return sum(getattr(tensor, "nbytes", 0) for tensor in weights.values())

    def patched(self, model: Any, clip: Any, weights: Any, strengths: tuple[float, float]) -> tuple[Any, Any]:
        import comfy.sd

        found: tuple[Any, Any] = comfy.sd.load_lora_for_models(model, clip, weights, *strengths)
        return found

    def mark(self, patched: Any) -> object:
        """Differs between two states of one model's weights."""
        return None if patched is None else _patcher(patched).patches_uuid

    def patches(self, patched: Any) -> Any:
        """What a clone adds to the weights, to be kept without the model."""
        if patched is None:
            return None
        patcher = _patcher(patched)
        return {key: list(values) for key, values in patcher.patches.items()}, patcher.patches_uuid

    def count(self, patched: Any) -> int:
        """How many pieces are added."""
        return 0 if patched is None else sum(len(values) for values in _patcher(patched).patches.values())

    def again(self, plain: Any, patches: Any) -> Any:
        """A clone with what ``patches`` gave for a clone of the same model: the same weights to ComfyUI."""
        if plain is None or patches is None:
            return plain
        clone = plain.clone()
        kept, mark = patches
        _patcher(clone).patches = {key: list(values) for key, values in kept.items()}
        _patcher(clone).patches_uuid = mark
        return clone


def _patcher(model_or_clip: Any) -> Any:
    return getattr(model_or_clip, "patcher", model_or_clip)  # a CLIP has one


def text_vectors(clip: Any, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """What a CLIP makes of each text as a whole, at length 1; loaded and unloaded by ComfyUI as for a prompt.

    Raises ValueError for text encoders that make nothing of a whole text, as T5 alone.
    """
    import torch

    tokens = [clip.tokenize(text) for text in texts]
    kind = next((name for name in ("g", "l") if name in tokens[0]), "")
    part = getattr(clip.cond_stage_model, f"clip_{kind}", None)
    with torch.inference_mode():
        if part is None:
            found = [clip.encode_from_tokens(each, return_pooled=True)[1] for each in tokens]
        else:  # all at once
            clip.cond_stage_model.reset_clip_options()
            clip.load_model()
            found = [part.encode([[token for token, *_ in each[kind][0]] for each in tokens])[1]]
        if any(vectors is None for vectors in found):
            raise ValueError("it has no vector for a whole text")
        array: Any = torch.nn.functional.normalize(torch.cat(found).float(), dim=-1).cpu().numpy()
        vectors: Sequence[Sequence[float]] = array
    return vectors


def model_kinds(model: Any) -> tuple[Sequence[str], int]:
    """The class of a MODEL's config with its ancestors, as ("SDXL", "BASE"), and the width of a transformer, or 0."""
    config = getattr(getattr(model, "model", None), "model_config", None)
    unet = getattr(config, "unet_config", None)
    width = unet.get("dim", 0) if isinstance(unet, dict) else 0
    return [kind.__name__ for kind in type(config).__mro__[:-1]], width if isinstance(width, int) else 0


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


def send_to_all(event: str, data: Mapping[str, Any]) -> None:
    """To every browser window."""
    PromptServer.instance.send_sync(event, dict(data))


def current_client() -> str:
    """Whose graph is running; "" where a program sent it that does not listen."""
    return PromptServer.instance.client_id or ""


def running_prompt() -> str:
    """The id of the graph that is running."""
    return str(getattr(PromptServer.instance, "last_prompt_id", None) or "")


def add_routes(routes: Iterable[Route]) -> None:
    for route in routes:
        PromptServer.instance.routes.route(route.method, route.path)(_answering(route))


def _answering(route: Route) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        reply: Reply = await route.handler(request)
        if isinstance(reply.data, Content):
            return _response(reply.data)
        return web.json_response(reply.data, status=reply.status)

    return answer


def _response(found: Content) -> web.Response:
    kind = {"content_type": found.media_type, "charset": found.charset}
    return web.Response(body=found.body, status=found.status, headers=found.headers, **kind)


def when_started(call: Callable[[], object]) -> None:
    """Call it in a thread when the server is ready, so that neither its start nor its first answer waits."""

    async def begin(_: web.Application) -> None:
        threading.Thread(target=call, name="orchestrator-start", daemon=True).start()

    PromptServer.instance.app.on_startup.append(begin)
