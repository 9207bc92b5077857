"""The query box: ``fox "in the snow" lora:ink -model:sdxl wildcard:colors/warm=crimson score>0.7 sort:score``.

All of it must hold; ``-`` in front asks for the opposite; ``a|b`` behind a key takes either; quotes hold spaces. Words
without a key are looked for in prompt, negative prompt and template. ``score>0.7``, ``rating>=4``, ``width>1000`` and
``date>=2026-11-05`` compare. ``sort:`` orders: newest (date), best score or best rating first; with a ``-`` behind the
colon the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator_core.errors import FormatError
from orchestrator_core.query_terms import FLAGS, VALUE, Found, parts_of, sort_in, terms_in

LONGEST = 2000  # characters
MOST_TERMS = 40
SORTS = ("date", "score", "rating")
_TERM = re.compile(rf"\s*(?P<minus>-?)(?:(?P<key>[A-Za-z_]+)(?P<sign>:|<=|>=|<|>|=))?{VALUE}")
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_SIGN = re.compile(r"(<=|>=|<|>|=)")


@dataclass(frozen=True, slots=True)
class Term:
    """``values``: any of them. ``sign``: "=" unless it is a number. A date is a span of milliseconds, from and to."""

    field: str
    values: tuple[str | int | float | tuple[int, int], ...]
    sign: str = "="
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read. Empty matches all that is there."""

    text: str = ""
    terms: tuple[Term, ...] = ()
    sort: str = "date"
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand before a colon. ``kind``: "text", "number", "flag", "date"."""

    kind: str
    example: str


KEYS: Mapping[str, Key] = {
    "lora": Key("text", "Write a part of its name: lora:ink."),
    "model": Key("text", "Write a part of its name: model:dream."),
    "profile": Key("text", "Write a profile: profile:mara."),
    "story": Key("text", 'Write a story: story:"the long winter".'),
    "tool": Key("text", "Write a program: tool:comfyui, tool:a1111|forge."),
    "wildcard": Key("text", "Write a wildcard, and its value if you like: wildcard:colors/warm=crimson."),
    "run": Key("text", "Write the beginning of a run's id: run:0199a2."),
    "seed": Key("text", "Write a seed: seed:1234."),
    "format": Key("text", "Write a format: format:png."),
    "name": Key("text", "Write a part of the file's name or its folder: name:00012."),
    "score": Key("number", "Write a number from 0 to 1: score>0.7."),
    "rating": Key("number", "Write stars: rating>=4."),
    "width": Key("number", "Write pixels: width>1000."),
    "height": Key("number", "Write pixels: height>1000."),
    "date": Key("date", "Write a year, month or day: date:2026-11, date>=2026-11-05, date:today."),
    "favourite": Key("flag", "Write yes or no: favourite:yes."),
    "reject": Key("flag", "Write yes or no: reject:no."),
    "broken": Key("flag", "Write yes or no: broken:yes."),
    "missing": Key("flag", "Write yes or no: missing:yes."),
}
_ALIASES = {"favorite": "favourite", "fav": "favourite", "rejected": "reject", "checkpoint": "model", "stars": "rating"}
_ALIASES |= {"profiles": "profile", "loras": "lora", "file": "name", "path": "name", "choice": "wildcard"}


def parse_query(text: str, today: datetime | None = None) -> Query:
    """Raises FormatError, which says what is wrong, where, and what can be written there. ``today``: local time."""
    if len(text) > LONGEST:
        raise FormatError(f"A query has {LONGEST:,} characters at most; this one has {len(text):,}.")
    terms: list[Term] = []
    sort, backwards = "date", False
    for found in terms_in(text, _TERM):
        if (found.match["key"] or "").casefold() == "sort":
            sort, backwards = sort_in(found, SORTS)
        elif term := _term(found, today or datetime.now().astimezone()):
            terms.append(term)
    if len(terms) > MOST_TERMS:
        raise FormatError(f"A query has {MOST_TERMS} terms at most; this one has {len(terms)}.")
    return Query(text, tuple(terms), sort, backwards)


def _term(found: Found, today: datetime) -> Term | None:
    match, negated = found.match, bool(found.match["minus"])
    if not match["key"]:
        return _words(found, negated)
    written = match["key"].casefold()
    name = _ALIASES.get(written, written)
    if name not in KEYS:
        known = ", ".join(KEYS)
        cure = f'Use one of: {known}, sort. To find the text itself, put it into quotes: "{match[0].strip()}".'
        raise found.refused(f"there is no key '{written}:'. {cure}")
    sign, parts = _parts(match["sign"], found.value)
    if not parts:
        raise found.refused(f"'{name}:' has no value. {KEYS[name].example}")
    values = []
    for part in parts:
        value = _read(name, sign, part, today)
        if value is None:
            raise found.refused(f"'{name}:' cannot be '{part}'. {KEYS[name].example}")
        values.append(value)
    return Term(name, tuple(values), sign, negated)


def _parts(sign: str, value: str) -> tuple[str, list[str]]:
    """``score:>0.7`` is what ``score>0.7`` is."""
    if sign == ":":
        leading = _SIGN.match(value)
        sign, value = (leading[0], value[leading.end() :]) if leading else ("=", value)
    return sign, parts_of(value)


def _words(found: Found, negated: bool) -> Term | None:
    if not found.value.strip():
        if negated or found.match["quoted"] is None:
            raise found.refused(f"'{found.match[0].strip()}' has no word to look for.")
        return None  # "": nothing is asked for
    return Term("text", (found.value.strip(),), negated=negated)


def _read(name: str, sign: str, part: str, today: datetime) -> str | int | float | tuple[int, int] | None:
    """None for a value that makes no sense."""
    kind = KEYS[name].kind
    if kind == "number":
        return float(part) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", part) else None
    if kind == "date":
        return _span(part, today)
    if sign != "=":
        return None
    if kind == "flag":
        flag = FLAGS.get(part.casefold())
        return None if flag is None else int(flag)
    return part


def _span(text: str, today: datetime) -> tuple[int, int] | None:
    """From and to, in milliseconds, of a year, month or day as this machine's clock has them."""
    day = today.replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"today": (day, 1), "yesterday": (day - timedelta(days=1), 1), "week": (day - timedelta(days=6), 7)}
    if text.casefold() in words:
        first, days = words[text.casefold()]
        return _ms(first), _ms(first + timedelta(days=days))
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, date = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    try:
        first = datetime(year, month, date).astimezone()
        if match[3]:
            last = datetime(year, month, date) + timedelta(days=1)  # noqa: DTZ001
        else:
            last = datetime(year + (not match[2] or month == 12), month % 12 + 1 if match[2] else 1, 1)  # noqa: DTZ001
        return _ms(first), _ms(last.astimezone())
    except (ValueError, OverflowError, OSError):
        return None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
