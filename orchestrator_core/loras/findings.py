"""What the files of one LoRA say, gathered: a Fact for each value, and the lists that grow from several of them.

How a value is written as a Fact's text, and read back: trigger words one group a line, tags comma-separated, numbers
plainly, a range as "0.3-0.8", yes and no as words.
"""

from __future__ import annotations

import html
import math
import re
from typing import Any

from orchestrator_core.loras.record import ExamplePrompt, Fact

MAX_TEXT = 20_000  # characters of a description or a note
MAX_GROUPS = 100
MAX_EXAMPLES = 30

_DROPPED = re.compile(
    r"<(script|style|head|iframe|object)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.I
)
_BREAKS = re.compile(r"<(?:br|/p|/li|/div|/h[1-6]|/tr|hr)\b[^<>]*>", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-zA-Z!][^<>]*(?:>|\Z)")
_EMPTY_LINES = re.compile(r"\n{3,}")


class Findings:
    """A growing list of facts; the methods turn the strange values of strangers' files into none."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.examples: list[ExamplePrompt] = []
        self.training_tags: tuple[tuple[str, int], ...] = ()
        self.embedded_preview = False

    def text(self, name: str, value: Any, source: str, confidence: float) -> None:
        """A short or a long text; numbers are taken as text, anything else is none."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:g}" if isinstance(value, float) else str(value)
        if isinstance(value, str) and (value := storable(value).strip()):
            self.facts.append(Fact(name, value[:MAX_TEXT], source, confidence))

    def prose(self, name: str, value: Any, source: str, confidence: float) -> None:
        """A text that may be HTML."""
        if isinstance(value, str) and value:
            self.text(name, plain_text(value), source, confidence)

    def number(self, name: str, value: Any, source: str, confidence: float, zero: bool = True) -> None:
        """A strength; 0 is left out where a writer means "not set" by it."""
        number = finite_number(value)
        if number is not None and abs(number) <= 100 and (zero or number != 0):
            self.facts.append(Fact(name, f"{number:g}", source, confidence))

    def words(self, name: str, value: Any, source: str, confidence: float) -> None:
        """Trigger words or tags, from a list or one text; each once, in the given order."""
        groups = text_list(value)[:MAX_GROUPS]
        if groups:
            joint = "\n" if name == "trigger_words" else ", "
            self.text(name, joint.join(groups), source, confidence)

    def flag(self, name: str, value: Any, source: str, confidence: float) -> None:
        if isinstance(value, bool):
            self.facts.append(Fact(name, "yes" if value else "no", source, confidence))

    def problem(self, sentence: str, source: str) -> None:
        """Something that a person should know of one of the files."""
        self.facts.append(Fact("problem", storable(sentence), source, 1.0))

    def example(self, text: str, strength: float | None) -> None:
        new = ExamplePrompt(storable(text[:MAX_TEXT]), strength)
        if len(self.examples) < MAX_EXAMPLES and new not in self.examples:
            self.examples.append(new)


def storable(text: str) -> str:
    """The text without what no database takes: NUL characters, and halves of characters, which JSON can spell."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def text_list(value: Any) -> list[str]:
    """The texts of a list, or of one comma-separated text; trimmed, without repetitions and without empty ones."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return []
    # One line each, since a line is a group; a comma at the end is only the join that A1111 wants.
    texts = (" ".join(item.split()).strip(" ,") for item in value if isinstance(item, str))
    return list(dict.fromkeys(text for text in texts if text))


def finite_number(value: Any) -> float | None:
    """A number, or a text that is one; None for what is none, for a truth value, infinity and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def plain_text(markup: str) -> str:
    """HTML → text: scripts and styles go with their contents, paragraphs become lines. Still to be escaped if shown.

    Text without markup comes back as it is, but for white space at its ends.
    """
    if "<" not in markup and "&" not in markup:
        return markup.strip()
    text = markup[: 8 * MAX_TEXT]
    if "<" in text:
        text = _TAGS.sub("", _BREAKS.sub("\n", _DROPPED.sub("", text)))
    lines = (" ".join(line.split()) for line in html.unescape(text).split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()
