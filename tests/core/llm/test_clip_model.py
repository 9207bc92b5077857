from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.clip_model import ClipModel, can_write
from orchestrator_core.llm.port import Ask, Message

ASK = Ask(
    (Message("system", "Be brief."), Message("user", "a {castle}")), max_tokens=9, temperature=0.5, seed=2**64 + 3
)


class Encoder:
    """As ``cond_stage_model``: modules, of which one may hold a transformer that writes."""

    def __init__(self, writes: bool) -> None:
        self.transformer = Transformer() if writes else object()

    def modules(self) -> Iterator[Any]:
        yield object()
        yield self


class Transformer:
    def generate(self) -> None: ...


class Clip:
    """A CLIP of the version that has ``presence_penalty`` and gives a batch of rows."""

    def __init__(self, kind: str = "qwen25_7b", writes: bool = True, error: Exception | None = None) -> None:
        self.kind, self.error, self.cond_stage_model = kind, error, Encoder(writes)
        self.read: list[str] = []
        self.asked: dict[str, Any] = {}

    def tokenize(self, text: str, return_word_ids: bool = False, **options: Any) -> dict[str, Any]:
        self.read.append(text)
        return {self.kind: [[(1, 1.0)]]}

    def generate(self, tokens: Any, do_sample: bool = True, max_length: int = 256, temperature: float = 1.0,
                 top_k: int = 50, top_p: float = 0.95, min_p: float = 0.0, repetition_penalty: float = 1.0,
                 seed: int | None = None, presence_penalty: float = 0.0) -> Any:  # fmt: skip
        if self.error:
            raise self.error
        self.asked = {"do_sample": do_sample, "max_length": max_length, "temperature": temperature, "seed": seed}
        return [[1, 2, 3]]

    def decode(self, token_ids: Any, skip_special_tokens: bool = True) -> str:
        assert token_ids == [1, 2, 3]
        return "a castle at dawn"


class PlainClip(Clip):
    """One of a version that takes little and gives one row."""

    def generate(self, tokens: Any, do_sample: bool = False, max_length: int = 256) -> Any:  # type: ignore[override]
        self.asked = {"do_sample": do_sample, "max_length": max_length}
        return [1, 2, 3]


class Tensor(list[Any]):
    """As one of torch, whose parts are tensors too."""

    def __init__(self, ndim: int, *parts: Any) -> None:
        super().__init__(parts)
        self.ndim = ndim


class TensorClip(Clip):
    """One that gives a tensor of so many dimensions, as some encoders do."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        row = Tensor(1, *(Tensor(0) for _ in range(3)))
        self.row, self.found = row, row if ndim == 1 else Tensor(2, row)

    def generate(self, tokens: Any, **options: Any) -> Any:  # type: ignore[override]
        self.asked = options
        return self.found

    def decode(self, token_ids: Any, skip_special_tokens: bool = True) -> str:
        assert token_ids is self.row
        return "a castle at dawn"


@pytest.mark.parametrize("clip", [Clip(), PlainClip(), TensorClip(1), TensorClip(2)])
def test_a_text_encoder_that_can_write_does(clip: Clip) -> None:
    pieces: list[str] = []
    assert ClipModel(clip).generate(ASK, pieces.append) == "a castle at dawn"
    assert pieces == ["a castle at dawn"]
    assert (clip.asked["do_sample"], clip.asked["max_length"]) == (True, 9)
    assert clip.asked.get("seed", 3) == 3


def test_temperature_zero_is_no_sampling_and_still_has_a_seed() -> None:
    clip = Clip()
    ClipModel(clip).generate(Ask(ASK.messages, temperature=0))
    assert clip.asked == {"do_sample": False, "max_length": 256, "temperature": 1.0, "seed": 0}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            "qwen3_4b",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\na {castle}<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "gemma3_12b",
            "<start_of_turn>system\nBe brief.<end_of_turn>\n<start_of_turn>user\na {castle}<end_of_turn>\n"
            "<start_of_turn>model\n",
        ),
        ("llama", "Be brief.\n\na {castle}\n\n"),
    ],
)
def test_it_is_told_the_messages_as_its_kind_of_model_is(kind: str, text: str) -> None:
    clip = Clip(kind)
    ClipModel(clip).generate(ASK)
    assert clip.read[-1] == text


@pytest.mark.parametrize("clip", [Clip("l", writes=False), object()])
def test_a_text_encoder_that_cannot_write_is_told(clip: Any) -> None:
    assert not can_write(clip)
    with pytest.raises(LanguageModelError, match="cannot write") as caught:
        ClipModel(clip, "clip_l").generate(ASK)
    assert caught.value.kind == "missing"


@pytest.mark.parametrize(
    ("error", "kind"), [(TypeError("no such argument"), "missing"), (RuntimeError("CUDA out of memory"), "memory")]
)
def test_one_that_fails_is_told(error: Exception, kind: str) -> None:
    with pytest.raises(LanguageModelError, match=f"did not write: {error}") as caught:
        ClipModel(Clip(error=error)).generate(ASK)
    assert caught.value.kind == kind


def test_the_hosts_own_interrupt_comes_through() -> None:
    class InterruptProcessingException(Exception):
        pass

    with pytest.raises(InterruptProcessingException):
        ClipModel(Clip(error=InterruptProcessingException())).generate(ASK)


def test_it_is_not_asked_when_it_was_cancelled() -> None:
    clip = Clip()
    with pytest.raises(Cancelled):
        ClipModel(clip).generate(ASK, is_cancelled=lambda: True)
    assert clip.asked == {}


def test_it_is_known_by_its_name() -> None:
    assert ClipModel(Clip(), "qwen_2.5_vl_7b").identity == "host:qwen_2.5_vl_7b"
    assert ClipModel(Clip()).identity == "host:Encoder"
