from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, StoreError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.store import Store
from orchestrator_core.store.embeddings import Embeddings
from orchestrator_core.vision.bank import StoreBank
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.readable import COUNT, NEGATION, QUALITY
from tests.core.vision.memory_bank import MemoryBank

np = pytest.importorskip("numpy")

AXES = ("red", "blue", "green", "star", "circle", "two", "three")


class FakeEncoder:
    """An Encoder that sees words of AXES: those in a text, and those whose byte in an image's first row is set."""

    def __init__(self, name: str = "fake:1:float32", bias: float | None = None) -> None:
        self.identity, self.scale, self.bias = name, 20.0, bias
        self.texts: list[str] = []
        self.images = self.rests = 0

    def image_vectors(self, images: Sequence[Any], is_cancelled: IsCancelled = never) -> Any:
        if is_cancelled():
            raise Cancelled
        self.images += len(images)
        return self._unit(np.stack([image[0, : len(AXES), 0] for image in images]).astype(np.float32))

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Any:
        self.texts += texts
        return self._unit(np.array([[float(axis in text.split()) for axis in AXES] for text in texts], np.float32))

    def rest(self) -> None:
        self.rests += 1

    def release(self) -> None: ...

    @staticmethod
    def _unit(rows: Any) -> Any:
        rows = np.concatenate([rows, np.full((len(rows), 1), 0.1, np.float32)], axis=1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def image(*words: str) -> Any:
    pixels = np.zeros((8, 8, 3), np.uint8)
    for word in words:
        pixels[0, AXES.index(word)] = 200
    return pixels


def siblings(text: str, *others: str, reason: str = "") -> Wanted:
    return Wanted(0, text, "unmeasurable" if reason else "siblings", f"w#{text}", (text, *others), reason)


RED = siblings("red", "blue", "green")


def test_a_value_is_told_from_its_siblings_and_each_image_from_the_other() -> None:
    rows = ContrastiveScorer(FakeEncoder()).score([image("red"), image("blue"), image("red", "blue")], [RED])
    red, blue, both = (row[0] for row in rows)
    assert red.probability > 0.99
    assert blue.probability < 0.01
    assert both.probability == pytest.approx(0.5, abs=0.01)
    assert red.calibrated
    assert red.low <= red.probability <= red.high
    assert red.raw > blue.raw
    assert (red.metric, red.wanted) == ("fulfilment", RED)


def test_what_cannot_be_seen_has_no_probability_and_says_why() -> None:
    scorer = ContrastiveScorer(FakeEncoder())
    wanted = [siblings("two", "three", reason=COUNT), siblings("no star", "circle", reason=NEGATION)]
    wanted += [Wanted(0, "masterpiece", "unscored", reason=QUALITY), RED]
    for each in scorer.score([image("red", "two")], wanted)[0][:3]:
        assert (each.probability, each.calibrated, each.reason) == (None, False, each.wanted.reason)
    counting = ContrastiveScorer(FakeEncoder(), measures_counts=True).score([image("red", "two")], wanted)[0]
    assert counting[0].probability > 0.9
    assert counting[1].probability is None
    assert scorer.score([image("red")], wanted[:1])[0][0].probability is None
    assert scorer.score([image("red")], []) == [[]]
    assert scorer.score([], wanted) == []


def test_free_text_needs_a_bias_or_a_bank_of_images_to_be_a_probability() -> None:
    star = Wanted(0, "star", "free")
    (alone,) = ContrastiveScorer(FakeEncoder()).score([image("star")], [star])[0]
    assert (alone.probability, alone.calibrated) == (None, False)
    assert "30" in alone.reason
    assert alone.raw > 0.9
    rows = ContrastiveScorer(FakeEncoder(bias=-10.0)).score([image("star"), image("red")], [star])
    assert [row[0].calibrated for row in rows] == [True, True]
    assert rows[0][0].probability > 0.9 > 0.1 > rows[1][0].probability


def test_scored_images_become_the_bank_that_later_ones_are_held_against() -> None:
    scorer = ContrastiveScorer(FakeEncoder(), bank=MemoryBank())
    star = Wanted(0, "star", "free")
    others = [image("red", "circle")] * 3
    for number in range(40):
        others.append(image("red", "circle"))
        others[-1][7, 7] = number
    scorer.score(others, [star])
    shown, not_shown = (row[0] for row in scorer.score([image("star", "red"), image("blue")], [star]))
    assert shown.calibrated
    assert shown.probability > 0.9 > 0.1 > not_shown.probability


def test_a_bank_in_the_store_lasts(sqlite_store: Store) -> None:
    bank = StoreBank(Embeddings(sqlite_store))
    assert bank.vectors("a").shape == (0, 1)
    bank.add("a", {"x": np.array([0.5, 0.25], np.float32), "y": np.array([1, 0], np.float32)})
    bank.add("a", {"x": np.array([0.5, 0.25], np.float32)})
    found = StoreBank(Embeddings(sqlite_store)).vectors("a")
    assert sorted(found.tolist()) == [[0.5, 0.25], [1.0, 0.0]]
    assert bank.vectors("b").shape == (0, 1)


def test_texts_cost_the_encoder_once_and_images_too(sqlite_store: Store) -> None:
    kept = Embeddings(sqlite_store)
    first, second = FakeEncoder(), FakeEncoder()
    scorer = ContrastiveScorer(first, cache=kept)
    rows = scorer.score([image("red")], [RED])
    scorer.score([image("red"), image("blue")], [RED, siblings("star", "circle")])
    assert len(first.texts) == len(set(first.texts)) == 2 * 5
    assert first.images == 2
    assert first.rests == 0
    scorer.score([image("green")], [RED])
    assert first.rests == 1
    again = ContrastiveScorer(second, cache=kept).score([image("red")], [RED])
    assert second.texts == []
    assert again == rows
    other = FakeEncoder("fake:2:float32")
    ContrastiveScorer(other, cache=kept).score([image("red")], [RED])
    assert len(other.texts) == 6


def test_a_cache_that_fails_costs_no_score() -> None:
    class Failing:
        def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, bytes]:
            raise StoreError("locked")

        def put(self, embedder: str, vectors: Any) -> None:
            raise StoreError("locked")

    found = ContrastiveScorer(FakeEncoder(), cache=Failing()).score([image("red")], [RED])
    assert found[0][0].probability > 0.9


def test_an_image_that_the_model_gives_no_number_for_costs_no_other() -> None:
    class Overflowing(FakeEncoder):
        def image_vectors(self, images: Sequence[Any], is_cancelled: IsCancelled = never) -> Any:
            rows = super().image_vectors(images)
            rows[0] = np.nan
            return rows

    bank = MemoryBank()
    bad, good = ContrastiveScorer(Overflowing(), bank=bank).score([image("blue"), image("red")], [RED])
    assert bad[0].probability is None
    assert bad[0].raw is None
    assert bad[0].reason
    assert good[0].probability > 0.9
    assert len(bank.vectors("fake:1:float32")) == 1


def test_it_can_be_stopped_and_names_its_weights_and_its_calibration() -> None:
    scorer = ContrastiveScorer(FakeEncoder())
    with pytest.raises(Cancelled):
        scorer.score([image("red")], [RED], lambda: True)
    assert scorer.identity.startswith("fake:1:float32:softmax:")


def test_the_whole_prompts_cosine_is_given_for_information() -> None:
    scorer = ContrastiveScorer(FakeEncoder())
    ((found,), (other,)) = scorer.score_whole([image("red", "star"), image("blue")], "(red:1.2) star, <lora:x:1>")
    assert found.metric == "prompt_cosine"
    assert found.value > 0.9 > other.value
    assert scorer.score_whole([image("red")], "<lora:x:1>") == [()]
