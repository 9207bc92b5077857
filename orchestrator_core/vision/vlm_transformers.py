"""TransformersVlm: a vision-language model in this process, with its weights under the host's memory manager.

Yes and no are read from the logits of the first token that it would write; nothing is generated for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.residence import Residence
from orchestrator_core.llm.transformers_loading import is_out_of_memory
from orchestrator_core.vision.hub_model import Held, Loaded
from orchestrator_core.vision.vlm import Verdict, verdict_of_tokens

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_TOP = 100  # tokens that are looked at


class TransformersVlm:
    """A ``VisionLanguageModel``. ``model``: a folder, or ``owner/name`` in the local cache."""

    def __init__(self, model: str, *, residence: Residence | None = None) -> None:
        self._held = Held(model, "AutoModelForImageTextToText", "AutoProcessor", residence=residence)

    @property
    def identity(self) -> str:
        """Raises ScorerError where the model is not there."""
        return f"transformers:{self._held.identity}"

    def judge(self, image: Pixels, question: str, is_cancelled: IsCancelled = never) -> Verdict:
        """Raises ScorerError for a model that cannot be loaded, LanguageModelError for a question it cannot read."""
        if is_cancelled():
            raise Cancelled("Scoring was stopped.")
        with self._held.resident() as (loaded, device):
            asked = _asked(loaded, image, question, device)
            logits = _given(loaded.model, asked).logits[0, -1].float()
            return verdict_of_tokens(_most_probable(loaded, logits))

    def say(self, image: Pixels, question: str, max_tokens: int = 80, is_cancelled: IsCancelled = never) -> str:
        """Raises what ``judge`` does."""
        if is_cancelled():
            raise Cancelled("The model was stopped.")
        with self._held.resident() as (loaded, device):
            asked = _asked(loaded, image, question, device)
            found = _given(loaded.model.generate, {**asked, "max_new_tokens": max_tokens, "do_sample": False})
            new = found[0, asked["input_ids"].shape[1] :]
            return str(_tokenizer(loaded).decode(new, skip_special_tokens=True)).strip()

    def release(self) -> None:
        """Let go of the weights."""
        self._held.release()


def _asked(loaded: Loaded, image: Pixels, question: str, device: Any) -> dict[str, Any]:
    from PIL import Image

    try:
        text = _prompt(loaded.reader, question)
        found = loaded.reader(images=[Image.fromarray(image)], text=[text], return_tensors="pt")
    except Exception as error:  # templates and processors raise whatever they like
        said = " ".join(str(error).split())[:200]
        raise LanguageModelError(f"The model cannot be asked about an image: {said}", "refused") from error
    dtype, known = loaded.model.dtype, inspect.signature(loaded.model.forward).parameters
    if "token_type_ids" not in known:
        found.pop("token_type_ids", None)  # older tokenizers give it to every model, and few take it
    return {
        name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
        for name, value in found.items()
    }


def _given(call: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    try:
        return call(**given)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        said = " ".join(str(error).split())[:200]
        raise LanguageModelError(f"The model could not answer about this image: {said}", "refused") from error


def _prompt(processor: Any, question: str) -> str:
    """The model's own chat; one that was not trained to chat is given the image and the question."""
    if getattr(processor, "chat_template", None):
        content = [{"type": "image"}, {"type": "text", "text": question}]
        rows = [{"role": "user", "content": content}]
        return str(processor.apply_chat_template(rows, add_generation_prompt=True, tokenize=False))
    mark = getattr(processor, "image_token", None) or "<image>"
    return f"{mark}\n{question}"


def _most_probable(loaded: Loaded, logits: Any) -> list[tuple[str, float]]:
    import torch

    if not bool(torch.isfinite(logits).any()) or bool(torch.isnan(logits).any()):
        raise ScorerError("The model's answer is no number: its weights are damaged, or its dtype is too small for it.")
    top = logits.log_softmax(-1).topk(min(_TOP, logits.shape[-1]))
    decode = _tokenizer(loaded).decode
    return [(str(decode([token])), float(log)) for token, log in zip(top.indices.tolist(), top.values, strict=True)]


def _tokenizer(loaded: Loaded) -> Any:
    return getattr(loaded.reader, "tokenizer", loaded.reader)
