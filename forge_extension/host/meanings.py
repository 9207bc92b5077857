"""What texts mean to the text encoder of the checkpoint that the host has loaded; none is loaded for this.

It is used as for a prompt: on the host's main thread, under the lock of its queue, brought to its device by its memory
manager, and without the LoRAs of the last image. A host that renders is not waited for: a page would stand still.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from backend import memory_management
from modules import sd_models
from modules.call_queue import queue_lock

from forge_extension.host.rendering import on_main_thread

_PATIENCE = 1.0  # seconds that another use of the models is waited for: what is rendered in a moment
_ENGINES = ("text_processing_engine_g", "text_processing_engine_l", "text_processing_engine")  # the best first
_MOST_TOKENS = 77


def text_encoder() -> Any:
    """The CLIP of the checkpoint that is loaded; None before the first image."""
    objects = getattr(sd_models.model_data.sd_model, "forge_objects_original", None)
    return getattr(objects, "clip", None)


def text_vectors(clip: Any, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """What a CLIP makes of each text as a whole, at length 1.

    Raises ValueError for text encoders that make nothing of a whole text, and RuntimeError while the host renders or
    where it has loaded another checkpoint by now.
    """
    with _queue():
        return on_main_thread(lambda: _vectors(clip, texts))


@contextmanager
def _queue() -> Iterator[None]:
    end = time.monotonic() + _PATIENCE
    while not queue_lock.acquire(blocking=False):
        if time.monotonic() > end:
            raise RuntimeError("Forge is rendering; they are when it has finished")
        time.sleep(0.02)
    try:
        yield
    finally:
        queue_lock.release()


def _vectors(clip: Any, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    import torch

    if clip is not text_encoder():
        raise RuntimeError("another checkpoint was loaded meanwhile")
    engine = _engine(sd_models.model_data.sd_model)
    with torch.inference_mode():
        memory_management.load_model_gpu(clip.patcher)
        tokens = engine.tokenizer(
            list(texts), padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt"
        )["input_ids"]
        engine.encode_with_transformers(tokens[:1, :2])  # puts its embeddings where it wants them
        model = engine.text_encoder.transformer
        found = model(tokens.to(memory_management.text_encoder_device())).pooler_output
        if engine.text_projection and engine.embedding_key != "clip_l":  # as the engine itself does
            found = model.text_projection(found)
        vectors: Sequence[Sequence[float]] = torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy()
    return vectors


def _engine(model: Any) -> Any:
    for name in _ENGINES:
        engine = getattr(model, name, None)
        if hasattr(engine, "encode_with_transformers") and hasattr(engine, "text_projection"):
            return engine
    raise ValueError("it has no vector for a whole text")
