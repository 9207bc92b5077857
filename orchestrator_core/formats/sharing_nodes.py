"""What sharing knows of node classes: our own, which stock templates do without, and where each kind of model lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from orchestrator_core.formats.core_nodes import CORE_NODES
from orchestrator_core.formats.infotext import MODEL_SUFFIXES
from orchestrator_core.formats.node_definitions import CONTROLS, InputDefinition, NodeDefinition, node_definition
from orchestrator_core.formats.sharing_ours import LINE as _LINE
from orchestrator_core.formats.sharing_ours import PROMPT as _PROMPT
from orchestrator_core.formats.sharing_ours import SCORING_NODES
from orchestrator_core.formats.sharing_ours import ours as _ours

Node = dict[str, Any]

CORE_ID: Final = "comfy-core"
OLDEST_COMFYUI = "0.3.64"  # what our nodes need
WILDCARD_PROMPT = "OrchestratorWildcardPrompt"
INSPECTOR = "OrchestratorPromptInspector"
SAVE_IMAGE = "OrchestratorSaveImage"
RECORDER = "OrchestratorRunRecorder"
LORA_SELECTOR = "OrchestratorLoRASelector"
LORA_STACK_APPLY = "OrchestratorLoRAStackApply"
PROFILE_LOADER = "OrchestratorProfileLoader"
STORY_MEMORY = "OrchestratorStoryMemory"
LLM_ENHANCE = "OrchestratorLLMEnhance"
LLM_MODEL = "OrchestratorLLMModel"
LORA_NODES = (LORA_SELECTOR, LORA_STACK_APPLY)
TELLING_NODES = (STORY_MEMORY, LLM_ENHANCE)  # whose outputs are a draft, its text, and its negative text
LORA_LOADERS = ("LoraLoader", "LoraLoaderModelOnly")  # ComfyUI's own
NOTES = ("MarkdownNote", "Note")
VIRTUAL = frozenset({*NOTES, "Reroute", "PrimitiveNode"})  # of the frontend alone

# As a server's /object_info has them, so far as the canvas format depends on it; tests/hosts compares the two.
OUR_NODES: dict[str, dict[str, Any]] = {
    WILDCARD_PROMPT: _ours(
        "Wildcard Prompt",
        {"template": _PROMPT},
        {
            "negative_template": _PROMPT,
            "populated_text": _PROMPT,
            "populated_negative": _PROMPT,
            "mode": ["COMBO", {"default": "populate"}],
            "dialect": ["COMBO", {"default": "dynamicprompts"}],
            "method": ["COMBO", {"default": "random"}],
            "seed": ["INT", {"default": 0, "control_after_generate": True}],
            "index": ["INT", {"default": -1}],
            "missing": ["COMBO", {"default": "keep"}],
            "rerolls": ["STRING", {"default": ""}],
            "profiles": _PROMPT,
            "genre": ["COMBO", {"default": ""}],
        },
        ("positive", "STRING"), ("negative", "STRING"), ("draft", "PROMPT_DRAFT"), ("seed", "INT"),
    ),
    INSPECTOR: _ours(
        "Prompt Inspector",
        {},
        {"draft": ["PROMPT_DRAFT", {}], "text": ["STRING", {"forceInput": True}], "clip": ["CLIP", {}]},
        ("draft", "PROMPT_DRAFT"), ("text", "STRING"),
    ),
    SAVE_IMAGE: _ours(
        "Save Image With Origin",
        {
            "images": ["IMAGE", {}],
            "filename_prefix": ["STRING", {"default": "orchestrator"}],
            "format": ["COMBO", {"default": "png"}],
            "quality": ["INT", {"default": 92}],
            "lossless": ["BOOLEAN", {"default": False}],
            "with_workflow": ["BOOLEAN", {"default": True}],
        },
        {"draft": ["PROMPT_DRAFT", {}]},
        ("SAVED_IMAGES", "SAVED_IMAGES"),
    ),
    RECORDER: _ours(
        "Run Recorder", {"draft": ["PROMPT_DRAFT", {}]}, {"saved": ["SAVED_IMAGES", {}]}, ("STRING", "STRING")
    ),
    LORA_SELECTOR: _ours(
        "LoRA Selector",
        {"model": ["MODEL", {}]},
        {
            "clip": ["CLIP", {}],
            "draft": ["PROMPT_DRAFT", {}],
            "text": ["STRING", {"forceInput": True}],
            "lora_stack": ["LORA_STACK", {}],
            "max_loras": ["INT", {"default": 3}],
            "total_strength": ["FLOAT", {"default": 1.8}],
            "strength": ["FLOAT", {"default": 0.8}],
            "include": _PROMPT,
            "exclude": _PROMPT,
            "never_together": _PROMPT,
            "query": _LINE,
            "minimum_evidence": ["FLOAT", {"default": 0.25}],
            "variety": ["FLOAT", {"default": 0.2}],
            "insert_trigger_words": ["COMBO", {"default": "matched"}],
            "allow_accelerators": ["BOOLEAN", {"default": False}],
            "semantic": ["BOOLEAN", {"default": False}],
        },
        ("model", "MODEL"), ("clip", "CLIP"), ("text", "STRING"), ("draft", "PROMPT_DRAFT"),
        ("lora_stack", "LORA_STACK"), ("report", "STRING"),
    ),
    PROFILE_LOADER: _ours(
        "Profile Loader",
        {},
        {
            "profiles": ["STRING", {"forceInput": True}],
            "character": ["COMBO", {"default": ""}],
            "setting": ["COMBO", {"default": ""}],
            "style": ["COMBO", {"default": ""}],
            "genre": ["COMBO", {"default": ""}],
            "more": _LINE,
        },
        ("profiles", "STRING"), ("negative", "STRING"), ("family", "STRING"), ("report", "STRING"),
    ),
    STORY_MEMORY: _ours(
        "Story Memory",
        {},
        {
            "draft": ["PROMPT_DRAFT", {}],
            "text": ["STRING", {"forceInput": True}],
            "model": ["MODEL", {}],
            "llm": ["ORCHESTRATOR_LLM", {}],
            "story": _LINE,
            "action": ["COMBO", {"default": "continue"}],
            "who": _LINE,
            "where": _LINE,
            "when": _LINE,
            "mood": _LINE,
            "outfit": _PROMPT,
            "lore": ["BOOLEAN", {"default": True}],
            "lore_tokens": ["INT", {"default": 300}],
            "recent_scenes": ["INT", {"default": 3}],
        },
        ("draft", "PROMPT_DRAFT"), ("positive", "STRING"), ("negative", "STRING"), ("background", "STRING"),
        ("report", "STRING"),
    ),
    LORA_STACK_APPLY: _ours(
        "Apply LoRA Stack",
        {"model": ["MODEL", {}], "lora_stack": ["LORA_STACK", {}]},
        {"clip": ["CLIP", {}]},
        ("model", "MODEL"), ("clip", "CLIP"),
    ),
    LLM_MODEL: _ours(
        "LLM Model",
        {},
        {
            "backend": ["COMBO", {"default": "openai"}],
            **dict.fromkeys(("url", "model", "folder"), _LINE),
            "connect_s": ["FLOAT", {"default": 3.0}],
            "first_token_s": ["FLOAT", {"default": 30.0}],
            "total_s": ["FLOAT", {"default": 120.0}],
            "keep_alive": _LINE,
            "max_memory_gb": ["FLOAT", {"default": 0.0}],
            "clip": ["CLIP", {}],
        },
        ("llm", "ORCHESTRATOR_LLM"),
    ),
    LLM_ENHANCE: _ours(
        "LLM Enhance",
        {},
        {
            "draft": ["PROMPT_DRAFT", {}],
            "text": ["STRING", {"forceInput": True}],
            "llm": ["ORCHESTRATOR_LLM", {}],
            "model": ["MODEL", {}],
            "clip": ["CLIP", {}],
            "mode": ["COMBO", {"default": "append"}],
            "style": ["COMBO", {"default": "auto"}],
            "amount": ["INT", {"default": 6}],
            "temperature": ["FLOAT", {"default": 0.7}],
            "instruction": _PROMPT,
            "keep": _LINE,
            "forbidden": _LINE,
            "max_tokens": ["INT", {"default": 0}],
            "seed": ["INT", {"default": -1, "control_after_generate": False}],
            "refresh": ["INT", {"default": 0}],
            "on_error": ["COMBO", {"default": "keep"}],
        },
        ("draft", "PROMPT_DRAFT"), ("positive", "STRING"), ("negative", "STRING"), ("natural", "STRING"),
        ("status", "STRING"), ("report", "STRING"),
    ),
    **SCORING_NODES,
}  # fmt: skip

# Widget → the folder below models/ that its files are in; of one name with several meanings, by class.
_DIRECTORIES = {
    "ckpt_name": "checkpoints",
    "lora_name": "loras",
    "lora": "loras",
    "vae_name": "vae",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "clip_name3": "text_encoders",
    "clip_name4": "text_encoders",
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "name": "model_patches",
}
_OF_CLASS = {
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
    ("LatentUpscaleModelLoader", "model_name"): "latent_upscale_models",
    ("DiffusersLoader", "model_path"): "diffusers",
    ("PhotoMakerLoader", "photomaker_model_name"): "photomaker",
    ("AudioEncoderLoader", "audio_encoder_name"): "audio_encoders",
}
_MODEL_FILE = re.compile(rf"[^\n]+(?:{'|'.join(re.escape(suffix) for suffix in (*MODEL_SUFFIXES, '.onnx'))})", re.I)


def is_ours(node: Node) -> bool:
    return str(node["type"]).startswith("Orchestrator")


def is_model_file(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) < 500 and _MODEL_FILE.fullmatch(value.strip()) is not None


def model_directory(class_type: str, widget: str) -> str:
    """The folder below ``models/``, "" where it is not known."""
    return _OF_CLASS.get((class_type, widget)) or _DIRECTORIES.get(widget, "")


def definition_of(class_type: str, object_info: Mapping[str, Any] | None) -> NodeDefinition | None:
    """From the server's answer, or else from what we know of ComfyUI's nodes and our own."""
    return node_definition(class_type, {**OUR_NODES, **(object_info or {})})


def is_core(class_type: str, definition: NodeDefinition | None) -> bool:
    module = definition.module.split(".")[0] if definition else ""
    return class_type in CORE_NODES or module in ("nodes", "comfy_extras", "comfy_api_nodes")


def widget_places(node: Node, definition: NodeDefinition | None) -> dict[str, int]:
    """Name → position in ``widgets_values``, for the widgets that this node has values of.

    Without a definition, from what newer frontends say in its inputs. A workflow of an older version has fewer values.
    """
    values = node.get("widgets_values")
    if not isinstance(values, list):
        return {}
    places, position = {}, 0
    for item in definition.widgets if definition else _named_by_slots(node):
        if position >= len(values):
            break
        places[item.name] = position
        position += 1
        if item.extra and position < len(values) and (item.extra != "fixed" or values[position] in CONTROLS):
            position += 1
    return places


def _named_by_slots(node: Node) -> list[InputDefinition]:
    return [
        InputDefinition(
            str(item.get("name")),
            str(item.get("type")),
            is_widget=True,
            extra="fixed" if item.get("name") in ("seed", "noise_seed") else "",
        )
        for item in node["inputs"]
        if item.get("widget")
    ]
