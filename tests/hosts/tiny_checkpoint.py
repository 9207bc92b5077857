"""Write a checkpoint of random weights that ComfyUI loads as Stable Diffusion 1.5, and two LoRAs for it. No download.

    python tiny_checkpoint.py MODELS_FOLDER

It makes coloured noise in a fraction of a second on a processor, deterministic in seed, text and LoRAs: enough to show
that what we send arrives. Run it with a host's own Python: it needs torch and safetensors.

What ComfyUI's detection wants is fixed (``comfy/model_detection.py``, ``supported_models.SD15``): 320 model channels, a
context of 768, convolutions around the transformer, and a whole CLIP-L. All else is left out: one level, one residual
block, no middle block, and TAESD in place of the autoencoder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

CHANNELS, EMBEDDING, CONTEXT, LATENT = 320, 1280, 768, 4
CLIP_LAYERS, CLIP_TOKENS, CLIP_POSITIONS = 12, 49408, 77
TAESD_WIDTH = 64

Weights = dict[str, torch.Tensor]


class Layers:
    """Random layers under names, from one seed."""

    def __init__(self, seed: int) -> None:
        self.weights: Weights = {}
        self.random = torch.Generator().manual_seed(seed)

    def tensor(self, name: str, *shape: int, spread: float) -> None:
        self.weights[name] = torch.randn(*shape, generator=self.random) * spread

    def linear(self, name: str, inputs: int, outputs: int, *, bias: bool = True) -> None:
        self.tensor(f"{name}.weight", outputs, inputs, spread=inputs**-0.5)
        if bias:
            self.weights[f"{name}.bias"] = torch.zeros(outputs)

    def conv(self, name: str, inputs: int, outputs: int, size: int = 3, *, bias: bool = True) -> None:
        self.tensor(f"{name}.weight", outputs, inputs, size, size, spread=(inputs * size * size) ** -0.5)
        if bias:
            self.weights[f"{name}.bias"] = torch.zeros(outputs)

    def norm(self, name: str, width: int) -> None:
        self.weights[f"{name}.weight"] = torch.ones(width)
        self.weights[f"{name}.bias"] = torch.zeros(width)


def unet(layers: Layers) -> None:
    root = "model.diffusion_model"
    layers.linear(f"{root}.time_embed.0", CHANNELS, EMBEDDING)
    layers.linear(f"{root}.time_embed.2", EMBEDDING, EMBEDDING)
    layers.conv(f"{root}.input_blocks.0.0", LATENT, CHANNELS)
    residual(layers, f"{root}.input_blocks.1.0", CHANNELS)
    transformer(layers, f"{root}.input_blocks.1.1")
    for number in (0, 1):  # one more than there are residual blocks; each gets a skip connection beside
        residual(layers, f"{root}.output_blocks.{number}.0", 2 * CHANNELS)
    layers.norm(f"{root}.out.0", CHANNELS)
    layers.conv(f"{root}.out.2", CHANNELS, LATENT)


def residual(layers: Layers, root: str, inputs: int) -> None:
    layers.norm(f"{root}.in_layers.0", inputs)
    layers.conv(f"{root}.in_layers.2", inputs, CHANNELS)
    layers.linear(f"{root}.emb_layers.1", EMBEDDING, CHANNELS)
    layers.norm(f"{root}.out_layers.0", CHANNELS)
    layers.conv(f"{root}.out_layers.3", CHANNELS, CHANNELS)
    if inputs != CHANNELS:
        layers.conv(f"{root}.skip_connection", inputs, CHANNELS, 1)


def transformer(layers: Layers, root: str) -> None:
    layers.norm(f"{root}.norm", CHANNELS)
    layers.conv(f"{root}.proj_in", CHANNELS, CHANNELS, 1)
    block = f"{root}.transformer_blocks.0"
    for attention, context in (("attn1", CHANNELS), ("attn2", CONTEXT)):
        layers.linear(f"{block}.{attention}.to_q", CHANNELS, CHANNELS, bias=False)
        layers.linear(f"{block}.{attention}.to_k", context, CHANNELS, bias=False)
        layers.linear(f"{block}.{attention}.to_v", context, CHANNELS, bias=False)
        layers.linear(f"{block}.{attention}.to_out.0", CHANNELS, CHANNELS)
    layers.linear(f"{block}.ff.net.0.proj", CHANNELS, 8 * CHANNELS)
    layers.linear(f"{block}.ff.net.2", 4 * CHANNELS, CHANNELS)
    for number in (1, 2, 3):
        layers.norm(f"{block}.norm{number}", CHANNELS)
    layers.conv(f"{root}.proj_out", CHANNELS, CHANNELS, 1)


def text_encoder(layers: Layers) -> None:
    root = "cond_stage_model.transformer.text_model"
    layers.tensor(f"{root}.embeddings.token_embedding.weight", CLIP_TOKENS, CONTEXT, spread=0.02)
    layers.tensor(f"{root}.embeddings.position_embedding.weight", CLIP_POSITIONS, CONTEXT, spread=0.02)
    for number in range(CLIP_LAYERS):
        start = set(layers.weights)
        layer = f"{root}.encoder.layers.{number}"
        for name in ("q", "k", "v", "out"):
            layers.linear(f"{layer}.self_attn.{name}_proj", CONTEXT, CONTEXT)
        layers.linear(f"{layer}.mlp.fc1", CONTEXT, 4 * CONTEXT)
        layers.linear(f"{layer}.mlp.fc2", 4 * CONTEXT, CONTEXT)
        if number:  # a layer of zeros hands on its input: only the first has an effect
            for name in set(layers.weights) - start:
                layers.weights[name].zero_()
        layers.norm(f"{layer}.layer_norm1", CONTEXT)
        layers.norm(f"{layer}.layer_norm2", CONTEXT)
    layers.norm(f"{root}.final_layer_norm", CONTEXT)


def autoencoder(layers: Layers) -> None:
    """TAESD, by which name ComfyUI finds it in a checkpoint; numbers that are missing are its activations."""
    encoder, decoder = "first_stage_model.taesd_encoder", "first_stage_model.taesd_decoder"
    layers.conv(f"{encoder}.0", 3, TAESD_WIDTH)
    taesd_block(layers, f"{encoder}.1")
    for start in (2, 6, 10):
        layers.conv(f"{encoder}.{start}", TAESD_WIDTH, TAESD_WIDTH, bias=False)
        for number in (1, 2, 3):
            taesd_block(layers, f"{encoder}.{start + number}")
    layers.conv(f"{encoder}.14", TAESD_WIDTH, LATENT)
    layers.conv(f"{decoder}.1", LATENT, TAESD_WIDTH)
    for start in (3, 8, 13):
        for number in (0, 1, 2):
            taesd_block(layers, f"{decoder}.{start + number}")
        layers.conv(f"{decoder}.{start + 4}", TAESD_WIDTH, TAESD_WIDTH, bias=False)
    taesd_block(layers, f"{decoder}.18")
    layers.conv(f"{decoder}.19", TAESD_WIDTH, 3)
    last = layers.weights[f"{decoder}.19.weight"]
    last -= last.mean(dim=(1, 2, 3), keepdim=True)  # no cast of colour …
    layers.weights[f"{decoder}.19.bias"] = torch.full((3,), 0.5)  # … around a middle grey
    layers.weights["first_stage_model.vae_scale"] = torch.tensor(1.0)
    layers.weights["first_stage_model.vae_shift"] = torch.tensor(0.0)


def taesd_block(layers: Layers, root: str) -> None:
    for number in (0, 2, 4):
        layers.conv(f"{root}.conv.{number}", TAESD_WIDTH, TAESD_WIDTH)
    layers.weights[f"{root}.conv.4.weight"] *= 0.5  # keeps the sum of many residuals in bounds


def checkpoint() -> Weights:
    layers = Layers(seed=0)
    unet(layers)
    text_encoder(layers)
    autoencoder(layers)
    return {name: weight.half() for name, weight in layers.weights.items()}


def lora(seed: int, rank: int = 4) -> Weights:
    """In kohya's names, on the one transformer and the one live layer of CLIP."""
    layers = Layers(seed)
    root = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0"
    for attention, context in (("attn1", CHANNELS), ("attn2", CONTEXT)):
        sizes = {"to_q": CHANNELS, "to_k": context, "to_v": context, "to_out_0": CHANNELS}
        for name, inputs in sizes.items():
            lora_pair(layers, f"{root}_{attention}_{name}", inputs, CHANNELS, rank)
    for name in ("q", "k", "v"):
        lora_pair(layers, f"lora_te_text_model_encoder_layers_0_self_attn_{name}_proj", CONTEXT, CONTEXT, rank)
    return {name: weight.half().contiguous() for name, weight in layers.weights.items()}


def lora_pair(layers: Layers, name: str, inputs: int, outputs: int, rank: int) -> None:
    layers.tensor(f"{name}.lora_down.weight", rank, inputs, spread=inputs**-0.5)
    layers.tensor(f"{name}.lora_up.weight", outputs, rank, spread=0.5)
    layers.weights[f"{name}.alpha"] = torch.tensor(float(rank))


def main(models: Path) -> None:
    (models / "checkpoints").mkdir(parents=True, exist_ok=True)
    (models / "loras" / "styles").mkdir(parents=True, exist_ok=True)
    save_file(checkpoint(), models / "checkpoints" / "tiny-sd15.safetensors")
    for seed, (name, words) in enumerate((("styles/tiny_ink", ["tinyink", "ink wash"]), ("tiny_fox", ["tinyfox"])), 1):
        metadata = {
            "ss_output_name": name,
            "ss_base_model_version": "sd_v1",
            "ss_network_module": "networks.lora",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.trigger_phrase": ", ".join(words),
            "ss_tag_frequency": json.dumps({f"1_{name}": dict.fromkeys(words, 10)}),
        }
        save_file(lora(seed), models / "loras" / f"{name}.safetensors", metadata=metadata)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
