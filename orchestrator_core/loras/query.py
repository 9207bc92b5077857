"""The query box: ``base:pony tag:style -tag:nsfw missing:preview favourite:yes "ink wash" sort:name``.

All of it must hold; ``-`` in front asks for the opposite; ``a|b`` behind a key takes either; quotes hold
spaces. Words without a key are looked for in everything that a person can read of a LoRA. ``strength:<0.7``,
``rank:>=32`` and ``size:>200mb`` compare numbers. ``sort:`` orders, backwards with a ``-`` behind the colon.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator_core.base_models import base_model_named
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import words_joined
from orchestrator_core.query_terms import FLAGS, VALUE, Found, parts_of, sort_in, terms_in

Test = Callable[[LoraRecord], bool]

_TERM = re.compile(rf"\s*(?P<minus>-?)(?:(?P<key>[A-Za-z_]+):)?{VALUE}")
_NUMBER = re.compile(r"(?P<sign><=|>=|<|>|=)?\s*(?P<number>\d+(?:\.\d+)?)(?P<unit>[kmg]b)?", re.IGNORECASE)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "": operator.eq}
_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read. Empty matches everything and leaves the order."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    sort: str = ""  # one of SORTS
    backwards: bool = False

    def matches(self, record: LoraRecord) -> bool:
        return all(test(record) for test in self.tests)

    def apply(self, records: Iterable[LoraRecord]) -> list[LoraRecord]:
        """The records that match, in the order that is asked for; equal ones stay as they were."""
        found = [record for record in records if self.matches(record)]
        return sorted(found, key=SORTS[self.sort], reverse=self.backwards) if self.sort else found


def parse_query(text: str) -> Query:
    """Raises FormatError, which says what is wrong, where, and what can be written there."""
    tests: list[Test] = []
    sort, backwards = "", False
    for found in terms_in(text, _TERM):
        key = (found.match["key"] or "").casefold()
        if key == "sort":
            sort, backwards = sort_in(found, SORTS)
        elif test := _test(key, found):
            tests.append(_negated(test) if found.match["minus"] else test)
    return Query(text, tuple(tests), sort, backwards)


def _negated(test: Test) -> Test:
    return lambda record: not test(record)


def _test(key: str, found: Found) -> Test | None:
    if not key:
        return _has_text(found)
    name = _ALIASES.get(key, key)
    if name not in KEYS:
        known = ", ".join(KEYS)
        cure = f'Use one of: {known}, sort. To find the text itself, put it into quotes: "{key}:{found.value}".'
        raise found.refused(f"there is no key '{key}:'. {cure}")
    parts = parts_of(found.value)
    if not parts:
        raise found.refused(f"'{key}:' has no value. {KEYS[name].example}")
    tests = []
    for part in parts:
        test = KEYS[name].read(part)
        if test is None:
            raise found.refused(f"'{key}:' cannot be '{part}'. {KEYS[name].example}")
        tests.append(test)
    return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)


def _has_text(found: Found) -> Test | None:
    wanted = words_joined(found.value)
    if not found.value.strip() and not found.match["minus"]:
        return None  # "": nothing is asked for
    if not wanted:
        raise found.refused(f"'{found.match[0].strip()}' has no word to look for.")
    return lambda record: _has(wanted, searchable(record))


def _has(wanted: str, text: str) -> bool:
    """Whether the words are there in a row; the last may be the begin of one."""
    return f" {wanted}" in f" {text}"


def searchable(record: LoraRecord) -> str:
    """All that words without a key are looked for in, in lower case, with single spaces."""
    fields = (record.name, record.title, *record.trigger_words, *record.tags, record.notes, record.description)
    return words_joined("\n".join(fields))


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand before a colon. ``read`` gives None for a value that makes no sense."""

    read: Callable[[str], Test | None]
    example: str


def _texts(get: Callable[[LoraRecord], Iterable[str]]) -> Callable[[str], Test | None]:
    """Any of the texts has the value's words in a row."""

    def read(value: str) -> Test | None:
        wanted = words_joined(value)
        return (lambda record: any(_has(wanted, words_joined(text)) for text in get(record))) if wanted else None

    return read


def _exact(get: Callable[[LoraRecord], Iterable[str]], values: tuple[str, ...] = ()) -> Callable[[str], Test | None]:
    def read(value: str) -> Test | None:
        wanted = value.casefold().replace(" ", "_")
        if values and wanted not in values:
            return None
        return lambda record: any(text.casefold().replace(" ", "_") == wanted for text in get(record))

    return read


def _flag(get: Callable[[LoraRecord], bool]) -> Callable[[str], Test | None]:
    def read(value: str) -> Test | None:
        wanted = FLAGS.get(value.casefold())
        return None if wanted is None else lambda record: get(record) is wanted

    return read


def _number(get: Callable[[LoraRecord], float | None]) -> Callable[[str], Test | None]:
    def read(value: str) -> Test | None:
        match = _NUMBER.fullmatch(value)
        if match is None:
            return None
        compare = _SIGNS[match["sign"] or ""]
        wanted = float(match["number"]) * _UNITS[(match["unit"] or "").lower()]
        return lambda record: (found := get(record)) is not None and compare(found, wanted)

    return read


def _base(value: str) -> Test | None:
    """A family with all of its own, or a sub-family, by any of its names; else a part of the name."""
    named, wanted = base_model_named(value), words_joined(value)
    if not wanted:
        return None

    def test(record: LoraRecord) -> bool:
        if named.sub_family:
            return record.sub_family == named.sub_family
        if named.family:
            return record.base_model == named.family
        return wanted in words_joined(f"{record.base_model} {record.sub_family}")

    return test


def _folder(value: str) -> Test | None:
    wanted = value.replace("\\", "/").strip("/").casefold()
    return lambda record: not wanted or record.name.casefold().startswith(f"{wanted}/")


def _name(value: str) -> Test | None:
    """A part of the name or the title, in the middle of a word too, since names are often written together."""
    wanted = value.casefold()
    return lambda record: wanted in record.name.casefold() or wanted in record.title.casefold()


_CATEGORIES = ("character", "style", "concept", "clothing", "pose", "accelerator", "other")
_STATES = ("complete", "incomplete", "truncated", "unreadable", "missing", "offline")

KEYS: Mapping[str, Key] = {
    "base": Key(_base, "Write a base model: base:sdxl, base:pony|illustrious."),
    "tag": Key(_texts(lambda record: record.tags), "Write a tag: tag:style."),
    "trigger": Key(_texts(lambda record: record.trigger_words), 'Write trigger words: trigger:"ghibli style".'),
    "name": Key(_name, "Write a part of the name: name:ghibli."),
    "notes": Key(_texts(lambda record: (record.notes, record.description)), "Write words of your notes: notes:soft."),
    "folder": Key(_folder, "Write a folder below the LoRA folder: folder:styles."),
    "category": Key(_exact(lambda record: (record.category or "",), _CATEGORIES), f"Use: {', '.join(_CATEGORIES)}."),
    "missing": Key(
        _exact(lambda record: record.missing), "Write what is missing: missing:preview, missing:trigger_words."
    ),
    "state": Key(_exact(lambda record: (record.state,), _STATES), f"Use: {', '.join(_STATES)}."),
    "favourite": Key(_flag(lambda record: record.favourite), "Write yes or no: favourite:yes."),
    "excluded": Key(_flag(lambda record: record.excluded), "Write yes or no: excluded:no."),
    "nsfw": Key(_flag(lambda record: record.nsfw), "Write yes or no: nsfw:no."),
    "strength": Key(_number(lambda record: record.preferred_strength), "Write a number: strength:<0.7."),
    "rank": Key(_number(lambda record: record.rank), "Write a number: rank:>=32."),
    "size": Key(_number(lambda record: record.size), "Write a size: size:>200mb."),
    "hash": Key(
        lambda value: (
            lambda record: any(
                digest.startswith(value.casefold().removeprefix("0x"))
                for digest in (record.sha256, record.tensor_sha256, record.autov1, record.autov3)
            )
        ),
        "Write the first digits of a hash: hash:1a2b3c4d5e.",
    ),
}
_ALIASES = {"tags": "tag", "favorite": "favourite", "fav": "favourite", "model": "base", "triggers": "trigger"}
SORTS: Mapping[str, Callable[[LoraRecord], tuple[object, ...]]] = {
    "name": lambda record: (record.name.casefold(), record.name),
    "title": lambda record: ((record.title or record.name).casefold(), record.name),
    "newest": lambda record: (-record.mtime_ns, record.name),
    "size": lambda record: (record.size, record.name),
    "base": lambda record: (record.base_model, record.sub_family, record.name.casefold()),
    "favourite": lambda record: (not record.favourite, record.name.casefold()),
    "strength": lambda record: (record.preferred_strength is None, record.preferred_strength or 0.0, record.name),
}
