"""Small real ``.safetensors`` files for tests, with the tensor names that trainers write and tensors of two bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator_core.loras.metadata import LoraFiles, read_lora
from orchestrator_core.loras.record import LoraRecord

KOHYA = (".alpha", ".lora_down.weight", ".lora_up.weight")
LOHA = (".alpha", ".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b")
LOKR = (".alpha", ".lokr_w1", ".lokr_w2")
DORA = (*KOHYA, ".dora_scale")
PEFT = (".lora_A.weight", ".lora_B.weight")
OLD_DIFFUSERS = (".lora.down.weight", ".lora.up.weight")
UNET = ("attn1_to_k", "attn1_to_out_0", "attn1_to_q", "attn1_to_v", "attn2_to_k", "attn2_to_q", "ff_net_0_proj")
TEXT = ("mlp_fc1", "mlp_fc2", "self_attn_k_proj", "self_attn_out_proj", "self_attn_q_proj", "self_attn_v_proj")


def tensors(modules: Iterable[str], suffixes: Sequence[str], width: int = 1) -> dict[str, list[int]]:
    """Names → shapes; what is projected down has ``width`` inputs."""
    names = sorted(module + suffix for module in modules for suffix in suffixes)
    return {name: [] if name.endswith(".alpha") else [1, width if _is_down(name) else 1] for name in names}


def _is_down(name: str) -> bool:
    return name.endswith((".lora_down.weight", ".lora_A.weight", ".lora.down.weight"))


def text_encoder(prefix: str, layers: int, dot: str = "_") -> list[str]:
    return [
        f"{prefix}_text_model_encoder_layers_{layer}_{part}".replace("_", dot)
        for layer in range(layers)
        for part in TEXT
    ]


def unet(blocks: Iterable[tuple[str, int]], prefix: str = "lora_unet_") -> list[str]:
    """Blocks and the depth of each."""
    return [
        f"{prefix}{block}_transformer_blocks_{depth}_{part}"
        for block, depths in blocks
        for depth in range(depths)
        for part in UNET
    ]


SD = [(f"down_blocks_{i}_attentions_{j}", 1) for i in range(3) for j in range(2)]
SD += [(f"up_blocks_{i}_attentions_{j}", 1) for i in (1, 2, 3) for j in range(3)] + [("mid_block_attentions_0", 1)]
XL = [("input_blocks_4_1", 2), ("input_blocks_7_1", 10), ("middle_block_1", 10), ("output_blocks_5_1", 2)]
XL_DIFFUSERS = [("down_blocks_1_attentions_0", 2), ("down_blocks_2_attentions_1", 10), ("up_blocks_0_attentions_0", 10)]


def header_of(shapes: dict[str, list[int]], metadata: Any = None) -> tuple[dict[str, Any], int]:
    """A header and the bytes of tensors that it speaks of."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    position = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [position, position + size]}
        position += size
    return header, position


def write_raw(path: Path, header: bytes, payload: int, length: int | None = None) -> Path:
    """A file with this header; ``length`` is what it says of the header's length, if not the truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = (len(header) if length is None else length).to_bytes(8, "little")
    path.write_bytes(start + header + bytes(number % 251 for number in range(payload)))
    return path


def write_lora(path: Path, shapes: dict[str, list[int]] | None = None, metadata: Any = None) -> Path:
    """A complete LoRA: of SD 1.5, unless other tensors are given."""
    header, payload = header_of(tensors(unet(SD), KOHYA, 768) if shapes is None else shapes, metadata)
    text = json.dumps(header, separators=(",", ":")).encode()
    return write_raw(path, text + b" " * (-len(text) % 8), payload)


def files_of(model: Path) -> LoraFiles:
    """The model with all that lies beside it."""
    found = model.stat()
    beside = sorted(str(path) for path in model.parent.iterdir() if path != model and path.name.startswith(model.stem))
    return LoraFiles(str(model), str(model.parent), model.stem, found.st_size, found.st_mtime_ns, tuple(beside))


def read(folder: Path, sidecars: dict[str, Any] | None = None, metadata: Any = None, name: str = "foo") -> LoraRecord:
    """Write a LoRA with sidecars (suffix → bytes, text, or what becomes JSON), and read it."""
    model = write_lora(folder / f"{name}.safetensors", metadata=metadata)
    for suffix, content in (sidecars or {}).items():
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        (folder / f"{name}{suffix}").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_lora(files_of(model))


def fact(record: LoraRecord, field: str, source: str) -> str:
    """The value that a source gave for a field; "" for none."""
    return next((found.value for found in record.facts if (found.field, found.source) == (field, source)), "")
