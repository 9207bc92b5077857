"""Writes a language model of random weights that transformers loads: a Llama of one layer whose tokens are words.

It answers any question with words that a picture may have, in a fraction of a second: enough to show where its weights
are. The files are written by hand, as torch is only in the hosts' Pythons.
"""

from __future__ import annotations

import json
import random
import struct
from array import array
from pathlib import Path

_TOLD = "soft pale golden wet misty distant quiet ancient drifting glowing scattered weathered"
_THINGS = "light fog rain stone lanterns ripples moss clouds shadows petals smoke reflections"
WORDS = (*_TOLD.split(), *_THINGS.split())
_WIDTH, _INNER, _HEADS, _CONTEXT = 32, 64, 2, 4096
_SPECIAL = ("<|unknown|>", "<|end|>", ",")


def write_llm(folder: Path) -> Path:
    """The model's folder, made there."""
    folder.mkdir(parents=True)
    words = [*_SPECIAL, *WORDS]
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(words), "hidden_size": _WIDTH,
        "intermediate_size": _INNER, "num_hidden_layers": 1, "num_attention_heads": _HEADS, "eos_token_id": 1,
        "num_key_value_heads": _HEADS, "max_position_embeddings": _CONTEXT, "bos_token_id": 1, "torch_dtype": "float32",
        "tie_word_embeddings": False, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 1, "bos_token_id": 1}))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(words)))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": words[0], "eos_token": words[1]}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    (folder / "model.safetensors").write_bytes(_weights(len(words)))
    return folder


def _tokenizer(words: list[str]) -> dict[str, object]:
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [
            {"id": number, "content": word, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False}
            for number, word in enumerate(words[:2])
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(words)}, "unk_token": words[0]},
    }  # fmt: skip


def _weights(count: int) -> bytes:
    """A safetensors file: the length of its header, the header, the numbers."""
    chance = random.Random(7)
    layer = "model.layers.0"
    shapes = {
        "model.embed_tokens.weight": (count, _WIDTH),
        **{f"{layer}.self_attn.{name}_proj.weight": (_WIDTH, _WIDTH) for name in "qkvo"},
        **{f"{layer}.mlp.{name}_proj.weight": (_INNER, _WIDTH) for name in ("gate", "up")},
        f"{layer}.mlp.down_proj.weight": (_WIDTH, _INNER),
        f"{layer}.input_layernorm.weight": (_WIDTH,),
        f"{layer}.post_attention_layernorm.weight": (_WIDTH,),
        "model.norm.weight": (_WIDTH,),
        "lm_head.weight": (count, _WIDTH),
    }
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in shapes.items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        numbers = array("f", [chance.gauss(0, 0.4) for _ in range(size)])
        if name == "lm_head.weight":  # never the unknown word, and not at once the end
            numbers[: 2 * _WIDTH] = array("f", [0.0] * (2 * _WIDTH))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * size]}
        data += numbers.tobytes()
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + data
