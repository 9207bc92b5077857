"""What ``/orchestrator/profiles…`` answers: which profiles there are, and what some of them add to a prompt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .profile_cards import brief_card, chosen_cards
from .profile_shelf import ProfileShelf

_PROBLEMS = 20  # that are told at once


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _List(_Asked):
    search: str = Field("", max_length=200)
    kind: Literal["", "character", "setting", "style", "genre", "mixed"] = ""
    limit: int = Field(50, ge=0, le=500)


class _Chosen(_Asked):
    profiles: str = Field("", max_length=5_000)
    genre: str = Field("", max_length=500)


class ProfileAnswers:
    def __init__(self, shelf: ProfileShelf) -> None:
        self._shelf = shelf

    def all(self, query: dict[str, Any]) -> dict[str, Any]:
        """``found`` of ``total`` hold the words of ``search`` in their key or name; the first ``limit`` are listed."""
        asked = _List.model_validate(query)
        library = self._shelf.library
        profiles = library.all(asked.kind or None)
        words = asked.search.casefold().split()
        found = [one for one in profiles if all(word in f"{one.key} {one.name}".casefold() for word in words)]
        return {
            "total": len(profiles),
            "found": len(found),
            "profiles": [brief_card(profile) for profile in found[: asked.limit]],
            "problems": [problem.message for problem in library.problems[:_PROBLEMS]],
            "folders": [str(folder) for folder in library.folders],
        }

    def chosen(self, query: dict[str, Any]) -> dict[str, Any]:
        """All that the profiles of these names add."""
        asked = _Chosen.model_validate(query)
        return chosen_cards(self._shelf, asked.profiles, asked.genre)
