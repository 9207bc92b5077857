"""What a Story Memory node does with its inputs and outputs; apart from the node, since ComfyUI's start should not wait
for what this imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import Cancelled, ConfigError
from orchestrator_core.stages.follow_story import Options

from . import host, host_language
from .checkpoint_family import checkpoint_of, loader_file
from .drafts import draft_of
from .host import io
from .image_info import note_told
from .option_inputs import option_input
from .routes import what_is_wrong
from .sockets import DraftSocket, LlmSocket
from .story_part import StoryServices
from .story_telling import Asked, background_text, next_scene, options_of, scene_card, version_of


def inputs() -> list[io.Input]:
    """The sockets, then every option of the stage, in its order: workflows keep a list, so new ones come at the end."""
    return [
        DraftSocket.Input("draft", optional=True, tooltip="What happens in the scene, from a Wildcard Prompt."),
        io.String.Input("text", optional=True, force_input=True, tooltip="The prompt, in place of the draft's."),
        io.Model.Input(
            "model", optional=True, tooltip="What will render it: some lore is only for one family of models."
        ),
        LlmSocket.Input(
            "llm", optional=True, tooltip="A language model that may propose what is new of somebody, in develop."
        ),
        *(option_input(name, Options) for name in Options.model_fields),
    ]


def fingerprint(services: StoryServices, values: Mapping[str, Any]) -> str:
    """ "" where no story is told."""
    story, action = values.get("story", ""), values.get("action", "continue")
    if action == "off" or (story is not None and not str(story).strip()):
        return ""
    return version_of(services, story)


def told(services: StoryServices, hidden: Any, values: Mapping[str, Any]) -> io.NodeOutput:
    """Tell the scene, and say what it is. ``hidden`` are the node's hidden inputs."""
    node_id, model = str(hidden.unique_id), values.get("model")
    checkpoint = checkpoint_of(*host.model_kinds(model), loader_file(hidden.prompt, node_id))
    before = draft_of(values.get("draft"), values.get("text"))
    try:
        asked = Asked(options_of(values), checkpoint, values.get("llm"), host.running_prompt(), node_id)
        followed = next_scene(services, before, asked)
    except ValidationError as error:
        raise ConfigError(f"Story Memory cannot be used so: {what_is_wrong(error)}") from error
    except Cancelled:
        host_language.end_if_interrupted()
        raise
    draft = followed.draft
    noted = note_told(hidden.extra_pnginfo, node_id, draft)
    texts = (draft.positive, draft.negative_prompt, background_text(draft), followed.report)
    return io.NodeOutput(draft, *texts, ui={"orchestrator_story": [{**scene_card(followed), "told": noted}]})
