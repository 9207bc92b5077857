"""Write a checkpoint of random weights that Forge loads as Stable Diffusion 1.5, and two LoRAs for it. No download.

    python forge_checkpoint.py MODELS_FOLDER

It is that of ``tiny_checkpoint.py`` with the whole autoencoder: Forge builds it in its full shape, whatever the file
holds (``backend/loader.py``), and leaves weights that are missing as they happen to be in memory. Run it with Forge's
own Python: it needs torch and safetensors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_checkpoint import (  # its folder is on the path of a script
    CHANNELS,
    Layers,
    Weights,
    lora,
    residual,
    text_encoder,
    unet,
)

WIDTHS = (128, 256, 512, 512)  # channels of the levels
LATENT = 4
LORA_NAMES = ("tiny_ink", "tiny_fox")


def block(layers: Layers, root: str, inputs: int, outputs: int) -> None:
    layers.norm(f"{root}.norm1", inputs)
    layers.conv(f"{root}.conv1", inputs, outputs)
    layers.norm(f"{root}.norm2", outputs)
    layers.conv(f"{root}.conv2", outputs, outputs)
    if inputs != outputs:
        layers.conv(f"{root}.nin_shortcut", inputs, outputs, 1)


def middle(layers: Layers, root: str, width: int) -> None:
    block(layers, f"{root}.block_1", width, width)
    layers.norm(f"{root}.attn_1.norm", width)
    for name in ("q", "k", "v", "proj_out"):
        layers.conv(f"{root}.attn_1.{name}", width, width, 1)
    block(layers, f"{root}.block_2", width, width)


def encoder(layers: Layers, root: str) -> None:
    layers.conv(f"{root}.conv_in", 3, WIDTHS[0])
    width = WIDTHS[0]
    for level, outputs in enumerate(WIDTHS):
        for number in (0, 1):
            block(layers, f"{root}.down.{level}.block.{number}", width, outputs)
            width = outputs
        if level < len(WIDTHS) - 1:
            layers.conv(f"{root}.down.{level}.downsample.conv", width, width)
    middle(layers, f"{root}.mid", width)
    layers.norm(f"{root}.norm_out", width)
    layers.conv(f"{root}.conv_out", width, 2 * LATENT)


def decoder(layers: Layers, root: str) -> None:
    width = WIDTHS[-1]
    layers.conv(f"{root}.conv_in", LATENT, width)
    middle(layers, f"{root}.mid", width)
    for level in reversed(range(len(WIDTHS))):
        for number in (0, 1, 2):
            block(layers, f"{root}.up.{level}.block.{number}", width, WIDTHS[level])
            width = WIDTHS[level]
        if level:
            layers.conv(f"{root}.up.{level}.upsample.conv", width, width)
    layers.norm(f"{root}.norm_out", width)
    layers.conv(f"{root}.conv_out", width, 3)


def checkpoint() -> Weights:
    layers = Layers(seed=0)
    unet(layers)
    residual(layers, "model.diffusion_model.middle_block.0", CHANNELS)  # built whatever the file has
    text_encoder(layers)
    # Forge divides by the mean of what CLIP gives, which a norm without a bias makes 0: the images would be black.
    layers.weights["cond_stage_model.transformer.text_model.final_layer_norm.bias"] += 0.05
    encoder(layers, "first_stage_model.encoder")
    decoder(layers, "first_stage_model.decoder")
    layers.conv("first_stage_model.quant_conv", 2 * LATENT, 2 * LATENT, 1)
    layers.conv("first_stage_model.post_quant_conv", LATENT, LATENT, 1)
    return {name: weight.half() for name, weight in layers.weights.items()}


def weak(weights: Weights) -> Weights:
    """A LoRA that Forge's arithmetic bears: at full strength its images are black."""
    return {name: weight * 0.06 if ".lora_up." in name else weight for name, weight in weights.items()}


def main(models: Path) -> None:
    for folder in ("Stable-diffusion", "Lora/styles"):
        (models / folder).mkdir(parents=True, exist_ok=True)
    save_file(checkpoint(), models / "Stable-diffusion" / "tiny-sd15.safetensors")
    for seed, (folder, name) in enumerate(zip(("styles/", ""), LORA_NAMES, strict=True), 1):
        metadata = {"ss_output_name": name, "ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora"}
        save_file(weak(lora(seed)), models / "Lora" / f"{folder}{name}.safetensors", metadata=metadata)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
