"""Vectors in the store, and a person's own images among them, by which free words are calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import StoreError
from orchestrator_core.store import Store
from orchestrator_core.vision.bank import StoreBank
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.stored_vectors import StoredVectors
from tests.core.vision.colour_encoder import ColourEncoder, filled

np = pytest.importorskip("numpy")
STAR = Wanted(0, "red", "free")


@pytest.fixture
def vectors(tmp_path: Path) -> StoredVectors:
    return StoredVectors(lambda: Store.open(tmp_path / "x.db"))


def test_vectors_are_kept_in_the_store_which_is_open_during_a_call_alone(vectors: StoredVectors) -> None:
    vectors.put("clip:1", {"a": b"12"})
    assert vectors.get("clip:1", ["a", "b"]) == {"a": b"12"}
    assert vectors.some("clip:1", 5) == [b"12"]

    def broken() -> Store:
        raise OSError("the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        StoredVectors(broken).get("clip:1", ["a"])


def scored(vectors: StoredVectors, *images: Any) -> list[Fulfilment]:
    """By a scorer of its own, as another start of the program has it."""
    scorer = ContrastiveScorer(ColourEncoder(), cache=vectors, bank=StoreBank(vectors))
    return [row[0] for row in scorer.score(images, [STAR])]


def test_free_words_are_calibrated_from_thirty_own_images_on_over_all_starts(vectors: StoredVectors) -> None:
    others = [filled(n, 200 - n, 250 - 2 * n) for n in range(34)]
    assert {each.probability for each in scored(vectors, *others[:17])} == {None}
    (before,) = scored(vectors, filled(255, 0, 0))
    assert (before.probability, before.calibrated) == (None, False)
    assert "30" in before.reason
    scored(vectors, *others[17:])
    red, blue = scored(vectors, filled(255, 0, 0), filled(0, 0, 255))
    assert red.calibrated
    assert red.probability is not None
    assert blue.probability is not None
    assert red.probability > 0.9 > 0.1 > blue.probability


def test_a_bank_does_not_grow_without_end(vectors: StoredVectors) -> None:
    bank = StoreBank(vectors)
    for start in range(0, 3000, 500):
        bank.add("a", {f"{n:032x}": np.full(2, n, np.float16) for n in range(start, start + 500)})
    kept = len(vectors.some("image:a", 10_000))
    assert 400 <= kept <= 1024
    assert len(bank.vectors("a")) == 400
