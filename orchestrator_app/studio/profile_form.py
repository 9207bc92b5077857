"""A profile's file as the texts of a form, and what a person changed in it as values of the file.

Only a field whose text was changed is written: what a form cannot say, as entries of lore, stays as the file has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_core.errors import ProfileError
from orchestrator_core.formats.extra_networks import format_number, parse_number
from orchestrator_core.profiles.model import Profile, ProfileLora
from orchestrator_core.profiles.schema import split_phrases

Form = Mapping[str, str]
_TEXTS = ("name", "kind", "description", "personality", "scenario", "setting", "backstory", "template", "subject")
_PHRASES = ("appearance_tags", "style", "required", "negative", "forbidden")
FIELDS = (*_TEXTS, *_PHRASES, "family", "extends", "wildcard_weights", "loras", "lore", "state")
_ALWAYS, _NEVER, _TIMES = "always", "never", "×"


def form_of(profile: Profile) -> dict[str, str]:
    """What the fields begin with, of a profile as its own file has it."""
    form = {name: str(getattr(profile, name)) for name in (*_TEXTS, "family")}
    form |= {name: ", ".join(getattr(profile, name)) for name in (*_PHRASES, "extends")}
    form["wildcard_weights"] = "\n".join(f"{key}: {weight:g}" for key, weight in profile.wildcard_weights.items())
    form["loras"] = "\n".join(_lora_line(lora) for lora in profile.loras)
    form["lore"] = "\n".join(name for name in profile.lore if isinstance(name, str))
    form["state"] = "\n".join(f"{name}: {_state_text(value)}" for name, value in profile.state.items())
    return form


def changes(before: Form, after: Form, profile: Profile) -> dict[str, Any]:
    """What was changed, as ``saving`` takes it: None takes a part out. Raises ProfileError for what means nothing."""
    return {
        name: _READERS[name](after[name], profile) or None
        for name in FIELDS
        if name in after and _same_lines(after[name]) != _same_lines(before.get(name, ""))
    }


def _same_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _lora_line(lora: ProfileLora) -> str:
    says = [] if lora.strength is None else [format_number(lora.strength)]
    says += [_ALWAYS] if lora.required else []
    says += [_NEVER] if lora.is_unwanted else [] if lora.weight == 1 else [f"{_TIMES} {lora.weight:g}"]
    return f"{lora.name}: {', '.join(says)}" if says else lora.name


def _state_text(value: Any) -> str:
    return value if isinstance(value, str) and "\n" not in value else json.dumps(value, ensure_ascii=False)


# reading


def _text(text: str, profile: Profile) -> str:
    return text.strip()


def _phrases(text: str, profile: Profile) -> list[str]:
    return split_phrases(text)


def _names(text: str, profile: Profile) -> list[str]:
    return [name.strip() for name in text.replace("\n", ",").split(",") if name.strip()]


def _weights(text: str, profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in _lines(text):
        key, _, given = line.rpartition(":")
        weight = parse_number(given.strip().removeprefix(_TIMES).strip())
        if not key.strip() or weight is None:
            raise ProfileError(f"Odds, line {number}: {line[:60]!r} should be as nature/weather#fog: 3")
        stem, mark, value = key.strip().partition("#")
        if mark and not stem.startswith("lora:"):
            found.setdefault(stem.replace("%23", "#"), {})[value] = weight
        else:
            found[key.strip()] = weight
    return found


def _loras(text: str, profile: Profile) -> list[dict[str, Any]]:
    return [_lora(line) for _, line in _lines(text)]


def _lora(line: str) -> dict[str, Any]:
    name, colon, says = line.rpartition(":")
    given = [word.strip() for word in says.split(",")] if colon else []
    found: dict[str, Any] = {"name": name.strip()}
    for word in given:
        known = _lora_word(word)
        if known is None or not name.strip():
            return {"name": line.strip()}
        found |= known
    return found if given else {"name": line.strip()}


def _lora_word(word: str) -> dict[str, Any] | None:
    if word == _ALWAYS:
        return {"required": True}
    if word == _NEVER:
        return {"weight": 0}
    if word[:1] in (_TIMES, "x") and (weight := parse_number(word[1:].strip())) is not None:
        return {"weight": weight}
    strength = parse_number(word)
    return None if strength is None else {"strength": strength}


def _lore(text: str, profile: Profile) -> list[Any]:
    return [*(line for _, line in _lines(text)), *(entry for entry in profile.lore if not isinstance(entry, str))]


def _state(text: str, profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in _lines(text):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ProfileError(f"A story begins, line {number}: {line[:60]!r} should be as where: old tavern")
        found[name.strip()] = _state_value(value.strip())
    return found


def _state_value(text: str) -> Any:
    if text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _lines(text: str) -> list[tuple[int, str]]:
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


_READERS: Mapping[str, Callable[[str, Profile], Any]] = {
    **dict.fromkeys((*_TEXTS, "family"), _text),
    **dict.fromkeys(_PHRASES, _phrases),
    "extends": _names,
    "wildcard_weights": _weights,
    "loras": _loras,
    "lore": _lore,
    "state": _state,
}
