"""Puts the pack into a running ComfyUI: one set of services, the nodes, the handler that draws, the routes."""

from __future__ import annotations

from typing import Any

from orchestrator_core.api.wire import PREFIX
from orchestrator_core.config import data_folder
from orchestrator_core.template import Wildcards

from . import host, host_api, host_language, host_queue, host_vision
from .api_bridge import ApiBridge
from .api_part import ApiPart
from .learn_part import LaterOdds, LearnPart
from .learn_recorder import FeedbackRecorder
from .learn_routes import learn_routes
from .llm_enhance import LlmEnhance
from .llm_model import LLM_MODEL, LlmModel
from .llm_part import LlmPart
from .llm_routes import llm_routes
from .lora_part import LoraPart
from .lora_routes import lora_action_routes, lora_routes
from .lora_selector import LORA_SELECTOR, LoraSelector
from .lora_stack_apply import LORA_STACK_APPLY, LoraStackApply
from .pipeline_routes import PipelinePart, pipeline_routes
from .populate import Populate
from .profile_loader import ProfileLoader
from .profile_names import PROFILE_LOADER
from .profile_shelf import ProfileShelf
from .prompt_inspector import INSPECTOR, PromptInspector
from .queue_part import QueueHost, QueuePart
from .recording import Recording
from .routes import routes
from .run_recorder import RECORDER, RunRecorder
from .save_image import SAVE_IMAGE, SaveImageWithOrigin
from .score_clip import ClipScorer
from .score_model import ScorerModel
from .score_names import CLIP_SCORER, FEEDBACK_RECORDER, RETRY_UNTIL, SCORER_MODEL
from .score_part import ScorePart
from .score_retry import RetryUntil
from .services import Services
from .sharing_routes import SharingAnswers, sharing_routes
from .story_memory import STORY_MEMORY, StoryMemory
from .story_part import StoryPart
from .story_routes import profile_routes, story_routes
from .widgets import LLM_ENHANCE, WILDCARD_PROMPT
from .wildcard_prompt import WildcardPrompt


def register() -> dict[str, type[Any]]:
    """The nodes by id. Called once, when ComfyUI imports the pack."""
    wildcards = Wildcards(host.wildcard_folders(), cache=data_folder() / "cache")
    profiles = ProfileShelf(host.profile_folders)
    recorded = Recording(host.send_to_all)
    learning = LearnPart(recorded, host_vision.image_path, host.send_to_all)
    odds = LaterOdds(learning.learning)
    services = Services(wildcards, host.send, profiles, odds)
    host.when_started(wildcards.names)  # the first prompt finds the folders read
    host.when_started(profiles.start)
    host.add_prompt_handler(Populate(services))
    host.add_routes(routes(wildcards, host.embeddings, profiles))
    host.add_routes(sharing_routes(SharingAnswers(wildcards, host.version, host.node_info, host.view_of, profiles)))
    host.add_routes(profile_routes(profiles))
    recording = {"recording": recorded}
    loras = LoraPart(wildcards, profiles, odds)
    scoring = ScorePart(wildcards, loras.library, profiles)
    stories = StoryPart(profiles, host.lore_folders, host.view_of, host.send_to_all)
    queue = QueuePart(_queue_host(), wildcards, profiles, loras.library, stories.services)
    host.when_started(queue.start)
    pages = PipelinePart(queue.place, lambda: data_folder() / "pipelines", host.node_info, host.view_of)
    host.add_routes(pipeline_routes(pages))
    asked = (host_api.listens_on, queue.place.ensure_worker, host.PACK / "web" / "dist", host_queue.output_folder)
    api = ApiPart(wildcards, profiles, loras.library, stories.services, *asked)
    host_api.add_api(PREFIX, ApiBridge(api.service))
    return {
        WILDCARD_PROMPT: _given(WildcardPrompt, services=services),
        INSPECTOR: PromptInspector,
        SAVE_IMAGE: _given(SaveImageWithOrigin, **recording),
        RECORDER: _given(RunRecorder, **recording),
        **_lora_nodes(loras),
        **_llm_nodes(LlmPart()),
        **_score_nodes(scoring),
        **_learn_nodes(learning.of(services)),
        PROFILE_LOADER: _given(ProfileLoader, shelf=profiles),
        **_story_nodes(stories),
    }


def _queue_host() -> QueueHost:
    return QueueHost(
        host_queue.own_url,
        host_queue.output_folder,
        host_language.settings,
        host_language.language_folders,
        host_vision.score_folders,
        host_vision,
        host_queue.when_ending,
        host.wants_metadata,
    )


def _given(node: type[Any], **services: Any) -> type[Any]:
    """ComfyUI knows nodes as classes, and makes none itself: what a node needs is given to a class of its own.

    None is asked for its schema here: some list what files there are, and no start waits for those.
    """
    return type(node.__name__, (node,), services)


def _lora_nodes(part: LoraPart) -> dict[str, type[Any]]:
    """The LoRA library begins to look when the server is ready; until then nothing is imported, read or opened."""
    host.when_started(part.start)
    host.add_routes((*lora_routes(part.answers), *lora_action_routes(part.civitai, part.testing)))
    given = {"loras": staticmethod(part.services)}
    nodes: dict[str, type[Any]] = {LORA_SELECTOR: LoraSelector, LORA_STACK_APPLY: LoraStackApply}
    return {node_id: type(node.__name__, (node,), given) for node_id, node in nodes.items()}


def _story_nodes(part: StoryPart) -> dict[str, type[Any]]:
    host.add_routes(story_routes(part.answers))
    return {STORY_MEMORY: _given(StoryMemory, story_services=staticmethod(part.services))}


def _score_nodes(part: ScorePart) -> dict[str, type[Any]]:
    given = {"scoring": staticmethod(part.services)}
    nodes: dict[str, type[Any]] = {CLIP_SCORER: ClipScorer, SCORER_MODEL: ScorerModel}
    return {**{node_id: _given(node, **given) for node_id, node in nodes.items()}, RETRY_UNTIL: RetryUntil}


def _learn_nodes(part: LearnPart) -> dict[str, type[Any]]:
    host.add_routes(learn_routes(part.answers))
    host.when_started(part.start)
    return {FEEDBACK_RECORDER: _given(FeedbackRecorder, learning=staticmethod(part.services))}


def _llm_nodes(part: LlmPart) -> dict[str, type[Any]]:
    host.add_routes(llm_routes(part.listing))
    given = {"language": staticmethod(part.services)}
    nodes: dict[str, type[Any]] = {LLM_MODEL: LlmModel, LLM_ENHANCE: LlmEnhance}
    return {node_id: type(node.__name__, (node,), given) for node_id, node in nodes.items()}
