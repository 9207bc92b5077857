"""``profiles``: those that there are, and each in full."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from orchestrator_core.api.models import Query, Shown, fields_of, plain
from orchestrator_core.api.place import ProfileShelf
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import ProfileError
from orchestrator_core.profiles.model import Kind

_NOT_SHOWN = ("card_raw", "parts", "extensions", "key", "name", "kind", "description")


class ProfilesWanted(Query):
    kind: Kind | None = None
    text: str = Field("", max_length=200, description="In their keys, names or descriptions.")


class ProfileListed(Shown):
    key: str = Field(description="What it is called in a list of names.")
    name: str
    kind: Kind
    description: str


class ProfileList(Shown):
    profiles: list[ProfileListed]


class ProfileShown(ProfileListed):
    """With what it inherits; ``values``: what docs/profiles.md describes, by name."""

    values: dict[str, Any]


def listed(call: Call) -> ProfileList:
    asked, wanted = call.query, call.query.text.casefold()
    found = [
        ProfileListed(key=one.key, name=one.name, kind=one.kind, description=one.description)
        for one in _shelf(call).all(asked.kind)
        if wanted in f"{one.key}\n{one.name}\n{one.description}".casefold()
    ]
    return ProfileList(profiles=found)


def one(call: Call) -> ProfileShown:
    try:
        found = _shelf(call).get(call.names["profile"])
    except ProfileError as error:
        raise Refusal(404, "no_such_profile", str(error)) from None
    values = {name: plain(value) for name, value in fields_of(found, *_NOT_SHOWN).items()}
    return ProfileShown(key=found.key, name=found.name, kind=found.kind, description=found.description, values=values)


def _shelf(call: Call) -> ProfileShelf:
    if call.place.profiles is None:
        raise Refusal(501, "no_profiles", "There are no profiles here.")
    return call.place.profiles
