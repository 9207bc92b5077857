"""What a Profile Loader gives: the names that its inputs choose, known without reading any profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROFILE_LOADER = "OrchestratorProfileLoader"
BEFORE = "profiles"  # of the loader before this one
CHOSEN = (BEFORE, "character", "setting", "style", "more", "genre")  # a later one wins; the genre is the last


def profile_names(values: Mapping[str, Any]) -> str:
    """Names separated by commas, as ``generatePrompt`` takes them; each once."""
    found = (name.strip() for key in CHOSEN for name in str(values.get(key) or "").split(","))
    return ", ".join(dict.fromkeys(filter(None, found)))
