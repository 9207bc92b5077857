"""What a prompt says by its own words of who, where, when, in what mood and in which clothes: by lists, not by guesses.

It is asked before the story's state goes in, so that a prompt is never contradicted, and it becomes the state of the
scenes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_core.memory.clothes import Worn, worn_in
from orchestrator_core.memory.vocabulary import (
    AFTER_PLACES,
    ALONE,
    DETERMINERS,
    FACES,
    FIGURES,
    LOOKS,
    MOODS,
    NOBODY,
    NOT_PLACES,
    NOT_TIMES,
    PLACES,
    SAME_TIMES,
    TIMES,
    listed,
)
from orchestrator_core.profiles.phrases import words_of

_NETWORK = re.compile(r"<\w+:[^<>]*>")
_WEIGHT = re.compile(r":\s*[-+]?\d*\.?\d+(?=\s*[)\]])")
_MARKS = re.compile(r"\b(?:BREAK|AND|ADDCOL|ADDROW)\b|[;\n|.!?]")
_BRACKETS = re.compile(r"\\?[()\[\]{}\"]")
_COUNT = re.compile(r"\d\+?(?:girl|boy|other|woman|man)s?")
_TO = listed("in at inside into within")  # said of any place, so that the place is the same without
_FROM = listed(
    "on under outside near by beside behind above below over along across through beneath before around between among"
)
_LONGEST_PLACE = 7  # words from the preposition to the place's own
_TIMES_BY_WORD = {word: time for time, words in TIMES.items() for word in words}


@dataclass(frozen=True, slots=True)
class Saying:
    """ "" and () are what it does not say. ``who``: those named in it, of the people that are known.

    ``parts``: by case-folded name what is said of a person, under "" what is said of others or of nobody certain.
    """

    who: tuple[str, ...] = ()
    where: str = ""
    when: str = ""
    mood: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    has_face: bool = False
    is_empty: bool = False  # nobody is to be seen
    is_alone: bool = False

    def of(self, name: str) -> str:
        return self.parts.get(name.casefold(), "")

    def worn_by(self, name: str) -> tuple[Worn, ...]:
        """What it says that this person wears."""
        return worn_in(self.of(name))

    @property
    def worn_by_somebody(self) -> tuple[Worn, ...]:
        """What is worn by it is not clear whom."""
        return worn_in(self.of(""))


def said_in(text: str, people: Mapping[str, str], present: Sequence[str], places: Iterable[str] = ()) -> Saying:
    """What a prompt says. ``people``: names by all that they are called; ``present``: who is in the scene anyway;
    ``places``: names of places that are known, beside the common words.
    """
    text = _plain(text)
    chunks = [chunk.strip() for chunk in text.split(",")]
    words = f" {' '.join(words_of(text))} "
    places = tuple(places)
    named = _named_in(text, people)
    return Saying(
        tuple(dict.fromkeys(name for _, name in named)),
        _where(chunks, words, places),
        _when(_without(words, (_core(words_of(place)) for place in places))),
        next((word for word in words.split() if word in MOODS), ""),
        _parts(text, named, present),
        has_face=any(word in FACES for word in words.split()),
        is_empty=any(_stands(phrase, words) for phrase in NOBODY),
        is_alone=any(_stands(phrase, words) for phrase in ALONE),
    )


def same_time(one: str, other: str) -> bool:
    """Whether two texts may be of one time of day, as "morning" and "a sunny day"; also where one names none."""
    first, second = (time_in(f" {' '.join(words_of(text))} ") for text in (one, other))
    return not first or not second or first == second or any({first, second} <= same for same in SAME_TIMES)


def same_place(one: str, other: str) -> bool:
    """Whether one of two names of a place is a part of the other: "tavern" and "the old tavern by the sea"."""
    first, second = (_core(words_of(text)) for text in (one, other))
    return bool(first and second) and (_stands(first, f" {second} ") or _stands(second, f" {first} "))


def _core(words: Sequence[str]) -> str:
    return " ".join(word for word in words if word not in DETERMINERS and word not in _TO)


def _plain(text: str) -> str:
    text = _WEIGHT.sub("", _NETWORK.sub(",", text))
    return _BRACKETS.sub(" ", _MARKS.sub(",", text))


def _stands(phrase: str, words: str) -> bool:
    wanted = " ".join(words_of(phrase))
    return bool(wanted) and f" {wanted} " in words


def _without(words: str, phrases: Iterable[str]) -> str:
    for phrase in filter(None, phrases):
        words = words.replace(f" {phrase} ", " , ")
    return words


# where


def _where(chunks: Sequence[str], words: str, places: Iterable[str]) -> str:
    """A known place first, the longest of them; then the last common word for one."""
    known = sorted((place for place in places if _stands(_core(words_of(place)), words)), key=len)
    if known:
        return known[-1]
    for chunk in reversed(chunks):
        found = _place_in(_without(f" {' '.join(words_of(chunk))} ", NOT_PLACES).split())
        if found:
            return found
    return ""


def _place_in(words: Sequence[str]) -> str:
    for at in range(len(words) - 1, -1, -1):
        if _is_place(words[at]) and (at + 1 == len(words) or words[at + 1] in AFTER_PLACES):
            return _place_at(words, at)
    return ""


def _is_place(word: str) -> bool:
    return word in PLACES or word.removesuffix("s") in PLACES


def _place_at(words: Sequence[str], at: int) -> str:
    """The place's words back to the preposition before it; of a short tag all; else the word alone."""
    end = at + 1
    if words[end : end + 1] == ["of"]:  # "the streets of Paris"
        end = min(len(words), end + (3 if words[end + 1 : end + 2] and words[end + 1] in DETERMINERS else 2))
    for start in range(at - 1, max(-1, at - _LONGEST_PLACE), -1):
        if words[start] in _TO:
            return _named(words[start + 1 : end])
        if words[start] in _FROM:
            return " ".join(words[start:end])
    return _named(words[:end]) if at < 3 and end == len(words) else words[at]


def _named(words: Sequence[str]) -> str:
    kept = list(words)
    while len(kept) > 1 and kept[0] in DETERMINERS:
        kept.pop(0)
    return " ".join(kept)


# when


def _when(words: str) -> str:
    """The word for a time of day that stands there, the longest of them."""
    there = _without(words, NOT_TIMES)
    found = [word for word in _TIMES_BY_WORD if f" {word} " in there]
    return max(found, key=len, default="")


def time_in(words: str) -> str:
    """The time of day, a key of TIMES; "" where none is said."""
    return _TIMES_BY_WORD.get(_when(words), "")


# who


def _parts(text: str, named: Sequence[tuple[int, str]], present: Sequence[str]) -> Mapping[str, str]:
    """The text cut at each mention of somebody. What comes before the first is said of those there, if it is one."""
    sole = present[0].casefold() if len(present) == 1 else ""
    if not named:  # then a girl is the one who is there
        return {sole: text}
    people = [(at, name.casefold()) for at, name in named]
    mentions = sorted([*people, *((at, "") for at in _figures(text) if not _is_apposition(text, at, people))])
    first = mentions[0]
    comma = text.rfind(",", 0, first[0]) + 1  # an adjective right before a name belongs to it
    everyone = {name for _, name in mentions} | {one.casefold() for one in present}
    places = [(0, first[1] if len(everyone) == 1 else ""), (comma, first[1]), *mentions[1:]]
    parts: dict[str, str] = {}
    for (at, name), (end, _) in zip(places, [*places[1:], (len(text), "")], strict=True):
        parts[name] = f"{parts.get(name, '')}, {text[at:end]}"
    return parts


def _named_in(text: str, people: Mapping[str, str]) -> list[tuple[int, str]]:
    """Where somebody who is known is named, in the order of the text."""
    found = [(match.start(), name) for alias, name in people.items() for match in _pattern(alias).finditer(text)]
    return sorted(dict(sorted(found, key=lambda one: len(one[1]))).items())


def _pattern(alias: str) -> re.Pattern[str]:
    # A name that is a word too ("Rose") is only meant where it is written as one.
    means_more = any(alias.casefold() in group for group in (LOOKS, PLACES, FIGURES, MOODS, _TIMES_BY_WORD))
    spaced = r"[\s_-]+".join(map(re.escape, re.split(r"[\s_-]+", alias)))
    return re.compile(rf"(?<![^\W_]){spaced}(?:['’]s)?(?![^\W_])", 0 if means_more else re.IGNORECASE)


def _figures(text: str) -> list[int]:
    """Where "a man" or "two old guards" stand: not "1girl", which counts who is named elsewhere."""
    found = []
    for match in re.finditer(r"[^,]+", text):
        words = list(re.finditer(r"[^\W_]+(?:['’-][^\W_]+)*", match[0]))
        figures = [word for word in words if word[0].casefold() in FIGURES]
        if figures and len(words) > 1:
            found += [match.start() + word.start() for word in figures]
    return found


def _is_apposition(text: str, at: int, named: Sequence[tuple[int, str]]) -> bool:
    """ "Mira, a girl with …": the girl is Mira."""
    before = [place for place, _ in named if place < at]
    between = text[max(before) : at] if before else ""
    return bool(re.fullmatch(r"[^,]+,\s*(?:an?|the)(?:\s+[^\W_]+){0,2}\s*", between))
