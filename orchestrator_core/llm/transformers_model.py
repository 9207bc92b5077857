"""TransformersModel: a language model in this process, with its weights under the host's memory manager.

    model = TransformersModel("models/SmolLM2-135M-Instruct", residence=ManagedResidence(…))

Nothing is imported or loaded before the first question, and nothing is ever downloaded. One question at a time; calls
block, and belong in a worker thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.port import Ask, IsCancelled, Message, OnText, never
from orchestrator_core.llm.residence import PlainResidence, Residence
from orchestrator_core.llm.transformers_loading import Loaded, is_out_of_memory, load
from orchestrator_core.llm.transformers_source import source_of
from orchestrator_core.llm.transformers_writing import Listener, Sampler

TOTAL_S = 120.0
_SPARE = 256 * 1024 * 1024  # bytes beside the weights, for what the model computes with
_GIB = 1024**3


class TransformersModel:
    """A ``LanguageModel``. ``model``: a folder, a .gguf file, or ``owner/name`` in the local cache.

    ``most_memory``: bytes that the weights may take; 0: any. ``keep`` False: the weights go after a batch's last call.
    """

    def __init__(
        self,
        model: str,
        *,
        residence: Residence | None = None,
        most_memory: int = 0,
        total_s: float = TOTAL_S,
        keep: bool = True,
    ) -> None:
        self._model, self._residence = model, residence or PlainResidence()
        self._most_memory, self._total_s, self._keep = most_memory, total_s, keep
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """The model's name and a hash of its files; where they are not there, the question is what fails."""
        try:
            return f"transformers:{source_of(self._model).identity}"
        except (LanguageModelError, OSError):
            return "transformers:"

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        """The whole answer; ``ask.schema`` is not enforced.

        Raises LanguageModelError: "missing" (no such model, or none that transformers can load), "memory", "slow",
        "refused" (a question that is longer than the model reads); Cancelled.
        """
        is_cancelled = is_cancelled or never
        until = time.monotonic() + self._total_s
        with self._lock:
            if is_cancelled():
                raise Cancelled
            loaded = self._loaded = self._loaded or self._load()
            try:
                return self._write(loaded, ask, until, on_text, is_cancelled)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise LanguageModelError(f"There is too little memory to ask {loaded.name}.", "memory") from error
            finally:
                if ask.is_last and not self._keep:
                    self._release()

    def release(self) -> None:
        """Let go of the weights; the next question loads them again."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._loaded is not None:
            self._residence.release(self._loaded.module)
            self._loaded = None

    def _load(self) -> Loaded:
        source = source_of(self._model)
        dtype = self._residence.dtype()
        needed = source.memory(dtype)
        if 0 < self._most_memory < needed:
            told = f"{source.name} needs about {needed / _GIB:.1f} GiB, and {self._most_memory / _GIB:.1f} are allowed."
            raise LanguageModelError(f"{told} Choose a smaller model, or allow more.", "memory")
        return load(source, dtype)

    def _write(self, loaded: Loaded, ask: Ask, until: float, on_text: OnText | None, is_cancelled: IsCancelled) -> str:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        tokens = _tokens(loaded, ask.messages)
        length = tokens["input_ids"].shape[1]
        room = _room(loaded, length, ask.max_tokens)

        def decode(ids: Any) -> str:
            return str(loaded.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

        listener = Listener(decode, length, until, on_text, is_cancelled)
        with self._residence.resident(loaded.module, _SPARE) as device, torch.inference_mode():
            found = loaded.model.generate(
                **{name: value.to(device) for name, value in tokens.items()},
                max_new_tokens=room,
                do_sample=False,  # the sampler does it
                logits_processor=LogitsProcessorList([Sampler(ask.temperature, ask.seed)]),
                stopping_criteria=StoppingCriteriaList([listener]),
            )
        if listener.was_cancelled:
            raise Cancelled
        if listener.is_late:
            raise LanguageModelError(f"{loaded.name} took longer than {self._total_s:g} s.", "slow")
        text = decode(found[0, length:])
        listener.tell(text, is_all=True)
        return text


def _room(loaded: Loaded, length: int, wanted: int) -> int:
    """How many tokens may be written, after so many that were read."""
    most = loaded.most_tokens
    if most and length >= most:
        told = f"The question has {length:,} tokens, and {loaded.name} reads {most:,}."
        raise LanguageModelError(f"{told} Choose a model that reads more, or give it less to read.", "refused")
    return min(wanted, most - length) if most else wanted


def _tokens(loaded: Loaded, messages: Sequence[Message]) -> dict[str, Any]:
    tokenizer = loaded.tokenizer
    has_template = bool(getattr(tokenizer, "chat_template", None))
    text = _chat(tokenizer, messages) if has_template else _plain(messages)
    found = tokenizer(text, return_tensors="pt", add_special_tokens=not has_template)
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def _chat(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The model's own template. Some know no system message, whose words then begin the person's first."""
    problem: Exception | None = None
    for rows in (messages, _without_system(messages)):
        try:
            return _templated(tokenizer, rows)
        except Exception as error:  # noqa: BLE001  # a template raises whatever it likes
            problem = problem or error
    raise LanguageModelError(f"The model's chat template cannot be used: {problem}", "refused") from problem


def _without_system(messages: Sequence[Message]) -> Sequence[Message]:
    if len(messages) < 2 or messages[0].role != "system":
        return messages
    system, first, *rest = messages
    return [Message(first.role, f"{system.content}\n\n{first.content}"), *rest]


def _templated(tokenizer: Any, messages: Sequence[Message]) -> str:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    # Templates of models that think first know ``enable_thinking``; others pass over it.
    text = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    return str(text)


def _plain(messages: Sequence[Message]) -> str:
    """For a model that was not trained to chat and only goes on with a text."""
    return "\n\n".join(message.content for message in messages) + "\n\n"
