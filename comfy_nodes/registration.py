"""Puts the pack into a running ComfyUI: one set of services, the nodes, the handler that draws, the routes."""

from __future__ import annotations

from typing import Any

from orchestrator_core.config import data_folder
from orchestrator_core.template import Wildcards

from . import host
from .lora_answers import LoraAnswers
from .lora_choosing import Choosing
from .lora_civitai import LoraCivitai
from .lora_loading import Loading
from .lora_meanings import Meanings
from .lora_routes import lora_action_routes, lora_routes
from .lora_selector import LoraSelector
from .lora_shelf import LoraShelf
from .lora_stack_apply import LoraStackApply
from .lora_testing import LoraTesting
from .lora_uses import Files
from .populate import Populate
from .prompt_inspector import PromptInspector
from .routes import routes
from .run_recorder import RunRecorder
from .save_image import SaveImageWithOrigin
from .services import LoraServices, Services
from .sharing_routes import SharingAnswers, sharing_routes
from .wildcard_prompt import WildcardPrompt


def register() -> dict[str, type[Any]]:
    """The nodes by id. Called once, when ComfyUI imports the pack."""
    wildcards = Wildcards(host.wildcard_folders(), cache=data_folder() / "cache")
    services = Services(wildcards, host.send)
    host.when_started(wildcards.names)  # the first prompt finds the folders read
    host.add_prompt_handler(Populate(services))
    host.add_routes(routes(wildcards, host.embeddings))
    host.add_routes(sharing_routes(SharingAnswers(wildcards, host.version, host.node_info, host.view_of)))
    # ComfyUI knows nodes as classes, and makes none itself: what a node needs is given to a class of its own.
    drawing: type[Any] = type("WildcardPrompt", (WildcardPrompt,), {"services": services})
    nodes: tuple[type[Any], ...] = (drawing, PromptInspector, SaveImageWithOrigin, RunRecorder, *_lora_nodes(wildcards))
    return {node.define_schema().node_id: node for node in nodes}


def _lora_nodes(wildcards: Wildcards) -> tuple[type[Any], ...]:
    """The LoRA library begins to look when the server is ready; until then nothing is read and nothing opened."""
    shelf = LoraShelf(host.lora_folders, host.is_rendering, host.send_to_all)
    services = LoraServices(
        shelf,
        Choosing(shelf.ready),
        Loading(host.Patching()),
        Files(host.lora_names, host.lora_path),
        Meanings(host.text_vectors, shelf.vectors),
    )
    host.when_started(shelf.start)
    answers = LoraAnswers(shelf)
    testing = LoraTesting(answers, wildcards, host.lora_path, host.node_info)
    host.add_routes((*lora_routes(answers), *lora_action_routes(LoraCivitai(shelf, answers), testing)))
    return tuple(type(node.__name__, (node,), {"loras": services}) for node in (LoraSelector, LoraStackApply))
