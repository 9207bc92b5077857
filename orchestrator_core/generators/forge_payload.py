"""A request as the body of ``POST /sdapi/v1/txt2img``, in the server's own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_core.formats.comfy_graph import text_and_loras
from orchestrator_core.formats.extra_networks import lora_tag
from orchestrator_core.generators.forge_names import ServerNames, find_model, find_sampling, is_text_encoder
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import GenerationRequest

_PREFIX = "txt2img."


def payload(
    request: GenerationRequest, names: ServerNames, modules: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """(the body, a line for each thing that the server has not).

    ``modules`` are those that a Forge completes its checkpoints with now; a VAE of the request's takes the place of
    one among them, and leaves the text encoders. Of ``extra`` it understands ``batch_index`` and, in ``inputs``,
    ``txt2img.<field>`` for any further field of the route, as ``txt2img.enable_hr``.
    """
    sampling, problems = find_sampling(request.sampler, request.scheduler, names)
    prompt, lora_problems = _prompt(request, names)
    settings, setting_problems = _settings(request, names, modules)
    further, extra_problems = _further(request.extra)
    seed, batch_size = one_of_batch(request)
    body = {
        "prompt": prompt,
        "negative_prompt": request.negative,
        **sampling,
        "steps": request.steps,
        "cfg_scale": request.cfg,
        "width": request.width,
        "height": request.height,
        "seed": seed,
        "batch_size": batch_size,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,  # they are saved here
        **({"denoising_strength": request.denoise} if request.denoise != 1 else {}),
        **further,
    }
    own = further.get("override_settings")
    body["override_settings"] = {**settings, **(own if isinstance(own, Mapping) else {})}
    return body, [*problems, *lora_problems, *setting_problems, *extra_problems]


def one_of_batch(request: GenerationRequest) -> tuple[int, int]:
    """(seed, batch size): each image of a batch has the next seed, and so one of them is a rendering of its own."""
    index = request.extra.get("batch_index")
    if type(index) is not int or request.batch_size == 1:
        return request.seed, request.batch_size
    return (request.seed + index) & MAX_SEED, 1


def _prompt(request: GenerationRequest, names: ServerNames) -> tuple[str, list[str]]:
    """The text with a tag for each LoRA behind it; a server that does not know a LoRA would fail in the middle."""
    text, loras = text_and_loras(request)
    tags, problems = [], []
    for lora in loras:
        item, problem = (None, "") if names.loras is None else find_model(lora.name, names.loras)
        tags.append(lora_tag(replace(lora, name=item.sent if item else lora.name)))
        problems += [f"LoRA: {problem}"] if problem else []
    return (f"{text.rstrip()} {''.join(tags)}".strip() if tags else text), problems


def _settings(
    request: GenerationRequest, names: ServerNames, modules: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The server's settings for this job alone; it has its own back afterwards."""
    settings: dict[str, Any] = {"CLIP_stop_at_last_layers": request.clip_skip}
    problems = []
    if request.checkpoint:
        item, problem = find_model(request.checkpoint, names.checkpoints)
        settings["sd_model_checkpoint"] = item.sent if item else ""
        problems += [f"checkpoint: {problem}"] if problem else []
    if request.vae:
        item, problem = find_model(request.vae, names.vaes)
        if item and names.has_modules:
            settings["forge_additional_modules"] = [*filter(is_text_encoder, modules), item.path or item.sent]
        elif item:
            settings["sd_vae"] = item.sent
        problems += [f"VAE: {problem}"] if problem else []
    return settings, problems


def _further(extra: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {}
    problems = []
    inputs = extra.get("inputs")
    for place, value in inputs.items() if isinstance(inputs, Mapping) else ():
        if str(place).startswith(_PREFIX):
            fields[str(place).removeprefix(_PREFIX)] = value
        else:
            problems.append(f"{place}: Forge has no graph; its own fields are named as txt2img.enable_hr.")
    if extra.get("images"):
        problems.append("images: text to image on Forge takes none; they are for a graph of ComfyUI.")
    return fields, problems
