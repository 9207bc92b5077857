"""What is wrong with profiles beyond what their files say: names that lead nowhere, templates that do not parse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator_core.errors import WildcardError
from orchestrator_core.profiles.library import ProfileLibrary, ProfileProblem
from orchestrator_core.profiles.model import PLACEHOLDER, Profile
from orchestrator_core.template import Template, Wildcards


def check_profiles(library: ProfileLibrary, wildcards: Wildcards) -> list[ProfileProblem]:
    """The problems of all profiles, in the order of their keys; those of the files first."""
    found = list(library.problems)
    wildcards.look()
    for profile in library.all():
        path = library.path_of(profile.key)
        found += [ProfileProblem(path, message, profile.key) for message in _problems(profile, path, wildcards)]
    return found


def _problems(profile: Profile, path: Path, wildcards: Wildcards) -> Iterator[str]:
    for key in profile.wildcard_weights:
        if not key.startswith(("lora:", "inline:")) and (why := _unknown(key, wildcards)):
            yield f"{profile.key}: wildcard_weights: {why}"
    for role, text in (("template", profile.template.replace(PLACEHOLDER, "")), ("subject", profile.subject)):
        for note in Template(text).draw(wildcards, 0).diagnostics:
            yield f"{profile.key}: {role}: {note.message}"


def _unknown(key: str, wildcards: Wildcards) -> str:
    name, _, value = key.partition("#")
    name = name.replace("%23", "#")
    try:
        values = wildcards.values(name)
    except WildcardError as error:
        return str(error)
    if values is None:
        return f"there is no wildcard {name!r}, so the weight of {value!r} changes nothing."
    if not any(values.text(index) == value for index in range(len(values))):
        return f"the wildcard {name!r} has no value {value!r}, so its weight changes nothing."
    return ""
