"""ComfyUI as scoring images needs it: blocked outputs, graphs that grow while they run, and where CLIP models lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import folder_paths

from orchestrator_core.formats.comfy_links import link_of

_KINDS = ("clip_score", "orchestrator_clip_score")  # of folder_paths, where extra_model_paths.yaml may name more


def blocked() -> Any:
    """In place of an output of which there is nothing: what needs it does not run, and no error is shown.

    ComfyUI's own nodes cannot take a batch of no images.
    """
    from comfy_execution.graph_utils import ExecutionBlocker

    return ExecutionBlocker(None)


def nodes_of(running: Any) -> Callable[[str], Mapping[str, Any] | None]:
    """The nodes of a running graph by their ids, those too that it has grown by."""

    def get(node_id: str) -> Mapping[str, Any] | None:
        node: Mapping[str, Any] | None = running.get_node(node_id) if running.has_node(node_id) else None
        return node

    return get


def grown(copies: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """``copies`` as nodes that the running graph grows by, and the id that each has there, by that of its original.

    Links among them lead to the copies. What a copy shows is shown at its original.
    """
    from comfy_execution.graph_utils import GraphBuilder

    builder = GraphBuilder()
    nodes = {key: builder.node(copy["class_type"], key) for key, copy in copies.items()}
    for key, node in nodes.items():
        node.set_override_display_id(key)
        for name, value in copies[key]["inputs"].items():
            link = link_of(value)
            node.inputs[name] = nodes[link[0]].out(link[1]) if link and link[0] in nodes else value
    return builder.finalize(), {key: node.id for key, node in nodes.items()}


def image_path(filename: str, subfolder: str, kind: str) -> Path | None:
    """Where an image is that the browser asks ``/view`` for; None where there is none. Never outside of its folder."""
    root = folder_paths.get_directory_by_type(kind)
    if root is None:
        return None
    folder = Path(root).resolve()
    try:
        path = (folder / subfolder / filename).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, ValueError):  # a NUL, or a name that no file can have
        return None


def score_folders() -> list[Path]:
    """Where the models that score images are looked for by a name. None is made."""
    known = [kind for kind in _KINDS if kind in folder_paths.folder_names_and_paths]
    shared = [Path(path) for kind in known for path in folder_paths.get_folder_paths(kind)]
    models = Path(folder_paths.models_dir) / "clip_score"
    return [folder for folder in dict.fromkeys([*shared, models]) if folder.is_dir()]


def score_names() -> list[str]:
    """The models below these folders, by the names that a node takes: folders, or single files."""
    found = (name for folder in score_folders() for name in _names(folder))
    return sorted(dict.fromkeys(found), key=str.lower)


def vocabulary() -> str:
    """The folder of CLIP's vocabulary that ComfyUI brings for its own text encoders."""
    import comfy.sd1_clip

    return str(Path(comfy.sd1_clip.__file__).with_name("sd1_tokenizer"))


def _names(folder: Path) -> Iterable[str]:
    try:
        return [path.name for path in folder.iterdir() if path.is_dir() or path.suffix in (".safetensors", ".onnx")]
    except OSError:
        return []
