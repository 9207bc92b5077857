"""Small models of transformers with random weights, saved in a folder as real ones are. Nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "a", "red", "blue", "fox", "owl", "in", "snow"]
SIDE = 16


def _text(**changes: Any) -> dict[str, Any]:
    sizes = {"vocab_size": len(WORDS), "hidden_size": 8, "encoder_hidden_size": 8, "intermediate_size": 16}
    tokens = {"pad_token_id": 0, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3}
    shape = {"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 12, "projection_dim": 8}
    return {**sizes, **tokens, **shape, **changes}


def write_blip(folder: Path, kind: str = "BlipForImageTextRetrieval", **changes: Any) -> Path:
    """A BLIP of another head by ``kind``; ``changes``: of its text model's configuration."""
    import torch
    import transformers

    torch.manual_seed(5)
    vision = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BlipConfig(
        text_config=_text(**changes),
        vision_config={**vision, "image_size": SIDE, "patch_size": 8},
        image_text_hidden_size=8,
    )
    model = getattr(transformers, kind)(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)  # those that it begins with are too small to tell one image from another
    model.save_pretrained(folder)
    write_tokenizer(folder)
    size = {"height": SIDE, "width": SIDE}
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": size, "image_mean": [0.5] * 3}))
    return folder


def write_tokenizer(folder: Path) -> None:
    import transformers

    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)


def write_llava(folder: Path) -> Path:
    """A vision-language model whose first word is "yes", "no" or another of eight, by chance."""
    import tokenizers
    import torch
    import transformers

    torch.manual_seed(5)
    words = ["<pad>", "<unk>", "<s>", "</s>", "<image>", "Yes", "No", "yes"]
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, "<unk>"))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **sizes, "image_size": SIDE, "patch_size": 8},
        text_config={"model_type": "llama", **sizes, "num_key_value_heads": 2, "vocab_size": len(words)},
        image_token_index=4,
        vision_feature_layer=-1,
        image_seq_length=4,
    )
    model = transformers.LlavaForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    model.save_pretrained(folder)
    transformers.LlavaProcessor(
        transformers.CLIPImageProcessor(
            size={"height": SIDE, "width": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder
