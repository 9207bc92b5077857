from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.captioning import BlipCaptioner, VlmCaptioner
from orchestrator_core.vision.vlm import Verdict
from tests.core.vision.tiny_blip import WORDS, write_blip

np = pytest.importorskip("numpy")

NOISE = np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8)


class Seer:
    """A vision-language model that says what it was given to say, or fails."""

    identity = "seer"

    def __init__(self, said: str | LanguageModelError) -> None:
        self.said = said

    is_released = False

    def release(self) -> None:
        self.is_released = True

    def judge(self, image: object, question: str, is_cancelled: IsCancelled = never) -> Verdict:
        raise NotImplementedError

    def say(self, image: object, question: str, max_tokens: int = 80, is_cancelled: IsCancelled = never) -> str:
        if isinstance(self.said, LanguageModelError):
            raise self.said
        return self.said


def test_a_vision_language_model_says_what_is_there_on_one_line() -> None:
    seer = Seer(" A red fox\n in snow. ")
    captioner = VlmCaptioner(seer)
    assert captioner.caption(NOISE) == "A red fox in snow."
    assert captioner.identity == "caption:seer"
    captioner.release()
    assert seer.is_released


def test_a_model_that_fails_is_a_scorers_error_and_a_stop_stays_a_stop() -> None:
    with pytest.raises(ScorerError, match="gone"):
        VlmCaptioner(Seer(LanguageModelError("gone"))).caption(NOISE)
    with pytest.raises(Cancelled):
        VlmCaptioner(Seer(Cancelled())).caption(NOISE)


def test_blip_says_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    captioner = BlipCaptioner(str(write_blip(tmp_path, "BlipForConditionalGeneration", max_position_embeddings=100)))
    caption = captioner.caption(NOISE)
    assert set(caption.split()) <= {*WORDS}
    captioner.release()
    assert captioner.caption(NOISE) == caption
    with pytest.raises(Cancelled):
        captioner.caption(NOISE, lambda: True)
