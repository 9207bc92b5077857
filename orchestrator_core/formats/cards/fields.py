"""How one value of our models is found in, and put back into, the JSON of a format.

A ``Field`` reads leniently: what is not there, or is not what it should be, is ABSENT and becomes the default. It is
written only if it was changed, so what was strange in a file stays as strange as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = object()
_LARGEST = 10**9
_LONGEST_NUMBER = 24  # characters

Json = dict[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """``read`` gives ABSENT where the JSON does not say; ``write`` changes the JSON in place."""

    name: str
    read: Callable[[Mapping[str, Any]], Any]
    write: Callable[[Json, Any], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value: what JSON says as ours (or ABSENT), and ours as JSON."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else ABSENT


def _number(value: Any) -> Any:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:  # some editors save what was typed
        try:
            value = float(value)
        except ValueError:
            return ABSENT
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        return ABSENT
    return value


def _integer(value: Any) -> Any:
    number = _number(value)
    return number if number is ABSENT else math.floor(number)


def _flag(value: Any) -> Any:
    return bool(value) if isinstance(value, bool) or value in (0, 1) else ABSENT


def _texts(value: Any) -> Any:
    if isinstance(value, str):  # as people write it by hand
        return _split(value)
    if not isinstance(value, list):
        return ABSENT
    return tuple(str(item) for item in value if isinstance(item, str | int | float) and not isinstance(item, bool))


def _objects(value: Any) -> Any:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ABSENT


def _split(value: Any) -> Any:
    return tuple(part for part in map(str.strip, value.split(",")) if part) if isinstance(value, str) else ABSENT


TEXT, NUMBER, INTEGER, FLAG = Kind(_text), Kind(_number), Kind(_integer), Kind(_flag)
TEXTS, OBJECTS = Kind(_texts, list), Kind(_objects, list)
SPLIT = Kind(_split, ", ".join)  # "a, b"
NOT = Kind(lambda value: value if (found := _flag(value)) is ABSENT else not found, lambda value: not value)
COUNT = Kind(
    lambda value: ABSENT if (found := _integer(value)) is ABSENT else max(found, 0), lambda value: value or None
)


def at(name: str, paths: str, kind: Kind) -> Field:
    """A field at the first of these places that the JSON has; new ones are put at the first.

    ``paths``: separated by blanks, with dots between the keys of nested objects.
    """
    places = [tuple(path.split(".")) for path in paths.split()]

    def read(raw: Mapping[str, Any]) -> Any:
        found = next((value for place in places if (value := value_at(raw, place)) not in (ABSENT, None)), ABSENT)
        return found if found is ABSENT else kind.read(found)

    def write(raw: Json, value: Any) -> None:
        known = (place for place in places if value_at(raw, place) not in (ABSENT, None))
        put_at(raw, next(known, places[0]), None if value is None else kind.write(value))

    return Field(name, read, write)


def value_at(raw: Any, place: Iterable[str]) -> Any:
    """The value at a place, or ABSENT."""
    for key in place:
        if not isinstance(raw, Mapping) or key not in raw:
            return ABSENT
        raw = raw[key]
    return raw


def put_at(raw: Json, place: tuple[str, ...], value: Any) -> None:
    """Puts a value at a place; what is on the way and is no object makes room for one."""
    for key in place[:-1]:
        inner = raw.get(key)
        if not isinstance(inner, dict):
            inner = raw[key] = {}
        raw = inner
    raw[place[-1]] = value


def read_fields(raw: Mapping[str, Any], fields: Iterable[Field]) -> Values:
    """What the JSON says, by the names of the fields."""
    found = ((field.name, field.read(raw)) for field in fields)
    return {name: value for name, value in found if value is not ABSENT}


def written(raw: Mapping[str, Any], wanted: object, fields: Iterable[Field], defaults: object) -> Json:
    """The JSON with each field that differs from what it says. ``defaults`` has what a field is that is not there."""
    new = deepcopy(dict(raw))
    for field in fields:
        value, said = getattr(wanted, field.name), field.read(raw)
        if value != (getattr(defaults, field.name) if said is ABSENT else said):
            field.write(new, value)
    return new
