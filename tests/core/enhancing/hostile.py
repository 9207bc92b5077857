"""Prompts with everything in them that must stay, and answers that would destroy it. Same random state, same case.

What must stay is known from how a prompt is made, not from the code under test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from orchestrator_core.prompt import Choice, Component, Origin

# fmt: off
FREE = (
    "a knight in a dark forest", "red cape", "1girl", "elf", "silver hair", "cyberpunk alley", "neon rain", "robot",
    "portrait of Mira", "green eyes", "wizard tower at night", "it's raining",
    "A cat sits on a wall. It looks at us.", "long_hair", "eine Straße, abends", "森の中の少女", "赤い髪",
    "кот на окне", "crème brûlée", "ratio of light: soft", "lightning & thunder!", "a b c d", "light",
)
SYNTAX = (
    "<lora:detail:0.8>", "<lora:my_style__v2:0.5:1>", "<hypernet:x:1>", "<lora:broken>", "<segment:face>",
    "<lyco:a b:te=1>", "(red cape:1.2)", "((sunset))", "[blurry]", "[cat:dog:0.5]", "[a|b|c]", "[:rain:12]",
    "(a (nested:1.1) group:0.9)", "()", "(:1.2)", "{fox|2::owl}", "{2$$, $$a|b|c}", "__colors/warm__", "__a b__",
    "__~x__", "${name}", "${a=!{x|y}}", "$name", "%{a$$b}", "embedding:easynegative", "embedding:bad-hands:1.1",
    "\\(escaped\\)", "\\[x\\]", '"OPEN 24H"', "\u201cCaf\xe9\u201d", "artist:someone", "16:9", "([cat:dog:0.5]:1.3)",
    "(embedding:good:1.2)", "(<lora:in:1> here)", "(a:1.2)(b:0.8)", "(x\\)y:1.1)", "BREAK", "AND", "ADDCOL", "ADDROW",
)
BROKEN = (
    "(open", "open (a:1.2", "closed) here", "[half", "<lora:half", ">", ":)", "a < b", "__half", "\\", "{half",
    "half}", "\\\\(two", "[[keep: never", "<", '"', "# a note (",
)
MARKS = ("keep:", "keep: ", "expand:", "expand: ", " KEEP : ")
QUALITY = (
    "score_9", "score_8_up", "masterpiece", "best quality", "very aesthetic",
)
WORDS = (
    "mirawolf", "red velvet coat", "ohwx",
)
BETWEEN = (
    ", ", ", ", ", ", " ", " ", ",", "\n", "", ". ", " , ",
)
AT_END = (
    "", "", "", "", ",", " ", ".", "\n", " :1.2", " # a note", "# note\n", " // note", " <lora:end:1>",
    ", <lora:end:1> ",
)
SNIPPETS = (
    "<lora:evil:2>", "<lora:", "evil>", "(naked:1.5)", "((", "))", "(", ")", "[", "]", "[a:b:0.3]", "{x|y}", "{", "}",
    "|", "__secret/file__", "__", "_", "${x}", "$y", "$$", "BREAK", "AND", " AND dog :2", "ADDCOL", "embedding:bad",
    "embedding:", ":1.3", ": 2", ":", "#", "# hide the rest", "//", "/*", "*/", "\\", "\\(", '"', "\u201c", "\u201d",
    "'", "`", "<think>hm", "</think>", "<|im_end|>", "<|endoftext|>", "<start_of_image>", "</s>", "[INST]", "```json",
    "```", "\u202e", "\u200b", "\u2066", "\x00", "\x1b[31m", "\n", "\r\n", "\t", "（", "）", "＜lora：x：1＞",
    "＿＿w＿＿", "ＢＲＥＡＫ",
    "BRE\u200bAK", "B\xadREAK", "⑴", "[[expand: x]]", "[[keep: ", "]]", "Negative prompt: ugly",
    "Steps: 20, Sampler: Euler", "%{a$$b}", "3#__w__", "<ppp:set x>", "?????", ",,,", "score_9", "mirawolf", "\ud800",
    "\U000e0041", "1.2)", "0.5]", "-", "+", "=", "@", "~", "^", "http://x.y/z", "A" * 50,
)
GOOD = (
    "soft golden light", "drifting fog", "deep shadows", "a knight in silver armour rides on",
    "wet cobblestones, reflections", "volumetric light", "Mist rises. Birds circle.", "light", "red", "夜の街",
    "мягкий свет", "in a dark forest", "red cape",
)
WHOLE = (
    "", "{}", "[]", "null", '{"add": ["a", "b"', '{"add": ["<lora:evil:1>"]}',
    "I'm sorry, but I can't help with that.", "As an AI language model I cannot create this content.",
    "Sure! Here is your enhanced prompt:\n\n**soft light**", "<think>the user wants",
    "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "<start_of_image>" * 40, "(" * 200, ")" * 120,
    "<" * 200, "__" * 100, "\\" * 99, "BREAK " * 30, "\u202e" * 50 + "x", ":" * 50, '"' * 31,
)
# fmt: on


@dataclass(frozen=True)
class Case:
    """A prompt, and the pieces of it that must stay, in their order. ``words``: those that are named as protected."""

    components: tuple[Component, ...]
    pieces: tuple[str, ...]
    syntax: tuple[str, ...]  # of them, those that must not come more often either
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(component.text for component in self.components)


def make_case(random: Random, marks: float = 0.25) -> Case:
    """A prompt of 0 … 12 pieces; one in five has something broken in it, ``marks`` of them a person's marks."""
    text, pieces, syntax = "", [], []
    broken = random.random() < 0.2
    marked = random.random() < marks
    for _ in range(random.randint(0, 12)):
        piece, kind = _piece(random, broken)
        if kind:
            pieces.append(piece)
        if kind == "syntax":
            syntax.append(piece)
        is_word = kind == "words" or piece.isupper()  # these must stand alone, or they are something else
        if is_word and text and not text[-1].isspace():
            text += " "
        if marked and random.random() < 0.3:
            piece = f"[[{random.choice(MARKS)}{piece}{random.choice(('', ' '))}]]"
        text += piece + random.choice(BETWEEN if not is_word else BETWEEN[:7])
    text += random.choice(AT_END)
    return Case(_components(random, text), tuple(pieces), tuple(syntax), WORDS)


def _piece(random: Random, broken: bool) -> tuple[str, str]:
    chance = random.random()
    if chance < 0.5:
        return random.choice(FREE), ""
    if chance < 0.85 or (chance < 0.92 and not broken):
        return random.choice(SYNTAX), "syntax"
    if chance < 0.92:
        return random.choice(BROKEN), ""
    return random.choice(QUALITY + WORDS), "words"


def _components(random: Random, text: str) -> tuple[Component, ...]:
    """The text in pieces of several origins, cut anywhere."""
    cuts = sorted({0, len(text), *(random.randint(0, len(text)) for _ in range(random.randint(0, 4)))})
    origins = (Origin.template, Origin.wildcard, Origin.trigger_words, Origin.profile)
    return tuple(
        Component(
            text[start:end], origins[number % 4], (Choice(f"w#{number}", "w"),) if number % 2 else (), 1.0, (start, end)
        )
        for number, (start, end) in enumerate(pairwise(cuts))
    )


def make_answer(random: Random) -> str:
    """One answer: a whole one that is useless, or good words with snippets that are not."""
    if random.random() < 0.15:
        return random.choice(WHOLE)
    parts = [random.choice(GOOD if random.random() < 0.5 else SNIPPETS) for _ in range(random.randint(1, 6))]
    return random.choice(("", " ", ", ")).join(parts)


def count(piece: str, text: str) -> int:
    """How often it stands there; a word in capitals only as a word."""
    return len(re.findall(rf"\b{piece}\b", text)) if piece.isupper() else text.count(piece)


def in_order(pieces: tuple[str, ...], text: str) -> bool:
    position = 0
    for piece in pieces:
        at = text.find(piece, position)
        if at < 0:
            return False
        position = at + len(piece)
    return True
