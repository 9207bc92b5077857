"""ComfyUI as language models need it: the rest of host.py, and beside it the only file that names its modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy.cli_args import args
from server import PromptServer

if TYPE_CHECKING:
    from orchestrator_core.llm.residence import Residence

_KINDS = ("LLM", "llm", "text_encoders")  # of folder_paths, and below models/, where packs put language models


def residence() -> Residence:
    """ComfyUI's own memory manager, which moves its image models too."""
    import comfy.model_management
    import comfy.model_patcher

    from orchestrator_core.llm.residence import ManagedResidence

    return ManagedResidence(comfy.model_management, comfy.model_patcher.ModelPatcher)


def is_interrupted() -> bool:
    """Whether somebody wants the running graph to end."""
    import comfy.model_management

    return bool(comfy.model_management.processing_interrupted())


def end_if_interrupted() -> None:
    """Ends the graph in ComfyUI's own way, if somebody wants it to."""
    import comfy.model_management

    comfy.model_management.throw_exception_if_processing_interrupted()


def is_last_prompt() -> bool:
    """Whether nothing waits in the queue behind what runs now."""
    return bool(PromptServer.instance.prompt_queue.get_tasks_remaining() <= 1)


def settings() -> Mapping[str, Any]:
    """What the person has set on ComfyUI's page, by ids.

    Nothing where the server has several users: a graph that runs does not say whose it is.
    """
    if args.multi_user:
        return {}
    path = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def language_folders() -> list[Path]:
    """Where language models are looked for by a name."""
    known = [kind for kind in _KINDS if kind in folder_paths.folder_names_and_paths]
    shared = [Path(path) for kind in known for path in folder_paths.get_folder_paths(kind)]
    models = Path(folder_paths.models_dir)
    return [folder for folder in dict.fromkeys([*shared, *(models / kind for kind in _KINDS)]) if folder.is_dir()]
