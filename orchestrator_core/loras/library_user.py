"""What a person (or Civitai, when asked) said of LoRAs, and finding it again after a rename, a move or a rebuilt index.

A fact knows the path, the stamp and the tensor digest of its LoRA. Any of the three finds it, so that it survives what
changes the other two: a move keeps the stamp, an edit of the header the path and the digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from orchestrator_core.loras.library_entries import Entry
from orchestrator_core.loras.record import Fact

Key = tuple[str, str, str]  # path, source, field


class UserFact(NamedTuple):
    """A row of the store's table ``lora_user``."""

    path: str
    source: str
    field: str
    value: str
    confidence: float
    updated_ms: int
    stamp: str
    tensor_sha256: str

    @property
    def key(self) -> Key:
        return self[:3]


class UserFacts:
    """All of them; there are few."""

    def __init__(self, rows: Iterable[UserFact] = ()) -> None:
        self._rows = {row.key: row for row in rows}
        self._grouped: dict[str, list[UserFact]] | None = None

    def __bool__(self) -> bool:
        return bool(self._rows)

    def of(self, entry: Entry) -> tuple[Fact, ...]:
        """Those of this LoRA; of two values for one thing the newer."""
        newest = {(row.source, row.field): row for row in self._matching(entry)}
        return tuple(Fact(row.field, row.value, row.source, row.confidence) for row in newest.values())

    def put(self, entry: Entry, facts: Iterable[Fact], now_ms: int) -> list[UserFact]:
        """Keep these; the rows to write."""
        new = [
            UserFact(
                entry.path, fact.source, fact.field, fact.value, fact.confidence, now_ms, entry.stamp, _tensors(entry)
            )
            for fact in facts
        ]
        self._rows |= {row.key: row for row in new}
        self._grouped = None
        return new

    def take(self, entry: Entry, field: str, source: str) -> list[Key]:
        """Forget what is said of this field of the LoRA, wherever it was said; the keys of the rows to remove."""
        gone = [row.key for row in self._matching(entry) if (row.field, row.source) == (field, source)]
        self._drop(gone)
        return gone

    def follow(self, old: Entry, new: Entry) -> tuple[list[UserFact], list[Key]]:
        """The LoRA has another path, or its digest is known now: the rows to write, and the keys to remove."""
        return self._rewrite(
            lambda row: row.path == old.path,
            lambda row: row._replace(path=new.path, stamp=new.stamp, tensor_sha256=_tensors(new) or row.tensor_sha256),
        )

    def _rewrite(
        self, chosen: Callable[[UserFact], bool], change: Callable[[UserFact], UserFact]
    ) -> tuple[list[UserFact], list[Key]]:
        before = [row for row in self._rows.values() if chosen(row)]
        after = [change(row) for row in before]
        if before == after:
            return [], []
        removed = [old.key for old, new in zip(before, after, strict=True) if old.key != new.key]
        self._drop(removed)
        self._rows |= {row.key: row for row in after}
        self._grouped = None
        return after, removed

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            del self._rows[key]
        self._grouped = None

    def _matching(self, entry: Entry) -> list[UserFact]:
        """The rows of this LoRA, the newest last."""
        if not self._rows:
            return []
        grouped = self._grouped if self._grouped is not None else self._group()
        marks = (entry.path, f"stamp {entry.stamp}", f"tensors {_tensors(entry)}")
        rows = {row.key: row for mark in marks for row in grouped.get(mark, ())}
        return sorted(rows.values(), key=lambda row: (row.updated_ms, row.path == entry.path))

    def _group(self) -> dict[str, list[UserFact]]:
        grouped: dict[str, list[UserFact]] = {}
        for row in self._rows.values():
            grouped.setdefault(row.path, []).append(row)
            if row.stamp:
                grouped.setdefault(f"stamp {row.stamp}", []).append(row)
            if row.tensor_sha256:
                grouped.setdefault(f"tensors {row.tensor_sha256}", []).append(row)
        self._grouped = grouped
        return grouped


def _tensors(entry: Entry) -> str:
    """The digest, where it was computed: what a sidecar claims may be another file's."""
    return entry.tensor_sha256 if entry.hashed else ""
