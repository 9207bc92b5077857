"""A request as the body of ``POST /sdapi/v1/txt2img``, in the server's own names; and what became of it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_core.formats.comfy_graph import text_and_loras
from orchestrator_core.formats.extra_networks import lora_tag
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.generators.forge_names import ServerNames, find_model, find_sampling, is_text_encoder
from orchestrator_core.generators.near_names import not_in_list
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import GenerationRequest

_PREFIX = "txt2img."
# What the server's infotext says better than the request: what was rendered in the end.
_FROM_INFOTEXT = ("sampler", "scheduler", "steps", "cfg", "denoise", "width", "height", "clip_skip")


def payload(
    request: GenerationRequest, names: ServerNames, options: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """(the body, a line for each thing that the server has not).

    ``options`` are the server's settings now. Of ``extra`` it understands ``batch_index`` and, in ``inputs``,
    ``txt2img.<field>`` for any further field of the route, as ``txt2img.enable_hr``.
    """
    sampling, problems = find_sampling(request.sampler, request.scheduler, names)
    prompt, lora_problems = _prompt(request, names)
    settings, setting_problems = _settings(request, names, options)
    further, extra_problems = _further(request.extra, names)
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
    settings |= further.get("override_settings") or {}
    # A server whose settings are frozen takes none at all.
    body["override_settings"] = {name: value for name, value in settings.items() if options.get(name) != value}
    return body, [*problems, *lora_problems, *setting_problems, *extra_problems]


def one_of_batch(request: GenerationRequest) -> tuple[int, int]:
    """(seed, batch size): each image of a batch has the next seed, and so one of them is a rendering of its own."""
    index = request.extra.get("batch_index")
    if type(index) is not int or request.batch_size == 1:
        return request.seed, request.batch_size
    return (request.seed + index) & MAX_SEED, 1


def carried_out(
    request: GenerationRequest, seed: int, infotext: str, names: ServerNames, *, is_rewritten: bool
) -> GenerationRequest:
    """The request of one image, which renders it again alone; ``is_rewritten``: another prompt than was sent."""
    extra = {key: value for key, value in request.extra.items() if key != "batch_index"}
    made = request.replacing(seed=seed, batch_size=1, extra=extra)
    if not infotext:
        return made
    found = parse_infotext(infotext).request
    changes = {name: getattr(found, name) for name in _FROM_INFOTEXT}
    if is_rewritten:
        changes |= {"positive": found.positive, "loras": found.loras}
    # An infotext has neither the folder nor the suffix of a checkpoint.
    wanted = request.checkpoint or found.checkpoint
    checkpoint, _ = find_model(wanted, names.checkpoints)
    return made.replacing(**changes, checkpoint=checkpoint.shown if checkpoint else wanted)


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
    request: GenerationRequest, names: ServerNames, options: Mapping[str, Any]
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
        if item and names.has_modules:  # it takes the place of a VAE among them, and leaves the text encoders
            now = options.get("forge_additional_modules")
            kept = [path for path in now if is_text_encoder(str(path))] if isinstance(now, list) else []
            settings["forge_additional_modules"] = [*kept, item.path or item.sent]
        elif item:
            settings["sd_vae"] = item.sent
        problems += [f"VAE: {problem}"] if problem else []
    return settings, problems


def _further(extra: Mapping[str, Any], names: ServerNames) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {}
    problems = []
    inputs = extra.get("inputs")
    for place, value in inputs.items() if isinstance(inputs, Mapping) else ():
        field = str(place).removeprefix(_PREFIX)
        if field == place:
            problems.append(f"{place}: Forge has no graph; its own fields are named as txt2img.enable_hr.")
        elif names.fields and field not in names.fields:
            problems.append(f"{place}: {not_in_list(field, sorted(names.fields))}")
        fields[field] = value
    if extra.get("images"):
        problems.append("images: text to image on Forge takes none; they are for a graph of ComfyUI.")
    if not isinstance(fields.get("override_settings", {}), dict):
        problems.append("txt2img.override_settings: it should be an object of names and values.")
        del fields["override_settings"]
    if fields.get("enable_hr") and names.has_modules:  # without it Forge fails before the second pass
        fields.setdefault("hr_additional_modules", ["Use same choices"])
    return fields, problems
