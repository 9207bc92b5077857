"""Counts how many weights ComfyUI patches for a choice of LoRAs. Runs in ComfyUI's own Python, beside its classes."""

from __future__ import annotations

import gc
import importlib
import sys
import weakref
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def counted(checkpoint: str, lora: str) -> dict[str, Any]:
    """Weights patched for a first choice; the same again while it is held; again when it was let go; another one."""
    import comfy.model_management as management
    import comfy.sd

    loading_module, host = _pack()
    model = comfy.sd.load_checkpoint_guess_config(checkpoint, output_vae=False, output_clip=False)[0]
    loading = loading_module.Loading(host)
    patched: list[str] = []

    def load(strength: float, plain: Any) -> Any:
        file = loading_module.LoraFile("tiny_fox", lora, strength, strength)
        found = loading.apply(plain, None, [file]).model
        _count_patches(found, patched)
        management.load_models_gpu([found])
        count = len(patched)
        patched.clear()
        return found, count

    held, first = load(0.8, model)
    same, again = load(0.8, model)
    assert same is held
    del held, same
    gc.collect()
    rebuilt = load(0.8, model)[1]
    other = load(0.5, model)[1]
    management.unload_all_models()
    gone = weakref.ref(model)
    del model
    gc.collect()
    return {"first": first, "again": again, "rebuilt": rebuilt, "other": other, "let_go": gone() is None}


def _count_patches(patcher: Any, patched: list[str]) -> None:
    """On this clone alone: each weight that it patches is noted."""
    before = type(patcher).patch_weight_to_device

    def noted(key: str, *passed: Any, **named: Any) -> Any:
        if key in patcher.patches:
            patched.append(key)
        return before(patcher, key, *passed, **named)

    patcher.patch_weight_to_device = noted


def _pack() -> tuple[Any, Any]:
    """The pack's loading, and its way to the host: two modules of ours, without the pack's registration."""
    sys.path.append(str(ROOT))
    import comfy_nodes.lora_loading as loading

    return loading, importlib.import_module("comfy_nodes.host").Patching()
