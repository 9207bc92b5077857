"""A LoRA as JSON: what ``orchestrator loras … --json`` prints. docs/cli.md describes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator_core.loras.record import LoraRecord

SCHEMA_VERSION = 1


def lora_as_json(record: LoraRecord) -> dict[str, Any]:
    """Every field of the record under its name."""
    return {"schema_version": SCHEMA_VERSION, **asdict(record)}
