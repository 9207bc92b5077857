"""Targets that are reached over the network: a ComfyUI, and a Forge that was started with ``--api``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator_app.studio.environment import StoppableGenerator, Target
from orchestrator_core.request import Choices

FORGES_OWN = "the model that Forge has loaded"
_CONNECT = 3.0  # seconds; a page waits for the answer


def comfy_target(url: str, folder: Path) -> Target:
    """The ComfyUI at this address; its images go to ``folder``."""

    def generator() -> StoppableGenerator:
        from orchestrator_core.generators.comfy_http import ComfyGenerator

        return ComfyGenerator(folder, url)

    def choices() -> Choices:
        from orchestrator_core.generators.comfy_http import ComfyGenerator
        from orchestrator_core.generators.comfy_job import Timeouts

        return comfy_choices(ComfyGenerator(folder, url, timeouts=Timeouts(connect=_CONNECT)).object_info())

    return Target("ComfyUI", generator, choices, url, own_model="ComfyUI's first model")


def comfy_choices(object_info: dict[str, Any]) -> Choices:
    """What a ComfyUI's ``/object_info`` offers."""
    from orchestrator_core.generators.comfy_names import choices

    def of(node: str, name: str) -> tuple[str, ...]:
        return tuple(choices(object_info.get(node, {}), name) or ())

    return Choices(
        checkpoints=of("CheckpointLoaderSimple", "ckpt_name"),
        vaes=of("VAELoader", "vae_name"),
        samplers=of("KSampler", "sampler_name"),
        schedulers=of("KSampler", "scheduler"),
        loras=of("LoraLoader", "lora_name") if "LoraLoader" in object_info else None,
    )


def forge_target(url: str, folder: Path) -> Target:
    """The Forge at this address, by its ``/sdapi/v1``."""

    def generator() -> StoppableGenerator:
        from orchestrator_core.generators.forge_http import ForgeGenerator

        return ForgeGenerator(folder, url)

    def choices() -> Choices:
        from orchestrator_core.generators.forge_http import ForgeGenerator

        return ForgeGenerator(folder, url).choices()

    return Target("Forge", generator, choices, url, own_model=FORGES_OWN)
