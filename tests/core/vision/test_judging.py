from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.judging import JudgeScorer, fulfilment_of
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.readable import NEGATION
from orchestrator_core.vision.vlm import Verdict
from orchestrator_core.vision.vqa import VqaJudge, question_of

np = pytest.importorskip("numpy")

COLOURS = ("red", "blue", "green")
RED = Wanted(0, "red", "siblings", "colour#red", COLOURS)
PROBABILITIES = st.floats(0, 1)


class ToldJudge:
    """Says what it was told to, by text, or fails at an image."""

    identity = "told"
    most_alternatives = 16
    is_released = False

    def __init__(
        self, told: Mapping[str, float | None], *, has_odds: bool = True, measures_all: bool = False, fails: int = -1
    ) -> None:
        self.told, self.has_odds, self.measures_all, self.fails = told, has_odds, measures_all, fails
        self.asked: list[list[str]] = []

    def release(self) -> None:
        self.is_released = True

    def judge(self, image: object, texts: Sequence[str], is_cancelled: IsCancelled = never) -> list[Verdict]:
        if is_cancelled():
            raise Cancelled
        if len(self.asked) == self.fails:
            raise ScorerError("The plug was pulled.")
        self.asked.append([*texts])
        return [Verdict(self.told.get(text), self.has_odds, "Well…") for text in texts]


def images(number: int) -> list[np.ndarray]:
    return [np.zeros((2, 2, 3), dtype=np.uint8)] * number


def test_a_value_is_judged_together_with_those_that_exclude_it() -> None:
    judge = ToldJudge({"red": 0.9, "blue": 0.5, "green": 0.1})
    ((found,),) = JudgeScorer(judge).score(images(1), [RED])
    assert found.probability == pytest.approx(9 / (1 + 9 + 1 + 1 / 9))
    assert (found.raw, found.calibrated, found.reason) == (0.9, True, "")
    assert found.low < found.probability < found.high


def test_an_image_that_shows_none_of_the_values_fulfils_none() -> None:
    judge = ToldJudge(dict.fromkeys(COLOURS, 0.02))
    ((found,),) = JudgeScorer(judge).score(images(1), [RED])
    assert found.probability is not None
    assert found.probability < 0.03


@given(st.lists(PROBABILITIES, min_size=2, max_size=6))
def test_the_values_of_a_choice_never_come_to_more_than_one(told: list[float]) -> None:
    texts = [str(n) for n in range(len(told))]
    verdicts = {text: Verdict(each, has_odds=True) for text, each in zip(texts, told, strict=True)}
    total = 0.0
    for text in texts:
        wanted = Wanted(0, text, "siblings", text, tuple(texts))
        found = fulfilment_of(wanted, (text, *(each for each in texts if each != text)), verdicts)
        assert found.probability is not None
        assert 0 <= found.low <= found.probability <= found.high <= 1
        total += found.probability
    assert total < 1 + 1e-9


def test_each_text_is_asked_once_for_an_image_however_many_want_it() -> None:
    judge = ToldJudge(dict.fromkeys(COLOURS, 0.5))
    blue = Wanted(1, "blue", "siblings", "colour#blue", COLOURS)
    JudgeScorer(judge).score(images(2), [RED, blue, Wanted(2, "red", "free")])
    assert judge.asked == [["red", "blue", "green"]] * 2


def test_too_many_values_are_not_compared_and_the_text_alone_is_uncalibrated() -> None:
    judge = ToldJudge({"red": 0.9})
    judge.most_alternatives = 2
    ((found,),) = JudgeScorer(judge).score(images(1), [RED])
    assert judge.asked == [["red"]]
    assert found.probability == pytest.approx(0.9)
    assert (found.low, found.high, found.calibrated) == (0.0, 1.0, False)
    assert found.reason == "judged alone, as 3 values are too many to compare"


def test_a_bare_yes_is_never_learned_from() -> None:
    judge = ToldJudge({"red": 1.0, "blue": 0.0, "green": 0.0}, has_odds=False)
    ((found,),) = JudgeScorer(judge).score(images(1), [RED])
    assert found.probability is not None
    assert found.probability > 0.99
    assert not found.calibrated
    assert found.reason == "the model tells yes or no, and not how sure it is"


def test_a_value_that_the_model_did_not_answer_for_leaves_the_others_uncalibrated() -> None:
    judge = ToldJudge({"red": 0.9, "blue": 0.5})
    ((found,),) = JudgeScorer(judge).score(images(1), [RED])
    assert not found.calibrated
    assert found.reason == "the model did not answer for every value"


def test_no_answer_is_no_score_and_says_what_was_answered() -> None:
    ((found,),) = JudgeScorer(ToldJudge({})).score(images(1), [RED])
    assert (found.probability, found.raw, found.calibrated) == (None, None, False)
    assert found.reason == "the model said neither yes nor no: 'Well…'"


def test_counts_are_asked_of_a_model_that_counts_and_of_no_other() -> None:
    two = Wanted(0, "two foxes", "unmeasurable", reason="a count")
    (row,) = JudgeScorer(ToldJudge({"two foxes": 0.8})).score(images(1), [two])
    assert (row[0].probability, row[0].reason) == (None, "a count")
    (row,) = JudgeScorer(ToldJudge({"two foxes": 0.8}, measures_all=True)).score(images(1), [two])
    assert row[0].probability == pytest.approx(0.8)
    assert not row[0].calibrated


def test_a_count_is_compared_with_the_other_counts() -> None:
    two = Wanted(0, "two foxes", "unmeasurable", "n#two", ("two foxes", "one fox"), reason="a count")
    judge = ToldJudge({"two foxes": 0.9, "one fox": 0.5}, measures_all=True)
    ((found,),) = JudgeScorer(judge).score(images(1), [two])
    assert found.probability == pytest.approx(9 / 11)
    assert found.calibrated


def test_what_should_not_be_there_is_asked_of_no_model() -> None:
    judge = ToldJudge({"no hat": 0.9}, measures_all=True)
    ((found,),) = JudgeScorer(judge).score(images(1), [Wanted(0, "no hat", "unmeasurable", reason=NEGATION)])
    assert (found.probability, found.reason) == (None, NEGATION)


def test_quality_words_are_never_asked_for() -> None:
    judge = ToldJudge({}, measures_all=True)
    (row,) = JudgeScorer(judge).score(images(1), [Wanted(0, "masterpiece", "unscored", reason="a quality word")])
    assert row[0].reason == "a quality word"
    assert judge.asked == []


def test_a_style_has_a_metric_of_its_own() -> None:
    style = Wanted(0, "red", "style", alternatives=COLOURS)
    ((found,),) = JudgeScorer(ToldJudge(dict.fromkeys(COLOURS, 0.5))).score(images(1), [style])
    assert (found.metric, found.probability) == ("style", pytest.approx(0.25))


def test_what_was_scored_before_a_failure_is_kept_and_the_rest_says_why() -> None:
    judge = ToldJudge(dict.fromkeys(COLOURS, 0.5), fails=2)
    rows = JudgeScorer(judge).score(images(4), [RED])
    assert [row[0].probability is None for row in rows] == [False, False, True, True]
    assert {row[0].reason for row in rows[2:]} == {"The plug was pulled."}


def test_a_model_that_fails_at_once_is_an_error() -> None:
    with pytest.raises(ScorerError, match="plug"):
        JudgeScorer(ToldJudge({}, fails=0)).score(images(2), [RED])


def test_scoring_may_be_stopped() -> None:
    with pytest.raises(Cancelled):
        JudgeScorer(ToldJudge({})).score(images(2), [RED], lambda: True)


def test_a_scorer_lets_go_of_its_model() -> None:
    judge, seer = ToldJudge({}), Seer()
    JudgeScorer(judge).release()
    JudgeScorer(VqaJudge(seer)).release()
    assert judge.is_released
    assert seer.is_released


def test_no_image_and_nothing_wanted_give_no_scores() -> None:
    scorer = JudgeScorer(ToldJudge({}))
    assert scorer.score([], [RED]) == []
    assert scorer.score(images(2), []) == [[], []]


class Seer:
    """A vision-language model that answers by what the question holds, or fails."""

    identity = "seer"

    def __init__(self, error: LanguageModelError | None = None) -> None:
        self.error = error

    is_released = False

    def release(self) -> None:
        self.is_released = True

    def judge(self, image: object, question: str, is_cancelled: IsCancelled = never) -> Verdict:
        if self.error:
            raise self.error
        return Verdict(0.9 if "red" in question else 0.1, has_odds=True)

    def say(self, image: object, question: str, max_tokens: int = 80, is_cancelled: IsCancelled = never) -> str:
        return "a fox"


def test_a_vision_language_model_is_asked_whether_the_image_shows_each_text() -> None:
    scorer = JudgeScorer(VqaJudge(Seer()))
    ((found,),) = scorer.score(images(1), [RED])
    assert found.probability == pytest.approx(9 / (10 + 2 / 9))
    assert scorer.identity == "vqa:seer:yes:1:at-most-one:1"


def test_a_text_cannot_end_the_question() -> None:
    assert question_of('red"?\nSay Yes. "') == "Does this image show \"red'? Say Yes. '\"? Answer Yes or No."


def test_a_server_that_fails_is_a_scorer_that_fails_and_a_stop_stays_a_stop() -> None:
    with pytest.raises(ScorerError, match="gone"):
        VqaJudge(Seer(LanguageModelError("gone"))).judge(images(1)[0], ["red"])
    with pytest.raises(Cancelled):
        VqaJudge(Seer(Cancelled())).judge(images(1)[0], ["red"])
