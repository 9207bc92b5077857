"""Change: one step in a story's state, as data that can be checked, listed, undone and done again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.plain import NAME_LENGTH, VALUE_LENGTH, names_in, one_line, unplain

Op = Literal["set", "add", "remove", "clear"]
Field = Literal["who", "where", "when", "mood", "outfit", "fact"]
Source = Literal["person", "llm", "code"]

OPS: Mapping[str, tuple[str, ...]] = {  # what can be done to each field
    "who": ("set", "add", "remove", "clear"),
    "where": ("set", "clear"),
    "when": ("set", "clear"),
    "mood": ("set", "clear"),
    "outfit": ("set", "clear"),
    "fact": ("add", "remove"),
}
_KEYS = ("op", "field", "subject", "value")


@dataclass(frozen=True, slots=True)
class Change:
    """``subject``: the person whose outfit or fact it is; a fact without one is of the story itself.

    ``source``: who made it. ``scene``: the scene that brought it about; 0 for one that a person made between scenes.
    """

    op: Op
    field: Field
    subject: str = ""
    value: str = ""
    source: Source = "person"
    scene: int = 0

    def __str__(self) -> str:
        if self.field == "fact":
            return f"{'no longer ' if self.op == 'remove' else ''}known of {self.subject or 'the story'}: {self.value}"
        if self.field == "who" and self.op in ("add", "remove"):
            return f"{self.value} {'is there' if self.op == 'add' else 'is gone'}"
        what = f"{self.subject}'s outfit" if self.subject else self.field
        return f"{what}: {self.value or 'no longer said'}"

    def as_json(self) -> dict[str, str]:
        """Its keys as the store and a draft keep them; the scene is told beside it."""
        return {"op": self.op, "field": self.field, "subject": self.subject, "value": self.value, "source": self.source}


def checked(change: Change) -> Change:
    """The change with its texts on one line. Raises StoryError for one that means nothing, saying what would."""
    found = replace(change, subject=one_line(change.subject), value=one_line(change.value))
    if found.field not in OPS:
        raise StoryError(f"A story has no {found.field!r}. It has {', '.join(OPS)}.")
    if found.op not in OPS[found.field]:
        raise StoryError(f"{found.field} cannot be {found.op!r}. What can be: {', '.join(OPS[found.field])}.")
    if found.source not in get_args(Source):
        raise StoryError(f"A change is made by one of {', '.join(get_args(Source))}, not by {found.source!r}.")
    if problem := _too_long(found) or _lacking(found) or _of_a_model(found):
        raise StoryError(problem)
    return found


def _lacking(change: Change) -> str:
    if change.field == "outfit" and not change.subject:
        return "An outfit is somebody's: say whose."
    if change.subject and change.field not in ("outfit", "fact"):
        return f"{change.field} is of the whole scene, not of {change.subject}."
    if change.op != "clear" and not change.value:
        return f"What should {change.field} be? Say it, or clear it."
    if change.field == "who" and change.op in ("add", "remove") and "," in change.value:
        return f"{change.value!r} are several people; {change.op} them one by one, or set them all."
    return ""


def _too_long(change: Change) -> str:
    if len(change.value) > VALUE_LENGTH:
        return f"The {change.field} has {len(change.value):,} characters; {VALUE_LENGTH} are the most."
    names = names_in(change.value) if change.field == "who" else [change.subject]
    return next(
        (f"The name {name[:20]}… is longer than {NAME_LENGTH}." for name in names if len(name) > NAME_LENGTH), ""
    )


def _of_a_model(change: Change) -> str:
    """A model's words go into prompts, so they may be nothing but words."""
    found = unplain(change.value) if change.source == "llm" else ""
    return f"The language model's {change.field} holds {found!r}, which is more than words." if found else ""


def change_from(given: Any, source: Source, scene: int = 0) -> Change:
    """A change that came as JSON: an object with op, field, value and, for an outfit or a fact, subject.

    Raises StoryError for anything else.
    """
    if not isinstance(given, Mapping):
        raise StoryError(f"A change is an object with {', '.join(_KEYS)}, not {type(given).__name__}.")
    unknown = [str(key) for key in given if key not in (*_KEYS, "source")]
    if unknown:
        raise StoryError(f"A change has no {unknown[0][:40]!r}. It has {', '.join(_KEYS)}.")
    texts = {key: given.get(key) or "" for key in _KEYS}
    wrong = next((key for key, value in texts.items() if not isinstance(value, str)), None)
    if wrong:
        raise StoryError(f"The {wrong} of a change is a text, not {type(given[wrong]).__name__}.")
    op, field = cast("Op", texts["op"]), cast("Field", texts["field"])
    return checked(Change(op, field, texts["subject"], texts["value"], source, scene))
