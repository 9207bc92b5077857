"""Makes a tiny CLIP of random weights, as transformers saves one: ``python tiny_clip.py FOLDER``, with a host's Python.

Its scores mean nothing, and are the same each time. The tokenizer knows single letters.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-:()"
START, END = "<|startoftext|>", "<|endoftext|>"
SIZE = 32  # pixels of a side


def write_tokenizer(folder: Path) -> int:
    """How many tokens there are."""
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), START, END]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    told = {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return len(tokens)


def write_model(folder: Path, tokens: int) -> None:
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(
        **shape, vocab_size=tokens, bos_token_id=tokens - 2, eos_token_id=tokens - 1, pad_token_id=tokens - 1
    )
    vision = CLIPVisionConfig(**shape, image_size=SIZE, patch_size=8)
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16)
    CLIPModel(config).eval().save_pretrained(folder)
    size = {"height": SIZE, "width": SIZE}
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": size}))


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True)
    write_model(place, write_tokenizer(place))
