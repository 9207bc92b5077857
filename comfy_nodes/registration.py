"""Puts the pack into a running ComfyUI: one set of services, the nodes, the handler that draws, the routes."""

from __future__ import annotations

from typing import Any

from orchestrator_core.config import data_folder
from orchestrator_core.template import Wildcards

from . import host
from .llm_enhance import LLM_ENHANCE, LlmEnhance
from .llm_model import LLM_MODEL, LlmModel
from .llm_part import LlmPart
from .llm_routes import llm_routes
from .lora_part import LoraPart
from .lora_routes import lora_action_routes, lora_routes
from .lora_selector import LORA_SELECTOR, LoraSelector
from .lora_stack_apply import LORA_STACK_APPLY, LoraStackApply
from .populate import Populate
from .profile_shelf import ProfileShelf
from .prompt_inspector import PromptInspector
from .routes import routes
from .run_recorder import RunRecorder
from .save_image import SaveImageWithOrigin
from .services import Services
from .sharing_routes import SharingAnswers, sharing_routes
from .widgets import WILDCARD_PROMPT
from .wildcard_prompt import WildcardPrompt


def register() -> dict[str, type[Any]]:
    """The nodes by id. Called once, when ComfyUI imports the pack."""
    wildcards = Wildcards(host.wildcard_folders(), cache=data_folder() / "cache")
    profiles = ProfileShelf(host.profile_folders)
    services = Services(wildcards, host.send, profiles)
    host.when_started(wildcards.names)  # the first prompt finds the folders read
    host.when_started(profiles.start)
    host.add_prompt_handler(Populate(services))
    host.add_routes(routes(wildcards, host.embeddings, profiles))
    host.add_routes(sharing_routes(SharingAnswers(wildcards, host.version, host.node_info, host.view_of)))
    # ComfyUI knows nodes as classes, and makes none itself: what a node needs is given to a class of its own.
    drawing: type[Any] = type("WildcardPrompt", (WildcardPrompt,), {"services": services})
    nodes: tuple[type[Any], ...] = (PromptInspector, SaveImageWithOrigin, RunRecorder)
    plain = {node.define_schema().node_id: node for node in nodes}
    # Not asked for its schema now, which lists the genres: no start waits for their files.
    return {WILDCARD_PROMPT: drawing} | plain | _lora_nodes(LoraPart(wildcards)) | _llm_nodes(LlmPart())


def _lora_nodes(part: LoraPart) -> dict[str, type[Any]]:
    """The LoRA library begins to look when the server is ready; until then nothing is imported, read or opened."""
    host.when_started(part.start)
    host.add_routes((*lora_routes(part.answers), *lora_action_routes(part.civitai, part.testing)))
    given = {"loras": staticmethod(part.services)}
    nodes: dict[str, type[Any]] = {LORA_SELECTOR: LoraSelector, LORA_STACK_APPLY: LoraStackApply}
    return {node_id: type(node.__name__, (node,), given) for node_id, node in nodes.items()}


def _llm_nodes(part: LlmPart) -> dict[str, type[Any]]:
    host.add_routes(llm_routes(part.listing))
    given = {"language": staticmethod(part.services)}
    nodes: dict[str, type[Any]] = {LLM_MODEL: LlmModel, LLM_ENHANCE: LlmEnhance}
    return {node_id: type(node.__name__, (node,), given) for node_id, node in nodes.items()}
