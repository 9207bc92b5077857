"""How well selection works on a person's own library: their LoRAs' example prompts are the questions.

Each example prompt, without its LoRA tags and without the trigger words of the LoRA that it belongs to, is a query
whose right answer is that LoRA. Only LoRAs that the base model of the right one would let through compete. Nothing is
loaded from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.gate import barred
from orchestrator_core.loras.ranking import LoraIndex, Prior
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.semantic import SemanticPhrases
from orchestrator_core.loras.words import phrases_of, prompt_text, stems_of, words_of

_MISSES = 100  # kept for a person to look at


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and the LoRA that it was made with."""

    text: str
    answer: LoraRecord


@dataclass(frozen=True, slots=True)
class Miss:
    """A question whose answer did not come first. ``rank`` counts from 1; None: it was not found at all."""

    question: Question
    rank: int | None
    first: str  # the name that came first; "" if nothing did


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Shares of all questions. ``abstained``: those for which no LoRA had the least evidence."""

    questions: int = 0
    recall_1: float = 0.0
    recall_3: float = 0.0
    recall_10: float = 0.0
    abstained: float = 0.0
    without_examples: int = 0  # LoRAs that could not be asked for
    misses: tuple[Miss, ...] = ()

    def __str__(self) -> str:
        if not self.questions:
            return "No LoRA has example prompts to ask with: sidecars of Civitai have them."
        return (
            f"{self.questions} prompts: the right LoRA came first for {self.recall_1:.0%}, among three for "
            f"{self.recall_3:.0%}, among ten for {self.recall_10:.0%}; none was chosen for {self.abstained:.0%}. "
            f"{self.without_examples} LoRAs have no example prompts."
        )


def evaluate(
    index: LoraIndex,
    minimum: float = 0.25,
    most: int = 500,
    prior: Prior | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
    meanings: SemanticPhrases | None = None,
) -> Evaluation:
    """Asks at most ``most`` questions, evenly picked over the library; by what words mean too, where that is given."""
    records = sorted(index.records, key=lambda record: (record.name, record.path))
    by_lora = [list(questions_of(record)) for record in records]
    questions = _evenly([question for questions in by_lora for question in questions], most)
    ranks: list[int | None] = []
    misses: list[Miss] = []
    abstained = 0
    for done, question in enumerate(questions, 1):
        rank, first, best = _asked(index, question, prior, meanings)
        ranks.append(rank)
        abstained += best < minimum
        if rank != 1 and len(misses) < _MISSES:
            misses.append(Miss(question, rank, first))
        on_progress(done, len(questions))
    count = len(questions) or 1
    within = [sum(rank is not None and rank <= k for rank in ranks) / count for k in (1, 3, 10)]
    without = sum(not questions for questions in by_lora)
    return Evaluation(len(questions), within[0], within[1], within[2], abstained / count, without, tuple(misses))


def questions_of(record: LoraRecord) -> Iterator[Question]:
    """A LoRA's example prompts as questions; none that says nothing without its trigger words, and none twice."""
    triggers = [part for group in record.trigger_words for part in phrases_of(group)]
    texts = (_without(example.text, triggers) for example in record.examples)
    for text in dict.fromkeys(text for text in texts if words_of(text)):
        yield Question(text, record)


def _without(text: str, triggers: list[str]) -> str:
    """The parts of a prompt that hold no trigger, with the words of a trigger cut out of those that do."""
    wanted = [stems_of(trigger) for trigger in sorted(triggers, key=len, reverse=True)]
    return ", ".join(filter(None, (_cut(part, wanted) for part in phrases_of(prompt_text(text)))))


def _cut(part: str, triggers: list[list[str]]) -> str:
    words, stems = words_of(part), stems_of(part)
    for trigger in filter(None, triggers):
        for at in range(len(stems) - len(trigger), -1, -1):
            if stems[at : at + len(trigger)] == trigger:
                del stems[at : at + len(trigger)], words[at : at + len(trigger)]
    return " ".join(words)


def _evenly(questions: list[Question], most: int) -> list[Question]:
    if len(questions) <= most:
        return questions
    return [questions[at * len(questions) // most] for at in range(most)]


def _asked(
    index: LoraIndex, question: Question, prior: Prior | None, meanings: SemanticPhrases | None
) -> tuple[int | None, str, float]:
    """(the answer's rank, the name that came first, its score)."""
    checkpoint = BaseModel(question.answer.base_model, question.answer.sub_family)
    rank, first, best = 0, "", 0.0
    words = index.words_in(question.text, {} if meanings is None else meanings.near(question.text))
    for record, score in index.scores(words, prior):
        if barred(record, checkpoint):
            continue
        rank += 1
        if rank == 1:
            first, best = record.name, score
        if record.path == question.answer.path:
            return rank, first, best
    return None, first, best
