"""ClipModel: the language model that an image model reads its prompts with, in a ComfyUI that lets it write.

Qwen-Image, Z-Image or LTX-2 have a Qwen or a Gemma to read prompts with, which can write as well; newer ComfyUI lets it
(in the node ``TextGenerate``). It costs no memory beside what the image needs, and ComfyUI loads and unloads it. The
calls are ``tokenize``, ``generate`` and ``decode``; what each version's ``generate`` takes is told by its signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.port import Ask, IsCancelled, Message, OnText, never
from orchestrator_core.llm.transformers_loading import is_out_of_memory

_CHATML = ("<|im_start|>{role}\n{text}<|im_end|>\n", "<|im_start|>assistant\n")
_GEMMA = ("<start_of_turn>{role}\n{text}<end_of_turn>\n", "<start_of_turn>model\n")
_GEMMA_ROLES = {"assistant": "model"}
_FAILURES = (AttributeError, NotImplementedError, TypeError, ValueError, KeyError, IndexError, RuntimeError)


def can_write(clip: Any) -> bool:
    """Whether a CLIP has a language model inside. All CLIPs of a newer ComfyUI have ``generate``, also CLIP-L's."""
    if not all(callable(getattr(clip, name, None)) for name in ("tokenize", "generate", "decode")):
        return False
    modules = clip.cond_stage_model.modules()
    return any(callable(getattr(getattr(each, "transformer", None), "generate", None)) for each in modules)


class ClipModel:
    """A ``LanguageModel``. ``name``: what tells this CLIP's weights from another's, as the file's name."""

    def __init__(self, clip: Any, name: str = "") -> None:
        self._clip, self._name = clip, name

    @property
    def identity(self) -> str:
        return f"host:{self._name or type(self._clip.cond_stage_model).__name__}"

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        """The whole answer, in one piece. While it is written only the host's own interrupt stops it.

        Raises LanguageModelError ("missing" where this CLIP cannot write, "memory"), Cancelled.
        """
        is_cancelled = is_cancelled or never
        if is_cancelled():
            raise Cancelled
        if not can_write(self._clip):
            raise LanguageModelError(
                "The text encoder that is loaded cannot write. Those of Qwen-Image, Z-Image or LTX-2 can, in a ComfyUI "
                "that has the node TextGenerate.",
                "missing",
            )
        try:
            text = self._written(ask)
        except _FAILURES as error:
            kind = "memory" if is_out_of_memory(error) else "missing"
            raise LanguageModelError(f"The text encoder that is loaded did not write: {error}", kind) from error
        if is_cancelled():
            raise Cancelled
        if text and on_text:
            on_text(text)
        return text

    def _written(self, ask: Ask) -> str:
        clip = self._clip
        tokens = clip.tokenize(_chat(clip.tokenize(""), ask.messages), skip_template=True, min_length=1)
        found = clip.generate(tokens, **_known(clip.generate, _options(ask)))
        return str(clip.decode(found[0] if _is_batch(found) else found))


def _is_batch(found: Any) -> bool:
    """The first versions give rows, as lists or a tensor, and later ones just the row."""
    dimensions = getattr(found, "ndim", None)
    if dimensions is not None:
        return bool(dimensions > 1)
    return bool(found) and (isinstance(found[0], list | tuple) or getattr(found[0], "ndim", 0) > 0)


def _options(ask: Ask) -> dict[str, Any]:
    does_sample = ask.temperature > 0
    return {
        "do_sample": does_sample,
        "max_length": ask.max_tokens,
        "temperature": ask.temperature if does_sample else 1.0,
        "top_k": 64,
        "top_p": 0.95,
        "min_p": 0.05,
        "repetition_penalty": 1.05,
        "presence_penalty": 0.0,
        "seed": ask.seed % 2**63,  # always: a sampler without one raises
    }


def _known(function: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    names = inspect.signature(function).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in names.values()):
        return dict(options)
    return {name: value for name, value in options.items() if name in names}


def _chat(tokens: Mapping[str, Any], messages: Sequence[Message]) -> str:
    """The messages as this kind of model is told them; ``tokens`` of any text name the kind, as "qwen25_7b"."""
    kind = " ".join(str(key) for key in tokens).lower()
    if "qwen" in kind:
        turn, start = _CHATML
        roles: Mapping[str, str] = {}
    elif "gemma" in kind:
        (turn, start), roles = _GEMMA, _GEMMA_ROLES
    else:
        return "\n\n".join(message.content for message in messages) + "\n\n"
    told = [turn.format(role=roles.get(each.role, each.role), text=each.content) for each in messages]
    return "".join(told) + start
