"""ComfyUI's own nodes as far as our graphs use them, shaped like a server's ``/object_info``: export needs no server.

Only what decides the canvas format is here: the inputs in their order, their types and defaults, and the outputs.
``tests/hosts`` compares it with a real server's answer.
"""

from __future__ import annotations

from typing import Any

_COMBO: list[Any] = ["COMBO", {}]


def _node(title: str, required: dict[str, list[Any]], outputs: list[str], module: str = "nodes") -> dict[str, Any]:
    return {
        "input": {"required": required},
        "output": outputs,
        "output_name": outputs,
        "display_name": title,
        "python_module": module,
    }


def _int(default: int, **options: Any) -> list[Any]:
    return ["INT", {"default": default, **options}]


def _float(default: float) -> list[Any]:
    return ["FLOAT", {"default": default}]


def _text(default: str = "", **options: Any) -> list[Any]:
    return ["STRING", {"default": default, **options}]


def _socket(kind: str) -> list[Any]:
    return [kind, {}]


_PROMPT = _text(multiline=True, dynamicPrompts=True)
_SIZE = {"width": _int(512), "height": _int(512), "batch_size": _int(1)}
_STRENGTHS = {"strength_model": _float(1.0), "strength_clip": _float(1.0)}

CORE_NODES: dict[str, dict[str, Any]] = {
    "CheckpointLoaderSimple": _node("Load Checkpoint", {"ckpt_name": _COMBO}, ["MODEL", "CLIP", "VAE"]),
    "VAELoader": _node("Load VAE", {"vae_name": _COMBO}, ["VAE"]),
    "LoraLoader": _node(
        "Load LoRA",
        {"model": _socket("MODEL"), "clip": _socket("CLIP"), "lora_name": _COMBO, **_STRENGTHS},
        ["MODEL", "CLIP"],
    ),
    "LoraLoaderModelOnly": _node(
        "LoraLoaderModelOnly",
        {"model": _socket("MODEL"), "lora_name": _COMBO, "strength_model": _float(1.0)},
        ["MODEL"],
    ),
    "CLIPSetLastLayer": _node(
        "CLIP Set Last Layer", {"clip": _socket("CLIP"), "stop_at_clip_layer": _int(-1)}, ["CLIP"]
    ),
    "CLIPTextEncode": _node("CLIP Text Encode (Prompt)", {"text": _PROMPT, "clip": _socket("CLIP")}, ["CONDITIONING"]),
    "PrimitiveStringMultiline": _node(
        "String (Multiline)", {"value": _text(multiline=True)}, ["STRING"], "comfy_extras.nodes_primitive"
    ),
    "EmptyLatentImage": _node("Empty Latent Image", _SIZE, ["LATENT"]),
    "LatentFromBatch": _node(
        "Latent From Batch",
        {"samples": _socket("LATENT"), "batch_index": _int(0), "length": _int(1)},
        ["LATENT"],
    ),
    "LatentUpscaleBy": _node(
        "Upscale Latent By",
        {"samples": _socket("LATENT"), "upscale_method": _COMBO, "scale_by": _float(1.5)},
        ["LATENT"],
    ),
    "KSampler": _node(
        "KSampler",
        {
            "model": _socket("MODEL"),
            "seed": _int(0, control_after_generate=True),
            "steps": _int(20),
            "cfg": _float(8.0),
            "sampler_name": _COMBO,
            "scheduler": _COMBO,
            "positive": _socket("CONDITIONING"),
            "negative": _socket("CONDITIONING"),
            "latent_image": _socket("LATENT"),
            "denoise": _float(1.0),
        },
        ["LATENT"],
    ),
    "VAEDecode": _node("VAE Decode", {"samples": _socket("LATENT"), "vae": _socket("VAE")}, ["IMAGE"]),
    "PreviewImage": _node("Preview Image", {"images": _socket("IMAGE")}, []),
    "SaveImage": _node("Save Image", {"images": _socket("IMAGE"), "filename_prefix": _text("ComfyUI")}, []),
}
