"""Equal parts of records kept once: 10,000 LoRAs have the same tags, sources and base models over and over."""

from __future__ import annotations

from typing import Any

from orchestrator_core.loras.record import Fact, LoraRecord

_TEXTS = ("root", "base_model", "sub_family", "category", "title", "description", "notes", "negative", "trained_on")


class Pool:
    """For the records of one reading. Who keeps records for long passes each through the same pool."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def shared(self, record: LoraRecord) -> LoraRecord:
        """An equal record, whose texts, tags and facts are those of earlier records where these are equal."""
        keep = self._known.setdefault
        facts = tuple(keep(fact, fact) for fact in map(self._fact, record.facts))
        tags = [(keep(tag, tag), count) for tag, count in record.training_tags]
        texts = {name: keep(text, text) for name in _TEXTS if (text := getattr(record, name))}
        return record.replacing(
            facts=facts,
            training_tags=tuple(keep(pair, pair) for pair in tags),
            trigger_words=tuple(keep(text, text) for text in record.trigger_words),
            tags=tuple(keep(text, text) for text in record.tags),
            missing=keep(record.missing, record.missing),
            **texts,
        )

    def _fact(self, fact: Fact) -> Fact:
        keep = self._known.setdefault
        return Fact(
            keep(fact.field, fact.field),
            keep(fact.value, fact.value),
            keep(fact.source, fact.source),
            keep(fact.confidence, fact.confidence),
        )
