"""The types of our own sockets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.request import GeneratedImage

from .host import io

DraftSocket = io.Custom("PROMPT_DRAFT")  # orchestrator_core.prompt.PromptDraft
LoraStackSocket = io.Custom("LORA_STACK")  # other packs' too: lora_names.py reads it
SavedSocket = io.Custom("SAVED_IMAGES")  # SavedImages
ScorerSocket = io.Custom("SCORER_MODEL")  # orchestrator_core.vision.port.Scorer
ScoredSocket = io.Custom("SCORED_IMAGES")  # score_types.Scored
LlmSocket = io.Custom("ORCHESTRATOR_LLM")  # orchestrator_core.llm.port.LanguageModel; None where it is off


@dataclass(frozen=True, slots=True)
class SavedImages:
    """The images of one run, as they are on the disk."""

    run_id: str
    images: tuple[GeneratedImage, ...]
