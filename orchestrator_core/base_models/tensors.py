"""The family of a LoRA or a checkpoint, told from the names and shapes of its tensors.

Works on the header's bytes, since parsing it all costs ten times as much: every trainer's layout (kohya, LyCORIS, PEFT,
diffusers, ai-toolkit, OneTrainer) names the same blocks, with dots or with underscores. Names come sorted, so that the
first and the last of them are told apart by most families; the middle is only searched where those do not decide.

Sources of the layouts: kohya-ss/sd-scripts ``networks/``, diffusers' ``loaders/``, SwarmUI ``T2IModelClassSorter.cs``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

from orchestrator_core.base_models.names import BaseModel

_ENDS = 2 * 1024
_SHARED = ("Flux.1", "Flux.2", "Wan")  # layouts of several models, which differ in size
_WIDTHS = 16 * 1024  # the first block of every layout is within
_LOOKED_AT = 12  # the projections of one block
_DOTS = bytes.maketrans(b".", b"_")

# What decides, whatever else is there: (markers that must all be there, family). The first that fits is taken.
_DECISIVE: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"output_blocks_5_1_transformer_blocks_1_",), "SDXL"),  # what is frequent is looked for first
    ((b"up_blocks_3_attentions_",), "SD"),
    ((b"double_stream_modulation",), "Flux.2"),
    ((b"to_qkv_mlp_proj",), "Flux.2"),
    ((b"distilled_guidance_layer",), "Chroma"),
    ((b"double_stream_blocks_",), "HiDream"),
    ((b"joint_transformer_blocks_",), "AuraFlow"),
    ((b"double_layers_", b"single_layers_"), "AuraFlow"),
    ((b"joint_blocks_",), "SD 3"),
    ((b"img_mlp_fc1",), "HunyuanVideo"),
    ((b"individual_token_refiner",), "HunyuanVideo"),
    ((b"double_blocks_",), "Flux.1"),
    ((b"unet_single_blocks_",), "Flux.1"),
    ((b"model_single_blocks_",), "Flux.1"),
    ((b"single_transformer_blocks_",), "Flux.1"),
    ((b"llm_adapter",), "Anima"),
    ((b"adaln_modulation_cross_attn",), "Cosmos"),
    ((b"blocks_0_cross_attn_q_proj",), "Cosmos"),
    ((b"blocks_0_cross_attn_",), "Wan"),
    ((b"blocks_9_cross_attn_",), "Wan"),
    ((b"blocks_9_self_attn_", b"ffn_"), "Wan"),
    ((b"transformer_blocks_", b"audio_attn"), "LTX 2"),
    ((b"transformer_blocks_", b"_img_mlp_"), "Qwen-Image"),
    ((b"transformer_blocks_", b"_img_mod_"), "Qwen-Image"),
    ((b"transformer_blocks_59_attn_add_",), "Qwen-Image"),
    ((b"noise_refiner_", b"adaLN_modulation_0"), "Z-Image"),
    ((b"layers_0_adaLN_modulation_0",), "Z-Image"),
    ((b"layers_9_adaLN_modulation_0",), "Z-Image"),
    ((b"layers_0_adaLN_modulation_1",), "Lumina"),
    ((b"layers_9_adaLN_modulation_1",), "Lumina"),
    ((b"layers_", b"attention_qkv", b"feed_forward_w"), "Lumina"),
    ((b"layers_", b"attention_to_", b"feed_forward_w"), "Z-Image"),
    # What SD 3 has too, unless joint_blocks or transformer_blocks say so at the other end of the header.
    ((b"lora_te2_text_model",), "SDXL"),
    ((b"text_encoder_2_text_model",), "SDXL"),
    ((b"conditioner_embedders_1",), "SDXL"),
    ((b"label_emb_0_0", b"input_blocks_"), "SDXL"),
    ((b"down_blocks_2_attentions_0_transformer_blocks_1_",), "SDXL"),
    ((b"down_blocks_1_attentions_0_transformer_blocks_1_",), "SDXL"),
    ((b"mid_block_attentions_0_transformer_blocks_1_",), "SDXL"),
    ((b"up_blocks_0_attentions_",), "SDXL"),
    ((b"input_blocks_4_1_transformer_blocks_1_",), "SDXL"),
    ((b"input_blocks_8_1_transformer_blocks_9_",), "SDXL"),
    ((b"middle_block_1_transformer_blocks_1_",), "SDXL"),
    ((b"output_blocks_0_1_transformer_blocks_",), "SDXL"),
    # Blocks that SD 1.5 and SD 2.x have and SDXL has not; the two share every name and differ in width.
    ((b"down_blocks_0_attentions_",), "SD"),
    ((b"input_blocks_1_1_transformer_blocks_0",), "SD"),
    ((b"output_blocks_11_1_transformer_blocks_0",), "SD"),
    ((b"lora_te_text_model",), "SD"),
    ((b"cond_stage_model_",), "SD"),
)
_SHAPE = rb'[^"]*":\s*\{[^}]*?"shape":\s*\[\s*\d+\s*,\s*(\d{1,12})'
_TEXT_WIDTH = re.compile(rb'attn2[._]to_k[^"]*(?:down|lora_A|weight)' + _SHAPE)
_ENCODER_WIDTH = re.compile(rb"lora_te_text_model_encoder_layers_\d+_self_attn_q_proj\.lora_down" + _SHAPE)
# The text encoder of SD 2.x is deeper, and is another one.
_SD2 = (
    b"lora_te_text_model_encoder_layers_22_",
    b"text_encoder.text_model.encoder.layers.22.",
    b"cond_stage_model.model.",
)
_LATE = (b"transformer_blocks_", b"attn1_to_", b"attn_add_k_proj")
_IN_WIDTH = re.compile(rb"(?:down|lora_A|q_weight|qkv_weight)" + _SHAPE)


def family_of_tensors(names: bytes, tail: bytes = b"", whole: Callable[[], bytes] | None = None) -> BaseModel:
    """The family of the tensors that a header names; nothing where no layout is known.

    ``names`` may be only the first part of the header, from its first tensor on; then ``tail`` is its end, and
    ``whole`` gives all of it, which is asked for where the two do not decide.
    """
    family = _layout(names[:_ENDS] + tail[-_ENDS:]) if tail and len(names) > 2 * _ENDS else ""
    everything = whole or (lambda: names)
    if not family:
        family = _layout(names + tail) or _late_layout(everything())
    if family == "SD":
        return BaseModel(_encoder_generation(names[:_WIDTHS]) or _sd_generation(names, everything))
    return BaseModel(_exact(family, everything) if family in _SHARED else family)


def _layout(part: bytes) -> str:
    """What any part of a header decides: every rule is sound however little is seen."""
    names = part.translate(_DOTS)
    for markers, family in _DECISIVE:
        if markers[0] in names and all(marker in names for marker in markers[1:]):
            return family
    return ""


def _late_layout(header: bytes) -> str:
    """Families that are in the middle of the header, or are told by what they lack, which only all of it shows."""
    names = header.translate(_DOTS)
    blocks, self_attention, joint = _LATE
    if (family := _layout(header)) or blocks not in names:
        return family
    if joint in names:
        return "SD 3"
    return "LTX" if self_attention in names and b"unet" not in names and b"down_blocks" not in names else ""


def _exact(family: str, whole: Callable[[], bytes]) -> str:
    """The size or the sister of a family whose block names are shared."""
    header = whole()
    if family == "Flux.1":
        return _flux(header)
    if family == "Flux.2":
        return {4096: "Flux.2 Klein 9B", 3072: "Flux.2 Klein 4B"}.get(_width(header), "Flux.2")
    return {1536: "Wan 1.3B", 3072: "Wan 5B", 5120: "Wan 14B"}.get(_width(header)) or _wan_size(header)


def _flux(header: bytes) -> str:
    """Double and single blocks: Flux.1 has 19 and 38, HunyuanVideo 20 and 40, Flux.2 8 and 48, its Klein 8 and 24."""
    if _has(header, "double_blocks", 19) or _has(header, "single_blocks", 39):
        return "HunyuanVideo" if not _has(header, "single_blocks", 47) else "Flux.2"
    return {6144: "Flux.2", 4096: "Flux.2 Klein 9B"}.get(_width(header), "Flux.1")


def _has(header: bytes, blocks: str, number: int) -> bool:
    # Names come sorted, so those of a layout are at one end at least: what is at neither need not be looked for.
    ends = header[:_WIDTHS] + header[-_WIDTHS:]
    return any(f"{blocks}{dot}".encode() in ends and f"{blocks}{dot}{number}{dot}".encode() in header for dot in "._")


def _wan_size(header: bytes) -> str:
    """Where no width is readable (LoKr, LoHa): 40 blocks are the 14B model's; 30 are both of the smaller ones'."""
    return "Wan 14B" if _has(header, "blocks", 39) else "Wan"


def _width(header: bytes) -> int:
    """The largest input width among the first tensors: of an attention's projection, the width of the model."""
    # Feed-forward layers are four times as wide on one side, so those are left out.
    names = header[:_WIDTHS]
    widths = (
        int(match[1])
        for match in _IN_WIDTH.finditer(names)
        if b"attn" in names[max(0, match.start() - 80) : match.start()].rpartition(b'"')[2]
    )
    return max(islice(widths, _LOOKED_AT), default=0)


def _encoder_generation(names: bytes) -> str:
    """kohya's names begin with the text encoder, which is 768 wide in SD 1.5, and in SD 2.x 1024."""
    match = _ENCODER_WIDTH.search(names) if names.startswith(b'"lora_te_', names.find(b'"')) else None
    return {768: "SD 1.5", 1024: "SD 2.x"}.get(int(match[1]), "") if match else ""


def _sd_generation(names: bytes, whole: Callable[[], bytes]) -> str:
    """SD 1.5 reads text 768 wide, SD 2.x 1024, SDXL 2048; SD 1.5 where the header does not show it."""
    width = _text_width(names)
    header = names if width else whole()
    if not width and len(header) > len(names):
        width = _text_width(header)
    if width:
        return {1024: "SD 2.x", 2048: "SDXL"}.get(width, "SD 1.5")
    return "SD 2.x" if any(marker in header for marker in _SD2) else "SD 1.5"


def _text_width(header: bytes) -> int:
    """0 where the header does not show it."""
    match = _TEXT_WIDTH.search(header)
    return int(match[1]) if match is not None and int(match[1]) > 1 else 0
