"""What an image's infotext says of the template that it came from."""

from __future__ import annotations

import json

from orchestrator_core.formats.image_notes import SCHEMA_VERSION, own_notes
from orchestrator_core.request import ImageNotes

OURS = "Orchestrator"  # the key that the rest of ours is under, as JSON


def infotext_pairs(notes: ImageNotes) -> dict[str, str]:
    """The pairs that say what the notes do; ``parse_infotext`` reads them."""
    ours = json.dumps({"schema_version": SCHEMA_VERSION, **own_notes(notes)}, separators=(",", ":"))
    pairs = {"Template": notes.template, "Negative Template": notes.negative_template, OURS: ours}
    return {name: value for name, value in pairs.items() if value}
