"""The tiny diffusion model: which parts it is made of, and how it draws.

It has the stock parts of diffusers and transformers, at a hundredth of their size, and draws 48 × 48 pixels. Pixels are
its latents: each 4 × 4 block is one place of 48 channels, so no VAE is needed. Convolutions over these places make
shapes coherent; of the words it knows their pooled sense, at every layer, and each word at the coarser one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZE = 48  # pixels
PATCH = 4
TOKENS = 24
STEPS, CFG = 10, 2.5  # at which it draws best

_UNET = {
    "sample_size": SIZE // PATCH,
    "in_channels": 3 * PATCH * PATCH,
    "out_channels": 3 * PATCH * PATCH,
    "block_out_channels": (96, 128),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 64,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 4,
    "resnet_time_scale_shift": "scale_shift",
}


def new_unet() -> Any:
    """With random weights."""
    import torch
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(**_UNET)
    with torch.no_grad():
        unet.conv_out.weight.mul_(0.1)
    return unet


def new_text_encoder(tokenizer: Any) -> Any:
    """With random weights, for the words of this tokenizer."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=256,
        projection_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def new_scheduler() -> Any:
    """The network tells the clean picture from one on the straight way to noise (rectified flow)."""
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        use_flow_sigmas=True, prediction_type="sample", flow_shift=1.0, solver_order=2, steps_offset=1
    )


def save_pipeline(folder: Path, unet: Any, text_encoder: Any, tokenizer: Any) -> None:
    """As a StableDiffusionPipeline without a VAE, in float16."""
    import copy

    import torch
    from diffusers import StableDiffusionPipeline

    halved = [copy.deepcopy(part).to(torch.float16) for part in (unet, text_encoder)]
    pipeline = StableDiffusionPipeline(
        vae=None,
        text_encoder=halved[1],
        tokenizer=tokenizer,
        unet=halved[0],
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)


def token_ids(tokenizer: Any, texts: Sequence[str]) -> Any:
    return tokenizer(
        list(texts), padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    ).input_ids


def draw_pictures(
    unet: Any, text_encoder: Any, tokenizer: Any, texts: Sequence[str], seeds: Sequence[int], steps: int = STEPS
) -> Any:
    """Pictures of these texts, (number, 48, 48, 3) uint8: the pipeline's loop without the pipeline, many at once."""
    import numpy as np
    import torch
    from torch.nn.functional import pixel_shuffle

    scheduler = new_scheduler()
    scheduler.set_timesteps(steps)
    shape = (3 * PATCH * PATCH, SIZE // PATCH, SIZE // PATCH)
    noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        states = text_encoder(token_ids(tokenizer, [*texts, *[""] * len(texts)]))[0]
        latents = noise.to(memory_format=torch.channels_last)
        for step in scheduler.timesteps:
            told, untold = unet(torch.cat([latents, latents]), step, states).sample.float().chunk(2)
            latents = scheduler.step(untold + CFG * (told - untold), step, latents).prev_sample
    pixels = pixel_shuffle(latents, PATCH).clamp(-1, 1).add(1).mul(127.5).round()
    return pixels.permute(0, 2, 3, 1).numpy().astype(np.uint8)
