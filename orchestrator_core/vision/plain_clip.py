"""CLIP in plain torch, for hosts that have no open_clip: ComfyUI brings none, and Forge Neo neither.

The architecture is that of Radford et al. 2021 (Learning Transferable Visual Models From Natural Language Supervision):
a ViT or a modified ResNet (three convolutions as its stem, means before strides, attention in place of the last pool)
and a causal text transformer, whose vector is that of the end of the text. Parameters have the names of open_clip's
files. What such a file's configuration asks for beyond that (timm towers, other poolings) needs open_clip itself.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

_MODEL = frozenset({"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale", "init_logit_bias"})
_VISION = frozenset({"image_size", "layers", "width", "patch_size", "head_width", "mlp_ratio"})
_TEXT = frozenset({"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"})


def is_plain(model: Mapping[str, Any]) -> bool:
    """Whether a configuration asks for nothing else than what is here."""
    vision, text = model.get("vision_cfg") or {}, model.get("text_cfg") or {}
    return set(model) <= _MODEL and set(vision) <= _VISION and set(text) <= _TEXT


def image_tower(model: Mapping[str, Any]) -> Any:
    """Its module, empty. Raises what torch does for sizes that do not fit."""
    vision = model["vision_cfg"]
    if isinstance(vision["layers"], list | tuple):
        return _resnet(vision, model["embed_dim"])
    return _vit(vision, model["embed_dim"], bool(model.get("quick_gelu")))


def text_tower(model: Mapping[str, Any]) -> Any:
    """Its module, empty."""
    import torch
    from torch import nn

    told = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12, **model["text_cfg"]}
    width, length = told["width"], told["context_length"]

    class TextTransformer(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.token_embedding = nn.Embedding(told["vocab_size"], width)
            self.positional_embedding = nn.Parameter(torch.empty(length, width))
            hidden = int(width * told.get("mlp_ratio", 4.0))
            self.transformer = _transformer(told["layers"], width, told["heads"], hidden, bool(model.get("quick_gelu")))
            self.ln_final = nn.LayerNorm(width)
            self.text_projection = nn.Parameter(torch.empty(width, model["embed_dim"]))

        def forward(self, tokens: Any) -> Any:
            x = self.token_embedding(tokens) + self.positional_embedding
            x = self.ln_final(self.transformer(x, True))
            # the token of the end has the largest number; of several the first counts
            return x[torch.arange(len(x)), tokens.argmax(dim=-1)] @ self.text_projection

    return TextTransformer()


def _transformer(layers: int, width: int, heads: int, hidden: int, quick: bool) -> Any:
    import torch
    from torch import nn

    class Gelu(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x * torch.sigmoid(1.702 * x) if quick else nn.functional.gelu(x)

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
            self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
            self.out_proj = nn.Linear(width, width)

        def forward(self, x: Any, causal: bool) -> Any:
            count, length, _ = x.shape
            rows = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
            q, k, v = rows.view(count, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            found = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return self.out_proj(found.transpose(1, 2).reshape(count, length, width))

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            parts = (("c_fc", nn.Linear(width, hidden)), ("gelu", Gelu()), ("c_proj", nn.Linear(hidden, width)))
            self.mlp = nn.Sequential(OrderedDict(parts))

        def forward(self, x: Any, causal: bool) -> Any:
            x = x + self.attn(self.ln_1(x), causal)
            return x + self.mlp(self.ln_2(x))

    class Transformer(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.resblocks = nn.ModuleList(Block() for _ in range(layers))

        def forward(self, x: Any, causal: bool) -> Any:
            for block in self.resblocks:
                x = block(x, causal)
            return x

    return Transformer()


def _vit(vision: Mapping[str, Any], dimensions: int, quick: bool) -> Any:
    import torch
    from torch import nn

    width, patch = vision.get("width", 768), vision.get("patch_size", 16)
    height, wide = _sides(vision)
    heads, hidden = width // vision.get("head_width", 64), int(width * vision.get("mlp_ratio", 4.0))

    class VisionTransformer(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
            self.class_embedding = nn.Parameter(torch.empty(width))
            self.positional_embedding = nn.Parameter(torch.empty(1 + (height // patch) * (wide // patch), width))
            self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
            self.transformer = _transformer(vision.get("layers", 12), width, heads, hidden, quick)
            self.proj = nn.Parameter(torch.empty(width, dimensions))

        def forward(self, x: Any) -> Any:
            x = self.conv1(x).flatten(2).transpose(1, 2)
            first = self.class_embedding.to(x.dtype).expand(len(x), 1, -1)
            x = self.ln_pre(torch.cat([first, x], dim=1) + self.positional_embedding)
            return self.ln_post(self.transformer(x, False)[:, 0]) @ self.proj

    return VisionTransformer()


def _sides(vision: Mapping[str, Any]) -> tuple[int, int]:
    size = vision.get("image_size", 224)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height), int(width)


def _resnet(vision: Mapping[str, Any], dimensions: int) -> Any:
    from torch import nn

    width, layers = vision.get("width", 64), vision["layers"]
    height, wide = _sides(vision)
    heads = width * 32 // vision.get("head_width", 64)

    class ModifiedResNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width // 2, 3, 2, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width // 2)
            self.conv2 = nn.Conv2d(width // 2, width // 2, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width // 2)
            self.conv3 = nn.Conv2d(width // 2, width, 3, 1, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)
            before = width
            for number, count in enumerate(layers, 1):
                inner = width * 2 ** (number - 1)
                first = _bottleneck(before, inner, 1 if number == 1 else 2)
                rest = (_bottleneck(4 * inner, inner, 1) for _ in range(count - 1))
                setattr(self, f"layer{number}", nn.Sequential(first, *rest))
                before = 4 * inner
            self.attnpool = _attention_pool((height // 32) * (wide // 32), before, heads, dimensions)

        def forward(self, x: Any) -> Any:
            for number in (1, 2, 3):
                x = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x)).relu()
            x = nn.functional.avg_pool2d(x, 2)
            for number in range(1, len(layers) + 1):
                x = getattr(self, f"layer{number}")(x)
            return self.attnpool(x)

    return ModifiedResNet()


def _bottleneck(before: int, inner: int, stride: int) -> Any:
    from torch import nn

    after = 4 * inner

    class Bottleneck(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner)
            self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner)
            self.conv3, self.bn3 = nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after)
            if stride > 1 or before != after:
                parts = (("-1", nn.AvgPool2d(stride)), ("0", nn.Conv2d(before, after, 1, bias=False)))
                self.downsample = nn.Sequential(OrderedDict((*parts, ("1", nn.BatchNorm2d(after)))))

        def forward(self, x: Any) -> Any:
            found = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
            found = self.bn3(self.conv3(nn.functional.avg_pool2d(found, stride) if stride > 1 else found))
            return (found + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()

    return Bottleneck()


def _attention_pool(places: int, width: int, heads: int, dimensions: int) -> Any:
    import torch
    from torch import nn

    class AttentionPool2d(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.positional_embedding = nn.Parameter(torch.empty(places + 1, width))
            self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
            self.c_proj = nn.Linear(width, dimensions)

        def forward(self, x: Any) -> Any:
            x = x.flatten(2).transpose(1, 2)
            x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.positional_embedding
            q, k, v = (
                each.view(len(x), -1, heads, width // heads).transpose(1, 2)
                for each in (self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x))
            )
            scores = (q @ k.transpose(-1, -2) / math.sqrt(width // heads)).softmax(dim=-1)
            return self.c_proj((scores @ v).transpose(1, 2).reshape(len(x), width))

    return AttentionPool2d()
