"""One answer of a language model → words that are nothing but words.

Whatever stands in the answer (an injection out of lore or a sidecar included), it cannot load a LoRA, set a weight,
read a wildcard, start a prompt of its own, hide what follows or change how anything else is read.
"""

from __future__ import annotations

import re
import unicodedata

from orchestrator_core.enhancing.syntax import DIVIDERS

MAX_ANSWER = 20_000  # characters that are looked at
MAX_TEXT = 2_000  # that become words

_THOUGHTS = "think|thinking|thought|reasoning|reflection"
_THINKING = re.compile(rf"<({_THOUGHTS})\b[^<>]{{0,80}}>.*?(?:</\1\s*>|\Z)", re.S | re.I)
_THOUGHT = re.compile(rf"\A.*</(?:{_THOUGHTS})\s*>", re.S | re.I)
_END = re.compile(r"<\|(?:im_end|eot_id|end|endoftext|end_of_text)\|>|<end_of_turn>|</s>|<｜end▁of▁sentence｜>")
_TURN = re.compile(
    r"<\|(?:im_start|start_header_id|start)\|>\s*(?:assistant|system|user|model)?|<start_of_turn>\s*model"
)
_SPECIAL = re.compile(
    r"<\|[^<>\n]{0,60}?\|>|<｜[^<>\n]{0,60}?｜>|</?s>|<(?:start|end)_of_\w{1,20}>|<(?:bos|eos|pad|unk|mask)>"
    r"|\[/?INST\]|<</?SYS>>|<0x[0-9A-Fa-f]{2}>"
)
_FENCE = re.compile(r"(?:```+|~~~+)[ \t]*(?:[\w+-]*(?=\n))?")
_LEAD = r"\A[\s\"'“”*_#>-]{0,20}"
_PREFIX = re.compile(
    _LEAD + r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|great|understood|got it)\s?[,!.:](?=\s)"
    r"|here(?:['’]s| is| are)\b[^\n:{]{0,120}:"
    r"|(?:(?:the |your |my )?(?:\w{1,20} ){0,2}(?:prompt|description|answer|response|output)|assistant)\s?:)"
    r"[\s*_]*",
    re.I,
)
_AFTERWORD = re.compile(
    r"\n[ \t]*\**(?:note\b|explanation\b|let me know|i hope|feel free|this (?:prompt|description|version)\b)", re.I
)
_REFUSAL = re.compile(
    _LEAD
    + r"(?:(?:i['’]?m|i am)\s+(?:(?:so|very|really)\s+)?(?:sorry|afraid|unable|not able|not comfortable|just an ai)"
    r"|(?:sorry|apologies|unfortunately|my apologies)\b[,.!]?\s+(?:but\s+)?(?:i|we)\b"
    r"|i\s+(?:can['’]?t|cannot|can not|won['’]?t|will not|must decline|have to decline|apologi[sz]e|don['’]?t feel|"
    r"do not feel)\b|as an? (?:ai|language)\b)",
    re.I,
)
_DECLINED = re.compile(
    r"\b(?:assist|help|comply|fulfill?|request|provide|create|generate|content|guidelines|polic(?:y|ies)|"
    r"(?:in)?appropriate|language model|ai|sorry|decline)\b",
    re.I,
)
_OTHER_REFUSAL = re.compile(
    _LEAD + r"(?:(?:很|非常)?(?:抱歉|对不起|對不起).{0,40}(?:不能|无法|無法)|申し訳.{0,40}(?:できません|ません)"
    r"|lo siento,? (?:pero )?no puedo|(?:je suis )?désolé.{0,10} je ne peux|es tut mir leid.{0,20} kann)",
    re.I,
)

_TAG = re.compile(r"<\s*/?\w{1,40}\s*:[^<>]{0,300}>?|</?[a-z]\w{0,20}(?:\s[^<>]{0,200})?/?>", re.I)
_WILDCARD = re.compile(r"__[^\s_](?:[^\s]{0,120}?[^\s_])?__+")
_VARIABLE = re.compile(r"[$%]\{[^{}]{0,200}\}")
_WEIGHT = re.compile(r":\s*[-+]?[.\d]{1,12}\s*(?=[)\]])")
_EMBEDDING = re.compile(r"\bembedding\s*:\s*[^\s,;)]{0,200}", re.I)
_DIVIDER = re.compile(rf"\b(?:{'|'.join(DIVIDERS)})\b")
_SIGNS = str.maketrans(dict.fromkeys('<>()[]{}|$%\\#"“”„‟«»‹›「」『』`~^=@*•', " "))
_CONTROL = str.maketrans(dict.fromkeys((*range(32), 127), " "))
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_UNDERSCORES = re.compile(r"__+|(?<!\w)_+|_+(?!\w)")
_SLASHES = re.compile(r"//+")
_RATIO = re.compile(r"(?<=\d)\s?:\s?(?=\d)")
_COLON = re.compile(r"\s*:[\s:]*")
_SPACE = re.compile(r"\s+")
_BEFORE_COMMA = re.compile(r"\s(?=[,.;!?](?:\s|\Z))")
_COMMAS = re.compile(r"[,;](?:\s?[,;])+")
_EDGES = " ,;:_-/\n"


def unwrapped(answer: str) -> str:
    """The answer without what models put around it: thoughts, special tokens, code fences, "Here is …:".

    JSON is still JSON afterwards. A thought that never ends is all of it.
    """
    text = _THOUGHT.sub("", _THINKING.sub(" ", answer[:MAX_ANSWER]))
    text = next((part for part in _END.split(text) if part.strip()), "")
    text = _FENCE.sub(" ", _SPECIAL.sub(" ", _TURN.sub(" ", text)))
    while match := _PREFIX.match(text):
        text = text[match.end() :]
    afterword = _AFTERWORD.search(text, max(text.rfind("{"), text.rfind("}")) + 1)
    return (text[: afterword.start()] if afterword else text).strip()


def is_refusal(answer: str) -> bool:
    """Whether the answer as a whole declines to answer. "I can't" in a character's mouth is none."""
    text = unwrapped(answer)
    if len(text) > 600:
        return False
    return bool((_REFUSAL.match(text) and _DECLINED.search(text)) or _OTHER_REFUSAL.match(text))


def neutral(text: str, limit: int = MAX_TEXT) -> str:
    """The text as plain words on one line, "" for a refusal. What is neutral stays as it is."""
    return "" if is_refusal(text) else harmless(unwrapped(text), limit)


def harmless(text: str, limit: int = MAX_TEXT) -> str:
    """The text without anything that a host, an extension or the template engine would read.

    What would load or read something goes whole (``<lora:name:1>``, ``__name__``, ``embedding:name``); of emphasis and
    variants the words stay.
    """
    text = _visible(text[:MAX_ANSWER])
    for pattern in (_TAG, _WILDCARD, _VARIABLE, _WEIGHT, _EMBEDDING):
        text = pattern.sub(" ", text)
    text = _SPACE.sub(" ", _SLASHES.sub(" ", text.translate(_SIGNS)))
    text = _UNDERSCORES.sub(" ", _COLON.sub(", ", _RATIO.sub(" ", text)))
    text = _BEFORE_COMMA.sub("", _COMMAS.sub(",", _SPACE.sub(" ", text)))
    return _DIVIDER.sub(lambda match: match.group().lower(), _cut(text.strip(_EDGES), limit))


def _visible(text: str) -> str:
    """In the usual letters (NFKC), without what is not seen or turns the direction of writing."""
    if not text.isascii():
        text = "".join([c for c in text if not _is_hidden(c)])
        text = "".join([" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFKC", text)])
    return text.translate(_CONTROL)


def _is_hidden(character: str) -> bool:
    if character in _INVISIBLE or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    return unicodedata.category(character) == "Cf"


def _cut(text: str, limit: int) -> str:
    """At a comma or a full stop, if one is near; else at a space."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    for sign in (",", ".", " "):
        if (at := head.rfind(sign)) > limit // 2:
            return head[:at].strip(_EDGES)
    return head.strip(_EDGES)
