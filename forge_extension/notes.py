"""What an image's infotext says of the template that it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from orchestrator_core.formats.infotext import SCHEMA_VERSION
from orchestrator_core.request import ImageNotes

OURS = "Orchestrator"  # the key that the rest of ours is under, as JSON


def infotext_pairs(notes: ImageNotes, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The pairs that say what the notes do; ``parse_infotext`` reads them. ``more`` is for this extension alone."""
    own = {"run_id": notes.run_id, "dialect": notes.dialect, "prompt_seed": notes.prompt_seed}
    known = {name: value for name, value in own.items() if value is not None}
    ours = json.dumps({"schema_version": SCHEMA_VERSION, **known, **(more or {})}, separators=(",", ":"))
    pairs = {"Template": notes.template, "Negative Template": notes.negative_template, OURS: ours}
    return {name: value for name, value in pairs.items() if value}
