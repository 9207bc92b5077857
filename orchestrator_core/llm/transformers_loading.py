"""Loads a causal language model with transformers, from a folder alone and without code of the model's own."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.residence import adapted
from orchestrator_core.llm.transformers_source import Source

_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, MemoryError)


class Loaded(NamedTuple):
    """A tokenizer, a model, and the module that a memory manager is given."""

    name: str
    tokenizer: Any
    model: Any
    module: Any

    @property
    def most_tokens(self) -> int:
        """How many the model reads and writes together; 0 where it does not say."""
        config = self.model.config
        most = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return most if isinstance(most, int) else 0


def load(source: Source, dtype: str) -> Loaded:
    """Raises LanguageModelError: "missing" where it cannot be loaded, "memory" where there is too little."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise LanguageModelError(
            "A language model in this process needs transformers and torch, which ComfyUI and Forge have: "
            f"pip install transformers torch. ({error})",
            "missing",
        ) from error
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if source.gguf:
        where["gguf_file"] = source.gguf
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.folder, **where)
        # Weights that are made in inference mode, as ComfyUI's nodes run in it, could not be moved outside of it.
        with torch.inference_mode(False):
            kind = transformers.AutoModelForCausalLM
            dtypes = dtype_argument(transformers.__version__, getattr(torch, dtype))
            model, told = kind.from_pretrained(source.folder, output_loading_info=True, **where, **dtypes)
            _complete(model, {*told["missing_keys"]}, bool(source.gguf))
    except _FAILURES as error:
        raise _refusal(source, error) from error
    model.eval().generation_config = _generation(model, tokenizer, transformers.GenerationConfig)
    return Loaded(source.name, tokenizer, model, adapted(model))


def dtype_argument(version: str, dtype: Any) -> dict[str, Any]:
    """The argument has another name since 4.56, and the old one warns."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return {"dtype" if (major, minor) >= (4, 56) else "torch_dtype": dtype}


def _complete(model: Any, missing: set[str], is_gguf: bool) -> None:
    """What no file gave has random weights, and a model with them writes nonsense. Raises ValueError."""
    if is_gguf and missing == {"lm_head.weight"}:
        # The file leaves it out because it is the first layer's; transformers 4.46 does not know, and later ones do.
        model.config.tie_word_embeddings = True
        model.tie_weights()
    elif missing:
        raise ValueError(f"{len(missing)} of its weights are in no file, as {min(missing)}")


def _generation(model: Any, tokenizer: Any, kind: Any) -> Any:
    """How the model ends, and against what it repeats itself; how it samples is ours to say."""
    own = model.generation_config
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    ends = sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (ends[0] if ends else 0)
    penalty = own.repetition_penalty or 1.0
    return kind(bos_token_id=own.bos_token_id, eos_token_id=ends or None, pad_token_id=pad, repetition_penalty=penalty)


def _refusal(source: Source, error: Exception) -> LanguageModelError:
    if is_out_of_memory(error):
        return LanguageModelError(f"There is too little memory to load {source.name}.", "memory")
    said = " ".join(str(error).split())[:300]
    if source.gguf and isinstance(error, ImportError):
        told = (
            f"{source.name}: to read a GGUF file, transformers needs gguf and accelerate: pip install gguf accelerate."
        )
        return LanguageModelError(f"{told} ({said})", "missing")
    return LanguageModelError(f"{source.name}: this language model cannot be loaded: {said}", "missing")


def is_out_of_memory(error: BaseException) -> bool:
    """Torch's own error has had several places, and some of its allocators say it in words alone."""
    name = type(error).__name__
    return name in ("OutOfMemoryError", "MemoryError") or "out of memory" in str(error).lower()
