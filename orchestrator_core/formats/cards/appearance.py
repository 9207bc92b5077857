"""What somebody looks like, found in what a card says of them.

Cards have no field for it. Their authors write attributes (``Hair("silver" + "long")``, ``appearance: silver hair,
green eyes``) or sentences ("She has long silver hair and green eyes."); both are read. It is a first proposal, which a
person reads over: only what is said in the words below is found, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST = 24  # phrases
_LONGEST = 60  # characters of one
_COLORS = (
    "black white grey gray silver golden gold blonde blond brown brunette chestnut auburn copper ginger red "
    "crimson scarlet pink rose magenta purple violet lavender lilac indigo blue azure cyan teal turquoise green "
    "emerald olive jade hazel amber yellow orange platinum ashen raven ivory ebony pale dark light fair tan "
    "tanned olive-toned bronze dusky"
)
_SHAPES = (
    "long short shoulder-length waist-length medium-length messy wavy curly straight spiky braided tousled wild "
    "sleek silky flowing shaggy cropped bright deep piercing glowing almond-shaped narrow large big small sharp "
    "pointed pointy elven fluffy bushy curved twisted ram-like feathered leathery freckled scarred weathered "
    "smooth slender muscular athletic slim stocky tall petite broad thick thin full round heart-shaped icy steel "
    "steely sea stormy pastel neon"
)
_PARTS = (
    "hair eyes eye skin ears horns tail wings scales fur beard moustache mustache eyebrows bangs ponytail braid "
    "braids twintails pigtails bun freckles scar scars tattoo tattoos fangs claws halo lips nose face build "
    "figure body glasses"
)
_ALONE = ("freckles", "glasses", "beard", "moustache", "mustache", "eyepatch", "dimples", "heterochromia")
_NAMES = ("appearance", "looks", "features", "physical features", "body", "species", "race", "build", "face")
_OF_A_PART = ("hair", "eyes", "skin", "ears", "horns", "tail", "wings")
_OUTFIT = ("clothes", "clothing", "outfit", "attire", "wears", "wearing")

_WORD = "|".join(sorted(map(re.escape, {*_COLORS.split(), *_SHAPES.split()}), key=len, reverse=True))
_PART = "|".join(sorted(_PARTS.split(), key=len, reverse=True))
# Bounded counts: a description is a stranger's text.
_IN_PROSE = re.compile(rf"\b((?:(?:{_WORD})(?:,? and |, |[ -])){{1,5}})({_PART})\b", re.IGNORECASE)
_ON_ITS_OWN = re.compile(rf"\b({'|'.join(_ALONE)})\b", re.IGNORECASE)
_NAME = "|".join((*_NAMES, *_OF_A_PART, *_OUTFIT))
_IN_CALL = re.compile(rf"\b({_NAME})\s?\(([^()\n]{{1,400}})\)", re.IGNORECASE)
_IN_LINE = re.compile(
    rf"(?:^|[\[;,{{\n*]|'s )[ \t*]{{0,4}}({_NAME})[ *]{{0,3}}[:=]([^\n;\]}}]{{1,400}})", re.IGNORECASE
)
_BETWEEN = re.compile(r"[+,;/]| and ")
_EDGES = " \t\"'“”*.[]{}()<>|\\"


def appearance_of(text: str) -> tuple[str, ...]:
    """Phrases for a prompt, in the order in which the text says them."""
    found: dict[str, str] = {}
    for phrase in (*_attributes(text, outfit=False), *_prose(text)):
        found.setdefault(phrase.casefold(), phrase)
    return tuple(_without_parts(list(found.values()))[:_MOST])


def outfit_of(text: str) -> str:
    """What the text says somebody wears, where it has a word for it; "" else."""
    return ", ".join(dict.fromkeys(_attributes(text, outfit=True)))


def _attributes(text: str, outfit: bool) -> Iterator[str]:
    for pattern in (_IN_CALL, _IN_LINE):
        for match in pattern.finditer(text):
            name = match[1].lower()
            if (name in _OUTFIT) == outfit and not (pattern is _IN_LINE and "(" in match[2]):
                yield from _values(match[2], name if name in _OF_A_PART else "")


def _values(text: str, part: str) -> Iterator[str]:
    for value in _BETWEEN.split(text):
        phrase = " ".join(value.strip(_EDGES).split())
        if phrase and len(phrase) <= _LONGEST and not set(phrase) & set("{}[]<>()|\\:"):
            yield phrase if not part or part.rstrip("s") in phrase.lower() else f"{phrase} {part}"


def _prose(text: str) -> Iterator[str]:
    matches = [*_IN_PROSE.finditer(text), *_ON_ITS_OWN.finditer(text)]
    for match in sorted(matches, key=lambda match: match.start()):
        yield " ".join(re.sub(r",? and |, ", " ", match[0]).lower().split())


def _without_parts(phrases: list[str]) -> list[str]:
    """Without those that another one says as well, and more: "silver hair" beside "long silver hair"."""
    words = [set(phrase.casefold().split()) for phrase in phrases]
    return [phrase for at, phrase in enumerate(phrases) if not any(words[at] < other for other in words)]
