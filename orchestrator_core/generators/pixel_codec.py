"""What stands in for a VAE in a pipeline that has none: pixels themselves, each small block as one place of latents."""

from __future__ import annotations

import math
from typing import Any


def patch_of(channels: int) -> int:
    """The side of a block whose colours take this many channels; 0 where no square block does."""
    side = math.isqrt(channels // 3)
    return side if side > 0 and 3 * side * side == channels else 0


def pixel_codec(channels: int) -> Any:
    """For 3 · n² channels, a thing that diffusers takes for a VAE: its latents are n × n blocks of pixels."""
    import torch
    from diffusers import ConfigMixin, ModelMixin
    from diffusers.configuration_utils import register_to_config
    from torch.nn.functional import pixel_shuffle, pixel_unshuffle

    patch = patch_of(channels)

    class PixelCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is not typed
        """No weights; pixels are from -1 to 1."""

        @register_to_config  # type: ignore[untyped-decorator]
        def __init__(
            self,
            block_out_channels: tuple[int, ...] = (1,) * (1 + int(math.log2(patch))),
            scaling_factor: float = 1.0,
            force_upcast: bool = False,
        ) -> None:
            super().__init__()
            self.register_buffer("place", torch.zeros(1), persistent=False)  # by which diffusers knows the device

        def encode(self, pixels: Any) -> Any:
            return pixel_unshuffle(pixels, patch)

        def decode(self, latents: Any, return_dict: bool = True, generator: Any = None) -> Any:
            return (pixel_shuffle(latents, patch),)

    return PixelCodec()
