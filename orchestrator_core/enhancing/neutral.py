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

_THINKING = re.compile(r"<(think|thinking|thought|reasoning|reflection)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.S | re.I)
_THOUGHT = re.compile(r"\A.*</(?:think|thinking|thought|reasoning|reflection)\s*>", re.S | re.I)
_SPECIAL = re.compile(
    r"<\|[^<>\n]{0,60}?\|>|</?s>|<(?:start|end)_of_\w+>|<(?:bos|eos|pad|unk|mask)>|\[/?(?:INST|SYS)\]|<</?SYS>>"
    r"|<｜[^<>\n]{0,60}?｜>|<0x[0-9A-Fa-f]{2}>"
)
_FENCE = re.compile(r"```+[ \t]*[\w+-]*|~~~+[ \t]*[\w+-]*")
_PREFIX = re.compile(
    r"\A[\s\"'*_#>-]*(?:"
    r"(?:sure|certainly|of course|absolutely|okay|ok|great)\b[^\n:.!]{0,40}[,:.!]\s*"
    r"|here(?:'s|’s| is| are)\b[^\n:]{0,120}:\s*"
    r"|(?:(?:the |your )?(?:\w+ ){0,2}(?:prompt|description|answer|response|output|additions?)|assistant)\s*:\s*"
    r")",
    re.I,
)
_REFUSAL = re.compile(
    r"\A[\s\"'*_#>-]*(?:(?:i['’]?m|i am)\s+(?:(?:so|very|really)\s+)?(?:sorry|afraid|unable|not able|just an ai)"
    r"|(?:sorry|apologies|unfortunately)\b[,.!]?\s+(?:but\s+)?(?:i|we)\b|i\s+(?:can['’]?t|cannot|can not|won['’]?t|"
    r"will not|must decline|apologi[sz]e|do not feel comfortable|don['’]?t feel comfortable)\b|as an? (?:ai|language))",
    re.I,
)
_ABOUT = re.compile(
    r"\b(?:assist|help|comply|fulfil|fulfill|request|provide|create|generate|content|guidelines|policy|policies|"
    r"appropriate|inappropriate|language model|ai|continue|sorry)\b",
    re.I,
)
_DIVIDER = re.compile(rf"\b(?:{'|'.join(DIVIDERS)})\b")
_EMBEDDING = re.compile(r"\bembedding\s*:\s*", re.I)
_SYNTAX = str.maketrans(dict.fromkeys('<>()[]{}|$%\\#"“”„«»「」『』*`~^=@', " "))
_UNDERSCORES = re.compile(r"__+|(?<!\w)_+|_+(?!\w)")
_SLASHES = re.compile(r"/[/*]+|\*/")
_COLON = re.compile(r"\s*:+\s*(?=[^\W\d_])|\s*:+\s*")
_SPACE = re.compile(r"\s+")
_BEFORE_COMMA = re.compile(r"\s+(?=[,.;!?])")
_COMMAS = re.compile(r"[,;](?:\s*[,;])+")


def unwrapped(answer: str) -> str:
    """The answer without what models put around it: thoughts, special tokens, code fences, "Here is …:".

    JSON is still JSON afterwards. A thought that never ends is all of it.
    """
    text = answer[:MAX_ANSWER]
    text = _THOUGHT.sub("", _THINKING.sub(" ", text))
    text = _FENCE.sub(" ", _SPECIAL.sub(" ", text))
    while match := _PREFIX.match(text):
        text = text[match.end() :]
    return text.strip()


def is_refusal(answer: str) -> bool:
    """Whether the answer as a whole declines to answer. "I can't" in a character's mouth is none."""
    text = unwrapped(answer)
    return len(text) < 600 and bool(_REFUSAL.match(text)) and bool(_ABOUT.search(text))


def neutral(text: str, limit: int = MAX_TEXT) -> str:
    """The text as plain words on one line, "" for a refusal. What is neutral stays as it is."""
    if is_refusal(text):
        return ""
    return harmless(unwrapped(text), limit)


def harmless(text: str, limit: int = MAX_TEXT) -> str:
    """The text without anything that a host, an extension or the template engine would read."""
    text = unicodedata.normalize("NFKC", text[:MAX_ANSWER])
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    text = _EMBEDDING.sub("", text).translate(_SYNTAX)
    text = _SLASHES.sub(" ", text)
    text = _COLON.sub(lambda match: ", " if match.end() < len(match.string) else " ", text)
    text = _UNDERSCORES.sub(" ", text)
    text = _DIVIDER.sub(lambda match: match.group().lower(), text)
    text = _COMMAS.sub(",", _BEFORE_COMMA.sub("", _SPACE.sub(" ", text)))
    return _cut(text.strip(" ,;"), limit)


def _cut(text: str, limit: int) -> str:
    """At a comma or a full stop, if one is near; else at a space."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    for sign in (",", ".", " "):
        if (at := head.rfind(sign)) > limit // 2:
            return head[:at].strip(" ,;")
    return head
