"""Our nodes as a server's ``/object_info`` has them: those that score and learn. The others are in sharing_nodes.py."""

from __future__ import annotations

from typing import Any, Final

REGISTRY_ID: Final = "sd-orchestrator"  # of this pack, where ComfyUI's users find packs
CLIP_SCORER = "OrchestratorCLIPScorer"
SCORER_MODEL = "OrchestratorScorerModel"
FEEDBACK_RECORDER = "OrchestratorFeedbackRecorder"
RETRY_UNTIL = "OrchestratorRetryUntil"
PROMPT: list[Any] = ["STRING", {"default": "", "multiline": True, "dynamicPrompts": False}]
LINE: list[Any] = ["STRING", {"default": "", "multiline": False, "dynamicPrompts": False}]


def ours(title: str, required: dict[str, Any], optional: dict[str, Any], *outputs: tuple[str, str]) -> dict[str, Any]:
    return {
        "input": {"required": required, "optional": optional},
        "output": [kind for _, kind in outputs],
        "output_name": [name for name, _ in outputs],
        "display_name": title,
        "python_module": f"custom_nodes.{REGISTRY_ID}",
    }


SCORING_NODES: dict[str, dict[str, Any]] = {
    CLIP_SCORER: ours(
        "CLIP Scorer",
        {"images": ["IMAGE", {}]},
        {
            "draft": ["PROMPT_DRAFT", {}],
            "text": ["STRING", {"forceInput": True}],
            "scorer": ["SCORER_MODEL", {}],
            "clip_vision": ["CLIP_VISION", {}],
            "until": ["FLOAT", {"default": 0.5}],
            "style": LINE,
            "styles": LINE,
            "references": LINE,
            "reference_images": ["IMAGE", {}],
            "compare": ["SCORER_MODEL", {}],
            "aesthetic": LINE,
            "whole": ["BOOLEAN", {"default": False}],
            "learn": ["BOOLEAN", {"default": True}],
        },
        ("scored", "SCORED_IMAGES"), ("best image", "IMAGE"), ("sorted", "IMAGE"), ("passed", "IMAGE"),
        ("failed", "IMAGE"), ("scores", "FLOAT"), ("report", "STRING"), ("json", "STRING"), ("draft", "PROMPT_DRAFT"),
    ),
    SCORER_MODEL: ours(
        "Scorer Model",
        {},
        {
            "installed": ["COMBO", {"default": ""}],
            "backend": ["COMBO", {"default": "auto"}],
            "model": LINE,
            "weights": LINE,
            "dtype": ["COMBO", {"default": "auto"}],
            "fit": ["COMBO", {"default": "squash"}],
            "batch": ["INT", {"default": 32}],
            "url": LINE,
            "measures_counts": ["BOOLEAN", {"default": False}],
        },
        ("scorer", "SCORER_MODEL"),
    ),
    FEEDBACK_RECORDER: ours(
        "Feedback Recorder",
        {"scored": ["SCORED_IMAGES", {}]},
        {"saved": ["SAVED_IMAGES", {}]},
        ("run id", "STRING"), ("report", "STRING"),
    ),
    RETRY_UNTIL: ours(
        "Retry Until",
        {
            "images": ["IMAGE", {}],
            "scored": ["SCORED_IMAGES", {}],
            "until": ["FLOAT", {"default": 0.8}],
            "tries": ["INT", {"default": 4}],
            "change": ["COMBO", {"default": "words and seed"}],
        },
        {"llm": ["ORCHESTRATOR_LLM", {}]},
        ("image", "IMAGE"), ("draft", "PROMPT_DRAFT"), ("value", "FLOAT"), ("reached", "BOOLEAN"), ("report", "STRING"),
    ),
}  # fmt: skip
