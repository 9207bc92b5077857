"""Profiles as the page shows them: what each adds to a prompt, and what is wrong."""

from __future__ import annotations

from typing import Any

from orchestrator_core.profiles.model import Profile, ProfileLora
from orchestrator_core.profiles.source import ProfileSource, chosen_from

_BRIEF = 300  # characters of a text in a list


def brief_card(profile: Profile) -> dict[str, Any]:
    """A line of a list."""
    text = " ".join((profile.description or profile.setting or ", ".join(profile.style)).split())
    brief = text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"
    return {"key": profile.key, "name": profile.name, "kind": profile.kind, "description": brief}


def card(profile: Profile) -> dict[str, Any]:
    """All that a profile adds, and what it tells a language model."""
    lists = ("required", "appearance_tags", "style", "negative", "forbidden")
    texts = ("template", "subject", "personality", "scenario", "backstory", "family")
    return {
        **brief_card(profile),
        "description": profile.description,
        **{name: list(getattr(profile, name)) for name in lists},
        **{name: getattr(profile, name) for name in texts},
        "loras": [lora_line(lora) for lora in profile.loras],
        "weights": [f"{key} × {weight:g}" for key, weight in profile.wildcard_weights.items()],
    }


def lora_line(lora: ProfileLora) -> str:
    """As ``ink at 0.8, always``."""
    said = [lora.name + (f" at {lora.strength:g}" if lora.strength is not None else "")]
    if lora.is_unwanted:
        said.append("never")
    elif lora.required:
        said.append("always")
    elif lora.weight != 1:
        said.append(f"× {lora.weight:g}")
    return ", ".join(said)


def chosen_cards(source: ProfileSource, names: str, genre: str = "") -> dict[str, Any]:
    """What the profiles of these names are, each and together."""
    found = chosen_from(source, names, genre)
    if found is None:
        return {"profiles": [], "problems": [], "negative": "", "family": ""}
    return {
        "profiles": [card(member) for member in found.profile.members if member.key],
        "problems": [problem.message for problem in found.problems],
        "negative": ", ".join(found.profile.negative),
        "family": found.profile.family,
    }


_LINES = (
    ("required", "always"),
    ("appearance_tags", "looks"),
    ("style", "style"),
    ("negative", "not"),
    ("forbidden", "never"),
    ("template", "template"),
    ("loras", "LoRAs"),
    ("family", "made for"),
)


def report_of(cards: dict[str, Any]) -> str:
    """The same in lines for a person."""
    lines: list[str] = []
    for one in cards["profiles"]:
        lines.append(f"{one['name']} ({one['kind']}, {one['key']})")
        for name, title in _LINES:
            if value := one[name]:
                lines.append(f"  {title}: {', '.join(value) if isinstance(value, list) else value}")
    lines += [f"problem: {problem}" for problem in cards["problems"]]
    return "\n".join(lines) or "No profile is chosen."
