"""The words of prompts, tags and names, as they are compared: case, plurals, ``-ing`` and ``-ed`` make no difference.

A stem is never shown and need not be a word: it only has to be the same for all forms, and different for different
things ("star" and "staring"). Scripts without spaces are compared by pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from orchestrator_core.formats.extra_networks import extract_loras

_WORD = re.compile(r"[^\W_]+(?:['’](?=s\b)s)?")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_EMPHASIS = re.compile(r":\s*[+-]?\d*\.?\d+\s*(?=[)\]])")  # the number of (word:1.2)
_ESCAPED = re.compile(r"\\([()\[\]])")
_COMMANDS = re.compile(r"\b(?:BREAK|AND|ADDCOMM|ADDROW|ADDCOL|ADDBASE)\b")  # words to a host, not to the model
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VERSION = re.compile(r"v?\d[\d.]*(?:e|ep|epochs?|steps?|k|b|gb)?|v\d+\w?|[a-z]{0,2}\d{4,}", re.I)
_ENDS_IN_E = re.compile(r"[^aeiou]*[aeiouy][^aeiouwxy]")  # one syllable, one vowel, one consonant
_COUNTED = re.compile(r"(\d)\s?\+?\s?(?:girls?|boys?|others?|women|woman|men|man)\b")

_MEANINGLESS = (
    "a an and are as at be been being but by for from had has have he her his i if in into is it its me my no not of "
    "off on or our out over she so than that the their them then there they this those to too under up was we were "
    "what when where which while who with you your"
)
# Said of any picture: no LoRA is meant by them alone, however rare they are in a library.
_OF_ANY_PICTURE = (
    "1girl 1boy 1other 2girls 2boys solo masterpiece best high highest quality highres absurdres lowres detailed "
    "intricate ultra uhd hdr 4k 8k hd digital illustration artwork art image picture photo photograph realistic "
    "photorealistic score rating safe general sensitive newest recent source girl boy woman man style "
    "background simple looking viewer beautiful amazing awesome very aesthetic trigger word none lora"
)
_OF_FILES = (
    "lora locon lycoris lokr loha dora sd sdxl xl pony pdxl illustrious il ilxl noob noobai nai flux flux1 dev f1d wan "
    "qwen chroma krea epoch epochs step steps final last new ver version fp16 fp8 bf16 safetensors model"
)
Key = tuple[str, ...]
STOP_WORDS = frozenset(_MEANINGLESS.split())
_IN_NAMES = frozenset(_OF_FILES.split())


def words_of(text: str) -> list[str]:
    """The words of a text in their order, in lower case; ``_`` is a space, as in booru tags."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower().replace("'s", ""))
    found = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        word = word.removesuffix("'s").removesuffix("’s")
        if _WITHOUT_SPACES.fullmatch(word) and len(word) > 2:
            found += [word[at : at + 2] for at in range(len(word) - 1)]
        else:
            found.append(word)
    return found


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """What the forms of an English word have in common, by the safe ones of Porter's rules (1980); others stay."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    return _without_ending(_singular(word))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zzes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and word[-2] not in "sui":  # glass, cactus and iris are no plurals
        return word[:-1]
    return word


def _without_ending(word: str) -> str:
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 2 and re.search("[aeiouy]", base):  # not of "string" or "shed"
            return _base_form(base)
    return word


def _base_form(base: str) -> str:
    """``runn`` gives run, ``danc`` dance, ``star`` stare (a word "to star" would have given ``starr``)."""
    if base[-1] == base[-2] and base[-1] not in "lsz":
        return base[:-1]
    if base.endswith(("c", "v", "z", "u", "dg")) or _ENDS_IN_E.fullmatch(base):
        return base + "e"
    return base


def stems_of(text: str) -> list[str]:
    """The stems of a text's words in their order, all of them."""
    return [stem(word) for word in words_of(text)]


_GENERIC_STEMS = frozenset(stem(word) for word in _OF_ANY_PICTURE.split())


def is_generic(word: str) -> bool:
    """Whether a stem says nothing of what is in a picture."""
    return word in _GENERIC_STEMS or word in STOP_WORDS or (len(word) == 1 and word.isascii())


@lru_cache(maxsize=16_384)
def key_of(text: str) -> Key:
    """What a phrase is found by: its stems, each once, without those that say nothing. Empty if none says anything."""
    stems = dict.fromkeys(stem(word) for word in words_of(text) if word not in STOP_WORDS)
    return tuple(word for word in stems if not is_generic(word))


def prompt_text(text: str) -> str:
    """A prompt as its words are read: without LoRA tags, numbers of emphasis, and commands to the host."""
    text = extract_loras(text)[0]
    return _ESCAPED.sub(r"\1", _EMPHASIS.sub("", _COMMANDS.sub(",", text)))


def phrases_of(text: str) -> list[str]:
    """The parts between commas, as a prompt or a group of trigger words has them."""
    return [part for part in (piece.strip() for piece in re.split(r"[,\n;|]", text)) if part]


def name_phrase(name: str) -> str:
    """What a file's name says: ``styles/GhibliStyle_v2-000010`` gives "Ghibli Style"; versions and families go."""
    base = name.replace("\\", "/").rpartition("/")[2]
    words = [word for part in re.split(r"[\W_]+", base) for word in _CAMEL.split(part)]
    said = [word for word in words if word.casefold() not in _IN_NAMES and not _VERSION.fullmatch(word)]
    return " ".join(word for word in said if word)


def people_in(text: str) -> int:
    """How many figures a prompt counts: ``2girls`` and ``1girl, 1boy`` give 2. 0 where it does not say."""
    return sum(int(number) for number in _COUNTED.findall(words_joined(text)))


def words_joined(text: str) -> str:
    return " ".join(words_of(text))


def contains_phrase(stems: list[str], phrase: str) -> bool:
    """Whether the phrase's words stand in a row in a text, of which ``stems`` are all the stems."""
    wanted = stems_of(phrase)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(stems)} "


def grams_of(word: str) -> frozenset[str]:
    """The runs of three characters of a word, its ends marked: what misspelt and inflected forms still share."""
    marked = f"^{word}$"
    return frozenset(marked[at : at + 3] for at in range(len(marked) - 2))
