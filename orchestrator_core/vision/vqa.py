"""VqaJudge: asks a vision-language model whether an image shows what the prompt says, and reads how sure its yes is.

    scorer = JudgeScorer(VqaJudge(EndpointVlm(Server("http://127.0.0.1:11434/v1"), "qwen2.5vl:3b")))

The probability of "Yes" agrees with people better than any cosine does (VQAScore, Lin et al. 2024), and binds and
counts; each text costs a whole call of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.vlm import Verdict, VisionLanguageModel

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_QUESTION = 'Does this image show "{text}"? Answer Yes or No.'
_VERSION = "yes:1"  # of the question: another one gives other numbers


class VqaJudge:
    """A ``Judge``."""

    most_alternatives = 6  # each is a call of a large model
    measures_all = True

    def __init__(self, model: VisionLanguageModel) -> None:
        self._model = model

    @property
    def identity(self) -> str:
        return f"vqa:{self._model.identity}:{_VERSION}"

    def judge(self, image: Pixels, texts: Sequence[str], is_cancelled: IsCancelled = never) -> list[Verdict]:
        """One call of the model for each text. Raises ScorerError, Cancelled."""
        try:
            return [self._model.judge(image, question_of(text), is_cancelled) for text in texts]
        except Cancelled:
            raise
        except LanguageModelError as error:
            raise ScorerError(str(error)) from error

    def release(self) -> None:
        """Let go of the model's weights."""
        self._model.release()


def question_of(text: str) -> str:
    """The question as the model is asked it: on one line, with the text in quotes."""
    return _QUESTION.format(text=" ".join(text.split()).replace('"', "'"))
