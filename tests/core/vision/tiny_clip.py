"""Writes models of random weights that real libraries load: open_clip's folders, and transformers' CLIP and SigLIP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE, DIMENSIONS, LENGTH = 32, 16, 16
VISION: dict[str, Any] = {"image_size": SIDE, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16}
RESNET: dict[str, Any] = {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 8}
TEXT: dict[str, Any] = {"context_length": LENGTH, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}


def open_clip_config(vision: dict[str, Any] = VISION, **model: Any) -> dict[str, Any]:
    told = {"embed_dim": DIMENSIONS, "vision_cfg": vision, "text_cfg": TEXT, **model}
    return {"model_cfg": told, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}


def write_open_clip(folder: Path, config: dict[str, Any] | None = None, dtype: str = "float32") -> Any:
    """The model that is now in the folder."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = config or open_clip_config()
    model_cfg = dict(config["model_cfg"])
    kind = open_clip.CustomTextCLIP if model_cfg.pop("custom_text", False) else open_clip.CLIP
    torch.manual_seed(5)
    model = kind(**model_cfg).eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {key: value.to(getattr(torch, dtype)).contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return model


def write_transformers(folder: Path, kind: str = "CLIP") -> Any:
    """The model that is now in the folder; its tokenizer knows the letters."""
    import torch
    import transformers

    letters = [chr(number) for number in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = transformers.CLIPTokenizer(vocab={token: n for n, token in enumerate(tokens)}, merges=[])
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = len(tokens) - 1
    text = {
        **size,
        "vocab_size": len(tokens),
        "max_position_embeddings": LENGTH,
        "eos_token_id": end,
        "bos_token_id": 0,
    }
    vision = {**size, "image_size": SIDE, "patch_size": 16}
    if kind == "CLIP":
        text, vision = {**text, "projection_dim": DIMENSIONS}, {**vision, "projection_dim": DIMENSIONS}
    torch.manual_seed(6)
    told = {"projection_dim": DIMENSIONS} if kind == "CLIP" else {}
    config = getattr(transformers, f"{kind}Config")(text_config=text, vision_config=vision, **told)
    model = getattr(transformers, f"{kind}Model")(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model
