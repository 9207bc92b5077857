from __future__ import annotations

from orchestrator_core.store import Store
from orchestrator_core.store.embeddings import Embeddings


def test_vectors_last_for_each_encoder_and_the_newest_counts(store: Store) -> None:
    kept = Embeddings(store)
    kept.put("clip", {"a": b"\x00\xff", "b": b"\x01"})
    kept.put("clip", {"a": b"\x02"})
    kept.put("mini", {"a": b"\x03"})
    kept.put("mini", {})
    assert Embeddings(store).get("clip", ["a", "b", "c"]) == {"a": b"\x02", "b": b"\x01"}
    assert kept.get("mini", ["a", "b"]) == {"a": b"\x03"}


def test_more_texts_than_a_statement_takes_are_found(store: Store) -> None:
    kept = Embeddings(store)
    kept.put("clip", {f"{number:04}": b"\x00\x01" for number in range(1200)})
    assert len(kept.get("clip", [f"{number:04}" for number in range(1200)])) == 1200


def test_some_vectors_of_an_encoder_are_found_without_their_texts(store: Store) -> None:
    kept = Embeddings(store)
    kept.put("clip", {f"{number}": b"\x00\x01" for number in range(5)})
    kept.put("mini", {"a": b"\x03"})
    assert kept.some("clip", 3) == [b"\x00\x01"] * 3
    assert kept.some("none", 3) == []
