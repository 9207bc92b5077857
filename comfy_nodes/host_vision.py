"""ComfyUI as scoring images needs it: blocked outputs, graphs that grow while they run, and where CLIP models lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import folder_paths

_KINDS = ("clip_score", "orchestrator_clip_score")  # of folder_paths, where extra_model_paths.yaml may name more


def blocked() -> Any:
    """In place of an output of which there is nothing: what needs it does not run, and no error is shown.

    ComfyUI's own nodes cannot take a batch of no images.
    """
    from comfy_execution.graph_utils import ExecutionBlocker

    return ExecutionBlocker(None)


def grown(
    copies: Mapping[str, Mapping[str, Any]], shown_at: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """``copies`` as nodes that the running graph grows by, and the id that each has there, by that of its original.

    Links among them lead to the copies. What a copy shows is shown at the node that ``shown_at`` names.
    """
    from comfy_execution.graph_utils import GraphBuilder

    builder = GraphBuilder()
    nodes = {key: builder.node(copy["class_type"], key, **copy["inputs"]) for key, copy in copies.items()}
    for key, node in nodes.items():
        node.set_override_display_id(shown_at.get(key, key))
        for name, value in list(node.inputs.items()):
            if isinstance(value, list) and len(value) == 2 and str(value[0]) in nodes:
                node.inputs[name] = nodes[str(value[0])].out(value[1])
    return builder.finalize(), {key: node.id for key, node in nodes.items()}


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


def _names(folder: Path) -> Iterable[str]:
    try:
        return [path.name for path in folder.iterdir() if path.is_dir() or path.suffix in (".safetensors", ".onnx")]
    except OSError:
        return []
